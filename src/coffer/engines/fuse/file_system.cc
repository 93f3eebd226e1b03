#include "coffer/engines/fuse/file_system.h"

#include <fcntl.h>

#include <cstring>

#include "coffer/files/successor.h"

namespace coffer::fusefs {

FileSystem::FileSystem(Descriptor root, const struct stat& st, Contents& contents, TroubleLog& log,
                       const FileSystemOptions& options)
    : contents_(contents), log_(log), options_(options), root_(inodes_.enter(std::move(root), st)) {
  closing_.start([this] {
    while (changes_.try_enter()) {
      const std::shared_ptr<Inode> inode = take_idle(kIdleTime, 0);
      if (inode != nullptr) close_idle(*inode);
      changes_.leave();
      if (inode == nullptr) break;
    }
    return kIdleTime / 4;
  });
}

int FileSystem::stored_name(Inode& parent, const char* name, StoredName* out) {
  if (std::strlen(name) > kNameSizeMax) return ENAMETOOLONG;
  const auto directory = parent.names(*names());
  if (!directory.is_ok()) return log_.explain(directory.status());
  auto stored = (*directory)->name_below(name);
  if (!stored.is_ok()) return log_.explain(stored.status());
  *out = std::move(*stored);
  return 0;
}

int FileSystem::name_below(Inode& parent, const char* name, std::string* out) {
  if (names() == nullptr) {
    *out = name;
    return 0;
  }
  StoredName stored;
  const int error = stored_name(parent, name, &stored);
  *out = std::move(stored.name);
  return error;
}

int FileSystem::new_name_below(Inode& parent, const char* name, std::string* out) {
  if (names() == nullptr) {
    // A re-encryption would take it for what an earlier one has left behind, and remove it.
    if (is_successor(name)) return EINVAL;
    return name_below(parent, name, out);
  }
  StoredName stored;
  if (const int error = stored_name(parent, name, &stored); error != 0) return error;
  *out = stored.name;
  return make_name_link(parent.fd(), stored);
}

int FileSystem::look_up(Inode& parent, const char* name, fuse_entry_param* out) {
  if (names() == nullptr) return look_up_below(parent, name, out);
  StoredName stored;
  if (const int error = stored_name(parent, name, &stored); error != 0) return error;
  const int error = look_up_below(parent, stored.name.c_str(), out);
  // The rest of a long name, which a listing needs, may have been lost: here it is known.
  if (error == 0 && !contents_.is_read_only()) make_name_link(parent.fd(), stored);
  return error;
}

int FileSystem::look_up_below(Inode& parent, const char* name, fuse_entry_param* out) {
  Descriptor fd(::openat(parent.fd(), name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.is_open()) return errno;
  struct stat st;
  if (::fstatat(fd.get(), "", &st, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) != 0) return errno;
  const std::shared_ptr<Inode> inode = inodes_.enter(std::move(fd), st);
  *out = {};
  if (inode->type == S_IFLNK && names() != nullptr) {
    if (auto directory = parent.names(*names()); directory.is_ok()) inode->found_in(std::move(*directory));
  }
  if (const int error = inode->stat(contents_, &out->attr); error != 0) {
    inodes_.forget(*inode, 1);
    return error;
  }
  out->ino = number(*inode);
  out->generation = inode->generation;
  out->attr_timeout = kForeverSeconds;
  out->entry_timeout = name_seconds();
  return 0;
}

int FileSystem::check_shared_links(const SealedDirectory* from, Inode& to) {
  const auto there = to.names(*names());
  if (!there.is_ok()) return log_.explain(there.status());
  if (from == nullptr) return EXDEV;
  const auto shared = from->shares_links_with(**there);
  if (!shared.is_ok()) return log_.explain(shared.status());
  return *shared ? 0 : EXDEV;
}

int FileSystem::check_link_in(const Inode& link, Inode& directory) {
  return names() != nullptr ? check_shared_links(link.found_in().get(), directory) : 0;
}

int FileSystem::check_links_in(Inode& from, Inode& to) {
  if (names() == nullptr || &from == &to) return 0;
  const auto here = from.names(*names());
  return here.is_ok() ? check_shared_links(here->get(), to) : log_.explain(here.status());
}

void FileSystem::forget(fuse_ino_t ino, uint64_t lookups) {
  // The root is never forgotten: it has a lookup of its own.
  if (ino == FUSE_ROOT_ID) return;
  const std::shared_ptr<Inode> gone = inodes_.forget(inode(ino), lookups);
  if (gone == nullptr) return;
  gone->drop_if_unlinked();
  inodes_.settle(*gone);
}

void FileSystem::release(const std::shared_ptr<Inode>& inode) {
  if (!inode->release()) return;
  {
    const std::lock_guard lock(idle_mutex_);
    idle_.push_back({inode, std::chrono::steady_clock::now()});
  }
  // Whoever opens more than can be closed meanwhile closes for themselves, unless nothing may change: who lets go of a
  // file need not wait for that.
  if (!changes_.try_enter()) return;
  if (const std::shared_ptr<Inode> oldest = take_idle({}, kIdleMax)) close_idle(*oldest);
  changes_.leave();
}

void FileSystem::close_idle(Inode& inode) {
  log_.explain(inode.close_if_idle());
  inodes_.settle(inode);
}

std::shared_ptr<Inode> FileSystem::take_idle(std::chrono::milliseconds time, size_t left) {
  const std::lock_guard lock(idle_mutex_);
  if (idle_.size() <= left || idle_.front().since + time > std::chrono::steady_clock::now()) return nullptr;
  std::shared_ptr<Inode> out = std::move(idle_.front().inode);
  idle_.pop_front();
  return out;
}

Result<std::string> FileSystem::path_of(Inode& parent, const char* name) const {
  COFFER_ASSIGN(std::string out, parent.path());
  return out + "/" + name;
}

uint64_t FileSystem::add_handle(std::unique_ptr<Handle> handle) {
  const auto number = reinterpret_cast<uint64_t>(handle.get());
  std::lock_guard lock(handles_mutex_);
  handles_.emplace(number, std::move(handle));
  return number;
}

std::unique_ptr<Handle> FileSystem::take_handle(uint64_t number) {
  std::lock_guard lock(handles_mutex_);
  auto node = handles_.extract(number);
  return node.empty() ? nullptr : std::move(node.mapped());
}

void FileSystem::close_all() {
  closing_.stop();
  while (const std::shared_ptr<Inode> inode = take_idle({}, 0)) close_idle(*inode);
  for (const std::shared_ptr<Inode>& inode : inodes_.all()) log_.explain(inode->abandon());
}

}  // namespace coffer::fusefs
