// A file as SQLite has it open: an object of ours over one of the VFS below. What a class does not say itself goes to
// the file below as it is.
#pragma once

#include <memory>

#include "coffer/base/bytes.h"
#include "coffer/base/per_process.h"
#include "coffer/engines/sqlite/api.h"
#include "coffer/engines/sqlite/growth.h"

namespace coffer::sqlite {

// The methods of sqlite3_io_methods, with its return codes. Not thread-safe, as SQLite has it.
class File {
 public:
  // `base` is open, and outlives this.
  explicit File(sqlite3_file* base) : base_(base) {}
  virtual ~File() = default;
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  virtual int read(MutableBytes out, uint64_t offset) {
    return methods().xRead(base_, out.data(), static_cast<int>(out.size()), static_cast<sqlite3_int64>(offset));
  }
  virtual int write(ByteView bytes, uint64_t offset);
  virtual int truncate(uint64_t size);
  virtual int sync(int flags) { return methods().xSync(base_, flags); }
  virtual int size(uint64_t* size);
  virtual int lock(int level) { return methods().xLock(base_, level); }
  virtual int unlock(int level) { return methods().xUnlock(base_, level); }
  virtual int control(int operation, void* argument) { return methods().xFileControl(base_, operation, argument); }
  virtual int characteristics() { return methods().xDeviceCharacteristics(base_); }
  // Only of a database: SQLite asks no other file.
  virtual int shm_map(int, int, int, void volatile**) { return SQLITE_IOERR_SHMMAP; }
  virtual int shm_lock(int, int, int) { return SQLITE_IOERR_SHMLOCK; }
  virtual int shm_unmap(int) { return SQLITE_OK; }

  // The one that opened it: no other may use it.
  const OfOneProcess& process() const { return process_; }

  // Of the file below, for the counts of files.
  Growth& growth() { return growth_; }

  sqlite3_file* base() const { return base_; }
  const sqlite3_io_methods& methods() const { return *base_->pMethods; }

 private:
  int measure_below();

  sqlite3_file* const base_;
  const OfOneProcess process_;
  Growth growth_;
};

// What SQLite allocates for a file: this, and behind it what the VFS below wants.
struct Handle {
  sqlite3_file file;
  File* object;

  sqlite3_file* base() { return reinterpret_cast<sqlite3_file*>(this + 1); }
  // Null for a file of another VFS.
  static Handle* of(sqlite3_file* file);
};

// Makes `handle` one that SQLite may call.
void set_methods(Handle& handle, std::unique_ptr<File> object);

}  // namespace coffer::sqlite
