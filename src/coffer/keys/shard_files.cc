#include "coffer/keys/shard_files.h"

#include <algorithm>

namespace coffer {
namespace {

constexpr uint32_t kShardFileMode = 0600;
constexpr uint32_t kShardDirectoryMode = 0700;

std::string shard_directory(const std::string& directory) { return directory + "/" + std::string(kShardDirectoryName); }

bool is_shard_name(std::string_view name) {
  const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  return name.size() == 2 * sizeof(Sha256) && std::ranges::all_of(name, is_digit);
}

// Of who can write in the coffer's directory, so that files elsewhere are neither made nor removed.
Status check_no_link(Disk& disk, const std::string& path) {
  COFFER_ASSIGN(const std::string target, disk.link_target(path));
  if (target.empty()) return Status::ok();
  return {Code::kInvalidArgument, path + " is a symbolic link, which is not followed; put the directory itself there"};
}

Status make_shard_directory(Disk& disk, const std::string& directory) {
  const std::string path = shard_directory(directory);
  const Status made = disk.make_directory(path, kShardDirectoryMode);
  if (made.code() == Code::kAlreadyExists) COFFER_TRY(check_no_link(disk, path));
  if (!made.is_ok() && made.code() != Code::kAlreadyExists) return made;
  // Also where it was there: who made it may have been killed before this.
  return disk.sync_directory(directory);
}

Status write_shard_file(Disk& disk, const std::string& path, ByteView bytes) {
  COFFER_ASSIGN(const std::unique_ptr<WritableFile> file, disk.create(path, kShardFileMode));
  COFFER_TRY(file->write_at(0, bytes));
  COFFER_TRY(file->sync());
  return file->close();
}

Status write_all(Disk& disk, const std::string& directory, std::span<const SealedShard> shards) {
  COFFER_TRY(make_shard_directory(disk, directory));
  for (const SealedShard& shard : shards) {
    COFFER_TRY(write_shard_file(disk, shard_path(directory, shard.name), shard.bytes));
  }
  return disk.sync_directory(shard_directory(directory));
}

}  // namespace

std::string shard_path(const std::string& directory, const Sha256& name) {
  return shard_directory(directory) + "/" + to_hex(name);
}

Result<Bytes> read_shard_file(Disk& disk, const std::string& directory, const ShardEntry& shard) {
  const std::string path = shard_path(directory, shard.name);
  auto file = disk.open_read_itself(path);
  if (file.code() == Code::kNotFound) {
    return {Code::kNotFound, "there is no " + path +
                                 ", a part of the keyring; restore keyring and keyring.d together, from one backup: "
                                 "without it no file of the domains in it can be read"};
  }
  if (!file.is_ok()) return file.status();
  // One more, for who has to notice that there are more.
  Bytes out(size_t{shard.size} + 1);
  COFFER_ASSIGN(const size_t count, (*file)->read_at(0, out));
  out.resize(count);
  return out;
}

Status write_shard_files(Disk& disk, const std::string& directory, std::span<const SealedShard> shards) {
  if (shards.empty()) return Status::ok();
  const Status written = write_all(disk, directory, shards);
  if (written.is_ok()) return written;
  std::vector<std::string> paths;
  for (const SealedShard& shard : shards) paths.push_back(shard_path(directory, shard.name));
  if (check_no_link(disk, shard_directory(directory)).is_ok()) remove_shard_files(disk, paths);
  return written;
}

std::vector<std::string> list_shard_files(Disk& disk, const std::string& directory) {
  const std::string path = shard_directory(directory);
  std::vector<std::string> out;
  if (!check_no_link(disk, path).is_ok()) return out;
  const auto entries = disk.list(path);
  if (!entries.is_ok()) return out;
  for (const DirectoryEntry& entry : *entries) {
    if (!entry.is_directory && is_shard_name(entry.name)) out.push_back(path + "/" + entry.name);
  }
  return out;
}

void remove_shard_files(Disk& disk, std::span<const std::string> paths) {
  for (const std::string& path : paths) [[maybe_unused]] const Status best_effort = disk.remove(path);
}

}  // namespace coffer
