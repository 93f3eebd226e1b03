// The memory that processes with a write-ahead log share: SQLite's wal-index. It holds numbers of pages and a checksum
// of what the newest frame says, so it lies in /dev/shm and never on a disk. Beside the database stands an empty file,
// DATABASE-shm, which has SQLite's locks, and whose time of writing, drawn at random, names the memory.
//
// Whoever comes first makes the memory anew. Who finds a name and not the memory, in a container that has another
// /dev/shm, opens nothing: two memories of one log would be its end.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "coffer/base/bytes.h"
#include "coffer/io/descriptor.h"

namespace coffer::sqlite {

// Of one connection; its locks stand against those of others in this process as well. Not thread-safe. Returns SQLite's
// codes.
class SharedMemory {
 public:
  explicit SharedMemory(std::string database) : database_(std::move(database)) {}
  ~SharedMemory() { unmap(false); }  // in a child of fork() as well: nothing of the parent's goes with it
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  // As xShmMap, xShmLock, xShmUnmap.
  int map(int region, int size, int extend, void volatile** out);
  int lock(int offset, int count, int flags);
  void unmap(bool remove);
  // In a child of fork(), before anything else runs there: what the child's SQLite writes, without a call of the VFS,
  // is its own from now on.
  void leave_to_parent();

 private:
  int open();
  Status open_locks();
  // With nobody else in it. Ok and no memory: to be tried anew.
  Status make_memory();
  Status open_memory();
  std::string path() const { return database_ + "-shm"; }
  // What is there now is what was opened.
  bool is_in_place() const;
  std::string memory_path() const;
  Result<Descriptor> create(const std::string& path) const;
  bool set_lock(short type, off_t begin, off_t count) const;
  int add_regions(size_t count);

  const std::string database_;
  Descriptor locks_;
  Descriptor memory_;
  std::vector<void*> regions_;
  size_t region_size_ = 0;
};

}  // namespace coffer::sqlite
