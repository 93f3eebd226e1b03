#include "coffer/config/jwk.h"

#include <optional>

namespace coffer {
namespace {

constexpr int kDepthMax = 16;

class JwkReader {
 public:
  explicit JwkReader(ByteView text) : text_(text) {}

  Result<JwkMembers> document() {
    JwkMembers outer;
    skip_space();
    COFFER_TRY(key(outer, /*may_hold_keys=*/true, 0));
    skip_space();
    if (at_ != text_.size()) return malformed("text after the end");
    if (!inner_.has_value()) return outer;
    if (!outer.k.empty()) return {Code::kInvalidArgument, "it is a key and a set of keys at once"};
    return *inner_;
  }

 private:
  Status malformed(std::string_view what) const {
    return {Code::kInvalidArgument, "not a JSON Web Key: " + std::string(what) + " at byte " + std::to_string(at_)};
  }

  bool next_is(char c) const { return at_ < text_.size() && text_[at_] == static_cast<uint8_t>(c); }
  bool skip(char c) {
    if (!next_is(c)) return false;
    ++at_;
    return true;
  }
  void skip_space() {
    while (next_is(' ') || next_is('\t') || next_is('\n') || next_is('\r')) ++at_;
  }

  // What stands between the quotes, escapes as they are written.
  Result<ByteView> string() {
    if (!skip('"')) return malformed("a string is missing");
    const size_t start = at_;
    while (at_ < text_.size() && text_[at_] != '"') {
      if (text_[at_] < 0x20) return malformed("a control character in a string");
      at_ += text_[at_] == '\\' ? 2 : 1;
    }
    if (at_ >= text_.size()) return malformed("a string without an end");
    return text_.subspan(start, at_++ - start);
  }

  Status plain_string(ByteView& out, std::string_view name) {
    if (out.data() != nullptr) return {Code::kInvalidArgument, "its " + std::string(name) + " is there twice"};
    COFFER_ASSIGN(out, string());
    if (as_text(out).find('\\') != std::string_view::npos) {
      return {Code::kInvalidArgument, "its " + std::string(name) + " is written with escapes"};
    }
    return {};
  }

  static ByteView* member_of(JwkMembers& key, std::string_view name) {
    if (name == "kty") return &key.kty;
    if (name == "alg") return &key.alg;
    if (name == "kid") return &key.kid;
    if (name == "k") return &key.k;
    return nullptr;
  }

  // Calls `element` before each element of a list in brackets.
  template <class Element>
  Status list(char open, char close, Element element) {
    if (!skip(open)) return malformed(std::string("no \"") + open + "\"");
    skip_space();
    if (skip(close)) return {};
    while (true) {
      skip_space();
      COFFER_TRY(element());
      skip_space();
      if (skip(close)) return {};
      if (!skip(',')) return malformed("no comma");
    }
  }

  template <class Value>
  Status object(Value value) {
    return list('{', '}', [&]() -> Status {
      COFFER_ASSIGN(ByteView name, string());
      skip_space();
      if (!skip(':')) return malformed("no colon");
      skip_space();
      return value(as_text(name));
    });
  }

  Status key(JwkMembers& out, bool may_hold_keys, int depth) {
    return object([&](std::string_view name) -> Status {
      if (may_hold_keys && name == "keys") return keys(depth + 1);
      ByteView* member = member_of(out, name);
      return member == nullptr ? skip_value(depth + 1) : plain_string(*member, name);
    });
  }

  Status keys(int depth) {
    COFFER_TRY(list('[', ']', [&]() -> Status {
      if (inner_.has_value()) return {Code::kInvalidArgument, "it holds more than one key; one is expected"};
      inner_.emplace();
      return key(*inner_, /*may_hold_keys=*/false, depth + 1);
    }));
    return inner_.has_value() ? Status() : Status(Code::kInvalidArgument, "it is a set without keys; one is expected");
  }

  Status skip_value(int depth) {
    if (depth > kDepthMax) return malformed("nested too deeply");
    if (next_is('{')) return object([&](std::string_view) { return skip_value(depth + 1); });
    if (next_is('[')) return list('[', ']', [&] { return skip_value(depth + 1); });
    if (next_is('"')) return string().status();
    const size_t start = at_;
    while (at_ < text_.size() && as_text(text_).find_first_of(" \t\r\n,]}", at_) != at_) ++at_;
    return at_ > start ? Status() : malformed("a value is missing");
  }

  ByteView text_;
  size_t at_ = 0;
  std::optional<JwkMembers> inner_;
};

}  // namespace

Result<JwkMembers> read_jwk(ByteView text) { return JwkReader(text).document(); }

}  // namespace coffer
