#include "coffer/engines/fuse/mountpoint.h"

#include <dirent.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <climits>
#include <fstream>
#include <memory>
#include <sstream>
#include <vector>

#include "coffer/base/path.h"
#include "coffer/base/text.h"
#include "coffer/io/disk.h"
#include "coffer/io/posix_file.h"

namespace coffer::fusefs {
namespace {

// "\040" is a blank, there.
std::string without_escapes(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const std::string digits = text.substr(i + 1, 3);
    const bool escaped = text[i] == '\\' && digits.size() == 3 && digits.find_first_not_of("01234567") == digits.npos;
    out += escaped ? static_cast<char>(std::stoi(digits, nullptr, 8)) : text[i];
    if (escaped) i += 3;
  }
  return out;
}

// `visit` takes where it is, and what.
template <class Visit>
void for_each_mount(const Visit& visit) {
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream fields(line);
    std::string skipped, at, word;
    MountEntry entry;
    fields >> skipped >> skipped >> entry.device >> skipped >> at;
    while (fields >> word && word != "-") {
    }
    fields >> entry.type >> entry.source;
    entry.source = without_escapes(entry.source);
    visit(without_escapes(at), entry);
  }
}

// What stat() asks for the kernel may know without asking the daemon.
bool is_dead(const std::string& path) {
  struct statvfs numbers;
  return ::statvfs(path.c_str(), &numbers) != 0 && errno == ENOTCONN;
}

// Links in /proc that say which files a process uses.
bool uses(const std::string& process, const std::string& mountpoint) {
  const auto leads_there = [&](const std::string& link) {
    char target[PATH_MAX];
    const ssize_t size = ::readlink((process + link).c_str(), target, sizeof target);
    return size > 0 && is_within(std::string_view(target, static_cast<size_t>(size)), mountpoint);
  };
  if (leads_there("/cwd") || leads_there("/root")) return true;
  const std::unique_ptr<DIR, int (*)(DIR*)> files(::opendir((process + "/fd").c_str()), &::closedir);
  if (files == nullptr) return false;
  while (const dirent* entry = ::readdir(files.get())) {
    if (leads_there("/fd/" + std::string(entry->d_name))) return true;
  }
  return false;
}

// "process 12 (postgres), process 13 (bash)": the first few, as far as this user may see.
std::string users_of(const std::string& mountpoint) {
  constexpr int kNamedMax = 3;
  const std::unique_ptr<DIR, int (*)(DIR*)> processes(::opendir("/proc"), &::closedir);
  std::string out;
  int named = 0;
  while (const dirent* entry = processes != nullptr ? ::readdir(processes.get()) : nullptr) {
    const std::string process = "/proc/" + std::string(entry->d_name);
    if (entry->d_name[0] < '0' || entry->d_name[0] > '9' || entry->d_name == std::to_string(::getpid())) continue;
    if (!uses(process, mountpoint)) continue;
    if (named++ == kNamedMax) return out + " and others";
    std::string name;
    std::getline(std::ifstream(process + "/comm"), name);
    out += (out.empty() ? "process " : ", process ") + std::string(entry->d_name) + " (" + printable(name) + ")";
  }
  return out.empty() ? "a program" : out;
}

// For users who may not unmount by themselves. Whether it did.
bool run_fusermount(const std::string& mountpoint, bool later) {
  std::vector<std::string> words{"fusermount3", "-u", "-q", "--", mountpoint};
  if (later) words.insert(words.begin() + 1, "-z");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t child = 0;
  if (::posix_spawnp(&child, argv[0], nullptr, nullptr, argv.data(), environ) != 0) return false;
  int ended = 0;
  const pid_t waited = posix::retry_interrupted([&] { return ::waitpid(child, &ended, 0); });
  return waited == child && WIFEXITED(ended) && WEXITSTATUS(ended) == 0;
}

}  // namespace

std::optional<MountEntry> mount_at(const std::string& path) {
  std::optional<MountEntry> out;
  for_each_mount([&](const std::string& at, const MountEntry& entry) {
    // The last one is on top.
    if (at == path) out = entry;
  });
  return out;
}

std::string mountpoint_of(const std::string& store) {
  std::string out;
  for_each_mount([&](const std::string& at, const MountEntry& entry) {
    if (entry.type == kFileSystemType && entry.source == store) out = at;
  });
  return out;
}

std::string below_mount(const std::string& path) {
  for (std::string each = path; each.size() > 1; each = std::string(parent_of(each))) {
    const std::optional<MountEntry> entry = mount_at(each);
    if (!entry) continue;
    return entry->type == kFileSystemType ? entry->source + path.substr(each.size()) : path;
  }
  return path;
}

void read_further_ahead(const std::string& mountpoint) {
  const std::optional<MountEntry> entry = mount_at(mountpoint);
  if (!entry || entry->type != kFileSystemType) return;
  std::ofstream("/sys/class/bdi/" + entry->device + "/read_ahead_kb") << kReadAheadSize / 1024;
}

Result<std::string> canonical_mountpoint(const std::string& path) {
  const std::string absolute = absolute_path(path);
  auto found = Disk::posix().canonical(absolute);
  if (found.is_ok()) return found;
  if (is_dead(absolute)) return absolute;
  if (found.code() != Code::kNotFound) return found;
  return {Code::kNotFound, std::string(found.status().message()) + "; make the directory first: mkdir " + absolute};
}

Status detach_dead_mount(const std::string& mountpoint) {
  if (!is_dead(mountpoint)) return Status::ok();
  const std::optional<MountEntry> entry = mount_at(mountpoint);
  if (!entry || entry->type != kFileSystemType) {
    return {Code::kInvalidArgument, mountpoint + ": a dead mount of another file system is there; unmount it"};
  }
  return take_away_mount(mountpoint, true);
}

Status check_mountpoint(const std::string& mountpoint, const std::string& store) {
  Disk& disk = Disk::posix();
  COFFER_ASSIGN(const FileInfo info, disk.info(mountpoint));
  if (!info.is_directory) return {Code::kInvalidArgument, mountpoint + ": not a directory; name an empty one"};
  if (is_within(mountpoint, store) || is_within(store, mountpoint)) {
    return {Code::kInvalidArgument, mountpoint + ": the mount and its store " + store +
                                        " cannot be within each other; mount it elsewhere"};
  }
  COFFER_ASSIGN(const std::vector<DirectoryEntry> entries, disk.list(mountpoint));
  if (entries.empty()) return Status::ok();
  return {Code::kInvalidArgument, mountpoint + ": not empty, and what is in it would be hidden (" +
                                      printable(entries.front().name) + "); name an empty directory"};
}

Status take_away_mount(const std::string& mountpoint, bool later) {
  if (::umount2(mountpoint.c_str(), UMOUNT_NOFOLLOW | (later ? MNT_DETACH : 0)) == 0) return Status::ok();
  if (errno == EBUSY) {
    return {Code::kBusy, mountpoint + ": in use by " + users_of(mountpoint) + "; end what uses it and repeat"};
  }
  if (errno != EPERM) return posix::failure("unmount", mountpoint);
  if (run_fusermount(mountpoint, later)) return Status::ok();
  return {Code::kBusy, mountpoint + ": not unmounted: it is in use by " + users_of(mountpoint) +
                           ", or another user's; end what uses it and repeat"};
}

}  // namespace coffer::fusefs
