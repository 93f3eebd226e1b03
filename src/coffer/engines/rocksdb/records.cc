#include "coffer/engines/rocksdb/records.h"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <optional>

#include "coffer/base/path.h"
#include "coffer/engines/rocksdb/database_lock.h"
#include "coffer/engines/rocksdb/file_name.h"
#include "coffer/engines/rocksdb/manifest.h"
#include "coffer/files/file_reader.h"
#include "coffer/io/descriptor.h"

namespace coffer::rocks {
namespace {

constexpr int kAttemptsMax = 5;
constexpr uint64_t kManifestSizeMax = uint64_t{1} << 30;

Result<Bytes> read_plaintext(Coffer& coffer, const std::string& path) {
  COFFER_ASSIGN(auto reader, FileReader::open(coffer, path));
  Bytes out;
  for (;;) {
    COFFER_ASSIGN(ByteView piece, reader->next());
    if (piece.empty()) return out;
    if (out.size() > kManifestSizeMax) return {Code::kLimitExceeded, path + ": is too large to be read whole"};
    out.insert(out.end(), piece.begin(), piece.end());
  }
}

// 000012 of 000012.sst; nothing of names that RocksDB gives no file of a database.
std::optional<uint64_t> number_of(std::string_view name) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc() || end == name.data() + name.size() || *end != '.') return std::nullopt;
  return number;
}

bool has_current(Disk& disk, const std::string& directory) { return disk.info(directory + "/CURRENT").is_ok(); }

// Where the records of a file are: beside it, or, for a column family with a directory of its own, above it. Empty if
// there are none. A backup's shared files have none, wherever it is.
std::string find_database(Disk& disk, const std::string& path) {
  const std::string directory(parent_of(path));
  if (has_current(disk, directory)) return directory;
  const std::string above(parent_of(directory));
  return store_directory(path) == directory && has_current(disk, above) ? above : std::string();
}

class Records final : public EngineRecords {
 public:
  Reliance reliance_on(Coffer& coffer, const std::string& path) const override {
    const std::string_view name = base_name(path);
    switch (role_of(path)) {
      case EngineRole::kTemporary:
      case EngineRole::kTrash: return Reliance::kNo;
      case EngineRole::kMetadata:
      case EngineRole::kData: break;
      default: return Reliance::kUnknown;
    }
    if (name.ends_with(".tmp")) return Reliance::kNo;  // of a backup, until it is renamed
    const std::string database = database_of(coffer.disk(), path);
    if (database.empty()) return Reliance::kUnknown;
    // CURRENT may change its mind, and the MANIFEST it named be gone.
    for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
      auto manifest = current_manifest(coffer, database);
      if (!manifest.is_ok()) continue;
      if (role_of(path) == EngineRole::kMetadata) return name == *manifest ? Reliance::kYes : Reliance::kNo;
      auto contents = read_plaintext(coffer, database + "/" + *manifest);
      if (!contents.is_ok()) continue;
      const auto files = data_files_of(*contents);
      const auto number = number_of(name);
      if (!files.is_ok() || !number) return Reliance::kUnknown;
      return files->contains(*number) ? Reliance::kYes : Reliance::kNo;
    }
    return Reliance::kUnknown;
  }

  std::string database_of(Disk& disk, const std::string& path) const override {
    return find_database(disk, absolute_path(path));
  }

  Result<std::unique_ptr<FileLock>> keep_out(const std::string& directory) const override {
    return lock_database(directory);
  }

  // RocksDB holds a record lock on LOCK. Only for programs that have no database open themselves: closing the
  // descriptor would give up the process's own lock.
  bool in_use(const std::string& path) const override {
    const std::string database = database_of(Disk::posix(), path);
    if (database.empty()) return false;
    const Descriptor lock(::open((database + "/LOCK").c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct flock wanted {};
    wanted.l_type = F_WRLCK;
    wanted.l_whence = SEEK_SET;
    return lock.is_open() && ::fcntl(lock.get(), F_GETLK, &wanted) == 0 && wanted.l_type != F_UNLCK;
  }

 private:
  static Result<std::string> current_manifest(Coffer& coffer, const std::string& database) {
    COFFER_ASSIGN(Bytes contents, read_plaintext(coffer, database + "/CURRENT"));
    std::string name(as_text(contents));
    if (name.empty() || name.back() != '\n') return {Code::kDamaged, database + "/CURRENT: names no MANIFEST"};
    name.pop_back();
    return name;
  }
};

}  // namespace

const EngineRecords& records() {
  static const Records instance;
  return instance;
}

}  // namespace coffer::rocks
