#include "coffer/engines/fuse/freeze_server.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>

#include "coffer/io/posix_file.h"

namespace coffer::fusefs {
namespace {

constexpr std::chrono::seconds kPatience{1};

bool may_ask(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  return peer.uid == 0 || peer.uid == ::geteuid();
}

// A message, or the other end has gone.
bool has_something(int socket) {
  pollfd waiting{socket, POLLIN, 0};
  return ::poll(&waiting, 1, 0) > 0;
}

}  // namespace

Result<std::unique_ptr<FreezeServer>> FreezeServer::start(const std::string& coffer_directory,
                                                          const std::string& store, FileSystem& files) {
  COFFER_ASSIGN(Descriptor directory, open_mounts_directory(coffer_directory, true));
  Descriptor listener(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  Descriptor event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!listener.is_open() || !event.is_open()) return posix::failure("make", "a socket");
  COFFER_ASSIGN(std::string name, freeze_socket_name(store));
  const std::string path = coffer_directory + "/" + std::string(kMountsDirectoryName) + "/" + name;
  if (::unlinkat(directory.get(), name.c_str(), 0) != 0 && errno != ENOENT) return posix::failure("remove", path);
  const sockaddr_un address = freeze_address(directory, name);
  // Before it is bound: so the name never has another mode.
  ::fchmod(listener.get(), 0600);
  if (::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener.get(), kClientsMax) != 0) {
    return posix::failure("listen at", path);
  }
  std::unique_ptr<FreezeServer> out(new FreezeServer(files, std::move(directory), std::move(name), std::move(listener),
                                                     std::move(event)));
  out->thread_ = std::thread([raw = out.get()] { raw->run(); });
  return out;
}

FreezeServer::~FreezeServer() {
  ::unlinkat(directory_.get(), name_.c_str(), 0);
  stopping_ = true;
  wake();
  thread_.join();
}

void FreezeServer::break_off() {
  broken_off_ = true;
  // Not by the thread: it may be at a sync.
  files_.changes().open();
  wake();
}

void FreezeServer::wake() const {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(event_.get(), &one, sizeof one);
}

void FreezeServer::run() {
  while (!stopping_) {
    await_something();
    const bool broken_off = broken_off_.exchange(false);
    for (size_t i = 0; i < clients_.size();) {
      Client& client = clients_[i];
      const bool is_over = client.has_frozen && broken_off;
      if (!is_over && serve(client) == Fate::kStays && std::chrono::steady_clock::now() < client.until) {
        ++i;
        continue;
      }
      end(client);
      clients_.erase(clients_.begin() + static_cast<ptrdiff_t>(i));
    }
    accept_one();
  }
  for (Client& client : clients_) end(client);
}

void FreezeServer::await_something() {
  std::vector<pollfd> waiting{{event_.get(), POLLIN, 0}};
  int timeout = -1;
  if (left_until(accepts_from_).count() > 0) {
    timeout = static_cast<int>(left_until(accepts_from_).count());
  } else if (clients_.size() < kClientsMax) {
    waiting.push_back({listener_.get(), POLLIN, 0});
  }
  for (const Client& client : clients_) {
    waiting.push_back({client.socket.get(), POLLIN, 0});
    const int left = static_cast<int>(left_until(client.until).count());
    timeout = timeout < 0 ? left : std::min(timeout, left);
  }
  ::poll(waiting.data(), waiting.size(), timeout);
  uint64_t count = 0;
  [[maybe_unused]] const ssize_t drained = ::read(event_.get(), &count, sizeof count);
}

void FreezeServer::accept_one() {
  if (clients_.size() >= kClientsMax) return;
  Descriptor socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (socket.is_open()) {
    if (may_ask(socket.get())) clients_.push_back({std::move(socket), deadline_in(kPatience)});
  } else if (errno != EAGAIN) {
    accepts_from_ = deadline_in(kPatience);  // as where there are no descriptors left
  }
}

FreezeServer::Fate FreezeServer::serve(Client& client) {
  if (!has_something(client.socket.get())) return Fate::kStays;
  const std::optional<FreezeMessage> message = next_message(client.socket.get());
  if (!message) return Fate::kGoes;
  // Broken off, it is over, though this thread has not come to it yet.
  if (message->word == FreezeWord::kThaw && client.has_frozen && !broken_off_) {
    files_.changes().open();
    client.has_frozen = false;
    send_message(client.socket.get(), {FreezeWord::kThawed});
    return Fate::kGoes;
  }
  if (message->word != FreezeWord::kFreeze || client.has_frozen) return Fate::kGoes;
  const FreezeWord answer = freeze(client, message->seconds);
  const bool told = send_message(client.socket.get(), {answer});
  return told && answer == FreezeWord::kFrozen ? Fate::kStays : Fate::kGoes;
}

void FreezeServer::end(Client& client) {
  if (!client.has_frozen) return;
  files_.changes().open();
  client.has_frozen = false;
  send_message(client.socket.get(), {FreezeWord::kOver});
}

FreezeWord FreezeServer::freeze(Client& client, uint32_t seconds) {
  if (std::ranges::any_of(clients_, &Client::has_frozen)) return FreezeWord::kBusy;
  // What the disk has already need not be waited for by those who write.
  const Descriptor root(::open(files_.root().way().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (root.is_open()) ::syncfs(root.get());
  const Deadline until = deadline_in(std::chrono::seconds(std::clamp(seconds, uint32_t{1}, kFreezeSecondsMax)));
  broken_off_ = false;
  if (!files_.changes().close(until)) return FreezeWord::kTooSlow;
  const FreezeWord settled = settle_files(client, until);
  if (settled == FreezeWord::kFrozen) {
    client.until = until;
    client.has_frozen = true;
  } else {
    files_.changes().open();
  }
  return settled;
}

FreezeWord FreezeServer::settle_files(const Client& client, Deadline until) {
  for (const std::shared_ptr<Inode>& inode : files_.inodes().all()) {
    if (const Status settled = inode->settle_if_open(); !settled.is_ok()) {
      files_.log().explain(settled);
      return FreezeWord::kFailed;
    }
    if (stopping_ || broken_off_ || has_something(client.socket.get())) return FreezeWord::kOver;
    if (std::chrono::steady_clock::now() >= until) return FreezeWord::kTooSlow;
  }
  return FreezeWord::kFrozen;
}

}  // namespace coffer::fusefs
