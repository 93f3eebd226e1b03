// Asking a person at a terminal for a secret, without showing it.
#pragma once

#include "coffer/base/secret.h"

namespace coffer {

// Writes `question` to `out` and reads one line from the terminal `in`; nothing that is typed is shown or leaves secret
// memory. kPermissionDenied when the person gives up (Ctrl-C, Ctrl-D), kLimitExceeded beyond `size_max` bytes,
// kInvalidArgument when `in` is no terminal.
Result<SecretBytes> ask_secret(int in, int out, std::string_view question, size_t size_max);

}  // namespace coffer
