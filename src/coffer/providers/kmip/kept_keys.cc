#include "coffer/providers/kmip/kept_keys.h"

namespace coffer::kmip {
namespace {

constexpr size_t kKeptMax = 64;

// The server has spoken, and it does not have the key for us (any more).
bool is_verdict(Code code) {
  return code == Code::kNotFound || code == Code::kKeyUnavailable || code == Code::kPermissionDenied ||
         code == Code::kInvalidArgument || code == Code::kUnsupported;
}

Status gone_status(const Status& status) {
  return {Code::kKeyUnavailable, "the server has no such key: it was destroyed, or is not shown to this client: " +
                                     std::string(status.message()) +
                                     "; what only it protects is lost, unless the server has a backup of it"};
}

}  // namespace

KeptKeys::KeptKeys(const Client& client, const KeySettings& settings)
    : client_(client), search_(client, settings), lifetime_(client.group().settings().key_cache) {}

Result<KeptKeys::Key> KeptKeys::current() {
  std::optional<Kept> kept;
  {
    std::lock_guard lock(mutex_);
    kept = current_;
  }
  if (kept && is_fresh(*kept)) return kept->key;
  auto found = search_.find();
  std::lock_guard lock(mutex_);
  if (found) {
    auto key = std::make_shared<KeptKey>();
    key->attributes = std::move(*found);
    kept = Kept{std::move(key), Clock::now()};
    if (!keys_.contains(kept->key->attributes.id)) keep(kept->key);
  } else if (kept && !is_verdict(found.code())) {
    kept->asked_at = Clock::now();  // not again for every call
  } else {
    current_.reset();
    return found.status();
  }
  if (lifetime_.count() > 0) current_ = kept;
  return kept->key;
}

Result<KeptKeys::Key> KeptKeys::find(const std::string& id, bool with_bytes) {
  Kept kept;
  {
    std::lock_guard lock(mutex_);
    if (const auto found = keys_.find(id); found != keys_.end()) kept = found->second;
  }
  const bool has_bytes = kept.key != nullptr && !kept.key->key.empty();
  const bool serves = kept.key != nullptr && (has_bytes || !with_bytes);
  if (serves && is_fresh(kept)) return kept.key;
  auto asked = ask(id, with_bytes || has_bytes);
  std::lock_guard lock(mutex_);
  if (asked) {
    keep(*asked);
    return asked;
  }
  if (is_verdict(asked.code())) keys_.erase(id);
  if (!serves || is_verdict(asked.code())) return asked;
  keep(kept.key);  // not again for every call
  return kept.key;
}

Result<KeptKeys::Key> KeptKeys::ask(const std::string& id, bool with_bytes) const {
  KeptKey out;
  if (with_bytes) {
    COFFER_ASSIGN(out, ask_for_bytes(id));
  } else {
    auto attributes = client_.attributes(id);
    if (attributes.code() == Code::kNotFound) return gone_status(attributes.status());
    if (!attributes) return attributes.status();
    out.attributes = std::move(*attributes);
    COFFER_TRY(check_not_destroyed(out.attributes, client_.group().settings().describe()));
  }
  return std::make_shared<const KeptKey>(std::move(out));
}

Result<KeptKey> KeptKeys::ask_for_bytes(const std::string& id) const {
  auto got = client_.get(id);
  if (got.code() == Code::kNotFound) return gone_status(got.status());
  if (!got) return got.status();
  const size_t size = got->key.size();
  if (size != 16 && size != 24 && size != 32) {
    return {Code::kInvalidArgument, client_.group().settings().describe() + ": key " + excerpt(id) + " has " +
                                        std::to_string(size) + " bytes; expected 16, 24 or 32"};
  }
  KeptKey out;
  COFFER_ASSIGN(out.fingerprint, fingerprint_of(got->key));
  out.attributes = std::move(got->attributes);
  out.key = std::move(got->key);
  return out;
}

void KeptKeys::keep(const Key& key) {
  const std::string& id = key->attributes.id;
  if (lifetime_.count() > 0 && (keys_.size() < kKeptMax || keys_.contains(id))) keys_[id] = {key, Clock::now()};
}

}  // namespace coffer::kmip
