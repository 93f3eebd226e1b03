#include "coffer/ops/inventory.h"

#include <algorithm>
#include <filesystem>

#include "coffer/base/path.h"
#include "coffer/files/file_head.h"
#include "coffer/files/successor.h"

namespace coffer {
namespace {

constexpr int kDirectoryDepthMax = 64;

class Walk {
 public:
  // `roots`: what is visited, without symbolic links.
  Walk(Coffer& coffer, std::vector<std::string> roots, const InventoryVisitor& visitor, const KnowsFile& knows)
      : disk_(coffer.disk()),
        own_(disk_.info(coffer.directory())),
        roots_(std::move(roots)),
        visitor_(visitor),
        knows_(knows) {}

  Status visit(const std::string& path, int depth) {
    auto info = disk_.info(path);
    if (info.code() == Code::kNotFound && depth > 0) return Status::ok();  // deleted while we walk
    if (!info.is_ok()) return info.status();
    if (!info->is_directory) return visit_file(path, *info);
    if (!directories_.insert({info->device, info->inode}).second) return Status::ok();
    if (depth > kDirectoryDepthMax) return {Code::kLimitExceeded, path + ": directories are nested too deeply"};
    auto entries = disk_.list(path);
    if (entries.code() == Code::kNotFound && depth > 0) return Status::ok();
    if (!entries.is_ok()) return entries.status();
    const bool is_coffer = own_.is_ok() && own_->inode == info->inode && own_->device == info->device;
    for (const DirectoryEntry& entry : *entries) {
      if (is_coffer && Coffer::is_own_file(entry.name)) continue;
      const std::string name = (path == "/" ? path : path + "/") + entry.name;
      COFFER_TRY(entry.is_link ? visit_link(name) : visit(name, depth + 1));
    }
    return Status::ok();
  }

 private:
  // What it leads to has a name of its own, and is visited by that.
  Status visit_link(const std::string& path) {
    auto target = disk_.canonical(path);
    const bool inside = target.is_ok() &&
                        std::ranges::any_of(roots_, [&](const std::string& root) { return is_within(*target, root); });
    if (inside || target.code() == Code::kNotFound) return Status::ok();
    InventoryFile link;
    link.path = path;
    link.leads_outside = true;
    return visitor_(link);
  }

  Status visit_file(const std::string& path, const FileInfo& info) {
    InventoryFile file;
    file.path = path;
    file.size = info.size;
    file.info = info;
    file.is_known = knows_ && knows_(info);
    if (file.is_known) return visitor_(file);
    auto head = read_head_of(path);
    if (head.code() == Code::kNotFound) return Status::ok();
    if (head.is_ok()) {
      file.empty = head->is(FileHead::What::kNothing);
      file.status = std::move(head->refusal);
      file.scan = std::move(head->scan);
      if (head->is(FileHead::What::kUnreadable) && is_successor(path)) file.empty = true, file.status = Status::ok();
    } else {
      file.status = head.status();
    }
    return visitor_(file);
  }

  Result<FileHead> read_head_of(const std::string& path) {
    COFFER_ASSIGN(auto file, disk_.open_read(path));
    return read_head(*file, path);
  }

  Disk& disk_;
  const Result<FileInfo> own_;  // of the coffer's directory
  const std::vector<std::string> roots_;
  const InventoryVisitor& visitor_;
  const KnowsFile& knows_;
  std::set<std::pair<uint64_t, uint64_t>> directories_;  // device and inode: one with two names is visited once
};

// Without those that lie inside another.
std::vector<std::string> outermost(std::vector<std::string> paths) {
  for (std::string& path : paths) {
    while (path.size() > 1 && path.back() == '/') path.pop_back();
  }
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> out;
  for (const std::string& path : paths) {
    bool covered = std::any_of(out.begin(), out.end(), [&](const std::string& o) { return is_within(path, o); });
    if (!covered) out.push_back(path);
  }
  return out;
}

bool is_there(Disk& disk, const std::string& path) { return disk.info(path).code() != Code::kNotFound; }

constexpr std::string_view kOfEveryFileSystem = "lost+found";

// Of millions of entries, the first few.
bool has_entries(const std::string& path) {
  std::error_code failed;
  std::filesystem::directory_iterator entry(path, failed);
  for (; !failed && entry != std::filesystem::directory_iterator(); entry.increment(failed)) {
    if (entry->path().filename() != kOfEveryFileSystem) return true;
  }
  return false;
}

// Or not there. What a new file system has by itself does not count.
bool is_empty(Disk& disk, const std::string& path) {
  if (&disk == &Disk::posix() && has_entries(path)) return false;
  auto entries = disk.list(path);
  if (!entries.is_ok()) return entries.code() == Code::kNotFound;
  return std::all_of(entries->begin(), entries->end(),
                     [](const DirectoryEntry& entry) { return entry.name == kOfEveryFileSystem; });
}

}  // namespace

std::set<Id> keys_needed(const EnvelopeScan& scan) {
  std::set<Id> out{scan.fields.domain_key_id};
  if (scan.other) out.insert(scan.other->domain_key_id);
  return out;
}

std::vector<std::string> remembered_stores(const Coffer& coffer) {
  std::vector<std::string> paths;
  const std::shared_ptr<const Keyring> keyring = coffer.keyring();
  for (const StoreEntry& store : coffer.places().stores(*keyring)) {
    const std::string path = coffer.places().here(store.path);
    const std::string other = store.also_at.empty() ? path : coffer.places().here(store.also_at);
    const bool present = is_there(coffer.disk(), path);
    if (present || store.confirmed) paths.push_back(path);
    if (other != path && is_there(coffer.disk(), other)) paths.push_back(other);
  }
  return outermost(std::move(paths));
}

std::vector<MissingStore> missing_stores(const Coffer& coffer) {
  std::vector<MissingStore> out;
  const std::shared_ptr<const Keyring> keyring = coffer.keyring();
  for (const StoreEntry& store : coffer.places().stores(*keyring)) {
    if (!store.confirmed) continue;
    const std::string path = coffer.places().here(store.path);
    const std::string other = store.also_at.empty() ? path : coffer.places().here(store.also_at);
    if (!is_there(coffer.disk(), path) && !is_there(coffer.disk(), other)) {
      out.push_back({store.id, path, true});
    } else if (is_empty(coffer.disk(), path) && is_empty(coffer.disk(), other)) {
      out.push_back({store.id, path, false});
    }
  }
  return out;
}

std::string_view missing_text(const MissingStore& store) {
  return store.gone
             ? "its directory is gone; mount its disk, or say what became of it: coffer store move, coffer store "
               "forget"
             : "its directory is empty; mount its disk, or restore it";
}

Status visit_files(Coffer& coffer, const std::vector<std::string>& paths, const InventoryVisitor& visitor,
                   const KnowsFile& knows) {
  // The stores that a copy remembers are the original's.
  if (paths.empty()) COFFER_TRY(coffer.at_home());
  const std::vector<std::string> roots = outermost(paths.empty() ? remembered_stores(coffer) : paths);
  std::vector<std::string> places;
  for (const std::string& root : roots) {
    auto place = coffer.disk().canonical(root);
    if (place.is_ok()) places.push_back(std::move(*place));
  }
  Walk walk(coffer, std::move(places), visitor, knows);
  for (const std::string& path : roots) {
    Status status = walk.visit(path, 0);
    // A remembered store that is gone is for status to report; a path the caller named has to exist.
    if (status.code() == Code::kNotFound && paths.empty()) continue;
    COFFER_TRY(status);
  }
  return Status::ok();
}

}  // namespace coffer
