// What an engine's own records say of its files, for whoever judges files that an engine may be writing: one that has
// no end is damaged if the engine relies upon it, and otherwise not finished. Each engine's adapter has one.
#pragma once

#include <string>

#include "coffer/store/coffer.h"

namespace coffer {

enum class Reliance : uint8_t {
  kUnknown,  // nothing tells
  kYes,      // it was complete and synced before the engine's records named it
  kNo,       // the engine does not know it yet or does not want it any more, and would not miss it
};

class EngineRecords {
 public:
  virtual ~EngineRecords() = default;
  // By the records as they are now.
  virtual Reliance reliance_on(Coffer& coffer, const std::string& path) const = 0;
  // Whether an engine is at work on the store that the file is in.
  virtual bool in_use(const std::string& path) const = 0;
};

}  // namespace coffer
