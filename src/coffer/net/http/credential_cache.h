// A token, or whatever else a service lends for a while, kept until shortly before it expires. Thread-safe: one thread
// fetches, those that want it meanwhile wait for that.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>

#include "coffer/crypto/kdf.h"
#include "coffer/net/http/http.h"

namespace coffer::http {

inline bool are_same(const SecretBytes& a, const SecretBytes& b) { return equal_constant_time(a.reveal(), b.reveal()); }

template <class Credential>
class CredentialCache {
 public:
  using Time = std::chrono::system_clock::time_point;

  struct Fetched {
    Credential credential;
    std::optional<Time> expires;  // nothing: never
  };
  using Pointer = std::shared_ptr<const Credential>;

  // A credential with at least `margin` left to live is taken again; but at least half of its life is used.
  explicit CredentialCache(std::chrono::seconds margin = std::chrono::seconds(60)) : margin_(margin) {}

  // `fetch` is called as Result<Fetched>(), or as Result<Fetched>(Pointer) with what is about to expire (null when
  // there is nothing, or it was dropped); at most once at a time. kProviderUnavailable when another thread's fetch is
  // not done by the deadline.
  template <class Fetch>
  Result<Pointer> get(Deadline deadline, Fetch fetch) {
    std::unique_lock lock(mutex_);
    if (!fetched_.wait_until(lock, deadline, [&] { return !fetching_; })) {
      return {Code::kProviderUnavailable, "timed out waiting for another thread to obtain credentials"};
    }
    if (current_ != nullptr && (!use_until_.has_value() || std::chrono::system_clock::now() < *use_until_)) {
      return current_;
    }
    const Pointer previous = std::exchange(current_, nullptr);
    fetching_ = true;
    lock.unlock();
    Result<Fetched> fetched = [&] {
      if constexpr (std::is_invocable_v<Fetch&, const Pointer&>) {
        return fetch(previous);
      } else {
        return fetch();
      }
    }();
    lock.lock();
    fetching_ = false;
    fetched_.notify_all();
    if (!fetched.is_ok()) return fetched.status();
    keep(std::move(*fetched));
    return current_;
  }

  // Asks a service by `send`, called as Result<Answer>(const Credential&). When it refuses the credential
  // (refuses(answer) says so), it is asked once more with a fresh one, unless that is the same.
  template <class Fetch, class Send, class Refuses>
  auto ask(Deadline deadline, Fetch fetch, Send send, Refuses refuses) -> decltype(send(std::declval<Credential&>())) {
    COFFER_ASSIGN(const Pointer used, get(deadline, fetch));
    auto answer = send(*used);
    if (!answer.is_ok() || !refuses(*answer)) return answer;
    drop(used);
    COFFER_ASSIGN(const Pointer fresh, get(deadline, fetch));
    return are_same(*fresh, *used) ? std::move(answer) : send(*fresh);
  }

  // The service refused this one: the next get() fetches. Nothing happens if it was replaced meanwhile.
  void drop(const Pointer& refused) {
    const std::lock_guard lock(mutex_);
    if (current_ == refused) current_ = nullptr;
  }

 private:
  void keep(Fetched fetched) {
    use_until_.reset();
    if (fetched.expires.has_value()) {
      const Time now = std::chrono::system_clock::now();
      use_until_ = std::max(*fetched.expires - margin_, now + (*fetched.expires - now) / 2);
    }
    current_ = std::make_shared<const Credential>(std::move(fetched.credential));
  }

  const std::chrono::seconds margin_;
  std::mutex mutex_;
  std::condition_variable fetched_;
  bool fetching_ = false;
  Pointer current_;
  std::optional<Time> use_until_;
};

}  // namespace coffer::http
