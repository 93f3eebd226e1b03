// Secrets that somebody gives a command.
#pragma once

#include "coffer/base/secret.h"
#include "coffer/cli/console.h"

namespace coffer::cli {

// From standard input, to its end; typed at a terminal it is not shown. Errors as read_secret_from() and ask_secret().
Result<SecretBytes> read_secret_input(Console& console, size_t size_max);

}  // namespace coffer::cli
