// Which files a store consists of, for whoever turns a whole store at rest into an encrypted one, or back. Each
// engine's adapter has one.
#pragma once

#include "coffer/files/new_file.h"

namespace coffer {

struct EngineFiles {
  // Whether a file of this name is one that the engine makes. What is not is somebody else's, and left alone.
  bool (*is_of_engine)(std::string_view path) = nullptr;
  // Where and what the engine would make it; `path` is absolute.
  NewFilePlace (*place_of)(const std::string& path) = nullptr;
  // Whether a store without this file, or with one that cannot be read, is opened by no engine.
  enum class Turn : uint8_t {
    kFirst,   // asked for by every engine before any other
    kAmong,   // the rest
    kSecond,  // asked for next, before anything else is read
  };
  Turn (*turn_of)(std::string_view path) = nullptr;
};

}  // namespace coffer
