// Several KMIP hosts that hold the same keys: tried in order, each with its own protocol version. One
// connection is kept, to the host that answered last; callers at the same time have others. Thread-safe, also in a
// child of fork().
#pragma once

#include <functional>
#include <mutex>

#include "coffer/net/kmip/connection.h"
#include "coffer/net/kmip/message.h"

namespace coffer::kmip {

// May an operation be sent again when it is not known whether the host carried it out?
enum class Repeat : uint8_t { kAlways, kOnlyIfUnsent };

// Whether an answer says that what was asked for is not there. Another host may have it.
using IsMissing = std::function<bool(const Response& response)>;
// Every operation: Item Not Found.
bool all_not_found(const Response& response);

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

  // Sends the operations to the first host that answers, and has what they are about, in as many rounds as the group's
  // time allows. A result for each operation, successful or not. kProviderUnavailable, also when what is missing at one
  // host may be at another that does not answer, or kPermissionDenied when no host accepts us: every host with its
  // reason.
  Result<Answer> call(std::span<const OperationRequest> operations, Repeat repeat,
                      const IsMissing& is_missing = all_not_found);
  // The same for what may be looked for where it is not: the hosts that answer are enough to say that it is missing.
  Result<Answer> look(const OperationRequest& operation, const IsMissing& is_missing);
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
  struct Failure {
    const Host* host;
    Status status;
  };
  // What the hosts have said to one call.
  struct Tally {
    std::vector<Failure> failures;  // of the latest round
    std::optional<Answer> missing;
    bool hopeless = false;  // another round would change nothing
  };

  HostGroup(const GroupSettings& settings, std::shared_ptr<const TlsContext> context);
  Result<Answer> call_in_rounds(std::span<const OperationRequest> operations, Repeat repeat,
                                const IsMissing& is_missing, bool all_must_miss);
  // Nothing when no host had it.
  Result<std::optional<Answer>> one_round(std::span<const OperationRequest> operations, Repeat repeat,
                                          const IsMissing& is_missing, Deadline deadline, Tally& tally);
  // The kept connection if it is to that host and good, else a new one.
  Result<Session> open(Host& host, bool may_be_kept, Deadline deadline);
  void keep(Session session);
  void mark(Host& host, bool healthy);
  std::vector<Host*> hosts_by_health();
  Result<Answer> call_host(Host& host, std::span<const OperationRequest> operations, Repeat repeat, Deadline deadline,
                           bool& sent);
  Result<Response> ask(Session& session, std::span<const OperationRequest> operations);
  Result<Response> exchange(Session& session, std::span<const OperationRequest> operations);
  // False while it is not known which version the host speaks.
  bool take_known_version(Session& session);
  Status negotiate(Session& session);
  Result<ProtocolVersion> discover(Session& session);
  Status all_failed(std::span<const Failure> failures) const;

  const GroupSettings settings_;
  const std::shared_ptr<const TlsContext> context_;
  std::mutex mutex_;
  std::vector<Host> hosts_;  // their addresses never change
  std::unique_ptr<Connection> kept_;
  const Host* kept_host_ = nullptr;
};

}  // namespace coffer::kmip
