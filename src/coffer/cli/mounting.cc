// The daemon behind coffer mount: opens the coffer, mounts the store, and serves it until it is unmounted.
#include "coffer/cli/mounting.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <syslog.h>

#include <algorithm>
#include <cstdlib>

#include "coffer/base/clock.h"
#include "coffer/base/path.h"
#include "coffer/base/period.h"
#include "coffer/base/text.h"
#include "coffer/cli/mount_module.h"
#include "coffer/cli/opening.h"
#include "coffer/engines/fuse/coffer_contents.h"
#include "coffer/engines/fuse/mountpoint.h"
#include "coffer/engines/fuse/store_lock.h"
#include "coffer/io/posix_file.h"

namespace coffer::cli {
namespace {

using fusefs::MountRequest;
using fusefs::TroubleLog;

// sd_notify(3), for whoever started it with Type=notify.
void notify_service(std::string_view what) {
  const char* const name = std::getenv("NOTIFY_SOCKET");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (name == nullptr || *name == '\0') return;
  const std::string_view path(name);
  if (path.size() >= sizeof address.sun_path) return;
  path.copy(address.sun_path, path.size());
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';  // in no file system
  const Descriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  [[maybe_unused]] const ssize_t sent = ::sendto(socket.get(), what.data(), what.size(), MSG_NOSIGNAL,
                                                 reinterpret_cast<const sockaddr*>(&address), size);
}

Outcome tell_mounted(const MountRequest& request, Console& console) {
  console.answer(Json{{"mountpoint", request.mountpoint}, {"store", request.store}},
                 "mounted " + printable(request.store) + " at " + printable(request.mountpoint) +
                     "; coffer umount ends it\n");
  return Outcome::kDone;
}

// From here on nobody waits for this process, and no terminal is its own.
void leave_terminal(int tell) {
  ::setsid();
  [[maybe_unused]] const int moved = ::chdir("/");
  const Descriptor nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
  for (const int each : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(nothing.get(), each);
  const char ready = 'r';
  [[maybe_unused]] const ssize_t written = ::write(tell, &ready, 1);
}

// In the parent: how the child came on. It has said itself what was wrong.
Result<Outcome> await_mount(pid_t child, int told, const MountRequest& request, Console& console) {
  char ready = 0;
  if (posix::retry_interrupted([&] { return ::read(told, &ready, 1); }) == 1) return tell_mounted(request, console);
  int ended = 0;
  posix::retry_interrupted([&] { return ::waitpid(child, &ended, 0); });
  if (WIFEXITED(ended) && WEXITSTATUS(ended) != 0) return static_cast<Outcome>(WEXITSTATUS(ended));
  return {Code::kInternal, request.mountpoint + ": the process that was to serve the mount has ended before it did"};
}

Result<Outcome> mount_in_background(const Arguments& arguments, const MountRequest& request, TroubleLog& log,
                                    Console& console) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return posix::failure("make", "a pipe");
  Descriptor told(ends[0]), tell(ends[1]);
  // Before the coffer is opened: keys are not for a child.
  const pid_t child = ::fork();
  if (child < 0) return posix::failure("start", "a process");
  if (child > 0) {
    tell.close();
    return await_mount(child, told.get(), request, console);
  }
  told.close();
  bool is_ready = false;
  ServingSteps steps;
  steps.ready = [&] {
    is_ready = true;
    leave_terminal(tell.get());
  };
  const Status served = serve_store(arguments, request, log, steps);
  if (is_ready && !served.is_ok()) log.tell(served.to_string());
  COFFER_TRY(served);
  return Outcome::kDone;
}

// The kernel writes what it has gathered by whole pages, and in no order.
Status check_write_back(const Config& config, const MountRequest& request) {
  const auto grows = [](const MountedFiles& rule) { return rule.kind != Kind::kPages; };
  if (!request.write_back || std::ranges::none_of(config.mounted_files, grows)) return Status::ok();
  return {Code::kInvalidArgument, config.providers.name + ": mounted_files has files of kinds that grow at their end "
                                                          "only, which --write-back cannot serve; mount without it"};
}

fusefs::NamesAsked names_asked(const Arguments& arguments) {
  const std::string* asked = arguments.find("--names");
  if (asked == nullptr) return fusefs::NamesAsked::kAsTheyAre;
  return *asked == "clear" ? fusefs::NamesAsked::kClear : fusefs::NamesAsked::kEncrypted;
}

Result<Outcome> mount_store(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(MountRequest request, mount_request(arguments, arguments.operand("STORE")));
  COFFER_ASSIGN(request.mountpoint, fusefs::canonical_mountpoint(arguments.operand("MOUNTPOINT")));
  COFFER_TRY(fusefs::detach_dead_mount(request.mountpoint));
  COFFER_TRY(fusefs::check_mountpoint(request.mountpoint, request.store));
  request.allow_other = arguments.has("--allow-other");
  const bool stays = arguments.has("--foreground");
  COFFER_ASSIGN(TroubleLog::Write write, open_mount_log(arguments, console, stays));
  TroubleLog log(std::move(write));
  if (!stays) return mount_in_background(arguments, request, log, console);
  COFFER_TRY(serve_store(arguments, request, log, {}));
  return Outcome::kDone;
}

}  // namespace

Result<MountRequest> mount_request(const Arguments& arguments, const std::string& store) {
  Disk& disk = Disk::posix();
  MountRequest out;
  COFFER_ASSIGN(out.store, disk.canonical(absolute_path(store)));
  COFFER_ASSIGN(const FileInfo info, disk.info(out.store));
  if (!info.is_directory) return {Code::kInvalidArgument, out.store + ": not a directory; a store is one"};
  out.read_only = arguments.has("--read-only");
  out.write_back = arguments.has("--write-back");
  return out;
}

Result<TroubleLog::Write> open_mount_log(const Arguments& arguments, Console& console, bool stays) {
  if (const std::string* path = arguments.find("--log")) {
    const auto file = std::make_shared<Descriptor>(
        ::open(path->c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640));
    if (!file->is_open()) return posix::failure("open", *path);
    return TroubleLog::Write([file](const std::string& text) {
      const std::string line = utc_text(now_seconds()) + " coffer: " + printable(text) + "\n";
      [[maybe_unused]] const ssize_t written = ::write(file->get(), line.data(), line.size());
    });
  }
  if (stays) return TroubleLog::Write([&](const std::string& text) { console.note(text); });
  return TroubleLog::Write([](const std::string& text) { ::syslog(LOG_DAEMON | LOG_WARNING, "%s", text.c_str()); });
}

Status serve_store(const Arguments& arguments, const MountRequest& request, TroubleLog& log,
                   const ServingSteps& steps) {
  COFFER_ASSIGN(const auto coffer, open_coffer(arguments, {.waits_its_turn = true}));
  COFFER_TRY(coffer->at_home());
  COFFER_ASSIGN(const std::string coffer_directory, coffer->disk().canonical(coffer->directory()));
  if (is_within(coffer_directory, request.store)) {
    return {Code::kInvalidArgument, request.store + ": the coffer itself is in it; keep the two apart"};
  }
  COFFER_TRY(check_write_back(coffer->config(), request));
  COFFER_ASSIGN(const auto lock, fusefs::lock_store(request.store));
  {
    // Whoever writes files anew has looked for mounts before, or will from now on, and finds this one.
    const auto alone = coffer->disk().lock(coffer->directory() + "/reencrypt.lock", false);
    if (!alone.is_ok()) {
      return alone.status().with_context("a re-encryption may be at work on the store; repeat when it has ended");
    }
  }
  // Keys and plaintext are in this process.
  const rlimit none{};
  ::setrlimit(RLIMIT_CORE, &none);
  COFFER_ASSIGN(auto names, fusefs::SealedNames::of_store(coffer, request.store, names_asked(arguments),
                                                          !request.read_only));
  COFFER_ASSIGN(const auto contents,
                fusefs::CofferContents::open(coffer, request.store, std::move(names), request.read_only));
  MountRequest mounting = request;
  // What is mounted for one program alone nobody finds.
  if (request.device < 0) mounting.coffer_directory = coffer_directory;
  COFFER_ASSIGN(const auto session, fusefs::Session::mount(mounting, *contents, log));
  COFFER_TRY(steps.prepared());
  coffer->policy().enable();
  coffer->watch_keys();
  const Status served = session->serve([&] {
    steps.ready();
    notify_service("READY=1");
  });
  notify_service("STOPPING=1");
  // Before the store is let go: whoever asks then is to find what was done here.
  log.explain(coffer->file_counts().save());
  return served;
}

}  // namespace coffer::cli

coffer::Result<coffer::cli::Outcome> coffer_mount(const coffer::cli::Arguments& arguments,
                                                  coffer::cli::Console& console) {
  return coffer::cli::mount_store(arguments, console);
}
