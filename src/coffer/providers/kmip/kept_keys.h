// The keys of one URI as the server has them, kept for key_cache_millis: asked for once, then refreshed by a thread of
// its own, so that who needs a key does not wait for the server. While no host can be reached, what is kept stays.
// Thread-safe.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "coffer/providers/kmip/key_search.h"
#include "coffer/providers/local_wrap.h"

namespace coffer::kmip {

struct KeptKey {
  KeyAttributes attributes;
  RootKey key;  // empty unless it was fetched
  RootFingerprint fingerprint{};
};

class KeptKeys {
 public:
  KeptKeys(const Client& client, const KeySettings& settings);
  // Ends requests under way.
  ~KeptKeys();
  KeptKeys(const KeptKeys&) = delete;
  KeptKeys& operator=(const KeptKeys&) = delete;

  using Key = std::shared_ptr<const KeptKey>;
  // What KeySearch::find() finds.
  Result<Key> current();
  // kKeyUnavailable when the server has it no more or it was destroyed, else the client's errors.
  Result<Key> attributes(const std::string& id) { return find(id, false); }
  Result<Key> fetched(const std::string& id) { return find(id, true); }
  // The same, from the server in any case.
  Result<Key> attributes_now(const std::string& id) { return ask(id, false); }

 private:
  Result<Key> find(const std::string& id, bool with_bytes);
  Result<Key> ask(const std::string& id, bool with_bytes) const;
  Result<KeptKey> ask_for_bytes(const std::string& id) const;
  // REQUIRES: mutex_ is held.
  void keep(const Key& key);
  bool start_refreshing();
  void leave_parents_thread();
  void refresh_until_closed();
  void refresh();
  void refresh_current();

  const Client client_;
  const KeySearch search_;
  const std::chrono::milliseconds lifetime_;
  std::mutex mutex_;
  std::unique_ptr<std::condition_variable> closing_;  // left behind in a child of fork(): see ~KeptKeys()
  bool closed_ = false;
  std::map<std::string, Key> keys_;
  std::string current_;  // its identifier; empty: not asked for
  std::thread refresher_;
  pid_t owner_ = 0;  // of refresher_
};

}  // namespace coffer::kmip
