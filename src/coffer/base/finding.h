// What somebody who looks after a coffer should know, with what to do about it.
#pragma once

#include <string>
#include <vector>

namespace coffer {

struct Finding {
  // Else advice: it may be meant so.
  bool wrong = false;
  std::string what;
  std::string why;     // it matters
  std::string remedy;  // what to do
};
using Findings = std::vector<Finding>;

}  // namespace coffer
