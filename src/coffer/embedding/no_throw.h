// What leaves the library throws nothing.
#pragma once

#include <exception>

#include "coffer/base/status.h"

namespace coffer {

// `body` without exceptions: memory may run out.
template <class Body>
auto no_throw(const Body& body) noexcept -> decltype(body()) {
  try {
    return body();
  } catch (const std::exception& e) {
    return {Code::kInternal, e.what()};
  }
}

}  // namespace coffer
