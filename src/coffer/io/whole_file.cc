// Reading and replacing whole files, over any Disk.
#include <unistd.h>

#include <atomic>

#include "coffer/base/path.h"
#include "coffer/io/replace_like.h"

namespace coffer {
namespace {

constexpr int kTemporaryNameTries = 100;

struct TemporaryFile {
  std::string path;
  std::unique_ptr<WritableFile> file;
};

// A name nobody else uses: the process id and a count, and further counts where a crash left such a name behind.
Result<TemporaryFile> create_beside(Disk& disk, const std::string& path, uint32_t mode) {
  static std::atomic<uint64_t> next_number{0};
  for (int tries = 1;; ++tries) {
    std::string name(path);
    name.append(kTemporaryInfix).append(std::to_string(::getpid())).append("-").append(std::to_string(next_number++));
    auto file = disk.create(name, mode);
    if (file.is_ok()) return TemporaryFile{std::move(name), std::move(file).value()};
    if (file.code() != Code::kAlreadyExists || tries == kTemporaryNameTries) return file.status();
  }
}

Status fill(WritableFile& file, ByteView contents) {
  COFFER_TRY(file.write_at(0, contents));
  COFFER_TRY(file.sync());
  return file.close();
}

// `owner`: to whom it is to belong; null: to who makes it.
Status replace_as(Disk& disk, const std::string& path, ByteView contents, uint32_t mode, const FileInfo* owner) {
  COFFER_ASSIGN(TemporaryFile temporary, create_beside(disk, path, mode));
  Status status = owner != nullptr ? temporary.file->set_owner(owner->owner, owner->group) : Status::ok();
  if (status.is_ok()) status = fill(*temporary.file, contents);
  if (status.is_ok()) status = disk.rename(temporary.path, path);
  if (!status.is_ok()) {
    // The first failure is the one worth reporting; a temporary file that stays behind is named after what it was for.
    Status removed = disk.remove(temporary.path);
    return removed.is_ok() ? status : status.with_context("left " + temporary.path + " behind");
  }
  status = disk.sync_directory(std::string(parent_of(path)));
  return status.with_context(path + " was replaced, but a crash may still undo that");
}

}  // namespace

Result<Bytes> read_file(Disk& disk, const std::string& path, size_t size_max) {
  COFFER_ASSIGN(std::unique_ptr<ReadableFile> file, disk.open_read(path));
  COFFER_ASSIGN(uint64_t size, file->size());
  if (size > size_max) {
    return {Code::kLimitExceeded,
            path + ": " + std::to_string(size) + " bytes, at most " + std::to_string(size_max) + " are allowed"};
  }
  Bytes contents(static_cast<size_t>(size));
  COFFER_ASSIGN(size_t count, file->read_at(0, contents));
  contents.resize(count);
  return contents;
}

Status replace_file(Disk& disk, const std::string& path, ByteView contents, uint32_t mode, ReplacedMode of_replaced) {
  const auto old = disk.info(path);
  if (!old.is_ok() && old.code() != Code::kNotFound) return old.status();
  const bool keeps_mode = old.is_ok() && of_replaced == ReplacedMode::kKept;
  return replace_as(disk, path, contents, keeps_mode ? old->mode : mode, old.is_ok() ? &*old : nullptr);
}

Status replace_file_like(Disk& disk, const std::string& path, ByteView contents, const FileInfo& like) {
  return replace_as(disk, path, contents, like.mode, &like);
}

void remove_leftovers(Disk& disk, const std::string& path) {
  const std::string directory(parent_of(path));
  const std::string prefix = std::string(base_name(path)) + std::string(kTemporaryInfix);
  const auto entries = disk.list(directory);
  if (!entries.is_ok()) return;
  for (const DirectoryEntry& entry : *entries) {
    if (entry.is_directory || !entry.name.starts_with(prefix)) continue;
    if (!disk.remove(directory + "/" + entry.name).is_ok()) return;
  }
}

Status create_file(Disk& disk, const std::string& path, ByteView contents, uint32_t mode) {
  COFFER_ASSIGN(std::unique_ptr<WritableFile> file, disk.create(path, mode));
  Status status = fill(*file, contents);
  if (status.is_ok()) status = disk.sync_directory(std::string(parent_of(path)));
  if (status.is_ok()) return status;
  Status removed = disk.remove(path);
  return removed.is_ok() ? status : status.with_context("left an incomplete " + path + " behind");
}

}  // namespace coffer
