// What a MemoryDisk holds after a power failure.
#include <random>

#include "support/memory_disk_node.h"

namespace coffer {
namespace {

// A crash decides for every unsynced change whether, and how much of it, reached the disk.
class Fate {
 public:
  Fate(CrashKind kind, uint64_t seed, size_t change_count) : kind_(kind), random_(seed) {
    if (kind_ == CrashKind::kTorn) torn_at_ = below(change_count + 1);
  }

  // A change of names or a truncation: made as a whole or not at all.
  bool persists(size_t change) {
    if (kind_ == CrashKind::kTorn) return change < torn_at_;
    return kind_ == CrashKind::kReordered && below(2) == 1;
  }

  void write(Bytes& bytes, size_t change, uint64_t offset, ByteView written) {
    if (kind_ == CrashKind::kTorn) {
      if (change < torn_at_) write_into(bytes, offset, written);
      if (change == torn_at_) write_into(bytes, offset, written.first(torn_size(bytes, offset, written.size())));
    }
    if (kind_ == CrashKind::kReordered) write_sectors(bytes, offset, written);
  }

 private:
  // Anywhere where the file ends then; elsewhere between two sectors, each of which is written whole or not at all.
  size_t torn_size(const Bytes& bytes, uint64_t offset, size_t size) {
    const uint64_t end = offset + below(size + 1);
    if (end >= bytes.size()) return end - offset;
    return std::max(end / MemoryDisk::kSectorSize * MemoryDisk::kSectorSize, offset) - offset;
  }

  // Each sector by itself; the file grows at most as far as the write did, with zeros where no sector arrived.
  void write_sectors(Bytes& bytes, uint64_t offset, ByteView written) {
    uint64_t end = offset + written.size();
    if (bytes.size() < end && below(2) == 1) bytes.resize(end);
    for (uint64_t at = offset; at < end;) {
      uint64_t sector_end = std::min((at / MemoryDisk::kSectorSize + 1) * MemoryDisk::kSectorSize, end);
      if (below(2) == 1) write_into(bytes, at, written.subspan(at - offset, sector_end - at));
      at = sector_end;
    }
  }

  uint64_t below(uint64_t limit) { return std::uniform_int_distribution<uint64_t>(0, limit - 1)(random_); }

  CrashKind kind_;
  std::mt19937_64 random_;
  size_t torn_at_ = 0;
};

}  // namespace

// Copies of nodes as they durably are, to which the changes that the crash spared are then made.
class MemoryDisk::Survivors {
 public:
  Survivors(const NodePtr& root, const NodePtr& root_copy) { copies_[root.get()] = root_copy; }

  void copy_tree(NodePtr from) {
    std::vector<NodePtr> open{std::move(from)};
    while (!open.empty()) {
      NodePtr node = std::move(open.back());
      open.pop_back();
      if (!finished_.insert(node.get()).second) continue;
      NodePtr copy = copy_of(node);
      for (const auto& [name, child] : node->durable_names) {
        copy->names[name] = copy_of(child);
        open.push_back(child);
      }
    }
  }

  void apply(const Change& change, size_t index, Fate& fate) {
    if (!change.names.empty()) {
      if (fate.persists(index)) apply_names(change);
    } else if (change.truncates) {
      if (fate.persists(index)) copy_of(change.node)->bytes.resize(change.offset);
    } else {
      fate.write(copy_of(change.node)->bytes, index, change.offset, change.written);
    }
  }

  void finish() {
    for (auto& [original, copy] : copies_) {
      copy->durable_bytes = copy->bytes;
      copy->durable_names = copy->names;
    }
  }

 private:
  NodePtr copy_of(const NodePtr& node) {
    NodePtr& copy = copies_[node.get()];
    if (copy == nullptr) {
      copy = std::make_shared<Node>();
      copy->is_directory = node->is_directory;
      copy->inode = node->inode;
      copy->mode = node->mode;
      copy->owner = node->owner;
      copy->group = node->group;
      copy->modified_ns = node->modified_ns;
      copy->accessed_ns = node->accessed_ns;
      copy->bytes = node->durable_bytes;
    }
    return copy;
  }

  void apply_names(const Change& change) {
    for (const NameChange& name : change.names) {
      NodePtr directory = copy_of(name.directory);
      if (name.node == nullptr) {
        directory->names.erase(name.name);
      } else {
        directory->names[name.name] = copy_of(name.node);
      }
    }
  }

  std::map<const Node*, NodePtr> copies_;
  std::set<const Node*> finished_;
};

std::unique_ptr<MemoryDisk> MemoryDisk::crash_image(CrashKind kind, uint64_t seed) const {
  std::lock_guard lock(mutex_);
  auto image = std::make_unique<MemoryDisk>();
  image->next_inode_ = next_inode_;
  image->clock_ns_ = clock_ns_;

  Survivors survivors(root_, image->root_);
  survivors.copy_tree(root_);
  // What a spared change of names brings into the tree has a durable part of its own.
  for (const Change& change : pending_) {
    for (const NameChange& name : change.names) {
      survivors.copy_tree(name.directory);
      if (name.node != nullptr) survivors.copy_tree(name.node);
    }
  }
  Fate fate(kind, seed, pending_.size());
  for (size_t i = 0; i < pending_.size(); ++i) survivors.apply(pending_[i], i, fate);
  survivors.finish();
  return image;
}

}  // namespace coffer
