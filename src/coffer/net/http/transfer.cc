#include "coffer/net/http/transfer.h"

#include <malloc.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <new>
#include <system_error>

#include "coffer/base/pipe_signal.h"
#include "coffer/base/text.h"

namespace coffer::http {
namespace {

constexpr size_t kHeadersSizeMax = size_t{64} << 10;

// ------------------------------------------------------------------------------------------------ libcurl's memory

// libcurl keeps requests and answers in buffers of its own. They are ordinary memory, but nothing of them outlives the
// transfer. If the program that embeds us has set libcurl up before, it stays as that program wants it.
void wiping_free(void* memory) {
  if (memory == nullptr) return;
  wipe(memory, malloc_usable_size(memory));
  std::free(memory);
}

void* wiping_realloc(void* memory, size_t size) {
  if (memory == nullptr) return std::malloc(size);
  const size_t old_size = malloc_usable_size(memory);
  if (size != 0 && size <= old_size) return memory;
  void* larger = std::malloc(size);
  if (larger == nullptr) return nullptr;
  std::copy_n(static_cast<const uint8_t*>(memory), std::min(old_size, size), static_cast<uint8_t*>(larger));
  wiping_free(memory);
  return larger;
}

char* duplicate(const char* text) {
  const std::string_view view(text);
  char* out = static_cast<char*>(std::malloc(view.size() + 1));
  if (out != nullptr) *std::copy(view.begin(), view.end(), out) = 0;
  return out;
}

// ----------------------------------------------------------------------------------------------------- one exchange

struct EasyFree {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
using Easy = std::unique_ptr<CURL, EasyFree>;

struct HeadersFree {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using HeaderList = std::unique_ptr<curl_slist, HeadersFree>;

Status append(SecretBuffer line, HeaderList& list) {
  const bool clean = std::none_of(line.view().begin(), line.view().end(), [](uint8_t c) { return c < 0x20; });
  if (!clean) {
    const std::string_view text = as_text(line.view());
    return {Code::kInvalidArgument,
            "the value of the header " + std::string(text.substr(0, text.find(':'))) + " has a control character"};
  }
  line.append(std::string_view("\0", 1));
  curl_slist* longer = curl_slist_append(list.get(), reinterpret_cast<const char*>(line.view().data()));
  if (longer == nullptr) return {Code::kInternal, "no memory for a request"};
  (void)list.release();  // `longer` begins with it
  list.reset(longer);
  return {};
}

struct Answer {
  const Streaming* streaming = nullptr;
  size_t body_size_max = 0;
  size_t headers_size = 0;
  bool too_large = false;
  std::vector<Header> headers;
  SecretBuffer body;
};

size_t take_body(char* data, size_t, size_t size, void* user) noexcept {
  auto& answer = *static_cast<Answer*>(user);
  if (answer.streaming != nullptr) {
    return answer.streaming->take(as_bytes(std::string_view(data, size))) ? size : 0;
  }
  if (answer.body.size() + size > answer.body_size_max) {
    answer.too_large = true;
    return 0;
  }
  try {
    answer.body.append(std::string_view(data, size));
  } catch (const std::bad_alloc&) {
    return 0;
  }
  return size;
}

size_t take_header(char* data, size_t, size_t size, void* user) noexcept {
  auto& answer = *static_cast<Answer*>(user);
  const std::string_view line(data, size);
  answer.headers_size += size;
  if (answer.headers_size > kHeadersSizeMax) {
    answer.too_large = true;
    return 0;
  }
  try {
    if (line.starts_with("HTTP/")) answer.headers.clear();  // 100 Continue came before
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) return size;
    answer.headers.push_back({lower_case(line.substr(0, colon)), std::string(trimmed(line.substr(colon + 1)))});
  } catch (const std::bad_alloc&) {
    return 0;
  }
  return size;
}

// What was decrypted is wiped from OpenSSL's buffers once libcurl has it.
CURLcode set_up_tls(CURL*, void* context, void*) noexcept {
  SSL_CTX_set_options(static_cast<SSL_CTX*>(context), SSL_OP_CLEANSE_PLAINTEXT);
  return CURLE_OK;
}

void set_file(CURL* easy, CURLoption option, const std::string& path) {
  if (!path.empty()) curl_easy_setopt(easy, option, path.c_str());
}

void set_tls(CURL* easy, const HttpSettings& settings) {
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, set_up_tls);
  if (!settings.ca_file.empty()) {
    curl_easy_setopt(easy, CURLOPT_CAINFO, settings.ca_file.c_str());
    curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);
  }
  set_file(easy, CURLOPT_SSLCERT, settings.client_certificate_file);
  set_file(easy, CURLOPT_SSLKEY, settings.client_key_file);
}

void set_bounds(CURL* easy, const HttpSettings& settings) {
  const milliseconds timeout = settings.try_timeout;
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);  // a name server that hangs holds up its thread only
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count()));
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(std::min(settings.connect_timeout, timeout).count()));
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
}

bool has_body(const Request& request) { return !request.body.empty() || request.method != "GET"; }

// No "Expect: 100-continue" is to be left out: libcurl asks for that from 1 MiB on.
Status set_headers(const Request& request, HeaderList& list) {
  bool has_type = false;
  const auto add = [&list](std::string_view name, ByteView value) {
    SecretBuffer line;
    line.append(name).append(value.empty() ? ";" : ": ").append(value);
    return append(std::move(line), list);
  };
  for (const Header& header : request.headers) {
    has_type = has_type || lower_case(header.name) == "content-type";
    COFFER_TRY(add(header.name, as_bytes(header.value)));
  }
  for (const SecretHeader& header : request.secret_headers) COFFER_TRY(add(header.name, header.value.reveal()));
  // libcurl signs headers that are left out, too.
  if (has_type || !has_body(request) || request.aws_signature.has_value()) return Status::ok();
  return append(std::move(SecretBuffer().append("Content-Type:")), list);
}

Status set_signature(CURL* easy, const AwsSignature& signature) {
  const std::string scope = "aws:amz:" + signature.region + ":" + signature.service;
  SecretBuffer key;
  key.append(signature.secret_access_key.reveal()).append(std::string_view("\0", 1));
  if (curl_easy_setopt(easy, CURLOPT_AWS_SIGV4, scope.c_str()) == CURLE_OK &&
      curl_easy_setopt(easy, CURLOPT_USERNAME, signature.access_key_id.c_str()) == CURLE_OK &&
      curl_easy_setopt(easy, CURLOPT_PASSWORD, key.view().data()) == CURLE_OK) {
    return Status::ok();
  }
  return {Code::kUnsupported, "this libcurl cannot sign requests to AWS"};
}

void set_request(CURL* easy, const HttpSettings& settings, const Request& request) {
  curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(easy, CURLOPT_USERAGENT, "coffer");
  if (!settings.use_proxy) curl_easy_setopt(easy, CURLOPT_PROXY, "");
  if (has_body(request)) {
    const auto* body = request.body.empty() ? "" : reinterpret_cast<const char*>(request.body.reveal().data());
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
  }
  curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
}

CURLcode perform(CURL* easy, const Streaming* streaming) {
  const HeldPipeSignal held;
  return streaming != nullptr ? streaming->perform(easy) : curl_easy_perform(easy);
}

// ---------------------------------------------------------------------------------------------------------- failures

bool may_pass(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:  // what came is not HTTP/1; the URL was looked at before
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR: return true;
    default: return false;
  }
}

std::string reason_of(CURL* easy, CURLcode code, const char* detail, milliseconds timeout) {
  const std::string said = detail[0] == 0 ? curl_easy_strerror(code) : detail;
  long error = 0;
  switch (code) {
    case CURLE_COULDNT_CONNECT:
      curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &error);
      return "cannot connect: " + (error == 0 ? said : std::generic_category().message(static_cast<int>(error)));
    case CURLE_COULDNT_RESOLVE_HOST: return "its name cannot be resolved";
    case CURLE_OPERATION_TIMEDOUT: return "no answer within " + std::to_string(timeout.count()) + " ms: " + said;
    case CURLE_PEER_FAILED_VERIFICATION:
      return "its certificate is not trusted (" + said + "); the option ca_file names the CA to trust";
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE: return "no TLS connection: " + said;
    default: return said;
  }
}

Status too_large(const std::string& host, size_t size_max) {
  return {Code::kTampered, host + ": the answer is larger than " + std::to_string(size_max) + " bytes of body or " +
                               std::to_string(kHeadersSizeMax) + " of headers"};
}

}  // namespace

CURLcode set_up_libcurl() {
  static const CURLcode result =
      curl_global_init_mem(CURL_GLOBAL_DEFAULT, std::malloc, wiping_free, wiping_realloc, duplicate, std::calloc);
  return result;
}

Try transfer(const HttpSettings& settings, const Request& request, const std::string& host,
             const Streaming* streaming) {
  const CURLcode ready = set_up_libcurl();
  const Easy easy(ready == CURLE_OK ? curl_easy_init() : nullptr);
  if (easy == nullptr) return {Status(Code::kInternal, "libcurl cannot be set up")};
  HeaderList headers;
  if (Status status = set_headers(request, headers); !status.is_ok()) return {status};
  Answer answer;
  answer.streaming = streaming;
  answer.body_size_max = settings.response_size_max;
  char detail[CURL_ERROR_SIZE] = {};
  set_bounds(easy.get(), settings);
  set_tls(easy.get(), settings);
  set_request(easy.get(), settings, request);
  if (request.aws_signature.has_value()) {
    if (Status status = set_signature(easy.get(), *request.aws_signature); !status.is_ok()) return {status};
  }
  curl_easy_setopt(easy.get(), CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(easy.get(), CURLOPT_ERRORBUFFER, detail);
  curl_easy_setopt(easy.get(), CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(easy.get(), CURLOPT_WRITEDATA, &answer);
  curl_easy_setopt(easy.get(), CURLOPT_HEADERFUNCTION, take_header);
  curl_easy_setopt(easy.get(), CURLOPT_HEADERDATA, &answer);
  const CURLcode code = perform(easy.get(), streaming);
  if (answer.too_large) return {too_large(host, settings.response_size_max)};
  if (code != CURLE_OK) {
    const std::string reason = reason_of(easy.get(), code, detail, settings.try_timeout);
    return {Status(Code::kProviderUnavailable, host + ": " + reason), may_pass(code)};
  }
  Response response;
  long status = 0;
  curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
  response.status = static_cast<int>(status);
  response.headers = std::move(answer.headers);
  response.body = answer.body.take();
  return {std::move(response)};
}

}  // namespace coffer::http
