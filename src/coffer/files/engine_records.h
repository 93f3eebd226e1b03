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
  // The directory of the database that the file belongs to, by where it stands; empty where that is none.
  virtual std::string database_of(Disk& disk, const std::string& path) const = 0;
  // No engine opens the database at `directory` as long as the lock is held. kBusy, naming who has it open.
  virtual Result<std::unique_ptr<FileLock>> keep_out(const std::string& directory) const = 0;
  // Whether an engine is at work on the store that the file is in.
  virtual bool in_use(const std::string& path) const = 0;
};

}  // namespace coffer
