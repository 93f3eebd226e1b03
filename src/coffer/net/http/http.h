// A small HTTPS client (over libcurl) for key services: every wait, size and number of tries has a bound; what may hold
// key material stays in secret memory; nothing is logged. All functions are thread-safe and survive fork().
//
// Each send() makes its own connection: key services are asked when a store is opened or a key rotated, and a kept
// connection would keep plaintext in buffers.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "coffer/base/deadline.h"
#include "coffer/base/secret_buffer.h"
#include "coffer/base/text.h"
#include "coffer/config/uri.h"
#include "coffer/net/http/json_view.h"

namespace coffer::http {

using coffer::Deadline;
using std::chrono::milliseconds;

struct Header {
  std::string name;
  std::string value;
};

struct SecretHeader {
  std::string name;
  SecretBytes value;
};

struct Response {
  int status = 0;
  std::vector<Header> headers;  // names in lower case
  SecretBytes body;

  bool is_success() const { return status >= 200 && status < 300; }
  // Looks into the body; nothing when that is not JSON.
  JsonView json() const;
  // Empty when it is not there; the first when it is there more than once.
  std::string_view header(std::string_view lower_case_name) const;
};

// Whether asking again may help although the service answered.
using IsTransient = std::function<bool(const Response& response)>;
// 429, 500, 502, 503, 504.
bool is_transient_status(const Response& response);

// AWS Signature Version 4, by libcurl, for each try anew: who asks, bound to when, and to all of the request that
// counts.
struct AwsSignature {
  std::string region;
  std::string service;
  std::string access_key_id;
  SecretBytes secret_access_key;
};

struct Request {
  std::string method = "GET";
  std::string url;
  std::vector<Header> headers;
  std::vector<SecretHeader> secret_headers;
  SecretBytes body;
  std::optional<AwsSignature> aws_signature = {};
  IsTransient is_transient = is_transient_status;
};

// Some of it is set by options of a provider's URI: see take_http_settings().
struct HttpSettings {
  milliseconds connect_timeout{3000};  // TCP and TLS of one try
  milliseconds try_timeout{5000};      // the whole of one try
  milliseconds total_timeout{10000};   // of one call of a provider: all requests, tries and pauses
  milliseconds pause_first{100};       // before the second try, and pause_max: RetryPauses
  milliseconds pause_max{2000};
  size_t response_size_max = size_t{256} << 10;
  std::string ca_file;                  // PEM, instead of the system's
  std::string client_certificate_file;  // PEM
  std::string client_key_file;          // PEM; without it the key is in the certificate's file
  bool allow_http = false;              // else http:// is for this machine only (127.0.0.0/8, ::1, localhost)
  bool use_proxy = true;  // as the environment says: HTTPS_PROXY, NO_PROXY; never for http:// or this machine
};

// What the options ca_file, client_cert_file, client_key_file, connect_timeout_millis, timeout_millis and allow_http
// say. The files must be there and readable.
enum class PlainHttp : uint8_t { kNever, kIfAllowed };  // whether there is an option allow_http
Result<HttpSettings> take_http_settings(UriOptions& options, PlainHttp plain = PlainHttp::kIfAllowed);

// For the services of the machine itself, which speak plain HTTP within it: no proxy, and no client certificate.
HttpSettings machine_settings(HttpSettings settings);

inline Deadline deadline_from_now(const HttpSettings& settings) { return deadline_in(settings.total_timeout); }

// Sends, and sends again after 429, 5xx (or what the request calls transient) and failures to connect or to get a whole
// answer, until one is not transient or the deadline is near; Retry-After is honoured if it ends before the deadline
// (RetryPauses). Any answer of the service is a Response, the last transient one too. Redirections are not followed:
// they are answers.
//   kProviderUnavailable  no answer: names host and reason (refused, timed out, certificate not trusted)
//   kInvalidArgument      a URL that is none, or http:// where it is not allowed
//   kTampered             an answer larger than allowed
Result<Response> send(const HttpSettings& settings, const Request& request, Deadline deadline);
// The same with one try, whatever comes of it: for whoever has another host to ask.
Result<Response> send_once(const HttpSettings& settings, const Request& request, Deadline deadline);

// "host:port" of a URL, for messages; kInvalidArgument when it is not an http(s) URL with a host and nothing like a
// password in it.
Result<std::string> host_of_url(const std::string& url);
// Whether a host, without its port, is this machine by its name or address.
bool is_this_machine(const std::string& host);
// %XX for everything that is not unreserved (RFC 3986), as one segment of a path or a value of a query.
std::string encode_url(std::string_view text);
void append_encoded(ByteView text, SecretBuffer& out);
// The same for every segment of a path; slashes stay.
std::string encode_url_path(std::string_view path);
// What a service said, for an error: no control characters, and not more than a line or two.
inline std::string printable(std::string_view said) { return excerpt(said); }

// A variable of the environment; empty when it is not set.
std::string environment(const char* name);
// A token that somebody else (a container's surroundings, say) writes anew before it expires, readable for all there:
// without white space at its end.
Result<SecretBytes> read_token_file(const std::string& path);

}  // namespace coffer::http
