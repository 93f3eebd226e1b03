#include "coffer/engines/fuse/caller.h"

#include <linux/securebits.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace coffer::fusefs {
namespace {

// Umasks are a process's unless a thread asks for its own.
bool has_own_umask() {
  thread_local const bool own = ::unshare(CLONE_FS) == 0;
  return own;
}

}  // namespace

void keep_capabilities_as_caller() {
  const int now = ::prctl(PR_GET_SECUREBITS);
  // Without the right to, ids cannot be taken either, and all files are this process's user's.
  if (now >= 0) ::prctl(PR_SET_SECUREBITS, now | SECBIT_NO_SETUID_FIXUP);
}

AsCaller::AsCaller(const fuse_ctx& caller) {
  if (has_own_umask()) {
    ::umask(caller.umask);
  } else {
    taken_here_ = caller.umask;
  }
  ::setfsgid(caller.gid);
  ::setfsuid(caller.uid);
}

AsCaller::~AsCaller() {
  ::setfsuid(::geteuid());
  ::setfsgid(::getegid());
  if (taken_here_ == 0) ::umask(0);
}

}  // namespace coffer::fusefs
