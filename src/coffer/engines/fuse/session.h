// A mount, from mounting to the end of its daemon.
#pragma once

#include <functional>
#include <thread>

#include "coffer/engines/fuse/file_system.h"
#include "coffer/engines/fuse/freeze_server.h"

namespace coffer::fusefs {

struct MountRequest {
  std::string store;       // the backing directory, canonical
  std::string mountpoint;  // as check_mountpoint() wants it
  // Users besides the one whose process this is may use it; root may let them, others if /etc/fuse.conf does.
  bool allow_other = false;
  bool read_only = false;
  bool write_back = false;
  // The coffer's directory, where the daemon can be asked to freeze the store; empty: nobody asks.
  std::string coffer_directory = {};
  // An open /dev/fuse that somebody else mounts, before serve(), with mount_device(); -1: it mounts by itself.
  int device = -1;
};

// In a namespace of mounts of its own: mounts what another process serves by the same open device.
Status mount_device(const MountRequest& request);

// Threads that work for the kernel: with what each is at work on, that bounds the memory of a mount.
inline constexpr unsigned kThreadsMax = 16;
// Bytes of one request at most. What is read ahead is several, so that several threads open it.
inline constexpr unsigned kWriteSizeMax = 1 << 20;
inline constexpr unsigned kReadSizeMax = 256 << 10;

// One at a time in a process.
class Session {
 public:
  // Mounted when it returns; served from serve() on. `contents` and `log` outlive it.
  static Result<std::unique_ptr<Session>> mount(const MountRequest& request, Contents& contents, TroubleLog& log);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Calls `ready` once the kernel has taken the mount up. Returns when it is unmounted, and everything is written and
  // closed: by somebody, or by itself after SIGTERM, SIGINT or SIGHUP. If it is in use then it vanishes from its place,
  // and goes on for those who use it; a second signal ends it at once. Signals do nothing where `device` is mounted.
  Status serve(const std::function<void()>& ready);

 private:
  Session(const MountRequest& request, Contents& contents, TroubleLog& log)
      : request_(request), contents_(contents), log_(log) {}
  Status begin();
  void serve_freezes();
  void watch();
  void end_by_signal();
  void drop_cached_pages();

  const MountRequest request_;
  Contents& contents_;
  TroubleLog& log_;
  std::unique_ptr<FileSystem> files_;
  std::unique_ptr<FreezeServer> freezes_;  // null: nobody can ask
  fuse_session* session_ = nullptr;
  bool mounted_ = false;
  std::atomic<bool> ended_{false};
  int signals_ = 0;
};

}  // namespace coffer::fusefs
