#include "coffer/engines/fuse/freeze_wire.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "coffer/crypto/kdf.h"
#include "coffer/io/posix_file.h"

namespace coffer::fusefs {

std::optional<FreezeMessage> next_message(int socket) {
  char packet[FreezeMessage::kSize + 1];
  const ssize_t size = posix::retry_interrupted([&] { return ::recv(socket, packet, sizeof packet, MSG_DONTWAIT); });
  return size > 0 ? FreezeMessage::decode(packet, static_cast<size_t>(size)) : std::nullopt;
}

bool send_message(int socket, const FreezeMessage& message) {
  const FreezeMessage::Packet packet = message.encode();
  return ::send(socket, packet.data(), packet.size(), MSG_NOSIGNAL | MSG_DONTWAIT) ==
         static_cast<ssize_t>(packet.size());
}

Result<Descriptor> open_mounts_directory(const std::string& coffer_directory, bool make) {
  const std::string path = coffer_directory + "/" + std::string(kMountsDirectoryName);
  if (make && ::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return posix::failure("make", path);
  struct stat st;
  Descriptor out(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!out.is_open() || ::fstat(out.get(), &st) != 0) return posix::failure("open", path);
  if ((st.st_mode & (S_IWGRP | S_IWOTH)) == 0) return out;
  return {Code::kPermissionDenied, path + ": others may write to it; remove it, and the next mount makes it anew"};
}

Result<std::string> freeze_socket_name(const std::string& store) {
  constexpr size_t kBytes = 16;
  COFFER_ASSIGN(const Sha256 digest, sha256(as_bytes(store)));
  return to_hex(ByteView(digest).first(kBytes)) + ".sock";
}

sockaddr_un freeze_address(const Descriptor& directory, const std::string& name) {
  sockaddr_un out{};
  out.sun_family = AF_UNIX;
  const std::string path = "/proc/self/fd/" + std::to_string(directory.get()) + "/" + name;
  path.copy(out.sun_path, sizeof out.sun_path - 1);
  return out;
}

}  // namespace coffer::fusefs
