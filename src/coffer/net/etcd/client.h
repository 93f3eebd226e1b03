// A client of etcd's JSON gateway, over HTTPS: transactions, compaction and what a watch takes. It asks one member
// after the other until one answers or time is up. Thread-safe.
#pragma once

#include <atomic>

#include "coffer/net/etcd/messages.h"
#include "coffer/net/etcd/settings.h"
#include "coffer/net/http/credential_cache.h"
#include "coffer/net/http/stream.h"

namespace coffer::etcd {

class Client {
 public:
  explicit Client(Settings settings) : settings_(std::move(settings)) {}

  const Settings& settings() const { return settings_; }

  // As of now, agreed by most members. It may be sent more than once, and be carried out late: what it expects has to
  // make that harmless. Errors, which name the member:
  //   kProviderUnavailable  nobody answered, or no majority: it may have been carried out all the same
  //   kPermissionDenied     etcd does not let this user
  //   kLimitExceeded        too large for etcd, or etcd is full
  //   kTampered             who answers is no etcd
  Result<Answered> commit(const Transaction& transaction);
  Result<Answered> commit(const Transaction& transaction, Deadline deadline);
  // Nobody can read anything from before this revision any more. Ok also where that is so already.
  Status compact(uint64_t revision);
  // Runs `stream` at the member that answered last, until it ends; kTampered, and errors as Stream::run().
  Status watch(http::Stream& stream, const std::string& request, http::milliseconds lifetime,
               const std::function<bool(ByteView piece)>& take);
  // The member that answered last does not do.
  void prefer_next() { ++preferred_; }
  // etcd does not know the token any more.
  void forget_token();

 private:
  using Token = SecretBytes;
  using Taken = std::function<Status(ByteView body)>;

  Status ask(const char* path, const SecretBytes& body, const Taken& take, Deadline deadline);
  // Ok: `take` was. An answer of etcd's that refuses stands for itself.
  Result<std::optional<Refused>> ask_any(const char* path, const SecretBytes& body, const Token* token,
                                         const Taken& take, Deadline deadline);
  Result<http::CredentialCache<Token>::Fetched> log_in(Deadline deadline);
  http::Request request_to(size_t member, const char* path, const SecretBytes& body, const Token* token) const;
  Status refusal(const Refused& refused) const;

  const Settings settings_;
  std::atomic<size_t> preferred_{0};
  http::CredentialCache<Token> tokens_;
};

}  // namespace coffer::etcd
