// Tests of providers have them in their own program: they look behind what a module shows.
#include "coffer/providers/linked.h"

namespace {

[[maybe_unused]] const bool linked = [] {
  coffer::link_providers();
  return true;
}();

}  // namespace
