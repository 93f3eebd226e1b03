// One try of one request, over libcurl. Internal to net/http.
#pragma once

#include "coffer/net/http/http.h"

namespace coffer::http {

struct Try {
  Result<Response> result;
  bool may_repeat = false;  // it failed in a way that may be over the next time
};
// `host` is what errors call the other side. Of the settings' times only those of one try count.
Try transfer(const HttpSettings& settings, const Request& request, const std::string& host);

}  // namespace coffer::http
