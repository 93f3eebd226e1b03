#include <cstdlib>

#include "coffer/io/disk.h"
#include "coffer/net/http/http.h"

namespace coffer::http {
namespace {

constexpr uint64_t kTimeoutMillisMax = 600'000;

Result<milliseconds> take_millis(UriOptions& options, std::string_view name, milliseconds otherwise) {
  COFFER_ASSIGN(const uint64_t millis,
                options.take_number(name, static_cast<uint64_t>(otherwise.count()), 1, kTimeoutMillisMax));
  return milliseconds(static_cast<int64_t>(millis));
}

Status check_readable(const std::string& path, std::string_view option) {
  if (path.empty()) return {};
  return Disk::posix().open_read(path).status().with_context(std::string(option));
}

// PEM with a private key in it: nobody else's business.
Status check_private(const std::string& path, std::string_view option) {
  constexpr size_t kPemSizeMax = size_t{1} << 20;
  return read_private_file(path, kPemSizeMax).status().with_context(std::string(option));
}

}  // namespace

Result<HttpSettings> take_http_settings(UriOptions& options, PlainHttp plain) {
  HttpSettings out;
  COFFER_ASSIGN(out.total_timeout, take_millis(options, "timeout_millis", out.total_timeout));
  out.try_timeout = std::max(out.total_timeout / 2, milliseconds(1));  // so that there is time for a second one
  COFFER_ASSIGN(out.connect_timeout, take_millis(options, "connect_timeout_millis", out.connect_timeout));
  COFFER_ASSIGN(out.ca_file, options.take_path("ca_file"));
  COFFER_ASSIGN(out.client_certificate_file, options.take_path("client_cert_file"));
  COFFER_ASSIGN(out.client_key_file, options.take_path("client_key_file"));
  if (plain == PlainHttp::kIfAllowed) {
    COFFER_ASSIGN(out.allow_http, options.take_switch("allow_http", out.allow_http));
  }
  if (out.client_certificate_file.empty() && !out.client_key_file.empty()) {
    return {Code::kInvalidArgument, "client_key_file goes with client_cert_file, which is missing"};
  }
  COFFER_TRY(check_readable(out.ca_file, "ca_file"));
  COFFER_TRY(check_readable(out.client_certificate_file, "client_cert_file"));
  if (!out.client_key_file.empty()) {
    COFFER_TRY(check_private(out.client_key_file, "client_key_file"));
  } else if (!out.client_certificate_file.empty()) {
    COFFER_TRY(check_private(out.client_certificate_file, "client_cert_file, which has the key in it"));
  }
  return out;
}

HttpSettings machine_settings(HttpSettings settings) {
  settings.allow_http = true;
  settings.use_proxy = false;
  settings.client_certificate_file.clear();
  return settings;
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

Result<SecretBytes> read_token_file(const std::string& path) {
  constexpr size_t kTokenFileSizeMax = size_t{64} << 10;
  COFFER_ASSIGN(const auto file, Disk::posix().open_read(path));
  SecretBytes out(kTokenFileSizeMax);
  COFFER_ASSIGN(const size_t size, file->read_at(0, out.reveal_mutable()));
  const std::string_view text = as_text(out.reveal().first(size));
  return SecretBytes::copy_of(as_bytes(text.substr(0, text.find_last_not_of(" \t\r\n") + 1)));
}

}  // namespace coffer::http
