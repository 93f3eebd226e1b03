#include "coffer/providers/kmip/kept_keys.h"

#include <unistd.h>

#include <system_error>

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
    : client_(client),
      search_(client, settings),
      lifetime_(client.group().settings().key_cache),
      closing_(std::make_unique<std::condition_variable>()) {}

KeptKeys::~KeptKeys() {
  if (!refresher_.joinable()) return;
  if (owner_ != getpid()) {
    leave_parents_thread();
    return;
  }
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
  }
  closing_->notify_all();
  client_.group().interrupt();
  refresher_.join();
}

Result<KeptKeys::Key> KeptKeys::current() {
  {
    std::lock_guard lock(mutex_);
    if (const auto found = keys_.find(current_); found != keys_.end()) return found->second;
  }
  COFFER_ASSIGN(KeyAttributes attributes, search_.find());
  auto key = std::make_shared<KeptKey>();
  key->attributes = std::move(attributes);
  std::lock_guard lock(mutex_);
  const auto kept = keys_.find(key->attributes.id);
  if (kept == keys_.end()) keep(key);
  if (keys_.contains(key->attributes.id)) current_ = key->attributes.id;
  return Key(std::move(key));
}

Result<KeptKeys::Key> KeptKeys::find(const std::string& id, bool with_bytes) {
  {
    std::lock_guard lock(mutex_);
    const auto found = keys_.find(id);
    if (found != keys_.end() && (!with_bytes || !found->second->key.empty())) return found->second;
  }
  COFFER_ASSIGN(Key key, ask(id, with_bytes));
  std::lock_guard lock(mutex_);
  keep(key);
  return key;
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
  if (lifetime_.count() == 0 || closed_) return;
  const auto found = keys_.find(key->attributes.id);
  if (found == keys_.end() && keys_.size() == kKeptMax) return;
  if (start_refreshing()) keys_[key->attributes.id] = key;
}

// False when there can be no thread: then nothing may be kept.
bool KeptKeys::start_refreshing() {
  if (refresher_.joinable() && owner_ == getpid()) return true;
  if (refresher_.joinable()) leave_parents_thread();
  try {
    refresher_ = std::thread([this] { refresh_until_closed(); });
  } catch (const std::system_error&) {
    return false;
  }
  owner_ = getpid();
  return true;
}

// In a child of fork() there is no such thread, but the condition variable still counts it as waiting: to destroy it
// would wait for ever.
void KeptKeys::leave_parents_thread() {
  refresher_.detach();
  static_cast<void>(closing_.release());
  closing_ = std::make_unique<std::condition_variable>();
}

void KeptKeys::refresh_until_closed() {
  std::unique_lock lock(mutex_);
  while (!closing_->wait_for(lock, lifetime_, [this] { return closed_; })) {
    lock.unlock();
    refresh();
    lock.lock();
  }
}

void KeptKeys::refresh() {
  std::map<std::string, Key> before;
  bool wants_current = false;
  {
    std::lock_guard lock(mutex_);
    before = keys_;
    wants_current = !current_.empty();
  }
  for (const auto& [id, key] : before) {
    auto now = ask(id, !key->key.empty());
    std::lock_guard lock(mutex_);
    if (now) {
      keys_[id] = std::move(*now);
    } else if (is_verdict(now.code())) {
      keys_.erase(id);
    }
  }
  if (wants_current) refresh_current();
}

void KeptKeys::refresh_current() {
  auto found = search_.find();
  std::lock_guard lock(mutex_);
  if (!found) {
    if (is_verdict(found.code())) current_.clear();
    return;
  }
  current_ = found->id;
  if (keys_.contains(current_)) return;
  auto key = std::make_shared<KeptKey>();
  key->attributes = std::move(*found);
  keep(std::move(key));
}

}  // namespace coffer::kmip
