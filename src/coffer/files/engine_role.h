// What a file is to its engine: how it is written, and what may be expected of it, follow from that. Each engine maps
// its names to roles in one function; nothing else knows them.
#pragma once

#include <cstdint>
#include <string_view>

#include "coffer/config/config.h"

namespace coffer {

enum class EngineRole : uint8_t {
  kData,       // written once, read at random; may belong to a domain of its own
  kLog,        // grows by appends and is replayed after a crash, which may have torn its end
  kMetadata,   // the same, but nothing opens without it
  kWhole,      // was written whole and synced before it got its name: no crash tears or empties it
  kTemporary,  // becomes a kWhole file by being renamed, once it is synced
  kInPlace,    // changed at any place, at any time
  kTrash,      // on its way out: cut piece by piece, never read again
  kOther,      // the rest, such as what an engine tells of itself
};

using RoleOfPath = EngineRole (*)(std::string_view path);

// The kind that a new file of this role is written in.
Kind kind_of(EngineRole role, const Config& config);
// Closed cleanly whenever it is synced, so that one without its clean close was cut.
bool ends_cleanly(EngineRole role);
// Whether the engine itself, or a crash under it, may have left nothing of the file and can go on without.
bool may_be_empty(EngineRole role);

}  // namespace coffer
