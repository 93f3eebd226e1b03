#include "coffer/engines/sqlite/file.h"

#include <algorithm>
#include <atomic>
#include <new>

#include "coffer/engines/sqlite/failure.h"

namespace coffer::sqlite {
namespace {

File& object_of(sqlite3_file* file) { return *reinterpret_cast<Handle*>(file)->object; }

// No exception reaches SQLite.
template <class Call>
int guarded(const Call& call) noexcept {
  try {
    return call();
  } catch (const std::bad_alloc&) {
    return SQLITE_NOMEM;
  } catch (...) {
    return SQLITE_IOERR;
  }
}

// Of an open file. A child of fork() has its parent's, and no key. It gets nothing from them, nor lets go of locks that
// are the parent's as well.
template <class Call>
int use(sqlite3_file* file, const Call& call) noexcept {
  return guarded([&] {
    File& object = object_of(file);
    return object.process().is_here() ? call(object) : failed(object.process().usable(), "a file of SQLite's");
  });
}

int close_file(sqlite3_file* file) {
  auto* const handle = reinterpret_cast<Handle*>(file);
  delete handle->object;
  handle->object = nullptr;
  sqlite3_file* const base = handle->base();
  return base->pMethods == nullptr ? SQLITE_OK : base->pMethods->xClose(base);
}

int read_file(sqlite3_file* file, void* out, int size, sqlite3_int64 offset) {
  return use(file, [&](File& object) {
    return object.read({static_cast<uint8_t*>(out), static_cast<size_t>(size)}, static_cast<uint64_t>(offset));
  });
}

int write_file(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 offset) {
  return use(file, [&](File& object) {
    return object.write({static_cast<const uint8_t*>(bytes), static_cast<size_t>(size)}, static_cast<uint64_t>(offset));
  });
}

int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
  return use(file, [&](File& object) { return object.truncate(static_cast<uint64_t>(size)); });
}

int sync_file(sqlite3_file* file, int flags) {
  return use(file, [&](File& object) { return object.sync(flags); });
}

int file_size(sqlite3_file* file, sqlite3_int64* out) {
  *out = 0;
  return use(file, [&](File& object) {
    uint64_t size = 0;
    const int result = object.size(&size);
    *out = static_cast<sqlite3_int64>(size);
    return result;
  });
}

int lock_file(sqlite3_file* file, int level) {
  return use(file, [&](File& object) { return object.lock(level); });
}

int unlock_file(sqlite3_file* file, int level) {
  return use(file, [&](File& object) { return object.unlock(level); });
}

int check_reserved_lock(sqlite3_file* file, int* out) {
  *out = 0;
  return use(file, [&](File& object) { return object.methods().xCheckReservedLock(object.base(), out); });
}

int control_file(sqlite3_file* file, int operation, void* argument) {
  return use(file, [&](File& object) { return object.control(operation, argument); });
}

// A journal's header takes one sector, and its seal has to be in it.
constexpr int kSectorSizeMin = 512;

int sector_size(sqlite3_file* file) {
  const File& object = object_of(file);
  return std::max(object.methods().xSectorSize(object.base()), kSectorSizeMin);
}

// Promises about writes of other sizes and places than those that SQLite asks for are not passed on.
constexpr int kPromisesKept = SQLITE_IOCAP_POWERSAFE_OVERWRITE | SQLITE_IOCAP_UNDELETABLE_WHEN_OPEN |
                              SQLITE_IOCAP_IMMUTABLE;

int device_characteristics(sqlite3_file* file) { return object_of(file).characteristics() & kPromisesKept; }

int shm_map(sqlite3_file* file, int region, int size, int extend, void volatile** out) {
  return use(file, [&](File& object) { return object.shm_map(region, size, extend, out); });
}

int shm_lock(sqlite3_file* file, int offset, int count, int flags) {
  return use(file, [&](File& object) { return object.shm_lock(offset, count, flags); });
}

void shm_barrier(sqlite3_file*) { std::atomic_thread_fence(std::memory_order_seq_cst); }

int shm_unmap(sqlite3_file* file, int remove) {
  return use(file, [&](File& object) { return object.shm_unmap(remove); });
}

// Nothing is mapped: what is on the disk is sealed. So this is version 2, which has no xFetch.
const sqlite3_io_methods kMethods = {
    .iVersion = 2,
    .xClose = close_file,
    .xRead = read_file,
    .xWrite = write_file,
    .xTruncate = truncate_file,
    .xSync = sync_file,
    .xFileSize = file_size,
    .xLock = lock_file,
    .xUnlock = unlock_file,
    .xCheckReservedLock = check_reserved_lock,
    .xFileControl = control_file,
    .xSectorSize = sector_size,
    .xDeviceCharacteristics = device_characteristics,
    .xShmMap = shm_map,
    .xShmLock = shm_lock,
    .xShmBarrier = shm_barrier,
    .xShmUnmap = shm_unmap,
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

}  // namespace

int File::size(uint64_t* size) {
  sqlite3_int64 found = 0;
  const int result = methods().xFileSize(base_, &found);
  *size = static_cast<uint64_t>(found);
  return result;
}

int File::measure_below() {
  uint64_t size = 0;
  const int result = File::size(&size);
  if (result == SQLITE_OK) growth_.measured(size);
  return result;
}

int File::write(ByteView bytes, uint64_t offset) {
  const uint64_t end = offset + bytes.size();
  int result = growth_.must_be_measured(end) ? measure_below() : SQLITE_OK;
  if (result != SQLITE_OK) return result;
  result = methods().xWrite(base_, bytes.data(), static_cast<int>(bytes.size()), static_cast<sqlite3_int64>(offset));
  if (result == SQLITE_OK) growth_.reached(end);
  return result;
}

int File::truncate(uint64_t size) {
  growth_.forget();
  int result = growth_.must_be_measured(UINT64_MAX) ? measure_below() : SQLITE_OK;
  if (result != SQLITE_OK) return result;
  result = methods().xTruncate(base_, static_cast<sqlite3_int64>(size));
  if (result == SQLITE_OK) growth_.became(size);
  return result;
}

Handle* Handle::of(sqlite3_file* file) {
  if (file == nullptr || file->pMethods != &kMethods) return nullptr;
  return reinterpret_cast<Handle*>(file);
}

void set_methods(Handle& handle, std::unique_ptr<File> object) {
  handle.object = object.release();
  handle.file.pMethods = &kMethods;
}

}  // namespace coffer::sqlite
