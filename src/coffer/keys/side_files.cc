#include "coffer/keys/side_files.h"

namespace coffer {
namespace {

constexpr uint32_t kSideFileMode = 0600;
constexpr uint32_t kSideDirectoryMode = 0700;

Status check_side_directory(const SideFiles& files) {
  COFFER_ASSIGN(const std::string target, files.disk.link_target(files.directory));
  if (target.empty()) return Status::ok();
  return {Code::kInvalidArgument, files.directory + " is a symbolic link, which is not followed; remove it"};
}

}  // namespace

Status SideFiles::save(const std::string& name, ByteView value) const {
  const Status made = disk.make_directory(directory, kSideDirectoryMode);
  if (!made.is_ok() && made.code() != Code::kAlreadyExists) return made;
  COFFER_TRY(check_side_directory(*this));
  return replace_file(disk, path_of(name), value, kSideFileMode);
}

Result<Bytes> SideFiles::load(const std::string& name) const {
  COFFER_TRY(check_side_directory(*this));
  COFFER_ASSIGN(const auto file, disk.open_read_itself(path_of(name)));
  Bytes out(size_max + 1);
  COFFER_ASSIGN(const size_t size, file->read_at(0, out));
  out.resize(size);
  return out;
}

Result<std::vector<std::string>> SideFiles::names() const {
  std::vector<std::string> out;
  const auto found = disk.list(directory);
  if (found.code() == Code::kNotFound) return out;
  COFFER_TRY(found.status());
  COFFER_TRY(check_side_directory(*this));
  for (const DirectoryEntry& entry : *found) {
    if (entry.is_directory || !std::string_view(entry.name).ends_with(end)) continue;
    out.push_back(entry.name.substr(0, entry.name.size() - end.size()));
  }
  return out;
}

Status SideFiles::remove(const std::string& name) const {
  const Status target = check_side_directory(*this);
  if (target.code() == Code::kNotFound) return Status::ok();
  COFFER_TRY(target);
  const Status removed = disk.remove(path_of(name));
  return removed.code() == Code::kNotFound ? Status::ok() : removed;
}

}  // namespace coffer
