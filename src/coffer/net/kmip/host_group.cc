#include "coffer/net/kmip/host_group.h"

#include <algorithm>
#include <random>
#include <thread>

namespace coffer::kmip {
namespace {

constexpr std::chrono::seconds kHoldOff{10};  // how long a host that failed is tried after the others
constexpr std::chrono::milliseconds kFirstPause{100};
constexpr std::chrono::milliseconds kLongestPause{2000};
constexpr std::chrono::milliseconds kShortestTry{250};  // of what time there is

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
  if (reason == "Authentication Not Successful"_reason) return false;
  return response.version() != version || reason == "Invalid Message"_reason ||
         reason == "Unsupported Protocol Version"_reason;
}

Status check_version(ProtocolVersion version, std::span<const OperationRequest> operations) {
  for (const OperationRequest& operation : operations) {
    if (version >= operation.least) continue;
    return {Code::kUnsupported, "it speaks KMIP " + version.text() + "; " + describe(operation.operation) +
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

bool all_not_found(const Response& response) {
  return !response.results().empty() && std::ranges::all_of(response.results(), [](const OperationResult& result) {
    return result.status != ResultStatus::kSuccess && result.reason == "Item Not Found"_reason;
  });
}

// A connection to a host while somebody uses it.
struct HostGroup::Session {
  Host& host;
  Deadline deadline;
  std::unique_ptr<Connection> connection;
  bool was_kept = false;
  bool sent = false;        // whether the host may have seen something of what it was asked
  ProtocolVersion version;  // in which it was asked
};

Result<std::shared_ptr<HostGroup>> HostGroup::create(const GroupSettings& settings) {
  auto context = TlsContext::create(settings.tls);
  if (!context) return context.status().with_context(settings.describe());
  return std::shared_ptr<HostGroup>(new HostGroup(settings, std::move(*context)));
}

HostGroup::HostGroup(const GroupSettings& settings, std::shared_ptr<const TlsContext> context)
    : settings_(settings), context_(std::move(context)) {
  for (const HostAddress& address : settings_.hosts) hosts_.push_back({address, {}, Clock::time_point::min()});
}

Result<HostGroup::Session> HostGroup::open(Host& host, bool may_be_kept, Deadline deadline) {
  std::unique_ptr<Connection> kept;
  {
    std::lock_guard lock(mutex_);
    if (may_be_kept && kept_host_ == &host) kept = std::move(kept_);
  }
  if (kept != nullptr && kept->is_idle()) return Session{host, deadline, std::move(kept), true, false, {}};
  COFFER_ASSIGN(auto opened, Connection::open(*context_, host.address, deadline));
  return Session{host, deadline, std::move(opened), false, false, {}};
}

void HostGroup::keep(Session session) {
  std::lock_guard lock(mutex_);
  kept_ = std::move(session.connection);
  kept_host_ = &session.host;
}

void HostGroup::mark(Host& host, bool healthy) {
  std::lock_guard lock(mutex_);
  host.rests_until = healthy ? Clock::time_point::min() : Clock::now() + kHoldOff;
}

std::vector<HostGroup::Host*> HostGroup::hosts_by_health() {
  std::vector<Host*> out;
  std::lock_guard lock(mutex_);
  for (Host& host : hosts_) out.push_back(&host);
  std::stable_partition(out.begin(), out.end(),
                        [now = Clock::now()](const Host* host) { return host->rests_until <= now; });
  return out;
}

Result<Answer> HostGroup::call(std::span<const OperationRequest> operations, Repeat repeat,
                               const IsMissing& is_missing) {
  return call_in_rounds(operations, repeat, is_missing, /*all_must_miss=*/true);
}

Result<Answer> HostGroup::look(const OperationRequest& operation, const IsMissing& is_missing) {
  return call_in_rounds(std::span(&operation, 1), Repeat::kAlways, is_missing, /*all_must_miss=*/false);
}

Result<Answer> HostGroup::call_in_rounds(std::span<const OperationRequest> operations, Repeat repeat,
                                         const IsMissing& is_missing, bool all_must_miss) {
  const Deadline deadline = deadline_in(settings_.timeout);
  Tally tally;
  for (int round = 0;; ++round) {
    COFFER_ASSIGN(std::optional<Answer> answer, one_round(operations, repeat, is_missing, deadline, tally));
    if (answer) return std::move(*answer);
    if (tally.missing && (tally.failures.empty() || !all_must_miss)) return std::move(*tally.missing);
    const std::chrono::milliseconds pause = pause_after(round);
    if (tally.hopeless || pause + kShortestTry >= left_until(deadline)) break;
    std::this_thread::sleep_for(pause);
  }
  const Status failed = all_failed(tally.failures);
  if (!tally.missing) return failed;
  return {Code::kProviderUnavailable,
          settings_.describe() + ": " + tally.missing->host +
              " does not have it, and not every host can be asked: " + std::string(failed.message())};
}

// Each host gets its share of the time that is left, so that a silent one leaves some for the others and a second try.
Result<std::optional<Answer>> HostGroup::one_round(std::span<const OperationRequest> operations, Repeat repeat,
                                                   const IsMissing& is_missing, Deadline deadline, Tally& tally) {
  const std::vector<Host*> hosts = hosts_by_health();
  tally.failures.clear();
  tally.hopeless = true;
  for (size_t i = 0; i < hosts.size(); ++i) {
    Host& host = *hosts[i];
    const std::chrono::milliseconds left = left_until(deadline);
    const auto share = std::max(left / static_cast<int64_t>(hosts.size() - i + 1), std::min(left, kShortestTry));
    bool sent = false;
    auto answer = call_host(host, operations, repeat, deadline_in(share), sent);
    mark(host, answer.is_ok());
    if (answer) {
      if (hosts.size() == 1 || !is_missing(answer->response)) return std::optional<Answer>(std::move(*answer));
      if (!tally.missing) tally.missing = std::move(*answer);
      continue;
    }
    tally.failures.push_back({&host, answer.status()});
    tally.hopeless = tally.hopeless && is_final(answer.code());
    if (sent && repeat == Repeat::kOnlyIfUnsent) {
      return {Code::kProviderUnavailable, settings_.describe() + ": " + host.address.text() + ": " +
                                              std::string(answer.status().message()) +
                                              "; whether the request took effect is not known"};
    }
  }
  return std::optional<Answer>();
}

Status HostGroup::all_failed(std::span<const Failure> failures) const {
  Code code = is_final(failures[0].status.code()) ? failures[0].status.code() : Code::kProviderUnavailable;
  std::string reasons;
  for (const auto& [host, status] : failures) {
    if (status.code() != code) code = Code::kProviderUnavailable;
    reasons += (reasons.empty() ? "" : ", ") + host->address.text() + ": " + std::string(status.message());
  }
  if (code == Code::kPermissionDenied) reasons += "; check the client certificate, and whom the server lets in";
  return {code, settings_.describe() + ": no host serves: " + reasons};
}

// Opens a connection if need be, and a second one when the first had been kept and turns out to be dead.
Result<Answer> HostGroup::call_host(Host& host, std::span<const OperationRequest> operations, Repeat repeat,
                                    Deadline deadline, bool& sent) {
  for (bool may_be_kept = true;; may_be_kept = false) {
    COFFER_ASSIGN(Session session, open(host, may_be_kept, deadline));
    auto response = ask(session, operations);
    sent = sent || session.sent;
    const bool dead = !response && session.was_kept && response.code() == Code::kProviderUnavailable;
    if (dead && (!sent || repeat == Repeat::kAlways)) continue;
    if (!response) return response.status();
    const bool refused = refused_whole(*response);
    if (!refused && response->version() != session.version) {
      return {Code::kProviderUnavailable,
              "it answers in KMIP " + response->version().text() + " what it was asked in " + session.version.text()};
    }
    keep(std::move(session));
    const auto& results = response->results();
    const bool denied = refused && results[0].reason == "Authentication Not Successful"_reason;
    if (denied || (refused && operations.size() > 1)) return status_of(results[0], "not authorised");
    if (results.size() == operations.size()) return Answer{std::move(*response), host.address.text()};
    return {Code::kProviderUnavailable, "it answered " + std::to_string(results.size()) + " of " +
                                            std::to_string(operations.size()) + " operations"};
  }
}

// In the version that the host is known to speak; if it refuses that, another server may stand at its address by now.
Result<Response> HostGroup::ask(Session& session, std::span<const OperationRequest> operations) {
  for (bool known = take_known_version(session);; known = false) {
    if (!known) COFFER_TRY(negotiate(session));
    COFFER_TRY(check_version(session.version, operations));
    auto response = exchange(session, operations);
    session.sent = session.sent || session.connection->may_have_sent();
    if (!response || !known || !refused_version(*response, session.version)) return response;
  }
}

Result<Response> HostGroup::exchange(Session& session, std::span<const OperationRequest> operations) {
  const SecretBuffer request = encode_request(session.version, operations);
  if (request.size() > kMessageSizeMax) return {Code::kLimitExceeded, "the request is larger than a message may be"};
  COFFER_ASSIGN(SecretBuffer bytes, session.connection->exchange(request.view(), kMessageSizeMax, session.deadline));
  auto response = Response::parse(std::move(bytes));
  if (response) return response;
  return {Code::kProviderUnavailable, "its answer cannot be understood: " + std::string(response.status().message())};
}

bool HostGroup::take_known_version(Session& session) {
  std::lock_guard lock(mutex_);
  session.version = session.host.version.value_or(kKmip10);
  return session.host.version.has_value();
}

Status HostGroup::negotiate(Session& session) {
  COFFER_ASSIGN(session.version, settings_.version ? Result(*settings_.version) : discover(session));
  std::lock_guard lock(mutex_);
  session.host.version = session.version;
  return Status::ok();
}

Result<ProtocolVersion> HostGroup::discover(Session& session) {
  const OperationRequest request = discover_versions_request();
  for (const ProtocolVersion version : kVersionsByPreference) {
    if (version == kKmip10) break;  // which has no way to ask
    session.version = version;
    COFFER_ASSIGN(const Response response, exchange(session, std::span(&request, 1)));
    if (refused_version(response, version)) continue;
    if (response.results().empty()) return {Code::kProviderUnavailable, "it did not answer which versions it speaks"};
    const OperationResult& result = response.results()[0];
    if (result.reason == "Operation Not Supported"_reason) continue;
    if (result.status != ResultStatus::kSuccess) return status_of(result, "not authorised");
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
  for (Host& host : hosts_) {
    HostReport report;
    report.host = host.address.text();
    const auto start = Clock::now();
    auto session = open(host, false, deadline_in(settings_.timeout));
    report.status = session.status();
    if (session) {
      report.tls_version = session->connection->tls_version();
      if (!take_known_version(*session)) report.status = negotiate(*session);
      report.version = session->version;
    }
    report.taken = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start);
    mark(host, report.status.is_ok());
    out.push_back(std::move(report));
  }
  return out;
}

}  // namespace coffer::kmip
