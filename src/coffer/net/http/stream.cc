#include "coffer/net/http/stream.h"

#include "coffer/base/per_process.h"
#include "coffer/net/http/transfer.h"

namespace coffer::http {
namespace {

// How long libcurl sleeps when nothing happens: it looks at its own times in between.
constexpr int kStreamLookMillis = 1000;

}  // namespace

// libcurl's, which can be woken.
struct Stream::Multi {
  const OfOneProcess process;
  CURLM* handle = nullptr;

  Multi() : handle(set_up_libcurl() == CURLE_OK ? curl_multi_init() : nullptr) {}
  // What a child of fork() has of it is in the hands of a thread that the child lacks.
  ~Multi() {
    if (process.is_here()) curl_multi_cleanup(handle);
  }
  Multi(const Multi&) = delete;
  Multi& operator=(const Multi&) = delete;

  CURLcode perform(CURL* easy, const std::atomic<bool>& stopped) const {
    if (curl_multi_add_handle(handle, easy) != CURLM_OK) return CURLE_FAILED_INIT;
    CURLcode code = CURLE_ABORTED_BY_CALLBACK;
    for (int running = 1; running > 0 && !stopped;) {
      if (curl_multi_perform(handle, &running) != CURLM_OK) break;
      if (running > 0 && curl_multi_poll(handle, nullptr, 0, kStreamLookMillis, nullptr) != CURLM_OK) break;
    }
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(handle, &left)) {
      if (message->msg == CURLMSG_DONE) code = message->data.result;
    }
    curl_multi_remove_handle(handle, easy);
    return code;
  }
};

Stream::Stream() : multi_(std::make_unique<Multi>()) {}

Stream::~Stream() = default;

Status Stream::run(const HttpSettings& settings, const Request& request, milliseconds lifetime,
                   const std::function<bool(ByteView piece)>& take) {
  COFFER_ASSIGN(Aim aim, aim_at(settings, request.url));
  if (multi_->handle == nullptr) return {Code::kInternal, "libcurl cannot be set up"};
  aim.settings.try_timeout = lifetime;
  const Streaming streaming{take, [this](CURL* easy) { return multi_->perform(easy, stopped_); }};
  const Try ended = transfer(aim.settings, request, aim.host, &streaming);
  if (!ended.result.is_ok()) return ended.result.status();
  return {Code::kProviderUnavailable,
          aim.host + ": it ended its answer (status " + std::to_string(ended.result->status) + ")"};
}

void Stream::stop() {
  stopped_ = true;
  curl_multi_wakeup(multi_->handle);
}

}  // namespace coffer::http
