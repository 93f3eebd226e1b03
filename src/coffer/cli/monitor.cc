#include "coffer/cli/monitor.h"

#include <unistd.h>

#include "coffer/base/clock.h"
#include "coffer/base/path.h"
#include "coffer/cli/page.h"
#include "coffer/config/secret_source.h"

namespace coffer::cli {
namespace {

constexpr std::chrono::milliseconds kLookInterval{15000};
// Of the time: where there are many files, looking is seldom.
constexpr int kLookShare = 20;
constexpr std::chrono::milliseconds kLookIntervalMax{300000};
constexpr std::chrono::milliseconds kRootInterval{60000};
constexpr uint64_t kExamineSeconds = 300;
// Of /healthz: what has not looked for so long hangs.
constexpr uint64_t kHangsSeconds = 600;
constexpr size_t kTokenSizeMin = 16;

std::string host_name() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "this machine";
}

using Headers = std::vector<std::pair<std::string, std::string>>;

serve::Answer answer_of(int status, std::string_view type, std::shared_ptr<const std::string> body,
                        const Headers& more = {}) {
  serve::Answer out{.status = status,
                    .headers = {{"Content-Type", std::string(type)},
                                {"Cache-Control", "no-store"},
                                {"X-Content-Type-Options", "nosniff"},
                                {"X-Frame-Options", "DENY"},
                                {"Referrer-Policy", "no-referrer"},
                                {"Cross-Origin-Resource-Policy", "same-origin"}},
                    .body = std::move(body)};
  out.headers.insert(out.headers.end(), more.begin(), more.end());
  return out;
}

serve::Answer answer_of(int status, std::string_view type, std::string body, const Headers& more = {}) {
  return answer_of(status, type, std::make_shared<const std::string>(std::move(body)), more);
}

serve::Answer plain_answer(int status, std::string body, const Headers& more = {}) {
  return answer_of(status, "text/plain; charset=utf-8", std::move(body), more);
}

// One that runs for hours without a look, as where the keyring's place hangs, is no use to anybody.
serve::Answer answer_health(const Overview& overview) {
  const bool hangs = overview.at != 0 && seconds_since(overview.at, now_seconds()) > kHangsSeconds;
  return plain_answer(hangs ? 503 : 200, hangs ? "hangs\n" : "ok\n");
}

Result<SecretBytes> read_token(const Arguments& arguments) {
  const std::string* path = arguments.find("--token");
  if (path == nullptr) return SecretBytes();
  COFFER_ASSIGN(SecretBytes token, read_secret({.file = absolute_path(*path)}).with_context("--token"));
  if (token.size() >= kTokenSizeMin) return token;
  return {Code::kInvalidArgument,
          "--token: expected a file whose first line has at least 16 characters; openssl rand -hex 32 makes one"};
}

Result<std::shared_ptr<serve::ServerTls>> read_tls(const Arguments& arguments) {
  const std::string *certificate = arguments.find("--certificate"), *key = arguments.find("--key");
  if (certificate == nullptr && key == nullptr) return std::shared_ptr<serve::ServerTls>();
  if (certificate == nullptr || key == nullptr) {
    return {Code::kInvalidArgument, "--certificate and --key: expected both, or none"};
  }
  return serve::ServerTls::create(absolute_path(*certificate), absolute_path(*key));
}

}  // namespace

std::vector<Flag> monitor_flags() {
  return {{"--listen", "ADDRESS", "serve a status page, metrics and JSON there: 127.0.0.1:9464"},
          {"--token", "FILE", "whoever asks has to have the first line of this file"},
          {"--certificate", "FILE", "serve them by HTTPS, with this certificate (PEM)"},
          {"--key", "FILE", "the private key of the certificate"}};
}

Result<std::unique_ptr<Monitor>> Monitor::start_if_asked(const Arguments& arguments) {
  const std::string* listen = arguments.find("--listen");
  if (listen == nullptr) {
    for (const char* flag : {"--token", "--certificate", "--key"}) {
      if (arguments.has(flag)) return {Code::kInvalidArgument, std::string(flag) + ": expected --listen with it"};
    }
    return std::unique_ptr<Monitor>();
  }
  COFFER_ASSIGN(const serve::ListenAddress address, serve::parse_listen_address(*listen).with_context("--listen"));
  COFFER_ASSIGN(const auto tls, read_tls(arguments));
  Access access;
  access.is_loopback = address.is_loopback;
  COFFER_ASSIGN(access.token, read_token(arguments));
  COFFER_ASSIGN(access.page_policy, page_policy());
  if (!address.is_loopback && (tls == nullptr || access.token.empty())) {
    return {Code::kInvalidArgument,
            "--listen: others reach " + *listen + ": expected --certificate, --key and --token with it; or listen on "
            "127.0.0.1"};
  }
  std::unique_ptr<Monitor> out(new Monitor(absolute_path(arguments.operand("COFFER")), std::move(access)));
  out->tls_ = tls;
  out->listens_at_ = listen->substr(0, listen->rfind(':'));
  auto server = serve::Server::start(address, tls, [monitor = out.get()](const serve::Request& request) {
    return monitor->answer(request);
  });
  COFFER_ASSIGN(out->server_, std::move(server).with_context("--listen " + *listen));
  return out;
}

Monitor::Monitor(std::string place, Access access) : access_(std::move(access)) {
  Overview overview;
  overview.place = std::move(place);
  overview.machine = host_name();
  overview_ = std::make_shared<const Overview>(std::move(overview));
}

Monitor::~Monitor() {
  clock_.stop();
  server_.reset();
}

std::string Monitor::where() const {
  return (tls_ != nullptr ? "https://" : "http://") + listens_at_ + ":" + std::to_string(server_->port()) + "/";
}

Monitor::Shared Monitor::current() const {
  const std::lock_guard lock(mutex_);
  return overview_;
}

void Monitor::publish(Overview overview) {
  if (tls_ != nullptr) overview.certificate = tls_->renew();
  const std::lock_guard lock(mutex_);
  overview.policy = policy_;
  overview_ = std::make_shared<const Overview>(std::move(overview));
}

void Monitor::tell_closed(const Status& why) {
  Overview next;
  next.place = current()->place;
  next.machine = current()->machine;
  next.opened = why;
  next.at = now_seconds();
  publish(std::move(next));
}

void Monitor::tell_policy(const PolicyLook& look) {
  const std::lock_guard lock(mutex_);
  policy_ = look;
  Overview next = *overview_;
  next.policy = look;
  overview_ = std::make_shared<const Overview>(std::move(next));
}

void Monitor::watch(std::shared_ptr<Coffer> coffer, std::chrono::milliseconds interval) {
  coffer_ = std::move(coffer);
  interval_ = std::min(interval, kLookInterval);
  coffer_->live_keyring().look_at_least_every(std::min(interval, kRootInterval));
  coffer_->live_keyring().watch_root();
  clock_.start([this] { return look(); });
}

std::chrono::milliseconds Monitor::look() {
  Overview next;
  next.place = current()->place;
  next.machine = current()->machine;
  if (seconds_since(examined_.at, now_seconds()) >= kExamineSeconds) {
    examined_ = examine_for_overview(*coffer_);
  } else if (!node_slots_trouble(examined_.node_slots).is_ok()) {
    // This very program may have mended it, by having found the root key well.
    examined_.node_slots = coffer_->live_keyring().node_slot_standing();
  }
  next.examined = examined_;
  look_at(*coffer_, next);
  const auto took = std::chrono::milliseconds(static_cast<int64_t>(next.took_seconds * 1000));
  publish(std::move(next));
  return std::max(interval_, std::min(took * kLookShare, kLookIntervalMax));
}

// --- what is asked

bool Monitor::is_allowed(const serve::Request& request) const {
  return access_.token.empty() || serve::has_token(serve::credentials_of(request.authorization), access_.token);
}

serve::Answer Monitor::answer(const serve::Request& request) {
  // Else a page of somebody else's, whose name leads here, could read this one.
  if (access_.is_loopback && !serve::names_loopback(request.host)) {
    return plain_answer(421, "ask for it by the name localhost, or by 127.0.0.1\n");
  }
  if (!is_allowed(request)) {
    return plain_answer(401, "a token is needed: as Authorization: Bearer TOKEN, or as a password\n",
                        {{"WWW-Authenticate", "Basic realm=\"coffer\", charset=\"UTF-8\""}});
  }
  const Shared overview = current();
  if (request.path == "/") return answer_page(overview);
  if (request.path == "/metrics") {
    return answer_of(200, "text/plain; version=0.0.4; charset=utf-8", overview_metrics(*overview));
  }
  if (request.path == "/status.json") {
    return answer_of(200, "application/json", json_text(overview_json(*overview)) + "\n");
  }
  if (request.path == "/healthz") return answer_health(*overview);
  return plain_answer(404, "there are /, /metrics, /status.json and /healthz\n");
}

// At most once a second, however many ask.
serve::Answer Monitor::answer_page(const Shared& overview) {
  const uint64_t now = now_seconds();
  if (page_of_ != overview || page_at_ != now) {
    page_ = std::make_shared<const std::string>(page_text(*overview, now));
    page_of_ = overview;
    page_at_ = now;
  }
  return answer_of(200, "text/html; charset=utf-8", page_, {{"Content-Security-Policy", access_.page_policy}});
}

}  // namespace coffer::cli
