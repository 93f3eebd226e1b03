// How a mount's daemon is asked to freeze its store: a socket in the coffer's directory, which its owner alone may
// enter, and messages of a fixed size over it (SOCK_SEQPACKET, so that each comes whole or not at all).
//
//   asks     "coffer.1" ‖ what (u32) ‖ seconds (u32)    kFreeze, kThaw (seconds: 0)
//   answers  "coffer.1" ‖ what (u32) ‖ 0 (u32)          kFrozen, kThawed: as asked; else the connection ends
#pragma once

#include <sys/un.h>

#include <array>
#include <cstring>
#include <optional>
#include <string>

#include "coffer/base/bytes.h"
#include "coffer/io/descriptor.h"

namespace coffer::fusefs {

enum class FreezeWord : uint32_t {
  kFreeze = 1,
  kThaw = 2,
  kFrozen = 3,
  kThawed = 4,
  kBusy = 5,     // by somebody else
  kTooSlow = 6,  // changes that were under way, or syncing, took longer than that
  kFailed = 7,   // a file could not be synced: the mount's log says which
  kOver = 8,     // it was frozen for as long as it may be, or was broken off
};

inline constexpr uint32_t kFreezeSecondsMax = 60;

struct FreezeMessage {
  static constexpr size_t kSize = 16;
  using Packet = std::array<char, kSize>;

  FreezeWord word{};
  uint32_t seconds = 0;

  Packet encode() const {
    Packet out;
    std::memcpy(out.data(), kMagic.data(), kMagic.size());
    std::memcpy(out.data() + 8, &word, sizeof word);
    std::memcpy(out.data() + 12, &seconds, sizeof seconds);
    return out;
  }
  // Nothing: that is none. Both ends are on one machine, so numbers are its own.
  static std::optional<FreezeMessage> decode(const char* packet, size_t size) {
    if (size != kSize || std::memcmp(packet, kMagic.data(), kMagic.size()) != 0) return std::nullopt;
    FreezeMessage out;
    std::memcpy(&out.word, packet + 8, sizeof out.word);
    std::memcpy(&out.seconds, packet + 12, sizeof out.seconds);
    return out;
  }

 private:
  static constexpr std::string_view kMagic{"coffer.1"};
};

// The next message, or nothing: the other end has gone, or says something else. Does not wait.
std::optional<FreezeMessage> next_message(int socket);
bool send_message(int socket, const FreezeMessage& message);

// Where the sockets of a coffer's mounts are; its owner's, and nobody else's to enter. kPermissionDenied where others
// may write to it.
inline constexpr std::string_view kMountsDirectoryName = "mounts.d";
Result<Descriptor> open_mounts_directory(const std::string& coffer_directory, bool make);
Result<std::string> freeze_socket_name(const std::string& store);
// However long the paths of both are.
sockaddr_un freeze_address(const Descriptor& directory, const std::string& name);

}  // namespace coffer::fusefs
