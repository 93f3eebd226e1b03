#include "coffer/providers/aws_kms/settings.h"

#include <algorithm>

namespace coffer::aws_kms {
namespace {

constexpr size_t kRegionSizeMax = 32;
constexpr size_t kKeySizeMax = 400;

// Part of a host name: nothing else may get into it.
bool is_region(std::string_view text) {
  return !text.empty() && text.size() <= kRegionSizeMax && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

bool is_key(std::string_view text) {
  return !text.empty() && text.size() <= kKeySizeMax && std::all_of(text.begin(), text.end(), [](char c) {
    return is_alphanumeric(c) || std::string_view("-_/:").find(c) != std::string_view::npos;
  });
}

Result<std::string> take_endpoint(UriOptions& options, std::string_view name) {
  std::string out = options.take(name, "");
  while (out.ends_with('/')) out.pop_back();
  if (out.empty()) return out;
  COFFER_TRY(http::host_of_url(out).status().with_context("root key URI option " + std::string(name)));
  if (out.find_first_of("/?#", out.find("//") + 2) != std::string::npos) {
    return options.wrong(name, "https://HOST[:PORT]");
  }
  return out;
}

std::string address_in(const std::string& region, const std::string& service) {
  return "https://" + service + "." + region + ".amazonaws.com" + (region.starts_with("cn-") ? ".cn" : "");
}

}  // namespace

std::optional<Arn> parse_arn(std::string_view text) {
  std::vector<std::string> parts;
  while (parts.size() < 5) {
    const size_t colon = text.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    parts.emplace_back(text.substr(0, colon));
    text.remove_prefix(colon + 1);
  }
  const bool is_kms = parts[0] == "arn" && !parts[1].empty() && parts[2] == "kms" && is_region(parts[3]);
  const bool names = text.starts_with("key/") || text.starts_with("alias/");
  if (!is_kms || parts[4].empty() || !names || !is_key(text)) return std::nullopt;
  return Arn{parts[1], parts[3], parts[4], std::string(text)};
}

std::string Settings::kms_address() const { return endpoint.empty() ? address_in(region, "kms") : endpoint; }

std::string Settings::sts_address() const { return sts_endpoint.empty() ? address_in(region, "sts") : sts_endpoint; }

Result<Settings> read_settings(const ProviderUri& uri) {
  Settings out;
  out.key = uri.path.starts_with('/') ? uri.path.substr(1) : uri.path;
  if (!is_key(out.key)) {
    return {Code::kInvalidArgument,
            "the root key URI names no key; expected aws-kms://REGION/KEY-ID, "
            "aws-kms://REGION/alias/NAME or aws-kms:///arn:aws:kms:REGION:ACCOUNT:key/KEY-ID"};
  }
  const std::optional<Arn> arn = parse_arn(out.key);
  if (!arn.has_value() && out.key.starts_with("arn:")) {
    return {Code::kInvalidArgument,
            "the root key URI's ARN is none of KMS; expected arn:aws:kms:REGION:ACCOUNT:key/ID"};
  }
  const std::string arn_region = arn.has_value() ? arn->region : "";
  out.region = uri.authority.value_or("");
  if (out.region.empty()) out.region = arn_region;
  if (out.region.empty()) out.region = http::environment("AWS_REGION");
  if (out.region.empty()) out.region = http::environment("AWS_DEFAULT_REGION");
  if (!is_region(out.region)) {
    return {
        Code::kInvalidArgument,
        "the root key URI names no region; expected aws-kms://REGION/KEY, for instance aws-kms://eu-west-1/alias/db"};
  }
  if (!arn_region.empty() && arn_region != out.region) {
    return {Code::kInvalidArgument, "the root key URI names the region " + out.region + ", its ARN the region " +
                                        arn_region + "; leave the former out"};
  }
  UriOptions options(uri);
  COFFER_ASSIGN(out.endpoint, take_endpoint(options, "endpoint"));
  COFFER_ASSIGN(out.sts_endpoint, take_endpoint(options, "sts_endpoint"));
  out.profile = options.take("profile", "");
  COFFER_ASSIGN(out.credentials_file, options.take_path("credentials_file"));
  COFFER_ASSIGN(out.http, http::take_http_settings(options));
  COFFER_TRY(options.finish());
  ProviderUri kept = options.kept();
  kept.authority = out.region;
  kept.path = "/" + out.key;
  out.uri = format_provider_uri(kept);
  return out;
}

}  // namespace coffer::aws_kms
