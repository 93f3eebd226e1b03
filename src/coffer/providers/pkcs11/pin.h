// Where the PIN of a token comes from, and which PINs a token has refused: none of those is tried a second time, since
// a token locks itself after a few.
#pragma once

#include "coffer/providers/pkcs11/settings.h"

namespace coffer::pkcs11 {

struct Pin {
  SecretBytes bytes;   // empty: none is known
  std::string source;  // "PIN of /etc/pin", for messages
  bool prompted = false;
};

// From its file or variable, or what was entered for this token before; none without an error when there is no source.
// kPermissionDenied when a source was given and yields nothing.
Result<Pin> known_pin(const Settings& settings);
// Asks at the terminal on standard input; what is entered is remembered as long as the process lives, or until the
// token refuses it. kPermissionDenied when there is no terminal: says what to configure.
Result<Pin> ask_pin(const Settings& settings);

// `token`: module and serial number.
bool was_refused(const std::string& token, const Pin& pin);
void remember_refused(const std::string& token, const Pin& pin, const Settings& settings);

}  // namespace coffer::pkcs11
