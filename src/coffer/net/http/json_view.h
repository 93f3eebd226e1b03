// JSON that came from a service, read where it stands: a general library would leave copies of what may be key material
// on the heap (nlohmann's keeps each token in a vector of its own, whatever allocator its values have). Every size is
// bounded by the text's; nesting by kJsonDepthMax.
#pragma once

#include <optional>
#include <vector>

#include "coffer/base/secret.h"

namespace coffer::http {

inline constexpr int kJsonDepthMax = 32;

// One value within a text that parse() found well formed. A view: the text must outlive it. Asking a value for what it
// is not (a member of a number, say) gives nothing.
class JsonView {
 public:
  // kTampered, with the offset, for text that is not one JSON value; RFC 8259 to the letter but for UTF-8, which is
  // not checked, and for unpaired surrogates, which are refused.
  static Result<JsonView> parse(ByteView text);
  // Nothing: has no members.
  JsonView() = default;

  bool exists() const { return !value_.empty(); }
  bool is_object() const { return begins_with('{'); }
  bool is_array() const { return begins_with('['); }
  bool is_string() const { return begins_with('"'); }

  // A member of an object; of several with one name the last, as most readers take it.
  JsonView operator[](std::string_view name) const;
  // An element of an array.
  JsonView at(size_t index) const;
  size_t element_count() const;
  // All of them in order, in one pass.
  std::vector<JsonView> elements() const;

  // For what is not secret. Nothing when this is not a string or longer than size_max.
  std::optional<std::string> text(size_t size_max) const;
  std::optional<SecretBytes> secret(size_t size_max) const;
  std::optional<int64_t> number() const;          // integers only
  std::optional<int64_t> number_or_text() const;  // the same, where a service may write it as text
  std::optional<bool> boolean() const;

 private:
  explicit JsonView(std::string_view value) : value_(value) {}
  bool begins_with(char c) const { return !value_.empty() && value_.front() == c; }

  std::string_view value_;
};

// Like text() and secret(), for members that have to be there: kTampered names the member.
Result<std::string> json_text(const JsonView& object, std::string_view name, size_t size_max);
Result<SecretBytes> json_secret(const JsonView& object, std::string_view name, size_t size_max);
// A member in base64, decoded. Standard alphabet.
Result<SecretBytes> json_base64(const JsonView& object, std::string_view name, size_t size_max);

}  // namespace coffer::http
