// Making files for whoever asked: theirs, under their umask. Credentials for that belong to a thread on Linux.
#pragma once

#include <fuse3/fuse_lowlevel.h>
#include <sys/types.h>

namespace coffer::fusefs {

// Before there are threads: from then on taking a caller's ids costs this process none of its capabilities. What the
// caller may do the kernel has asked by then (default_permissions), with all their groups.
void keep_capabilities_as_caller();

// What this thread makes as long as it lives is the caller's.
class AsCaller {
 public:
  explicit AsCaller(const fuse_ctx& caller);
  ~AsCaller();
  AsCaller(const AsCaller&) = delete;
  AsCaller& operator=(const AsCaller&) = delete;

  // The mode to make a file with, where the thread's umask or a default ACL of the directory take away the rest.
  mode_t mode(mode_t asked) const { return asked & ~taken_here_; }

 private:
  mode_t taken_here_ = 0;
};

}  // namespace coffer::fusefs
