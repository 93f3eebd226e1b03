#include "coffer/engines/mariadb/server_keys.h"

#include "coffer/base/codec.h"

namespace coffer::mariadb {
namespace {

constexpr std::chrono::seconds kNewsInterval{1};
// An id that is not listed may be by now: coffer.yaml is read again, but not for every page.
constexpr std::chrono::seconds kLookAgain{1};
constexpr size_t kUnlistedMax = 1000;

std::string name_of(uint32_t key_id) { return "key id " + std::to_string(key_id); }

}  // namespace

std::array<uint8_t, 4> context_of(uint32_t key_id) {
  std::array<uint8_t, 4> out{};
  store_le32(out.data(), key_id);
  return out;
}

DerivedKeyRequest request_of(std::string_view domain, uint32_t version, const std::array<uint8_t, 4>& context) {
  return {domain, version, "mariadb key", context, kKeySize};
}

ServerKeys::ServerKeys(std::shared_ptr<Coffer> coffer, Report report)
    : coffer_(std::move(coffer)), report_(std::move(report)) {
  list(coffer_->config().mariadb_keys);
  coffer_->policy().enable();
  coffer_->watch_keys();
  thread_.start([this] { return tell_news(); });
}

void ServerKeys::list(const MariadbKeys& keys) {
  std::lock_guard lock(mutex_);
  for (const auto& [id, domain] : keys) {
    // What an id leads to is settled when it is first seen: the server has data under it.
    if (served_.contains(id)) continue;
    auto served = std::make_unique<ServedId>();
    served->domain = domain;
    served_.emplace(id, std::move(served));
    unlisted_.erase(id);
  }
}

ServerKeys::ServedId* ServerKeys::find(uint32_t key_id) {
  bool look = false;
  {
    std::lock_guard lock(mutex_);
    const auto found = served_.find(key_id);
    if (found != served_.end()) return found->second.get();
    const auto now = std::chrono::steady_clock::now();
    look = now - looked_ >= kLookAgain;
    if (look) looked_ = now;
  }
  if (look) {
    // What is wrong with the file the policy's thread says.
    const auto config = coffer_->present_config();
    if (config.is_ok()) list(config->mariadb_keys);
  }
  std::lock_guard lock(mutex_);
  const auto found = served_.find(key_id);
  return found == served_.end() ? nullptr : found->second.get();
}

void ServerKeys::say_unlisted(uint32_t key_id) {
  {
    std::lock_guard lock(mutex_);
    if (unlisted_.size() >= kUnlistedMax || !unlisted_.emplace(key_id, true).second) return;
  }
  const bool is_probe = key_id == kTemporaryKey;
  report_(is_probe ? Severity::kNote : Severity::kError,
          name_of(key_id) + " is not in " + coffer_->config_path() +
              (is_probe ? ", so temporary files are under key id 1; to use it, list it there under mariadb: keys:"
                        : "; list it there under mariadb: keys: with the domain whose keys it is to have"));
}

void ServerKeys::note(uint32_t key_id, ServedId& served, uint32_t version, const Status& outcome) {
  if (outcome.is_ok() && !served.is_refusing) return;
  const std::string refusal = outcome.is_ok() ? std::string() : outcome.to_string();
  {
    std::lock_guard lock(served.mutex);
    const auto before = served.refusals.find(version);
    if (before == served.refusals.end() ? outcome.is_ok() : before->second == refusal) return;
    if (outcome.is_ok()) {
      served.refusals.erase(before);
    } else {
      served.refusals[version] = refusal;
    }
    served.is_refusing = !served.refusals.empty();
  }
  const std::string which = version == 0 ? "its latest key" : "key version " + std::to_string(version);
  const std::string what = name_of(key_id) + ", domain " + served.domain + ": " + which;
  if (outcome.is_ok()) {
    report_(Severity::kNote, what + " is handed out again");
  } else {
    report_(Severity::kError, what + " is not handed out: " + refusal);
  }
}

// A canary rotation was undone. InnoDB's lowest version of a tablespace is then no longer the lowest.
void ServerKeys::note_step_back(uint32_t key_id, ServedId& served, uint32_t version) {
  const uint32_t before = served.told.exchange(version);
  if (before <= version) return;
  report_(Severity::kNote, name_of(key_id) + ", domain " + served.domain + ": key version " + std::to_string(version) +
                               " is the latest again, after " + std::to_string(before) +
                               "; destroy no older key of it before MIN_KEY_VERSION is higher than " +
                               std::to_string(before));
}

std::optional<uint32_t> ServerKeys::latest_version(uint32_t key_id) {
  ServedId* served = find(key_id);
  if (served == nullptr) {
    say_unlisted(key_id);
    return std::nullopt;
  }
  const auto version = coffer_->protecting_version(served->domain);
  note(key_id, *served, 0, version.status());
  if (version.is_ok()) {
    note_step_back(key_id, *served, *version);
    return *version;
  }
  const uint32_t given = served->given;
  if (given == 0 || !coffer_->keyring()->has_keys()) return std::nullopt;
  return given;
}

std::optional<SecretBytes> ServerKeys::key(uint32_t key_id, uint32_t version) {
  ServedId* served = find(key_id);
  if (served == nullptr) {
    say_unlisted(key_id);
    return std::nullopt;
  }
  const auto context = context_of(key_id);
  auto key = coffer_->derive_key(request_of(served->domain, version, context));
  note(key_id, *served, version, key.status());
  if (!key.is_ok()) return std::nullopt;
  uint32_t given = served->given;
  while (given < version && !served->given.compare_exchange_weak(given, version)) {
  }
  return std::move(*key);
}

std::chrono::milliseconds ServerKeys::tell_news() {
  for (const std::string& line :
       {coffer_->live_keyring().news_since(keyring_seen_), coffer_->policy().news_since(policy_seen_)}) {
    if (!line.empty()) report_(Severity::kNote, line);
  }
  return kNewsInterval;
}

}  // namespace coffer::mariadb
