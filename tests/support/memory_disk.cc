#include "support/memory_disk.h"

#include <algorithm>
#include <filesystem>

#include "support/memory_disk_node.h"

namespace coffer {

namespace {

Status no_such(std::string_view operation, const std::string& path) {
  return {Code::kNotFound, std::string(operation) + " " + path + ": no such file or directory"};
}

Status is_directory_error(std::string_view operation, const std::string& path) {
  return {Code::kInvalidArgument, std::string(operation) + " " + path + ": not a regular file but a directory"};
}

}  // namespace

class MemoryDisk::File final : public WritableFile {
 public:
  File(MemoryDisk& disk, NodePtr node, std::string path)
      : disk_(disk), node_(std::move(node)), path_(std::move(path)) {}

  Result<size_t> read_at(uint64_t offset, MutableBytes out) const override {
    std::lock_guard lock(disk_.mutex_);
    COFFER_TRY(check_open());
    if (offset >= node_->bytes.size()) return size_t{0};
    size_t count = std::min<uint64_t>(out.size(), node_->bytes.size() - offset);
    std::copy_n(node_->bytes.begin() + static_cast<ptrdiff_t>(offset), count, out.begin());
    return count;
  }

  Result<uint64_t> size() const override {
    std::lock_guard lock(disk_.mutex_);
    COFFER_TRY(check_open());
    return uint64_t{node_->bytes.size()};
  }

  Result<FileInfo> info() const override {
    std::lock_guard lock(disk_.mutex_);
    COFFER_TRY(check_open());
    return disk_.info_of(*node_);
  }

  Status write_at(uint64_t offset, ByteView bytes) override {
    {
      std::lock_guard lock(disk_.mutex_);
      COFFER_TRY(check_open());
      write_into(node_->bytes, offset, bytes);
      node_->modified_ns = ++disk_.clock_ns_;
      Change change;
      change.node = node_;
      change.offset = offset;
      change.written.assign(bytes.begin(), bytes.end());
      disk_.pending_.push_back(std::move(change));
    }
    disk_.changed();
    return {};
  }

  Status truncate(uint64_t size) override {
    {
      std::lock_guard lock(disk_.mutex_);
      COFFER_TRY(check_open());
      node_->bytes.resize(size);
      node_->modified_ns = ++disk_.clock_ns_;
      Change change;
      change.node = node_;
      change.offset = size;
      change.truncates = true;
      disk_.pending_.push_back(std::move(change));
    }
    disk_.changed();
    return {};
  }

  Status set_owner(uint32_t owner, uint32_t group) override {
    std::lock_guard lock(disk_.mutex_);
    COFFER_TRY(check_open());
    node_->owner = owner;
    node_->group = group;
    return {};
  }

  Status set_times(int64_t accessed_ns, int64_t modified_ns) override {
    std::lock_guard lock(disk_.mutex_);
    COFFER_TRY(check_open());
    node_->accessed_ns = accessed_ns;
    node_->modified_ns = modified_ns;
    return {};
  }

  // Files here have none, and no other program.
  Status set_attributes_like(const std::string&) override { return {}; }
  Status check_alone() const override { return {}; }
  Status lock_range(uint64_t, uint64_t) override { return {}; }

  Status sync() override {
    {
      std::lock_guard lock(disk_.mutex_);
      COFFER_TRY(check_open());
      disk_.sync_node(node_);
    }
    disk_.changed();
    return {};
  }

  Status close() override {
    std::lock_guard lock(disk_.mutex_);
    COFFER_TRY(check_open());
    open_ = false;
    return {};
  }

 private:
  Status check_open() const {
    return open_ ? Status() : Status(Code::kInvalidArgument, "use of " + path_ + " after it was closed");
  }

  MemoryDisk& disk_;
  NodePtr node_;
  std::string path_;
  bool open_ = true;
};

class MemoryDisk::Lock final : public FileLock {
 public:
  Lock(MemoryDisk& disk, NodePtr node) : disk_(disk), node_(std::move(node)) {}
  ~Lock() override {
    {
      std::lock_guard lock(disk_.mutex_);
      node_->locked = false;
    }
    disk_.unlocked_.notify_all();
  }

 private:
  MemoryDisk& disk_;
  NodePtr node_;
};

MemoryDisk::MemoryDisk() : root_(std::make_shared<Node>()) {
  root_->is_directory = true;
  root_->inode = 1;
  root_->mode = 0755;
}

MemoryDisk::~MemoryDisk() {
  // Directories refer to their children only, but a crash model may hold a directory under two names: break any cycle.
  std::vector<NodePtr> open{root_};
  while (!open.empty()) {
    NodePtr node = std::move(open.back());
    open.pop_back();
    for (auto* names : {&node->names, &node->durable_names}) {
      for (auto& [name, child] : *names) open.push_back(std::move(child));
      names->clear();
    }
  }
}

Result<MemoryDisk::Place> MemoryDisk::locate(const std::string& path, std::string_view operation) const {
  Place place{nullptr, "", root_};
  size_t at = 0;
  while (at < path.size()) {
    size_t end = std::min(path.find('/', at), path.size());
    std::string name = path.substr(at, end - at);
    at = end + 1;
    if (name.empty() || name == ".") continue;
    if (place.node == nullptr) return no_such(operation, path);
    if (!place.node->is_directory) {
      return {Code::kInvalidArgument, std::string(operation) + " " + path + ": not a directory"};
    }
    place.directory = place.node;
    place.name = std::move(name);
    auto found = place.directory->names.find(place.name);
    place.node = found == place.directory->names.end() ? nullptr : found->second;
  }
  return place;
}

Result<MemoryDisk::NodePtr> MemoryDisk::locate_file(const std::string& path, std::string_view operation) const {
  COFFER_ASSIGN(Place place, locate(path, operation));
  if (place.node == nullptr) return no_such(operation, path);
  if (place.node->is_directory) return is_directory_error(operation, path);
  return std::move(place.node);
}

FileInfo MemoryDisk::info_of(const Node& node) const {
  FileInfo info;
  info.size = node.bytes.size();
  info.inode = node.inode;
  info.modified_ns = info.changed_ns = node.modified_ns;
  info.accessed_ns = node.accessed_ns;
  info.mode = node.mode;
  info.owner = node.owner;
  info.group = node.group;
  info.is_directory = node.is_directory;
  info.link_count = 0;
  std::vector<const Node*> directories{root_.get()};
  while (!directories.empty()) {
    const Node* directory = directories.back();
    directories.pop_back();
    for (const auto& [name, child] : directory->names) {
      if (child.get() == &node) ++info.link_count;
      if (child->is_directory) directories.push_back(child.get());
    }
  }
  return info;
}

MemoryDisk::NodePtr MemoryDisk::add_node(const Place& place, bool is_directory, uint32_t mode) {
  auto node = std::make_shared<Node>();
  node->is_directory = is_directory;
  node->inode = next_inode_++;
  node->mode = mode;
  node->modified_ns = ++clock_ns_;
  change_names({{place.directory, place.name, node}});
  return node;
}

void MemoryDisk::change_names(std::vector<NameChange> changes) {
  for (const NameChange& change : changes) {
    change.directory->modified_ns = ++clock_ns_;
    if (change.node == nullptr) {
      change.directory->names.erase(change.name);
    } else {
      change.directory->names[change.name] = change.node;
    }
  }
  Change pending;
  pending.names = std::move(changes);
  pending_.push_back(std::move(pending));
}

void MemoryDisk::sync_node(const NodePtr& node) {
  node->durable_bytes = node->bytes;
  std::erase_if(pending_, [&](const Change& change) { return change.node == node; });
}

void MemoryDisk::sync_names(const NodePtr& directory) {
  // A rename between directories is one step, so syncing either side makes both sides' earlier changes durable.
  std::set<Node*> directories{directory.get()};
  for (size_t before = 0; before != directories.size();) {
    before = directories.size();
    for (const Change& change : pending_) {
      if (!change.touches(directories)) continue;
      for (const NameChange& name : change.names) directories.insert(name.directory.get());
    }
  }
  for (Node* each : directories) each->durable_names = each->names;
  std::erase_if(pending_, [&](const Change& change) { return change.touches(directories); });
}

// It knows no symbolic links.
Result<std::unique_ptr<ReadableFile>> MemoryDisk::open_read_itself(const std::string& path) { return open_read(path); }

Result<std::unique_ptr<ReadableFile>> MemoryDisk::open_read(const std::string& path) {
  std::lock_guard lock(mutex_);
  COFFER_ASSIGN(NodePtr node, locate_file(path, "open"));
  return std::unique_ptr<ReadableFile>(std::make_unique<File>(*this, std::move(node), path));
}

Result<std::unique_ptr<WritableFile>> MemoryDisk::open_write(const std::string& path) {
  std::lock_guard lock(mutex_);
  COFFER_ASSIGN(NodePtr node, locate_file(path, "open"));
  return std::unique_ptr<WritableFile>(std::make_unique<File>(*this, std::move(node), path));
}

Result<std::unique_ptr<WritableFile>> MemoryDisk::create(const std::string& path, uint32_t mode) {
  std::unique_ptr<WritableFile> file;
  {
    std::lock_guard lock(mutex_);
    COFFER_ASSIGN(Place place, locate(path, "create"));
    if (place.node != nullptr) return {Code::kAlreadyExists, "create " + path + ": file exists"};
    file = std::make_unique<File>(*this, add_node(place, false, mode), path);
  }
  changed();
  return file;
}

Status MemoryDisk::rename(const std::string& from, const std::string& to) {
  {
    std::lock_guard lock(mutex_);
    COFFER_ASSIGN(Place source, locate(from, "rename"));
    COFFER_ASSIGN(Place target, locate(to, "rename"));
    if (source.node == nullptr) return no_such("rename", from);
    if (source.directory == nullptr || target.directory == nullptr) {
      return {Code::kInvalidArgument, "rename " + from + " to " + to + ": the root directory stays"};
    }
    if (target.node == source.node) return {};
    if (target.node != nullptr && (target.node->is_directory || source.node->is_directory)) {
      return {Code::kInvalidArgument, "rename " + from + " to " + to + ": only a file replaces a file"};
    }
    change_names({{source.directory, source.name, nullptr}, {target.directory, target.name, source.node}});
  }
  changed();
  return {};
}

Status MemoryDisk::link(const std::string& existing, const std::string& path) {
  {
    std::lock_guard lock(mutex_);
    COFFER_ASSIGN(NodePtr node, locate_file(existing, "link"));
    COFFER_ASSIGN(Place place, locate(path, "link"));
    if (place.node != nullptr) return {Code::kAlreadyExists, "link " + existing + " to " + path + ": file exists"};
    change_names({{place.directory, place.name, node}});
  }
  changed();
  return {};
}

Status MemoryDisk::remove(const std::string& path) {
  {
    std::lock_guard lock(mutex_);
    COFFER_ASSIGN(Place place, locate(path, "remove"));
    if (place.node == nullptr) return no_such("remove", path);
    if (!place.node->names.empty() || place.directory == nullptr) {
      return {Code::kInvalidArgument, "remove " + path + ": directory not empty"};
    }
    change_names({{place.directory, place.name, nullptr}});
  }
  changed();
  return {};
}

Status MemoryDisk::sync_directory(const std::string& path) {
  {
    std::lock_guard lock(mutex_);
    COFFER_ASSIGN(Place place, locate(path, "sync the directory"));
    if (place.node == nullptr) return no_such("sync the directory", path);
    if (!place.node->is_directory) {
      return {Code::kInvalidArgument, "sync the directory " + path + ": not a directory"};
    }
    sync_names(place.node);
  }
  changed();
  return {};
}

Status MemoryDisk::sync_all(const std::string& path) {
  {
    std::lock_guard lock(mutex_);
    COFFER_ASSIGN(Place place, locate(path, "sync the file system of"));
    if (place.node == nullptr) return no_such("sync the file system of", path);
    while (!pending_.empty()) {
      Change first = pending_.front();
      if (first.node != nullptr) {
        sync_node(first.node);
      } else {
        sync_names(first.names.front().directory);
      }
    }
  }
  changed();
  return {};
}

Status MemoryDisk::make_directory(const std::string& path, uint32_t mode) {
  {
    std::lock_guard lock(mutex_);
    COFFER_ASSIGN(Place place, locate(path, "make the directory"));
    if (place.node != nullptr) return {Code::kAlreadyExists, "make the directory " + path + ": file exists"};
    add_node(place, true, mode);
  }
  changed();
  return {};
}

Result<std::vector<DirectoryEntry>> MemoryDisk::list(const std::string& path) {
  std::lock_guard lock(mutex_);
  COFFER_ASSIGN(Place place, locate(path, "list"));
  if (place.node == nullptr) return no_such("list", path);
  if (!place.node->is_directory) return {Code::kInvalidArgument, "list " + path + ": not a directory"};
  std::vector<DirectoryEntry> entries;
  for (const auto& [name, node] : place.node->names) entries.push_back({name, node->is_directory});
  return entries;
}

Result<FileInfo> MemoryDisk::info(const std::string& path) {
  std::lock_guard lock(mutex_);
  COFFER_ASSIGN(Place place, locate(path, "stat"));
  if (place.node == nullptr) return no_such("stat", path);
  return info_of(*place.node);
}

// There are no symbolic links here.
// There are no links here.
Result<std::string> MemoryDisk::link_target(const std::string& path) {
  COFFER_TRY(canonical(path).status());
  return std::string();
}

Result<std::string> MemoryDisk::canonical(const std::string& path) {
  std::lock_guard lock(mutex_);
  COFFER_ASSIGN(Place place, locate(path, "resolve"));
  if (place.node == nullptr) return no_such("resolve", path);
  std::string out = std::filesystem::path("/" + path).lexically_normal().string();
  while (out.size() > 1 && out.back() == '/') out.pop_back();
  return out;
}

Result<std::unique_ptr<FileLock>> MemoryDisk::lock(const std::string& path, bool wait) {
  std::unique_ptr<FileLock> held;
  bool created = false;
  {
    std::unique_lock guard(mutex_);
    COFFER_ASSIGN(Place place, locate(path, "lock"));
    if (place.node != nullptr && place.node->is_directory) return is_directory_error("lock", path);
    created = place.node == nullptr;
    NodePtr node = created ? add_node(place, false, 0600) : place.node;
    if (node->locked && !wait) return {Code::kBusy, "lock " + path + ": held by another process or thread"};
    unlocked_.wait(guard, [&] { return !node->locked; });
    node->locked = true;
    held = std::make_unique<Lock>(*this, std::move(node));
  }
  if (created) changed();
  return held;
}

void MemoryDisk::set_observer(std::function<void()> observer) {
  std::lock_guard lock(mutex_);
  observer_ = std::move(observer);
}

uint64_t MemoryDisk::change_count() const {
  std::lock_guard lock(mutex_);
  return change_count_;
}

void MemoryDisk::changed() {
  std::function<void()> observer;
  {
    std::lock_guard lock(mutex_);
    ++change_count_;
    observer = observer_;
  }
  if (observer) observer();
}

}  // namespace coffer
