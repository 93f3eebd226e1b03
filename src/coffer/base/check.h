// Checks of what a function REQUIRES of its caller. They stay on in every build: a violated contract ends the process
// with its sentence on standard error, before the bug becomes somebody's lost or revealed data.
//
// Only for bugs of the calling code. What a disk, a network, a user or an engine can cause is a Status.
#pragma once

#include <string_view>

namespace coffer {

// Writes "coffer: FILE:LINE: required: SENTENCE" and aborts. Safe wherever it is called, signal handlers included:
// allocates nothing, takes no lock. The texts are literals of the code, so no secret can be among them.
[[noreturn, gnu::cold]] void requirement_violated(const char* file, int line, std::string_view sentence) noexcept;

}  // namespace coffer

#define COFFER_REQUIRE(condition, sentence)                           \
  do {                                                                \
    if (!(condition)) [[unlikely]]                                    \
      ::coffer::requirement_violated(__FILE__, __LINE__, (sentence)); \
  } while (false)
