// How what is wrong with one file is told: `PATH: tampered: chunk 3 does not authenticate`.
#pragma once

#include <string>

#include "coffer/cli/console.h"

namespace coffer::cli {

// One word or two for what an operator acts on differently: "wrong key", "damaged", "plaintext", …
std::string_view problem_kind(Code code);
std::string problem_text(const std::string& path, const Status& status);
Json problem_json(const std::string& path, const Status& status);

}  // namespace coffer::cli
