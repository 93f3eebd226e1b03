#include "coffer/cli/secret_input.h"

#include <unistd.h>

#include "coffer/config/prompt.h"
#include "coffer/config/secret_source.h"

namespace coffer::cli {

Result<SecretBytes> read_secret_input(Console& console, size_t size_max) {
  if (!Console::is_terminal(STDIN_FILENO)) return read_secret_from(STDIN_FILENO, size_max);
  console.note("type the value, which is not shown, and Enter");
  return ask_secret(STDIN_FILENO, STDERR_FILENO, "", size_max);
}

}  // namespace coffer::cli
