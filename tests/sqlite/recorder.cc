#include "sqlite/recorder.h"

#include <sqlite3.h>

#include <algorithm>
#include <cstring>

namespace coffer::sqlite {
namespace {

constexpr uint64_t kSector = 512;

sqlite3_vfs* below = nullptr;
sqlite3_io_methods methods;  // those of the file below, but for what is recorded

struct RecordedFile {
  sqlite3_file file;
  const sqlite3_io_methods* original;
  std::string* path;

  sqlite3_file* base() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

RecordedFile& recorded(sqlite3_file* file) { return *reinterpret_cast<RecordedFile*>(file); }

using What = Recorder::Event::What;

int write_recorded(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 offset) {
  RecordedFile& self = recorded(file);
  if (!Recorder::get().has_room()) return SQLITE_FULL;
  const std::string text(static_cast<const char*>(bytes), static_cast<size_t>(size));
  Recorder::get().add({What::kWrite, *self.path, static_cast<uint64_t>(offset), text});
  return self.original->xWrite(self.base(), bytes, size, offset);
}

int truncate_recorded(sqlite3_file* file, sqlite3_int64 size) {
  RecordedFile& self = recorded(file);
  Recorder::get().add({What::kTruncate, *self.path, static_cast<uint64_t>(size), {}});
  return self.original->xTruncate(self.base(), size);
}

int sync_recorded(sqlite3_file* file, int) {
  if (!Recorder::get().has_room()) return SQLITE_IOERR_FSYNC;  // as where room is found for what was written
  Recorder::get().add({What::kSync, *recorded(file).path, 0, {}});
  return SQLITE_OK;  // the disk of a test need not spin
}

int close_recorded(sqlite3_file* file) {
  RecordedFile& self = recorded(file);
  delete self.path;
  return self.original->xClose(self.base());
}

template <auto Method, class... A>
auto passed(sqlite3_file* file, A... arguments) {
  RecordedFile& self = recorded(file);
  return (self.original->*Method)(self.base(), arguments...);
}

int open_recorded(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out) {
  RecordedFile& self = recorded(file);
  self.file.pMethods = nullptr;
  const int result = below->xOpen(below, name, self.base(), flags, out);
  if (result != SQLITE_OK) return result;
  self.original = self.base()->pMethods;
  self.path = new std::string(name == nullptr ? "" : name);
  self.file.pMethods = &methods;
  return SQLITE_OK;
}

int delete_recorded(sqlite3_vfs*, const char* name, int sync) {
  Recorder::get().add({What::kDelete, name, 0, {}});
  return below->xDelete(below, name, sync);
}

// What may be on the disk of one file.
struct Surface {
  std::string durable;
  std::vector<Recorder::Event> pending;  // since it was synced last

  void sync() {
    for (const auto& event : pending) apply(durable, event);
    pending.clear();
  }
  static void apply(std::string& image, const Recorder::Event& event) {
    if (event.what == What::kTruncate) return image.resize(event.offset);
    image.resize(std::max<size_t>(image.size(), event.offset + event.bytes.size()));
    image.replace(event.offset, event.bytes.size(), event.bytes);
  }
  std::string after_failure(std::mt19937& chance) const {
    std::string image = durable;
    // Sizes change in order, up to some moment; bytes behind what reached the disk are zeros.
    const size_t sized = chance() % (pending.size() + 1);
    for (size_t i = 0; i < pending.size(); ++i) {
      const auto& event = pending[i];
      if (event.what == What::kTruncate) {
        if (i < sized) image.resize(event.offset);
        continue;
      }
      if (i < sized) image.resize(std::max<size_t>(image.size(), event.offset + event.bytes.size()));
      write_some(image, event, chance);
    }
    return image;
  }
  // Each sector of a write reaches the disk or not.
  static void write_some(std::string& image, const Recorder::Event& event, std::mt19937& chance) {
    const uint64_t end = event.offset + event.bytes.size();
    for (uint64_t at = event.offset; at < end;) {
      const uint64_t next = std::min(end, (at / kSector + 1) * kSector);
      if (chance() % 2 == 0 && next <= image.size()) {
        image.replace(at, next - at, event.bytes, at - event.offset, next - at);
      }
      at = next;
    }
  }
};

}  // namespace

Recorder::Recorder() {
  below = sqlite3_vfs_find(nullptr);
  static sqlite3_vfs vfs = *below;
  vfs.zName = "recorder";
  vfs.iVersion = 2;
  vfs.szOsFile = static_cast<int>(sizeof(RecordedFile)) + below->szOsFile;
  vfs.xOpen = open_recorded;
  vfs.xDelete = delete_recorded;
  using M = sqlite3_io_methods;
  methods = {.iVersion = 2,
             .xClose = close_recorded,
             .xRead = passed<&M::xRead, void*, int, sqlite3_int64>,
             .xWrite = write_recorded,
             .xTruncate = truncate_recorded,
             .xSync = sync_recorded,
             .xFileSize = passed<&M::xFileSize, sqlite3_int64*>,
             .xLock = passed<&M::xLock, int>,
             .xUnlock = passed<&M::xUnlock, int>,
             .xCheckReservedLock = passed<&M::xCheckReservedLock, int*>,
             .xFileControl = passed<&M::xFileControl, int, void*>,
             .xSectorSize = passed<&M::xSectorSize>,
             .xDeviceCharacteristics = passed<&M::xDeviceCharacteristics>,
             .xShmMap = passed<&M::xShmMap, int, int, int, void volatile**>,
             .xShmLock = passed<&M::xShmLock, int, int, int>,
             .xShmBarrier = passed<&M::xShmBarrier>,
             .xShmUnmap = passed<&M::xShmUnmap, int>,
             .xFetch = nullptr,
             .xUnfetch = nullptr};
  sqlite3_vfs_register(&vfs, 1);
}

Recorder& Recorder::get() {
  static Recorder recorder;
  return recorder;
}

void Recorder::start() {
  events_.clear();
  recording_ = true;
}

std::map<std::string, std::string> Recorder::after_failure(size_t instant, std::mt19937& chance) const {
  std::map<std::string, Surface> surfaces;
  for (size_t i = 0; i < instant; ++i) {
    const Event& event = events_[i];
    if (event.path.empty()) continue;
    if (event.what == Event::What::kDelete) {
      surfaces.erase(event.path);
    } else if (event.what == Event::What::kSync) {
      surfaces[event.path].sync();
    } else {
      surfaces[event.path].pending.push_back(event);
    }
  }
  std::map<std::string, std::string> out;
  for (const auto& [path, surface] : surfaces) out[path] = surface.after_failure(chance);
  return out;
}

}  // namespace coffer::sqlite
