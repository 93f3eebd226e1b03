// The insides of a MemoryDisk: its files and directories, and the changes a crash may undo.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <set>

#include "support/memory_disk.h"

namespace coffer {

// A file or a directory, as processes see it now and as the disk would have it after a crash.
struct MemoryDisk::Node {
  bool is_directory = false;
  uint64_t inode = 0;
  uint32_t mode = 0;
  uint32_t owner = ::geteuid();
  uint32_t group = ::getegid();
  int64_t modified_ns = 0;
  int64_t accessed_ns = 0;
  Bytes bytes;
  Bytes durable_bytes;
  std::map<std::string, NodePtr> names;
  std::map<std::string, NodePtr> durable_names;
  bool locked = false;
};

struct MemoryDisk::NameChange {
  NodePtr directory;
  std::string name;
  NodePtr node;  // null: the name is removed
};

// One thing that is done but not durable: a write, a truncation (both to `node`), or names that change together.
struct MemoryDisk::Change {
  NodePtr node;
  uint64_t offset = 0;
  Bytes written;
  bool truncates = false;  // to `offset` bytes
  std::vector<NameChange> names;

  bool touches(const std::set<Node*>& directories) const {
    return std::any_of(names.begin(), names.end(),
                       [&](const NameChange& change) { return directories.contains(change.directory.get()); });
  }
};

inline void write_into(Bytes& bytes, uint64_t offset, ByteView written) {
  if (written.empty()) return;
  if (bytes.size() < offset + written.size()) bytes.resize(offset + written.size());
  std::copy(written.begin(), written.end(), bytes.begin() + static_cast<ptrdiff_t>(offset));
}

}  // namespace coffer
