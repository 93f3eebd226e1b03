// Where a store is mounted: what the system's list of mounts says, and what may be mounted where.
#pragma once

#include <optional>
#include <string>

#include "coffer/base/status.h"

namespace coffer::fusefs {

inline constexpr std::string_view kFileSystemType = "fuse.coffer";

struct MountEntry {
  std::string type;    // "fuse.coffer"
  std::string source;  // of ours: the store
  std::string device;  // "0:42"
};

// What is mounted at this absolute path, on top of everything else there.
std::optional<MountEntry> mount_at(const std::string& path);
// What this path, absolute, of a mounted store is below; the path itself where nothing of ours is mounted.
std::string below_mount(const std::string& path);
// Where this process sees it mounted; empty: nowhere.
std::string mountpoint_of(const std::string& store);

// An existing directory with neither links nor dots in its path; of a dead mount, what its text says.
Result<std::string> canonical_mountpoint(const std::string& path);
// What the kernel reads ahead of a file that is read from front to back: eight times its own measure.
inline constexpr unsigned kReadAheadSize = 1 << 20;
// Of what is mounted there. Where this user may not, the kernel's measure stays.
void read_further_ahead(const std::string& mountpoint);
// A mount of ours whose daemon is gone is taken away.
Status detach_dead_mount(const std::string& mountpoint);
// Ok for an empty directory that is neither the store, nor around it, nor in it.
Status check_mountpoint(const std::string& mountpoint, const std::string& store);

// kBusy, naming who uses it. `later`: it is gone from its place at once, and for good when nobody uses it any more.
Status take_away_mount(const std::string& mountpoint, bool later);

}  // namespace coffer::fusefs
