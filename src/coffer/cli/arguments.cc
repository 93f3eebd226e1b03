#include "coffer/base/check.h"
#include "coffer/cli/command.h"

namespace coffer::cli {

const std::vector<std::string>& Arguments::list(std::string_view name) const {
  const auto found = operands_.find(std::string(name));
  COFFER_REQUIRE(found != operands_.end(), "an operand is asked for by the name that the command declares");
  return found->second;
}

const std::string& Arguments::operand(std::string_view name) const {
  const std::vector<std::string>& given = list(name);
  COFFER_REQUIRE(!given.empty(), "an operand that may be missing is asked for as a list");
  return given.front();
}

const std::string* Arguments::find(std::string_view flag) const {
  auto found = flags_.find(std::string(flag));
  return found == flags_.end() ? nullptr : &found->second;
}

std::string Arguments::value(std::string_view flag, std::string_view otherwise) const {
  const std::string* given = find(flag);
  return given != nullptr ? *given : std::string(otherwise);
}

std::vector<std::string> Arguments::all(std::string_view flag) const {
  const auto found = repeated_.find(std::string(flag));
  return found == repeated_.end() ? std::vector<std::string>() : found->second;
}

}  // namespace coffer::cli
