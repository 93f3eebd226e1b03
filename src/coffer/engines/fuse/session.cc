#include "coffer/engines/fuse/session.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>

#include "coffer/base/scratch.h"
#include "coffer/engines/fuse/caller.h"
#include "coffer/engines/fuse/mountpoint.h"
#include "coffer/engines/fuse/set_ids.h"
#include "coffer/io/posix_file.h"

namespace coffer::fusefs {
namespace {

constexpr int kLookIntervalMilliseconds = 250;
constexpr int kEndSignals[] = {SIGTERM, SIGINT, SIGHUP};

// Written to by signals, and when the loop has ended.
std::atomic<int> wake_event{-1};

void wake(int) {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_event.load(), &one, sizeof one);
}

void do_init(void* user, fuse_conn_info* connection) {
  auto& files = *static_cast<FileSystem*>(user);
  connection->max_write = kWriteSizeMax;
  connection->max_read = kReadSizeMax;  // and in the options of the mount, which libfuse wants to be the same
  connection->max_readahead = kReadAheadSize;  // at most: see read_further_ahead()
  connection->max_background = 4 * kThreadsMax;
  connection->congestion_threshold = 3 * kThreadsMax;
  // The kernel knows of every change, since all are made through it: it need not look for others.
  connection->want &= ~unsigned{FUSE_CAP_AUTO_INVAL_DATA};
  // That takes bits of the mode away from everybody who writes: see set_ids.h.
  connection->want &= ~unsigned{FUSE_CAP_HANDLE_KILLPRIV};
  unsigned wanted = FUSE_CAP_EXPLICIT_INVAL_DATA | FUSE_CAP_ASYNC_READ | FUSE_CAP_ASYNC_DIO | FUSE_CAP_DONT_MASK |
                    FUSE_CAP_POSIX_ACL | FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO |
                    FUSE_CAP_CACHE_SYMLINKS | FUSE_CAP_ATOMIC_O_TRUNC;
  if (files.options().write_back) wanted |= FUSE_CAP_WRITEBACK_CACHE;
  connection->want |= connection->capable & wanted;
  files.on_ready();
}

fuse_lowlevel_ops operations(bool write_back) {
  fuse_lowlevel_ops out{};
  out.init = do_init;
  add_name_operations(out);
  add_rename_operations(out);
  add_attribute_operations(out);
  add_directory_operations(out);
  add_data_operations(out);
  // What the kernel has gathered may lie where the file has a hole as yet: then it has to take all for data.
  if (write_back) out.lseek = nullptr;
  return out;
}

// As an option of a mount: commas and backslashes would end or change it.
std::string escaped_option(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == ',' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string mount_options(const MountRequest& request) {
  std::string out = "default_permissions,subtype=coffer,max_read=" + std::to_string(kReadSizeMax) +
                    ",fsname=" + escaped_option(request.store);
  if (request.allow_other) out += ",allow_other";
  if (request.read_only) out += ",ro";
  return out;
}

// Each inode that the kernel knows takes a descriptor.
void allow_many_descriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

Status mount_device(const MountRequest& request) {
  const std::string options = "fd=" + std::to_string(request.device) + ",rootmode=40000,user_id=" +
                              std::to_string(::getuid()) + ",group_id=" + std::to_string(::getgid()) +
                              ",default_permissions,allow_other,max_read=" + std::to_string(kReadSizeMax);
  const unsigned long flags = MS_NOSUID | MS_NODEV | (request.read_only ? MS_RDONLY : 0);
  const std::string type(kFileSystemType);
  const int mounted =
      ::mount(request.store.c_str(), request.mountpoint.c_str(), type.c_str(), flags, options.c_str());
  if (mounted != 0) return posix::failure("mount a store at", request.mountpoint);
  read_further_ahead(request.mountpoint);
  return Status::ok();
}

Result<std::unique_ptr<Session>> Session::mount(const MountRequest& request, Contents& contents, TroubleLog& log) {
  std::unique_ptr<Session> out(new Session(request, contents, log));
  COFFER_TRY(out->begin());
  return out;
}

Status Session::begin() {
  Descriptor root(::open(request_.store.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  struct stat st;
  if (!root.is_open() || ::fstat(root.get(), &st) != 0) return posix::failure("open", request_.store);
  allow_many_descriptors();
  keep_capabilities_as_caller();
  ::umask(0);
  files_ = std::make_unique<FileSystem>(std::move(root), st, contents_, log_,
                                        FileSystemOptions{.write_back = request_.write_back});
  std::string name = "coffer", flag = "-o", options = mount_options(request_);
  char* words[] = {name.data(), flag.data(), options.data(), nullptr};
  fuse_args arguments{3, words, 0};
  const fuse_lowlevel_ops ops = operations(request_.write_back);
  session_ = fuse_session_new(&arguments, &ops, sizeof ops, files_.get());
  fuse_opt_free_args(&arguments);
  if (session_ == nullptr) return {Code::kInternal, "libfuse takes none of the mount options " + options};
  const std::string device = "/dev/fd/" + std::to_string(request_.device);
  const std::string& where = request_.device >= 0 ? device : request_.mountpoint;
  if (fuse_session_mount(session_, where.c_str()) != 0) {
    return {Code::kPermissionDenied,
            request_.mountpoint + ": the system did not mount it, and has said why; /dev/fuse and fusermount3 of the "
                                  "package fuse3 are needed, and root or user_allow_other in /etc/fuse.conf for "
                                  "--allow-other"};
  }
  mounted_ = true;
  if (request_.device < 0) read_further_ahead(request_.mountpoint);
  return look_after_set_ids(session_);
}

Session::~Session() {
  if (session_ == nullptr) return;
  if (mounted_) fuse_session_unmount(session_);
  fuse_session_destroy(session_);
}

Status Session::serve(const std::function<void()>& ready) {
  const Descriptor event(::eventfd(0, EFD_CLOEXEC));
  if (!event.is_open()) return posix::failure("make", "an event");
  wake_event = event.get();
  struct sigaction action {};
  action.sa_handler = wake;
  for (const int each : kEndSignals) ::sigaction(each, &action, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  files_->on_ready = ready;
  serve_freezes();
  std::thread watcher([this] { watch(); });
  fuse_loop_config* const config = fuse_loop_cfg_create();
  fuse_loop_cfg_set_max_threads(config, kThreadsMax);
  fuse_loop_cfg_set_idle_threads(config, kThreadsMax);
  fuse_loop_cfg_set_clone_fd(config, 1);
  const int ended = fuse_session_loop_mt(session_, config);
  fuse_loop_cfg_destroy(config);
  ended_ = true;
  wake(0);
  watcher.join();
  freezes_.reset();
  files_->close_all();
  for (const int each : kEndSignals) ::signal(each, SIG_DFL);
  wake_event = -1;
  if (ended >= 0) return Status::ok();
  return {Code::kIo, request_.mountpoint + ": serving the mount failed: error " + std::to_string(-ended)};
}

void Session::serve_freezes() {
  if (request_.coffer_directory.empty()) return;
  auto started = FreezeServer::start(request_.coffer_directory, request_.store, *files_);
  if (started.is_ok()) {
    freezes_ = std::move(*started);
  } else {
    log_.tell("nobody can back the store up while it is mounted: " + std::string(started.status().message()));
  }
}

void Session::watch() {
  while (!ended_) {
    pollfd waiting{wake_event.load(), POLLIN, 0};
    if (::poll(&waiting, 1, kLookIntervalMilliseconds) > 0) {
      uint64_t count = 0;
      if (::read(waiting.fd, &count, sizeof count) > 0 && !ended_) end_by_signal();
    }
    if (contents_.were_keys_taken()) drop_cached_pages();
    for (std::string line = contents_.news(); !line.empty(); line = contents_.news()) log_.tell(line);
  }
}

void Session::end_by_signal() {
  if (request_.device >= 0) return;  // whoever has mounted it ends it
  if (++signals_ > 1) {
    // What was synced is safe as it is; the rest is handed to the disk.
    for (const std::shared_ptr<Inode>& inode : files_->inodes().all()) log_.explain(inode->sync_if_open());
    log_.tell("ended at once: programs that have files open lose them");
    ::_exit(1);
  }
  const Status unmounted = take_away_mount(request_.mountpoint, false);
  if (unmounted.is_ok()) return;
  log_.tell(std::string(unmounted.message()));
  log_.tell("taken from its place: goes on until nobody uses it any more, or until the next signal");
  log_.explain(take_away_mount(request_.mountpoint, true));
}

// Nothing that is read from here on comes from before: the kernel waits for reads that are under way.
void Session::drop_cached_pages() {
  // The kernel would wait for what waits for the thaw.
  if (freezes_ != nullptr) freezes_->break_off();
  for (const std::shared_ptr<Inode>& inode : files_->inodes().all()) {
    // What was listed of a directory whose names are encrypted, and read of a link, lies there too.
    if (inode->is_regular() || contents_.names() != nullptr) {
      fuse_lowlevel_notify_inval_inode(session_, files_->number(*inode), 0, 0);
    }
  }
  Scratch::wipe_all();
  log_.tell("keys were taken back: pages in the cache are dropped");
}

}  // namespace coffer::fusefs
