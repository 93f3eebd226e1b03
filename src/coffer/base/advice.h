// What to do about a failure, and how people are told of one: docs/operating.md, "What an error means".
#pragma once

#include <string>

#include "coffer/base/status.h"

namespace coffer {

// The part of a message that says what to do next: what follows its first semicolon, or the standing advice for the
// code.
struct Advice {
  std::string message;
  std::string hint;  // may be empty
};
Advice advice_for(const Status& status);

// Why a coffer did not open: where a root key at another place would help, with the flag that names it.
Status naming_root_flag(const Status& status);

// "coffer: MESSAGE" and, if there is one, "coffer: hint: HINT", each on its line.
std::string report_text(const Status& status);

}  // namespace coffer
