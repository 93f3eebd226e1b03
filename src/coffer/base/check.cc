#include "coffer/base/check.h"

#include <sys/uio.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>

namespace coffer {
namespace {

iovec part(std::string_view text) { return {const_cast<char*>(text.data()), text.size()}; }

}  // namespace

void requirement_violated(const char* file, int line, std::string_view sentence) noexcept {
  std::string_view name(file);
  name.remove_prefix(name.find_last_of('/') + 1);  // npos + 1 is 0
  char digits[12];
  const char* end = std::to_chars(digits, digits + sizeof digits, line).ptr;
  const iovec parts[] = {
      part("coffer: "),     part(name),     part(":"),  part({digits, static_cast<size_t>(end - digits)}),
      part(": required: "), part(sentence), part("\n"),
  };
  [[maybe_unused]] ssize_t written = writev(STDERR_FILENO, parts, std::size(parts));
  std::abort();
}

}  // namespace coffer
