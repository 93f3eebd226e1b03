// An answer that goes on for as long as the service has something to say, taken piece by piece as it comes.
#pragma once

#include <atomic>
#include <memory>

#include "coffer/net/http/http.h"

namespace coffer::http {

// One thread runs it, any other may stop it.
class Stream {
 public:
  Stream();
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Sends, and hands over what comes to `take` until that returns false, the service ends, `lifetime` is over or stop()
  // was called, which all are errors here: kProviderUnavailable. What comes after another status than 200 is handed
  // over as well. Other errors as send().
  Status run(const HttpSettings& settings, const Request& request, milliseconds lifetime,
             const std::function<bool(ByteView piece)>& take);
  // At once and for good.
  void stop();
  bool is_stopped() const { return stopped_; }

 private:
  struct Multi;
  const std::unique_ptr<Multi> multi_;
  std::atomic<bool> stopped_{false};
};

}  // namespace coffer::http
