#include "coffer/engines/fuse/freeze_client.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "coffer/base/deadline.h"
#include "coffer/engines/fuse/mountpoint.h"
#include "coffer/engines/fuse/store_lock.h"
#include "coffer/io/posix_file.h"

namespace coffer::fusefs {
namespace {

// Until the disk has what was written before: the store is not frozen meanwhile.
constexpr std::chrono::minutes kFreezePatience{10};
constexpr std::chrono::seconds kThawPatience{10};
constexpr time_t kConnectSeconds = 10;

// Nothing: it has gone, or says nothing in time.
std::optional<FreezeMessage> await_message(int socket, std::chrono::milliseconds patience) {
  const Deadline deadline = deadline_in(patience);
  pollfd waiting{socket, POLLIN, 0};
  const int ready = posix::retry_interrupted([&] {
    return ::poll(&waiting, 1, static_cast<int>(left_until(deadline).count()));
  });
  return ready > 0 ? next_message(socket) : std::nullopt;
}

class FrozenMount final : public FrozenStore {
 public:
  FrozenMount(std::string store, uint32_t seconds, Descriptor socket)
      : store_(std::move(store)), seconds_(seconds), socket_(std::move(socket)) {}

  Status check() override {
    pollfd waiting{socket_.get(), POLLIN, 0};
    if (over_.is_ok() && ::poll(&waiting, 1, 0) != 0) over_ = explain(next_message(socket_.get()));
    return over_;
  }
  Status thaw() override {
    COFFER_TRY(check());
    send_message(socket_.get(), {FreezeWord::kThaw});
    return over_ = explain(await_message(socket_.get(), kThawPatience));
  }

 private:
  Status explain(const std::optional<FreezeMessage>& message) const {
    if (message && message->word == FreezeWord::kThawed) return Status::ok();
    if (message && message->word == FreezeWord::kOver) {
      return {Code::kConflict, store_ + ": was frozen for " + std::to_string(seconds_) +
                                   " s, or until keys were taken back, and more of it had changed than could be read "
                                   "and kept in that time; repeat with a longer time (--freeze-at-most), when less "
                                   "is written, or take a snapshot of it"};
    }
    return {Code::kConflict, store_ + ": its mount has ended while it was frozen; repeat when it is mounted again, or "
                                      "while it is not"};
  }

  const std::string store_;
  const uint32_t seconds_;
  const Descriptor socket_;
  Status over_;  // why it is
};

Status refusal(const std::string& store, const std::optional<FreezeMessage>& answer) {
  const auto word = answer ? answer->word : FreezeWord::kOver;
  switch (word) {
    case FreezeWord::kBusy:
      return {Code::kBusy, store + ": is frozen for somebody else; repeat when that has ended"};
    case FreezeWord::kTooSlow:
      return {Code::kConflict, store + ": what was written could not be synced in the time that it may be frozen; "
                                       "repeat with a longer time (--freeze-at-most), or when less is written"};
    case FreezeWord::kFailed:
      return {Code::kIo, store + ": one of its open files could not be synced; the log of its mount says which"};
    default: return {Code::kConflict, store + ": its mount has ended before it was frozen; repeat"};
  }
}

// What the kernel gathers of it is the daemon's then. Mounted where this process does not see it, nothing is gathered.
void pass_on_writes(const std::string& store) {
  const std::string mountpoint = mountpoint_of(store);
  if (mountpoint.empty()) return;
  const Descriptor root(::open(mountpoint.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (root.is_open()) ::syncfs(root.get());
}

}  // namespace

bool MountFreezer::can_freeze(const std::string& directory) const {
  if (mounted_store_of(directory) != directory) return false;
  const auto mounts = open_mounts_directory(coffer_directory_, false);
  const auto name = freeze_socket_name(directory);
  struct stat st;
  return mounts.is_ok() && name.is_ok() &&
         ::fstatat(mounts->get(), name->c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISSOCK(st.st_mode);
}

Result<Descriptor> MountFreezer::connect(const std::string& store) const {
  COFFER_ASSIGN(const Descriptor mounts, open_mounts_directory(coffer_directory_, false));
  COFFER_ASSIGN(const std::string name, freeze_socket_name(store));
  Descriptor out(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  // Others may stand in line.
  const timeval patience{kConnectSeconds, 0};
  ::setsockopt(out.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  const sockaddr_un address = freeze_address(mounts, name);
  if (::connect(out.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return out;
  return {Code::kBusy, store + ": is mounted, and its daemon cannot be asked to freeze it (" +
                           std::string(posix::failure("connect to", name).message()) +
                           "); repeat as its user, or while it is not mounted"};
}

Result<std::unique_ptr<FrozenStore>> MountFreezer::freeze(const std::string& directory) const {
  pass_on_writes(directory);
  COFFER_ASSIGN(Descriptor socket, connect(directory));
  send_message(socket.get(), {FreezeWord::kFreeze, seconds_});
  const auto answer = await_message(socket.get(), kFreezePatience);
  if (!answer || answer->word != FreezeWord::kFrozen) return refusal(directory, answer);
  return std::unique_ptr<FrozenStore>(std::make_unique<FrozenMount>(directory, seconds_, std::move(socket)));
}

}  // namespace coffer::fusefs
