// Several KMIP hosts that hold the same keys: tried in order, each with its own protocol version. One
// connection is kept, to the host that answered last; callers at the same time have others. Thread-safe, also in a
// child of fork().
#pragma once

#include <mutex>

#include "coffer/net/kmip/connection.h"
#include "coffer/net/kmip/message.h"

namespace coffer::kmip {

// May an operation be sent again when it is not known whether the host carried it out?
enum class Repeat : uint8_t { kAlways, kOnlyIfUnsent };

struct Answer {
  Response response;
  std::string host;  // "hsm1:5696"
};

struct HostReport {
  std::string host;
  Status status;
  ProtocolVersion version;
  std::string tls_version;
  std::chrono::microseconds taken{0};
};

class HostGroup {
 public:
  // Reads certificates and keys; talks to nobody yet.
  static Result<std::shared_ptr<HostGroup>> create(const GroupSettings& settings);

  // Sends the operations to the first host that answers, in as many rounds as the settings allow. A result for each
  // operation, successful or not. kProviderUnavailable, or kPermissionDenied when no host accepts us: every host with
  // its reason.
  Result<Answer> call(std::span<const OperationRequest> operations, Repeat repeat);
  // Every host by itself, once.
  std::vector<HostReport> ping();

  const GroupSettings& settings() const { return settings_; }

 private:
  using Clock = std::chrono::steady_clock;
  struct Host {
    HostAddress address;
    std::optional<ProtocolVersion> version;
    Clock::time_point rests_until;  // is tried after the others until then, because it failed
  };
  struct Session;

  HostGroup(const GroupSettings& settings, std::shared_ptr<const TlsContext> context);
  // The kept connection if it is to that host and good, else a new one.
  Result<Session> open(Host& host, bool may_be_kept);
  void keep(Session session);
  void mark(Host& host, bool healthy);
  std::vector<Host*> hosts_by_health();
  Result<Answer> call_host(Host& host, std::span<const OperationRequest> operations, Repeat repeat, bool& sent);
  Result<Response> ask(Session& session, std::span<const OperationRequest> operations);
  Result<Response> exchange(Session& session, std::span<const OperationRequest> operations);
  // False while it is not known which version the host speaks.
  bool take_known_version(Session& session);
  Status negotiate(Session& session);
  Result<ProtocolVersion> discover(Session& session);
  Status all_failed(std::span<const std::pair<Host*, Status>> failures) const;

  const GroupSettings settings_;
  const std::shared_ptr<const TlsContext> context_;
  std::mutex mutex_;
  std::vector<Host> hosts_;  // their addresses never change
  std::unique_ptr<Connection> kept_;
  const Host* kept_host_ = nullptr;
};

}  // namespace coffer::kmip
