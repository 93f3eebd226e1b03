#include "coffer/keys/machine_turn.h"

#include <algorithm>
#include <thread>

#include "coffer/crypto/random.h"

namespace coffer {
namespace {

constexpr size_t kOwnerSizeMax = 256;
constexpr std::chrono::milliseconds kPause{20};

// What the file says; empty where it is being written, or was when a crash came.
Result<std::string> owner_of(Disk& disk, const std::string& path) {
  COFFER_ASSIGN(const auto file, disk.open_read_itself(path));
  Bytes text(kOwnerSizeMax);
  COFFER_ASSIGN(const size_t size, file->read_at(0, text));
  text.resize(size);
  return std::string(as_text(text));
}

// How long to wait for the turn of `owner`, after whom it does not change.
std::chrono::milliseconds patience_with(const std::string& owner, const std::string& machine,
                                        std::chrono::milliseconds patience) {
  if (owner.starts_with(machine + " ")) return std::chrono::milliseconds(0);
  return owner.ends_with('\n') ? patience : std::min(patience, MachineTurn::kUnsaidPatience);
}

// kAlreadyExists: it was made by somebody else. After any failure nothing of ours is there.
Status write_owner(Disk& disk, const std::string& path, const std::string& owner) {
  COFFER_ASSIGN(const auto file, disk.create(path, 0600));
  Status written = file->write_at(0, as_bytes(owner));
  if (written.is_ok()) written = file->close();
  if (written.is_ok()) return written;
  [[maybe_unused]] const Status undone = disk.remove(path);
  return written;
}

}  // namespace

const std::string& this_machine() {
  static const std::string* const id = [] {
    auto boot = read_file(Disk::posix(), "/proc/sys/kernel/random/boot_id", size_t{1} << 16);
    std::string text = boot.is_ok() ? std::string(as_text(*boot)) : std::string("unknown");
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return new std::string(std::move(text));
  }();
  return *id;
}

Result<MachineTurn> MachineTurn::take(Disk& disk, const std::string& path, const std::string& machine,
                                      std::chrono::milliseconds patience) {
  COFFER_ASSIGN(const Id turn, random_id());
  const std::string mine = machine + " " + turn.hex() + "\n";
  std::string seen;
  auto since = std::chrono::steady_clock::now();
  while (true) {
    const Status made = write_owner(disk, path, mine);
    if (made.is_ok()) return MachineTurn(disk, path, mine);
    if (made.code() != Code::kAlreadyExists) return made;
    auto owner = owner_of(disk, path);
    if (owner.code() == Code::kNotFound) continue;
    if (!owner.is_ok()) return owner.status();
    const auto now = std::chrono::steady_clock::now();
    if (*owner != seen) {
      seen = *owner;
      since = now;
    }
    if (now - since >= patience_with(*owner, machine, patience)) {
      const Status removed = disk.remove(path);
      if (!removed.is_ok() && removed.code() != Code::kNotFound) return removed;
      continue;
    }
    std::this_thread::sleep_for(kPause);
  }
}

Status MachineTurn::check() const {
  const auto owner = owner_of(disk_, path_);
  if (owner.is_ok() && *owner == owner_) return Status::ok();
  if (!owner.is_ok() && owner.code() != Code::kNotFound) return owner.status();
  return {Code::kConflict, path_ + ": another machine has taken the turn over"};
}

MachineTurn::~MachineTurn() {
  if (path_.empty()) return;
  if (!check().is_ok()) return;
  [[maybe_unused]] const Status kept = disk_.remove(path_);
}

}  // namespace coffer
