#include "coffer/net/kmip/host_group.h"

#include <unistd.h>

#include <random>

namespace coffer::kmip {
namespace {

constexpr size_t kIdleConnectionsMax = 4;
constexpr size_t kConnectionsMax = 16;
constexpr std::chrono::seconds kHoldOff{10};  // how long a host that failed is tried after the others
constexpr std::chrono::milliseconds kFirstPause{100};
constexpr std::chrono::milliseconds kLongestPause{2000};

using Clock = std::chrono::steady_clock;

std::chrono::milliseconds pause_after(int round) {
  const auto pause = std::min(kFirstPause * (1 << std::min(round, 10)), kLongestPause);
  // Jitter: nodes that lost the same host at once must not come back at once. Not a secret.
  thread_local std::minstd_rand generator(std::random_device{}());
  return pause / 2 + std::chrono::milliseconds(generator() % static_cast<unsigned>(pause.count() / 2 + 1));
}

// The message as a whole was refused.
bool refused_whole(const Response& response) {
  return response.results().size() == 1 && response.results()[0].status != ResultStatus::kSuccess;
}

// The host does not speak the version it was spoken to in. Servers differ in how they say so.
bool refused_version(const Response& response, ProtocolVersion version) {
  if (!refused_whole(response)) return response.version() != version;
  const ResultReason reason = response.results()[0].reason;
  if (reason == ResultReason::kAuthenticationNotSuccessful) return false;
  return response.version() != version || reason == ResultReason::kInvalidMessage ||
         reason == ResultReason::kUnsupportedProtocolVersion;
}

Status check_version(ProtocolVersion version, std::span<const OperationRequest> operations) {
  for (const OperationRequest& operation : operations) {
    if (version >= operation.least) continue;
    return {Code::kUnsupported, "it speaks KMIP " + version.text() + "; " +
                                    describe_enumerator("Operation"_tag, static_cast<uint32_t>(operation.operation)) +
                                    " as it is needed here begins with " + operation.least.text()};
  }
  return Status::ok();
}

// What another round would not change.
bool is_final(Code code) { return code == Code::kPermissionDenied || code == Code::kUnsupported; }

Result<ProtocolVersion> best_of(const std::vector<ProtocolVersion>& offered) {
  std::string list;
  for (const ProtocolVersion mine : kVersionsByPreference) {
    if (std::ranges::find(offered, mine) != offered.end()) return mine;
  }
  for (const ProtocolVersion theirs : offered) list += (list.empty() ? "" : ", ") + theirs.text();
  return {Code::kUnsupported, "it speaks KMIP " + (list.empty() ? "of no version" : list) + "; this client 1.0 to 2.1"};
}

}  // namespace

struct HostGroup::Host {
  HostAddress address;
  std::mutex mutex;
  std::condition_variable returned;
  std::vector<std::unique_ptr<Connection>> idle;
  size_t leased = 0;
  pid_t owner = 0;
  std::optional<ProtocolVersion> version;
  Clock::time_point failed_at = Clock::time_point::min();

  void forget_version() {
    std::lock_guard lock(mutex);
    version.reset();
  }
  void mark(bool healthy) {
    std::lock_guard lock(mutex);
    failed_at = healthy ? Clock::time_point::min() : Clock::now();
  }
};

// A connection to a host while somebody uses it.
class HostGroup::Lease {
 public:
  Lease(const HostGroup& group, Host& host) : group_(group), host_(host) {}
  ~Lease() {
    std::lock_guard lock(host_.mutex);
    if (!counted_) return;
    --host_.leased;
    if (reusable_ && connection_ != nullptr && host_.idle.size() < kIdleConnectionsMax) {
      host_.idle.push_back(std::move(connection_));
    }
    host_.returned.notify_one();
  }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  // An idle connection if `may_be_used` and there is a good one, else a new one.
  Status open(bool may_be_used) {
    COFFER_TRY(count());
    connection_.reset();
    if (may_be_used) take_idle();
    was_idle_ = connection_ != nullptr;
    if (was_idle_) return Status::ok();
    const GroupSettings& settings = group_.settings_;
    auto opened = Connection::open(*group_.context_, host_.address, settings.timeout, *group_.interrupt_);
    if (!opened) return opened.status();
    connection_ = std::move(*opened);
    return Status::ok();
  }

  Host& host() { return host_; }
  Connection& connection() { return *connection_; }
  bool was_idle() const { return was_idle_; }
  void set_reusable(bool reusable) { reusable_ = reusable; }

 private:
  Status count() {
    if (counted_) return Status::ok();
    std::unique_lock lock(host_.mutex);
    const bool free =
        host_.returned.wait_for(lock, group_.settings_.timeout, [&] { return host_.leased < kConnectionsMax; });
    if (!free) return {Code::kProviderUnavailable, "timed out while all connections to it are in use"};
    ++host_.leased;
    counted_ = true;
    return Status::ok();
  }

  void take_idle() {
    std::unique_lock lock(host_.mutex);
    if (host_.owner != getpid()) {
      for (const auto& connection : host_.idle) connection->abandon();
      host_.idle.clear();
      host_.owner = getpid();
    }
    while (connection_ == nullptr && !host_.idle.empty()) {
      connection_ = std::move(host_.idle.back());
      host_.idle.pop_back();
      if (!connection_->is_idle()) connection_.reset();
    }
  }

  const HostGroup& group_;
  Host& host_;
  std::unique_ptr<Connection> connection_;
  bool counted_ = false;
  bool was_idle_ = false;
  bool reusable_ = false;
};

Result<std::shared_ptr<HostGroup>> HostGroup::create(const GroupSettings& settings) {
  COFFER_TRY(check_settings(settings));
  auto context = TlsContext::create(settings.tls);
  if (!context) return context.status().with_context(settings.describe());
  COFFER_ASSIGN(auto interrupt, Interrupt::create());
  return std::shared_ptr<HostGroup>(new HostGroup(settings, std::move(*context), std::move(interrupt)));
}

HostGroup::HostGroup(const GroupSettings& settings, std::shared_ptr<const TlsContext> context,
                     std::shared_ptr<Interrupt> interrupt)
    : settings_(settings), context_(std::move(context)), interrupt_(std::move(interrupt)) {
  for (const HostAddress& address : settings_.hosts) {
    hosts_.push_back(std::make_unique<Host>());
    hosts_.back()->address = address;
    hosts_.back()->owner = getpid();
  }
}

HostGroup::~HostGroup() {
  for (const auto& host : hosts_) {
    if (host->owner == getpid()) continue;
    for (const auto& connection : host->idle) connection->abandon();
  }
}

std::vector<HostGroup::Host*> HostGroup::hosts_by_health() {
  std::vector<Host*> out, failed;
  for (const auto& host : hosts_) {
    std::lock_guard lock(host->mutex);
    const bool rests = host->failed_at != Clock::time_point::min() && Clock::now() - host->failed_at < kHoldOff;
    (rests ? failed : out).push_back(host.get());
  }
  out.insert(out.end(), failed.begin(), failed.end());
  return out;
}

Result<Answer> HostGroup::call(std::span<const OperationRequest> operations, Repeat repeat) {
  std::vector<std::pair<Host*, Status>> failures;
  for (int round = 0; round <= settings_.retries; ++round) {
    if (round > 0 && !interrupt_->sleep(pause_after(round - 1))) break;
    failures.clear();
    bool hopeless = true;
    for (Host* host : hosts_by_health()) {
      bool sent = false;
      auto answer = call_host(*host, operations, repeat, sent);
      host->mark(answer.is_ok());
      if (answer) return answer;
      failures.emplace_back(host, answer.status());
      hopeless = hopeless && is_final(answer.code());
      if (sent && repeat == Repeat::kOnlyIfUnsent) {
        return {Code::kProviderUnavailable, settings_.describe() + ": " + host->address.text() + ": " +
                                                std::string(answer.status().message()) +
                                                "; whether the request took effect is not known"};
      }
    }
    if (hopeless || interrupt_->triggered()) break;
  }
  return all_failed(failures);
}

Status HostGroup::all_failed(std::span<const std::pair<Host*, Status>> failures) const {
  if (failures.empty()) return {Code::kProviderUnavailable, settings_.describe() + ": interrupted"};
  Code code = is_final(failures[0].second.code()) ? failures[0].second.code() : Code::kProviderUnavailable;
  std::string reasons;
  for (const auto& [host, status] : failures) {
    if (status.code() != code) code = Code::kProviderUnavailable;
    reasons += (reasons.empty() ? "" : ", ") + host->address.text() + ": " + std::string(status.message());
  }
  if (code == Code::kPermissionDenied) reasons += "; check the client certificate, and whom the server lets in";
  return {code, settings_.describe() + ": no host serves: " + reasons};
}

// Opens a connection if need be, and a second one when the first had been idle and turns out to be dead.
Result<Answer> HostGroup::call_host(Host& host, std::span<const OperationRequest> operations, Repeat repeat,
                                    bool& sent) {
  Lease lease(*this, host);
  for (bool may_be_used = true;; may_be_used = false) {
    COFFER_TRY(lease.open(may_be_used));
    bool fresh = false;
    Result<ProtocolVersion> version = version_for(lease, fresh);
    if (version) COFFER_TRY(check_version(*version, operations));
    Result<Response> response = version ? exchange(lease, *version, operations, sent) : version.status();
    if (response && !fresh && refused_version(*response, *version)) {
      // Another server may stand at this address by now.
      host.forget_version();
      version = version_for(lease, fresh);
      response = version ? exchange(lease, *version, operations, sent) : version.status();
    }
    const bool dead = !response && lease.was_idle() && response.code() == Code::kProviderUnavailable;
    if (dead && (!sent || repeat == Repeat::kAlways)) continue;
    if (!response) return response.status();
    if (!refused_whole(*response) && response->version() != *version) {
      return {Code::kProviderUnavailable,
              "it answers in KMIP " + response->version().text() + " what it was asked in " + version->text()};
    }
    lease.set_reusable(true);
    const auto& results = response->results();
    const bool denied = refused_whole(*response) && results[0].reason == ResultReason::kAuthenticationNotSuccessful;
    if (denied || (refused_whole(*response) && operations.size() > 1)) return status_of(results[0], "not authorised");
    if (results.size() != operations.size()) {
      return {Code::kProviderUnavailable, "it answered " + std::to_string(results.size()) + " of " +
                                              std::to_string(operations.size()) + " operations"};
    }
    return Answer{std::move(*response), host.address.text()};
  }
}

Result<Response> HostGroup::exchange(Lease& lease, ProtocolVersion version,
                                     std::span<const OperationRequest> operations, bool& sent) {
  const SecretBuffer request = encode_request(version, operations);
  if (request.size() > kMessageSizeMax) return {Code::kLimitExceeded, "the request is larger than a message may be"};
  auto bytes = lease.connection().exchange(request.view(), kMessageSizeMax, settings_.timeout, *interrupt_);
  sent = sent || lease.connection().may_have_sent();
  if (!bytes) return bytes.status();
  auto response = Response::parse(std::move(*bytes));
  if (response) return response;
  lease.connection().abandon();
  return {Code::kProviderUnavailable, "its answer cannot be understood: " + std::string(response.status().message())};
}

Result<ProtocolVersion> HostGroup::version_for(Lease& lease, bool& fresh) {
  {
    std::lock_guard lock(lease.host().mutex);
    if (lease.host().version) return *lease.host().version;
  }
  fresh = true;
  COFFER_ASSIGN(const ProtocolVersion version, settings_.version ? Result(*settings_.version) : negotiate(lease));
  std::lock_guard lock(lease.host().mutex);
  lease.host().version = version;
  return version;
}

Result<ProtocolVersion> HostGroup::negotiate(Lease& lease) {
  const OperationRequest discover = discover_versions_request();
  for (const ProtocolVersion version : kVersionsByPreference) {
    if (version == kKmip10) return version;  // which has no way to ask
    bool sent = false;
    COFFER_ASSIGN(const Response response, exchange(lease, version, std::span(&discover, 1), sent));
    if (refused_version(response, version)) continue;
    if (response.results().empty()) return {Code::kProviderUnavailable, "it did not answer which versions it speaks"};
    const OperationResult& result = response.results()[0];
    if (result.status != ResultStatus::kSuccess) {
      if (result.reason == ResultReason::kOperationNotSupported) continue;
      return status_of(result, "not authorised");
    }
    std::vector<ProtocolVersion> offered;
    if (result.payload) {
      COFFER_ASSIGN(offered, read_versions(*result.payload));
    }
    return best_of(offered);
  }
  return kKmip10;
}

std::vector<HostReport> HostGroup::ping() {
  std::vector<HostReport> out;
  for (const auto& host : hosts_) {
    HostReport report;
    report.host = host->address.text();
    const auto start = Clock::now();
    Lease lease(*this, *host);
    report.status = lease.open(false);
    bool fresh = false;
    if (report.status) {
      report.tls_version = lease.connection().tls_version();
      auto version = version_for(lease, fresh);
      report.status = version.status();
      if (version) report.version = *version;
      lease.set_reusable(version.is_ok());
    }
    report.taken = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start);
    host->mark(report.status.is_ok());
    out.push_back(std::move(report));
  }
  return out;
}

}  // namespace coffer::kmip
