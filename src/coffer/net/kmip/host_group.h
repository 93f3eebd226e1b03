// Several KMIP hosts that hold the same keys: tried in order, each with its own protocol version and connections.
// Thread-safe.
#pragma once

#include <condition_variable>
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
  ~HostGroup();
  HostGroup(const HostGroup&) = delete;
  HostGroup& operator=(const HostGroup&) = delete;

  // Sends the operations to the first host that answers, in as many rounds as the settings allow. A result for each
  // operation, successful or not. kProviderUnavailable, or kPermissionDenied when no host accepts us: every host with
  // its reason.
  Result<Answer> call(std::span<const OperationRequest> operations, Repeat repeat);
  // Every host by itself, once.
  std::vector<HostReport> ping();

  const GroupSettings& settings() const { return settings_; }
  // Ends what waits, and lets everything later fail at once.
  void interrupt() { interrupt_->trigger(); }

 private:
  struct Host;
  class Lease;

  HostGroup(const GroupSettings& settings, std::shared_ptr<const TlsContext> context,
            std::shared_ptr<Interrupt> interrupt);
  std::vector<Host*> hosts_by_health();
  Result<Answer> call_host(Host& host, std::span<const OperationRequest> operations, Repeat repeat, bool& sent);
  Result<Response> exchange(Lease& lease, ProtocolVersion version, std::span<const OperationRequest> operations,
                            bool& sent);
  Result<ProtocolVersion> version_for(Lease& lease, bool& fresh);
  Result<ProtocolVersion> negotiate(Lease& lease);
  Status all_failed(std::span<const std::pair<Host*, Status>> failures) const;

  const GroupSettings settings_;
  const std::shared_ptr<const TlsContext> context_;
  const std::shared_ptr<Interrupt> interrupt_;
  std::vector<std::unique_ptr<Host>> hosts_;
};

}  // namespace coffer::kmip
