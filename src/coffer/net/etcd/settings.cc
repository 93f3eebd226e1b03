#include "coffer/net/etcd/settings.h"

#include <algorithm>

namespace coffer::etcd {
namespace {

constexpr std::string_view kUsualEtcdPort = "2379";
constexpr size_t kEndpointsMax = 32;
constexpr size_t kPrefixSizeMax = 512;
// So that one member that hangs leaves time for others.
constexpr size_t kTriesInTime = 3;

Status take_endpoints(const ProviderUri& uri, bool tls, Settings& out) {
  const std::string authority = uri.authority.value_or("");
  std::string hosts;
  for (const std::string_view host : split_list(authority)) {
    std::string endpoint = (tls ? "https://" : "http://") + std::string(host);
    if (host.find(':', host.rfind(']') + 1) == std::string::npos) endpoint.append(":").append(kUsualEtcdPort);
    if (host.empty()) return {Code::kInvalidArgument, "expected etcd://HOST[:PORT][,HOST…]/PREFIX"};
    COFFER_ASSIGN(const std::string named, http::host_of_url(endpoint));
    hosts += (hosts.empty() ? "" : ",") + named;
    out.endpoints.push_back(std::move(endpoint));
  }
  if (out.endpoints.size() > kEndpointsMax) {
    return {Code::kInvalidArgument, "etcd: more than " + std::to_string(kEndpointsMax) + " hosts"};
  }
  out.name = "etcd://" + hosts + out.prefix;
  return Status::ok();
}

// Whatever stands below it is the coffer's, so it is not all that etcd has.
Status take_prefix(const ProviderUri& uri, Settings& out) {
  out.prefix = uri.path;
  while (out.prefix.ends_with('/')) out.prefix.pop_back();
  const bool fits = out.prefix.size() > 1 && out.prefix.size() <= kPrefixSizeMax && out.prefix.starts_with('/') &&
                    out.prefix.find("//") == std::string::npos;
  if (fits) return Status::ok();
  return {Code::kInvalidArgument,
          "the etcd URI names no prefix for its keys; expected etcd://HOST[:PORT][,HOST…]/PREFIX, for instance "
          "etcd://n1,n2,n3/coffers/db"};
}

}  // namespace

Result<Settings> read_settings(const ProviderUri& uri, const std::string& sealing_key) {
  Settings out;
  UriOptions options(uri, sealing_key);
  COFFER_ASSIGN(const bool tls, options.take_switch("tls", true));
  COFFER_TRY(take_prefix(uri, out));
  COFFER_TRY(take_endpoints(uri, tls, out));
  out.user = options.take("user", "");
  COFFER_ASSIGN(out.password, options.take_secret("password"));
  COFFER_ASSIGN(out.compacts, options.take_switch("compact", true));
  COFFER_ASSIGN(out.http, http::take_http_settings(options));
  COFFER_TRY(options.finish());
  if (out.user.empty() == out.password.given()) {
    return {Code::kInvalidArgument,
            "etcd: user goes with password_file, password_env or password_sealed; give both, or none"};
  }
  const auto tries = static_cast<int>(std::min(out.endpoints.size(), kTriesInTime));
  out.http.try_timeout = std::max(out.http.total_timeout / tries, http::milliseconds(1));
  // The longest list there is: docs/format.md, "Keyring in etcd".
  out.http.response_size_max = size_t{32} << 20;
  return out;
}

}  // namespace coffer::etcd
