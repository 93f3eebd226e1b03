#include <algorithm>
#include <charconv>

#include "coffer/base/path.h"
#include "coffer/base/text.h"
#include "coffer/config/uri.h"

namespace coffer {

std::optional<std::string> UriOptions::take(std::string_view name) {
  asked_.emplace_back(name);
  for (const auto& [known, value] : uri_.options) {
    if (known != name) continue;
    keep(name, value);
    return value;
  }
  return std::nullopt;
}

std::string UriOptions::take(std::string_view name, std::string_view otherwise) {
  std::string out = take(name).value_or(std::string(otherwise));
  if (out == otherwise) keep(name, "");
  return out;
}

Result<std::string> UriOptions::take_path(std::string_view name) {
  std::optional<std::string> path = take(name);
  if (!path.has_value()) return std::string();
  if (path->empty()) return wrong(name, "a path");
  if (!path->starts_with('/') && uri_.option_places.contains(std::string(name))) return wrong(name, "an absolute path");
  std::string absolute = absolute_path(*path);
  keep(name, absolute);
  return absolute;
}

Result<uint64_t> UriOptions::take_number(std::string_view name, uint64_t otherwise, uint64_t smallest,
                                         uint64_t largest) {
  const std::optional<std::string> text = take(name);
  if (!text.has_value()) return otherwise;
  uint64_t value = 0;
  const char* const text_end = text->data() + text->size();
  const auto [end, failed] = std::from_chars(text->data(), text_end, value);
  if (failed == std::errc() && end == text_end && value >= smallest && value <= largest) {
    if (value == otherwise) keep(name, "");
    return value;
  }
  return wrong(name, "a number from " + std::to_string(smallest) + " to " + std::to_string(largest));
}

Result<bool> UriOptions::take_switch(std::string_view name, bool otherwise) {
  const std::optional<std::string> text = take(name);
  if (!text.has_value()) return otherwise;
  if (*text == "true" || *text == "false") {
    if ((*text == "true") == otherwise) keep(name, "");
    return *text == "true";
  }
  return wrong(name, "true or false");
}

bool UriOptions::equal_ignoring_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; };
  return std::ranges::equal(a, b, [&](char x, char y) { return lower(x) == lower(y); });
}

Result<bool> UriOptions::take_once(std::string_view name) {
  auto out = take_switch(name, false);
  keep(name, "");
  return out;
}

Result<SecretSource> UriOptions::take_secret(const std::string& name) {
  SecretSource out;
  if (std::ranges::any_of(uri_.options, [&](const auto& option) { return option.first == name; })) {
    return {Code::kInvalidArgument,
            called(name) + ": a secret does not stand in clear here; put it into a file and give " + name +
                "_file, or into the environment and give " + name + "_env, or seal it and give " + name + "_sealed"};
  }
  COFFER_ASSIGN(out.file, take_path(name + "_file"));
  out.environment = take(name + "_env", "");
  out.sealed = take(name + "_sealed", "");
  if (!out.file.empty() + !out.environment.empty() + !out.sealed.empty() > 1) {
    const std::string& place = uri_.place.empty() ? "root key URI" : uri_.place;
    return {Code::kInvalidArgument,
            place + ": options " + name + "_file, " + name + "_env and " + name + "_sealed exclude each other"};
  }
  if (out.sealed.empty()) return out;
  COFFER_TRY(check_sealed_value(out.sealed).with_context(called(name + "_sealed")));
  out.sealed_for = sealed_place(uri_, name);
  out.sealing_key = sealing_key_;
  return out;
}

Status UriOptions::finish() const {
  for (const auto& [name, value] : uri_.options) {
    if (std::find(asked_.begin(), asked_.end(), name) != asked_.end()) continue;
    std::string known;
    for (const std::string& asked : asked_) known += (known.empty() ? "" : ", ") + asked;
    return {Code::kInvalidArgument, called(name) + ": " + uri_.scheme + ": has " +
                                        (known.empty() ? "no options" : "no such option; it has " + known)};
  }
  return Status::ok();
}

Status UriOptions::wrong(std::string_view name, const std::string& expected) const {
  return {Code::kInvalidArgument, called(std::string(name)) + ": expected " + expected};
}

std::string UriOptions::called(const std::string& name) const {
  const auto place = uri_.option_places.find(name);
  return place != uri_.option_places.end() ? place->second : "root key URI option " + name;
}

ProviderUri UriOptions::kept() const {
  ProviderUri out = uri_;
  out.options = kept_;
  return out;
}

void UriOptions::keep(std::string_view name, std::string value) {
  const auto found = std::find_if(kept_.begin(), kept_.end(), [&](const auto& option) { return option.first == name; });
  if (value.empty()) {
    if (found != kept_.end()) kept_.erase(found);
  } else if (found != kept_.end()) {
    found->second = std::move(value);
  } else {
    kept_.emplace_back(name, std::move(value));
  }
}

std::vector<std::string_view> split_list(std::string_view text) {
  std::vector<std::string_view> out;
  while (true) {
    const size_t comma = text.find(',');
    out.push_back(trimmed(text.substr(0, comma), " \t"));
    if (comma == std::string_view::npos) return out;
    text.remove_prefix(comma + 1);
  }
}

SealedPlace sealed_place(const ProviderUri& uri, std::string_view option) {
  SealedPlace out{std::string(option), uri.configured_as.empty() ? uri.scheme : uri.configured_as, {}};
  const std::string authority = uri.authority.value_or("");
  for (std::string_view host : split_list(authority)) {
    const size_t address_end = host.starts_with('[') ? std::min(host.find(']'), host.size()) : 0;
    host = host.substr(0, host.find(':', address_end));
    out.hosts += (out.hosts.empty() ? "" : ",") + lower_case(host);
  }
  return out;
}

Result<std::string> local_path(const ProviderUri& uri, std::string_view what, std::string_view form) {
  if (uri.authority.has_value() && !uri.authority->empty() && *uri.authority != "localhost") {
    return {Code::kInvalidArgument, "a " + std::string(what) + " is on this machine, not on \"" + *uri.authority +
                                        "\"; write " + std::string(form)};
  }
  // Where a configuration is read from must not decide which file it means.
  if (!uri.place.empty() && !uri.path.starts_with('/')) {
    return {Code::kInvalidArgument, uri.place + ": uri: expected an absolute path; write " + std::string(form)};
  }
  if (!uri.path.empty() && uri.path != "/") return absolute_path(uri.path);
  return {Code::kInvalidArgument, "the root key URI names no " + std::string(what) + "; write " + std::string(form)};
}

}  // namespace coffer
