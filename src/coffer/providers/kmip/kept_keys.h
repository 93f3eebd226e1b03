// The keys of one URI as the server has them, kept for key_cache_millis: what is older is asked for anew by whoever
// needs it. While no host can be reached, what is kept stays. Thread-safe, and there is no thread of its own.
#pragma once

#include <mutex>

#include "coffer/providers/kmip/key_search.h"

namespace coffer::kmip {

class KeptKeys {
 public:
  KeptKeys(const Client& client, const KeySettings& settings);

  using Key = std::shared_ptr<const FetchedKey>;  // without its bytes unless it was fetched
  // What KeySearch::find() finds.
  Result<Key> current() { return find(kCurrent, false); }
  // kKeyUnavailable when the server has it no more or it was destroyed, else the client's errors.
  Result<Key> attributes(const std::string& id) { return find(id, false); }
  Result<Key> fetched(const std::string& id) { return find(id, true); }
  // The same, from the server in any case.
  Result<Key> attributes_now(const std::string& id) { return ask(id, false); }
  // KeySearch::check_named().
  Status check_named(const KeyAttributes& key) const { return search_.check_named(key); }

 private:
  using Clock = std::chrono::steady_clock;
  struct Kept {
    Key key;
    Clock::time_point asked_at;
  };
  static constexpr const char* kCurrent = "";  // in place of an identifier, which is never empty

  Result<Key> find(const std::string& id, bool with_bytes);
  Result<Key> ask(const std::string& id, bool with_bytes) const;
  Result<FetchedKey> ask_server(const std::string& id, bool with_bytes) const;
  // REQUIRES: mutex_ is held.
  void keep(const std::string& id, const Key& key);

  const Client client_;
  const KeySearch search_;
  const KeySpace space_;
  const std::chrono::milliseconds lifetime_;
  std::mutex mutex_;
  std::map<std::string, Kept> keys_;
};

}  // namespace coffer::kmip
