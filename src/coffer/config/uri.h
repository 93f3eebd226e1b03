// "scheme:…" taken apart: what every provider's address has in common (RFC 3986, less fragments and user information).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "coffer/config/secret_source.h"

namespace coffer {

struct ProviderUri {
  std::string scheme;                    // lower case
  std::optional<std::string> authority;  // between "//" and the path: "hsm1:5696,hsm2:5696"; nothing without "//"
  std::string path;                      // percent-decoded (as written for pkcs11:, see raw_path)
  std::vector<std::pair<std::string, std::string>> options;  // "?a=b&c=d", percent-decoded, in order
  std::string raw_path = {};  // the path before decoding, for schemes with delimiters inside it
  // "provider:NAME", "kmip:GROUP" or "root:NAME" once it was looked up by that; empty for a URI that stands for itself.
  std::string configured_as = {};
  // What stands in coffer.yaml, and where, for errors: "coffer.yaml:3: kmip_hosts: prod", and the same of its options.
  std::string place = {};
  std::map<std::string, std::string> option_places = {};

  friend bool operator==(const ProviderUri& a, const ProviderUri& b) {
    return a.scheme == b.scheme && a.authority == b.authority && a.path == b.path && a.options == b.options &&
           a.raw_path == b.raw_path;
  }
};

// Text without "scheme:" is a path: it becomes a "file" URI, to the letter (but for slashes doubled at its beginning).
// kInvalidArgument for anything else that is malformed, and for control characters; messages do not repeat option
// values, which may be sensitive.
Result<ProviderUri> parse_provider_uri(const std::string& text);
// %XX to bytes; control characters are refused. `part` is what an error calls it.
Result<std::string> decode_percent(std::string_view text, std::string_view part);
// The same with control characters: any bytes.
Result<std::string> decode_percent_bytes(std::string_view text, std::string_view part);
// "a, b,c": without blanks around.
std::vector<std::string_view> split_list(std::string_view text);

// What a sealed value of that option is for.
SealedPlace sealed_place(const ProviderUri& uri, std::string_view option);

template <class T>
struct Choice {
  std::string_view name;
  T value;
};

// What a provider makes of its options: taken one by one; what nobody took is unknown.
class UriOptions {
 public:
  // `sealing_key`: what coffer.yaml names, for secrets that are sealed.
  explicit UriOptions(const ProviderUri& uri, std::string sealing_key = {})
      : uri_(uri), sealing_key_(std::move(sealing_key)) {}

  // Nothing when the option is not given.
  std::optional<std::string> take(std::string_view name);
  std::string take(std::string_view name, std::string_view otherwise);
  // Made absolute, below the current directory of now; one in coffer.yaml has to be absolute.
  Result<std::string> take_path(std::string_view name);
  // From `smallest` to `largest`.
  Result<uint64_t> take_number(std::string_view name, uint64_t otherwise, uint64_t smallest, uint64_t largest);
  Result<bool> take_switch(std::string_view name, bool otherwise);  // true or false
  // One of several words, in upper or lower case.
  template <class T, size_t kCount>
  Result<T> take_choice(std::string_view name, const Choice<T> (&choices)[kCount], T otherwise) {
    const std::optional<std::string> text = take(name);
    if (!text.has_value()) return otherwise;
    std::string known;
    for (size_t i = 0; i < kCount; ++i) {
      if (equal_ignoring_case(choices[i].name, *text)) return choices[i].value;
      known += (i == 0 ? "" : i + 1 < kCount ? ", " : " or ") + std::string(choices[i].name);
    }
    return wrong(name, known);
  }
  // A switch, off by itself, that is for this one call: kept() leaves it out.
  Result<bool> take_once(std::string_view name);
  // One of NAME_file, NAME_env and NAME_sealed; NAME itself, a secret in clear, is refused.
  Result<SecretSource> take_secret(const std::string& name);
  // kInvalidArgument for an option that was not asked for: lists those that were.
  Status finish() const;
  // kInvalidArgument: the option, by its place in coffer.yaml or as the URI's, and what was expected.
  Status wrong(std::string_view name, const std::string& expected) const;

  // The URI with what was taken and is not the default, by absolute paths: what coffer.yaml keeps of a root.
  ProviderUri kept() const;
  // Puts into kept() what does not stand in the URI, or not so. An empty value leaves it out.
  void keep(std::string_view name, std::string value);

 private:
  std::string called(const std::string& name) const;
  static bool equal_ignoring_case(std::string_view a, std::string_view b);

  const ProviderUri& uri_;
  const std::string sealing_key_;
  std::vector<std::string> asked_;
  std::vector<std::pair<std::string, std::string>> kept_;
};

// The absolute path of what is a `what` on this machine. kInvalidArgument for another host, or without a path; both say
// to write `form`.
Result<std::string> local_path(const ProviderUri& uri, std::string_view what, std::string_view form);

// The text that parse_provider_uri() takes apart again.
std::string format_provider_uri(const ProviderUri& uri);
// %XX for all but letters, digits and what is `plain`.
std::string encode_percent(std::string_view text, std::string_view plain);
// Percent-encodes what a URI's path cannot hold as it is.
std::string encode_uri_path(const std::string& path);
// The same for an option's name or value.
std::string encode_uri_option(const std::string& text);

}  // namespace coffer
