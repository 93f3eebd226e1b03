// One try of one request, over libcurl. Internal to net/http.
#pragma once

#include <curl/curl.h>

#include "coffer/net/http/http.h"

namespace coffer::http {

// Once for a process, before anything else of libcurl.
CURLcode set_up_libcurl();

struct Try {
  Result<Response> result;
  bool may_repeat = false;  // it failed in a way that may be over the next time
};
// How an answer without an end is taken.
struct Streaming {
  std::function<bool(ByteView piece)> take;  // false: that is enough
  std::function<CURLcode(CURL*)> perform;
};
// `host` is what errors call the other side. Of the settings' times only those of one try count. With `streaming` the
// body goes there.
Try transfer(const HttpSettings& settings, const Request& request, const std::string& host,
             const Streaming* streaming = nullptr);

// Where a request goes, and the settings for that host.
struct Aim {
  std::string host;
  HttpSettings settings;
};
// kInvalidArgument as send().
Result<Aim> aim_at(const HttpSettings& settings, const std::string& url);

}  // namespace coffer::http
