// A backup target that is a directory.
#include <unistd.h>

#include <algorithm>
#include <atomic>

#include "coffer/base/path.h"
#include "coffer/ops/backup_target.h"

namespace coffer {
namespace {

constexpr size_t kCopySize = size_t{1} << 20;
constexpr std::string_view kUnfinishedPrefix = ".coffer-";  // no name begins with a dot

class DirectoryTarget final : public BackupTarget {
 public:
  DirectoryTarget(Disk& disk, std::string directory) : disk_(disk), directory_(std::move(directory)) {}

  Result<std::optional<uint64_t>> size_of(const std::string& name) override {
    const auto file = open_named(name);
    if (file.code() == Code::kNotFound) return std::optional<uint64_t>();
    if (!file.is_ok()) return file.status();
    COFFER_ASSIGN(const uint64_t size, (*file)->size());
    return std::optional(size);
  }

  Status get(const std::string& name, const Sink& sink) override {
    COFFER_ASSIGN(const auto file, open_named(name));
    Bytes buffer(kCopySize);
    for (uint64_t at = 0;;) {
      COFFER_ASSIGN(const size_t count, file->read_at(at, buffer));
      if (count == 0) return Status::ok();
      COFFER_TRY(sink(ByteView(buffer).first(count)));
      at += count;
    }
  }

  Status put(const std::string& name, const Source& source) override {
    COFFER_TRY(check_name(name));
    COFFER_TRY(make_parents(name));
    const std::string path = path_of(name), parent(parent_of(path));
    COFFER_ASSIGN(Unfinished unfinished, create_in(parent));
    Status status = fill(*unfinished.file, source);
    if (status.is_ok()) status = disk_.rename(unfinished.path, path);
    if (!status.is_ok()) {
      (void)disk_.remove(unfinished.path);  // else remove_leftovers() does
      return status;
    }
    return disk_.sync_directory(parent);
  }

  Result<std::vector<std::string>> list(const std::string& prefix) override {
    if (!prefix.empty()) COFFER_TRY(check_name(prefix + "x"));
    std::vector<std::string> out;
    COFFER_TRY(walk(prefix, [&](const std::string& name) {
      if (valid_backup_name(name)) out.push_back(name);
      return Status::ok();
    }));
    std::ranges::sort(out);
    return out;
  }

  Status remove(const std::string& name) override {
    COFFER_TRY(check_name(name));
    COFFER_TRY(check_parents(name));
    const std::string path = path_of(name);
    const Status removed = disk_.remove(path);
    if (removed.code() == Code::kNotFound) return Status::ok();
    return removed.is_ok() ? disk_.sync_directory(std::string(parent_of(path))) : removed;
  }

  Result<std::shared_ptr<ReadableFile>> open(const std::string& name, uint64_t size_max) override {
    COFFER_ASSIGN(std::shared_ptr<ReadableFile> file, open_named(name));
    COFFER_ASSIGN(const uint64_t size, file->size());
    if (size > size_max) return too_large(name, size_max);
    return file;
  }

  Status remove_leftovers() override {
    return walk("", [&](const std::string& name) {
      return base_name(name).starts_with(kUnfinishedPrefix) ? disk_.remove(path_of(name)) : Status::ok();
    });
  }

  std::string describe() const override { return "backup target " + directory_; }

 private:
  struct Unfinished {
    std::string path;
    std::unique_ptr<WritableFile> file;
  };

  std::string path_of(const std::string& name) const { return directory_ + "/" + name; }

  // Before anything is opened, or made, through what a name stands in.
  Status check_no_link(const std::string& path) const {
    COFFER_ASSIGN(const std::string leads_to, disk_.link_target(path));
    if (leads_to.empty()) return Status::ok();
    return {Code::kInvalidArgument,
            path + ": is a symbolic link, which is not followed in a backup target; put what it leads to in its place"};
  }

  Status check_parents(const std::string& name) const {
    for (size_t end = name.find('/'); end != std::string::npos; end = name.find('/', end + 1)) {
      const Status checked = check_no_link(path_of(name.substr(0, end)));
      if (checked.code() == Code::kNotFound) return Status::ok();
      COFFER_TRY(checked);
    }
    return Status::ok();
  }

  Status make_parents(const std::string& name) {
    COFFER_TRY(make_directory(directory_));
    for (size_t end = name.find('/'); end != std::string::npos; end = name.find('/', end + 1)) {
      const std::string path = path_of(name.substr(0, end));
      COFFER_TRY(make_directory(path));
      COFFER_TRY(check_no_link(path));
    }
    return Status::ok();
  }

  Status make_directory(const std::string& path) {
    if (disk_.info(path).is_ok()) return Status::ok();
    const Status made = disk_.make_directory(path, 0700);
    if (made.code() == Code::kAlreadyExists) return Status::ok();  // somebody was faster
    return made.is_ok() ? disk_.sync_directory(std::string(parent_of(path))) : made;
  }

  Result<std::unique_ptr<ReadableFile>> open_named(const std::string& name) {
    COFFER_TRY(check_name(name));
    COFFER_TRY(check_parents(name));
    return disk_.open_read_itself(path_of(name));
  }

  // Another process may have the same number, on another machine.
  Result<Unfinished> create_in(const std::string& parent) {
    static std::atomic<uint64_t> next{0};
    while (true) {
      std::string path = parent + "/" + std::string(kUnfinishedPrefix) + std::to_string(::getpid()) + "-" +
                         std::to_string(next++);
      auto file = disk_.create(path, 0600);
      if (file.is_ok()) return Unfinished{std::move(path), std::move(*file)};
      if (file.code() != Code::kAlreadyExists) return file.status();
    }
  }

  static Status fill(WritableFile& file, const Source& source) {
    Bytes buffer(kCopySize);
    for (uint64_t at = 0;;) {
      COFFER_ASSIGN(const size_t count, source(buffer));
      if (count == 0) break;
      COFFER_TRY(file.write_at(at, ByteView(buffer).first(count)));
      at += count;
    }
    COFFER_TRY(file.sync());
    return file.close();
  }

  // Every file below a prefix, links left out; nothing where there is no such directory.
  Status walk(const std::string& prefix, const std::function<Status(const std::string&)>& visit) {
    if (!prefix.empty()) COFFER_TRY(check_parents(prefix));
    const auto entries = disk_.list(directory_ + (prefix.empty() ? "" : "/" + prefix.substr(0, prefix.size() - 1)));
    if (entries.code() == Code::kNotFound) return Status::ok();
    if (!entries.is_ok()) return entries.status();
    for (const DirectoryEntry& entry : *entries) {
      if (entry.is_link) continue;
      const std::string name = prefix + entry.name;
      if (!entry.is_directory) {
        COFFER_TRY(visit(name));
      } else if (valid_backup_name(name)) {
        COFFER_TRY(walk(name + "/", visit));
      }
    }
    return Status::ok();
  }

  Disk& disk_;
  const std::string directory_;
};

}  // namespace

std::unique_ptr<BackupTarget> directory_target(Disk& disk, std::string directory) {
  return std::make_unique<DirectoryTarget>(disk, std::move(directory));
}

}  // namespace coffer
