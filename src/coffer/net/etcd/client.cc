#include "coffer/net/etcd/client.h"

#include <thread>

#include "coffer/crypto/random.h"
#include "coffer/net/http/json_body.h"
#include "coffer/net/http/retry.h"

namespace coffer::etcd {
namespace {

using http::milliseconds;

// Codes of gRPC.
constexpr int kInvalid = 3, kDenied = 7, kExhausted = 8, kPrecondition = 9, kOutOfRange = 11, kUnauthenticated = 16;
constexpr size_t kTokenSizeMax = 4096;
constexpr milliseconds kRoundPauseMax{1000};

// Whether another member would say so, too.
bool is_final(int code) {
  return code == kInvalid || code == kDenied || code == kExhausted || code == kPrecondition || code == kOutOfRange ||
         code == kUnauthenticated;
}

}  // namespace

http::Request Client::request_to(size_t member, const char* path, const SecretBytes& body, const Token* token) const {
  http::Request out;
  out.method = "POST";
  out.url = settings_.endpoints[member % settings_.endpoints.size()] + path;
  out.headers.push_back({"Content-Type", "application/json"});
  out.body = SecretBytes::copy_of(body.reveal());
  if (token != nullptr) out.secret_headers.push_back({"Authorization", SecretBytes::copy_of(token->reveal())});
  return out;
}

Result<std::optional<Refused>> Client::ask_any(const char* path, const SecretBytes& body, const Token* token,
                                               const Taken& take, Deadline deadline) {
  Status last(Code::kProviderUnavailable, settings_.name + ": no time left to ask it");
  http::RetryPauses pauses(settings_.http.pause_first, kRoundPauseMax);
  for (size_t tries = 1;; ++tries) {
    const size_t member = preferred_;
    const http::Request request = request_to(member, path, body, token);
    const auto response = http::send_once(settings_.http, request, deadline);
    const std::string host = http::host_of_url(request.url).value();
    if (response.is_ok()) {
      if (response->is_success()) {
        const Status taken = take(response->body.reveal());
        if (taken.is_ok()) return std::optional<Refused>();
        last = taken.with_context(host);
      } else {
        const Refused refused = read_refusal(response->status, response->body.reveal());
        if (is_final(refused.code)) return std::optional(refused);
        last = {refused.code == 0 ? Code::kTampered : Code::kProviderUnavailable, host + ": " + refused.message};
      }
    } else if (left_until(deadline).count() > 0 || tries == 1) {
      last = response.status();
    }
    // Another thread may have gone on to the next already.
    size_t expected = member;
    preferred_.compare_exchange_strong(expected, member + 1);
    if (tries % settings_.endpoints.size() == 0) {
      const auto pause = pauses.next(milliseconds(0), left_until(deadline), random_number());
      if (!pause.has_value()) return last;
      std::this_thread::sleep_for(*pause);
    }
    if (left_until(deadline).count() == 0) return last;
  }
}

Result<http::CredentialCache<Client::Token>::Fetched> Client::log_in(Deadline deadline) {
  COFFER_ASSIGN(const SecretBytes password, read_secret(settings_.password));
  http::JsonBody body;
  body.text("name", settings_.user).secret("password", password.reveal());
  http::CredentialCache<Token>::Fetched out;
  const auto take = [&](ByteView text) -> Status {
    COFFER_ASSIGN(const auto json, http::JsonView::parse(text));
    COFFER_ASSIGN(out.credential, http::json_secret(json, "token", kTokenSizeMax));
    return Status::ok();
  };
  COFFER_ASSIGN(const auto refused, ask_any("/v3/auth/authenticate", body.take(), nullptr, take, deadline));
  if (!refused.has_value()) return out;
  return {Code::kPermissionDenied, settings_.name + ": user " + settings_.user + " is not let in: " +
                                       refused->message + "; correct user and password, or etcd's"};
}

Status Client::refusal(const Refused& refused) const {
  const std::string what = settings_.name + ": " + refused.message;
  switch (refused.code) {
    case kDenied: return {Code::kPermissionDenied, what + "; grant its role readwrite on the prefix"};
    case kUnauthenticated: return {Code::kPermissionDenied, what};
    case kOutOfRange: return {Code::kAlreadyExists, what};
    case kExhausted: return {Code::kLimitExceeded, what + "; make room in etcd, see docs/cluster.md"};
    case kInvalid:
      if (refused.message.find("user name is empty") != std::string::npos) {
        return {Code::kPermissionDenied, what + "; etcd wants to know who asks: give user and password_file"};
      }
      if (refused.message.find("too large") != std::string::npos) return {Code::kLimitExceeded, what};
      return {Code::kInvalidArgument, what};
    default: return {Code::kInvalidArgument, what};
  }
}

Status Client::ask(const char* path, const SecretBytes& body, const Taken& take, Deadline deadline) {
  const auto send = [&](const Token& token) {
    return ask_any(path, body, settings_.user.empty() ? nullptr : &token, take, deadline);
  };
  const auto refuses = [](const std::optional<Refused>& refused) {
    return refused.has_value() && refused->code == kUnauthenticated;
  };
  Result<std::optional<Refused>> answer =
      settings_.user.empty() ? send(Token()) : tokens_.ask(deadline, [&] { return log_in(deadline); }, send, refuses);
  if (answer.code() == Code::kProviderUnavailable) {
    return {Code::kProviderUnavailable, "etcd does not answer: " + std::string(answer.status().message()) +
                                            "; nothing is wrong with the data: bring etcd back and repeat"};
  }
  COFFER_TRY(answer.status());
  return answer->has_value() ? refusal(**answer) : Status::ok();
}

Result<Answered> Client::commit(const Transaction& transaction) {
  return commit(transaction, http::deadline_from_now(settings_.http));
}

Result<Answered> Client::commit(const Transaction& transaction, Deadline deadline) {
  const SecretBytes body = SecretBytes::copy_of(as_bytes(transaction.text()));
  Answered out;
  const auto take = [&](ByteView text) -> Status {
    COFFER_ASSIGN(out, read_answer(text));
    return Status::ok();
  };
  COFFER_TRY(ask("/v3/kv/txn", body, take, deadline));
  return out;
}

Status Client::compact(uint64_t revision) {
  const SecretBytes body = SecretBytes::copy_of(as_bytes(compaction_request(revision)));
  const auto take = [](ByteView text) { return http::JsonView::parse(text).status(); };
  const Status asked = ask("/v3/kv/compaction", body, take, http::deadline_from_now(settings_.http));
  // Somebody else has compacted it, or more.
  return asked.code() == Code::kAlreadyExists ? Status::ok() : asked;
}

Status Client::watch(http::Stream& stream, const std::string& request, milliseconds lifetime,
                     const std::function<bool(ByteView piece)>& take) {
  const SecretBytes body = SecretBytes::copy_of(as_bytes(request));
  http::CredentialCache<Token>::Pointer token;
  if (!settings_.user.empty()) {
    const Deadline deadline = http::deadline_from_now(settings_.http);
    COFFER_ASSIGN(token, tokens_.get(deadline, [&] { return log_in(deadline); }));
  }
  http::Request asked = request_to(preferred_, "/v3/watch", body, token.get());
  // Of a member that has no leader a watch would hear nothing, and not know it.
  asked.headers.push_back({"Grpc-Metadata-hasleader", "true"});
  return stream.run(settings_.http, asked, lifetime, take);
}

void Client::forget_token() {
  const auto nothing = []() -> Result<http::CredentialCache<Token>::Fetched> {
    return {Code::kProviderUnavailable, "not asked"};
  };
  if (const auto known = tokens_.get(deadline_in(milliseconds(0)), nothing); known.is_ok()) tokens_.drop(*known);
}

}  // namespace coffer::etcd
