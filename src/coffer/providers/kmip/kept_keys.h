// The keys of one URI as the server has them, kept for key_cache_millis: what is older is asked for anew by whoever
// needs it. While no host can be reached, what is kept stays. Thread-safe, and there is no thread of its own.
#pragma once

#include <mutex>

#include "coffer/providers/fetched_root.h"
#include "coffer/providers/kmip/key_search.h"

namespace coffer::kmip {

struct KeptKey {
  KeyAttributes attributes;
  RootKey key;  // empty unless it was fetched
  RootFingerprint fingerprint{};
};

class KeptKeys {
 public:
  KeptKeys(const Client& client, const KeySettings& settings);

  using Key = std::shared_ptr<const KeptKey>;
  // What KeySearch::find() finds.
  Result<Key> current();
  // kKeyUnavailable when the server has it no more or it was destroyed, else the client's errors.
  Result<Key> attributes(const std::string& id) { return find(id, false); }
  Result<Key> fetched(const std::string& id) { return find(id, true); }
  // The same, from the server in any case.
  Result<Key> attributes_now(const std::string& id) { return ask(id, false); }

 private:
  using Clock = std::chrono::steady_clock;
  struct Kept {
    Key key;
    Clock::time_point asked_at;
  };

  Result<Key> find(const std::string& id, bool with_bytes);
  Result<Key> ask(const std::string& id, bool with_bytes) const;
  Result<KeptKey> ask_for_bytes(const std::string& id) const;
  bool is_fresh(const Kept& kept) const { return Clock::now() - kept.asked_at < lifetime_; }
  // REQUIRES: mutex_ is held.
  void keep(const Key& key);

  const Client client_;
  const KeySearch search_;
  const std::chrono::milliseconds lifetime_;
  std::mutex mutex_;
  std::map<std::string, Kept> keys_;
  std::optional<Kept> current_;
};

}  // namespace coffer::kmip
