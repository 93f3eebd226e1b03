#include "coffer/providers/kmip/kept_keys.h"

namespace coffer::kmip {
namespace {

constexpr size_t kKeptMax = 64;

// The server has spoken, and it does not have the key for us (any more).
bool is_verdict(Code code) {
  return code == Code::kNotFound || code == Code::kKeyUnavailable || code == Code::kPermissionDenied ||
         code == Code::kInvalidArgument || code == Code::kUnsupported;
}

}  // namespace

KeptKeys::KeptKeys(const Client& client, const KeySettings& settings)
    : client_(client),
      search_(client, settings),
      space_(settings.space),
      lifetime_(client.group().settings().key_cache) {}

Result<KeptKeys::Key> KeptKeys::find(const std::string& id, bool with_bytes) {
  Kept kept;
  {
    std::lock_guard lock(mutex_);
    if (const auto found = keys_.find(id); found != keys_.end()) kept = found->second;
  }
  const bool has_bytes = kept.key != nullptr && !kept.key->key.empty();
  const bool serves = kept.key != nullptr && (has_bytes || !with_bytes);
  if (serves && Clock::now() - kept.asked_at < lifetime_) return kept.key;
  auto asked = ask(id, with_bytes || has_bytes);
  std::lock_guard lock(mutex_);
  if (asked) {
    const std::string& found = (*asked)->attributes.id;
    keep(id, *asked);
    if (!keys_.contains(found)) keep(found, *asked);
    return asked;
  }
  if (is_verdict(asked.code())) keys_.erase(id);
  if (!serves || is_verdict(asked.code())) return asked;
  keep(id, kept.key);  // not again for every call
  return kept.key;
}

Result<KeptKeys::Key> KeptKeys::ask(const std::string& id, bool with_bytes) const {
  auto asked = ask_server(id, with_bytes);
  if (asked) return std::make_shared<const FetchedKey>(std::move(*asked));
  if (id == kCurrent || asked.code() != Code::kNotFound) return asked.status();
  return {Code::kKeyUnavailable, "the server has no such key: it was destroyed, or is not shown to this client: " +
                                     std::string(asked.status().message()) +
                                     "; what only it protects is lost, unless the server has a backup of it"};
}

Result<FetchedKey> KeptKeys::ask_server(const std::string& id, bool with_bytes) const {
  FetchedKey out;
  const std::string where = client_.group().settings().describe();
  if (id == kCurrent) {
    COFFER_ASSIGN(out.attributes, search_.find());
  } else if (with_bytes) {
    COFFER_ASSIGN(out, client_.get(id, space_));
    const size_t size = out.key.size();
    if (size != 16 && size != 24 && size != 32) {
      return {Code::kInvalidArgument,
              where + ": key " + excerpt(id) + " has " + std::to_string(size) + " bytes; expected 16, 24 or 32"};
    }
  } else {
    COFFER_ASSIGN(out.attributes, client_.attributes(id, space_));
    COFFER_TRY(check_not_destroyed(out.attributes, where));
  }
  return out;
}

void KeptKeys::keep(const std::string& id, const Key& key) {
  const bool has_room = keys_.size() < kKeptMax || keys_.contains(id) || id == kCurrent;
  if (lifetime_.count() > 0 && has_room) keys_[id] = {key, Clock::now()};
}

}  // namespace coffer::kmip
