#include "coffer/providers/tpm/settings.h"

#include <algorithm>

#include "coffer/base/path.h"

namespace coffer::tpm {
namespace {

constexpr char kTctiDefault[] = "device:/dev/tpmrm0";
constexpr size_t kTctiSizeMax = 128;
constexpr uint64_t kTimeoutDefaultMs = 30'000;

}  // namespace

// TSS would load any library, or run any command, that an address names: a slip there must not do that.
Result<std::string> take_tcti(UriOptions& options) {
  const std::string tcti = options.take("tcti", kTctiDefault);
  constexpr std::string_view kKnown[] = {"device", "tabrmd", "swtpm", "mssim"};
  const std::string_view name = std::string_view(tcti).substr(0, tcti.find(':'));
  const bool known = std::find(std::begin(kKnown), std::end(kKnown), name) != std::end(kKnown);
  const bool plain = std::all_of(tcti.begin(), tcti.end(), [](char c) { return c > 0x20 && c < 0x7f; });
  if (known && plain && tcti.size() <= kTctiSizeMax) return tcti;
  return {Code::kInvalidArgument,
          "tpm: tcti: expected device:/dev/tpmrm0, tabrmd, swtpm:path=SOCKET, swtpm:host=HOST,port=PORT or "
          "mssim:host=HOST,port=PORT"};
}

Status take_passwords(UriOptions& options, uint64_t timeout_default_millis, Access& out) {
  COFFER_ASSIGN(out.auth, options.take_secret("auth"));
  COFFER_ASSIGN(out.owner_auth, options.take_secret("owner_auth"));
  COFFER_ASSIGN(out.timeout_millis, options.take_number("timeout_millis", timeout_default_millis, 100, 600'000));
  return Status::ok();
}

Result<Settings> parse_settings(const ProviderUri& uri, const std::string& sealing_key) {
  Settings out;
  if (uri.authority.has_value() && !uri.authority->empty()) {
    return {Code::kInvalidArgument, "tpm: expected tpm:/PATH of the file with the sealed key"};
  }
  if (uri.path.empty() || uri.path.ends_with('/')) {
    return {Code::kInvalidArgument, "tpm: the URI names no file for the sealed key; write tpm:/PATH"};
  }
  out.path = absolute_path(uri.path);
  UriOptions options(uri, sealing_key);
  COFFER_ASSIGN(out.tcti, take_tcti(options));
  if (const std::optional<std::string> pcrs = options.take("pcrs")) {
    COFFER_ASSIGN(out.pcrs, parse_pcrs(*pcrs));
    options.keep("pcrs", "");  // the file says it
  }
  COFFER_TRY(take_passwords(options, kTimeoutDefaultMs, out));
  COFFER_ASSIGN(out.create, options.take_once("create"));
  COFFER_TRY(options.finish());
  ProviderUri kept = options.kept();
  kept.authority.reset();
  kept.path = out.path;
  out.uri = format_provider_uri(kept);
  return out;
}

}  // namespace coffer::tpm
