// Status and Result<T>: how every Coffer function reports failure. No exception crosses the API.
//
// A code says what the caller can do about it. The codes an operator acts on differently never merge: a store must not
// be restored from a backup (kDamaged) because a KMS is down (kProviderUnavailable).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace coffer {

enum class Code : uint8_t {
  kOk = 0,
  kInvalidArgument,      // the caller's option, path or value is wrong; nothing was changed
  kNotFound,             // no such file, domain, key or store
  kAlreadyExists,        // refusing to overwrite
  kPermissionDenied,     // the operating system or a file mode says no
  kIo,                   // the operating system failed a read or write
  kNoSpace,              // disk full or quota reached
  kBusy,                 // somebody else holds the lock
  kConflict,             // compare-and-swap lost: reload and try again
  kUnsupported,          // unknown version, suite or kind, or an operation this kind of file does not have
  kLimitExceeded,        // a documented limit (size, count, bytes per key) was reached
  kDamaged,              // a checksum says the medium or a crash altered the bytes
  kTampered,             // authentication failed although the bytes are consistent, or bytes belong elsewhere
  kTruncated,            // the end of the file is missing
  kWrongKey,             // the key at hand is not the one that sealed this
  kKeyUnavailable,       // the needed key is not in the keyring, or its state forbids the use
  kKeyDestroyed,         // the needed key was destroyed on purpose: what it protects is lost
  kProviderUnavailable,  // the key provider cannot be reached or refused to serve
  kPlaintext,            // an unencrypted file where only encrypted ones may be
  kRolledBack,           // an older state than one already seen
  kDiverged,             // another state than the one already seen, neither before nor after it
  kForeign,              // genuine, but of another coffer, store or domain than the place it was found at
  kInternal,             // a bug in Coffer
};

// The lower-case name of a code as it appears in JSON output: "wrong_key", "damaged", …
std::string_view code_name(Code code);

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Code code, std::string message);

  Status(const Status& other);
  Status& operator=(const Status& other);
  Status(Status&&) noexcept = default;
  Status& operator=(Status&&) noexcept = default;

  static Status ok() { return {}; }

  bool is_ok() const { return rep_ == nullptr; }
  explicit operator bool() const { return is_ok(); }
  Code code() const { return rep_ ? rep_->code : Code::kOk; }
  // One sentence, lower case, no full stop; names the file, key or option. Empty when ok.
  std::string_view message() const { return rep_ ? std::string_view(rep_->message) : std::string_view(); }
  // "code_name: message", for logs.
  std::string to_string() const;
  // The same code with `context` and ": " in front of the message. Ok stays ok.
  Status with_context(std::string_view context) const;

 private:
  struct Rep {
    Code code;
    std::string message;
  };
  std::unique_ptr<Rep> rep_;
};

// The end of the process that asks a failed Result for its value: see base/check.h. Says the Status.
[[noreturn, gnu::cold]] void value_of_failure(const Status& status) noexcept;

// Either a value or a Status that is not ok.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}         // NOLINT: implicit by design, as return values read
  Result(Status status) : status_(std::move(status)) {  // NOLINT
    if (status_.is_ok()) status_ = Status(Code::kInternal, "a Result was built from an ok Status");
  }
  Result(Code code, std::string message) : status_(code, std::move(message)) {}

  bool is_ok() const { return value_.has_value(); }
  explicit operator bool() const { return is_ok(); }
  const Status& status() const& { return status_; }
  // Of what is gone with the statement.
  Status status() && { return std::move(status_); }
  Code code() const { return status_.code(); }
  // The same value, or its Status with `context` in front.
  Result with_context(std::string_view context) && {
    if (!is_ok()) status_ = status_.with_context(context);
    return std::move(*this);
  }

  // REQUIRES: is_ok()
  T& value() & { return checked(), *value_; }
  const T& value() const& { return checked(), *value_; }
  T&& value() && { return checked(), std::move(*value_); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }

 private:
  void checked() const {
    if (!value_.has_value()) [[unlikely]]
      value_of_failure(status_);
  }

  std::optional<T> value_;
  Status status_;
};

}  // namespace coffer

#define COFFER_CONCAT_INNER(a, b) a##b
#define COFFER_CONCAT(a, b) COFFER_CONCAT_INNER(a, b)
// Returns the Status of `expr` from the enclosing function unless it is ok.
#define COFFER_TRY(expr)                                                           \
  do {                                                                             \
    if (auto coffer_status = (expr); !coffer_status.is_ok()) return coffer_status; \
  } while (false)
// COFFER_ASSIGN(auto x, make_x()): declares x from a Result, or returns its Status.
#define COFFER_ASSIGN(decl, expr) COFFER_ASSIGN_INNER(COFFER_CONCAT(coffer_result_, __LINE__), decl, expr)
#define COFFER_ASSIGN_INNER(name, decl, expr) \
  auto name = (expr);                         \
  if (!name.is_ok()) return name.status();    \
  decl = std::move(name).value()
