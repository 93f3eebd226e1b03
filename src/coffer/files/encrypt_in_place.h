// A small plaintext file that becomes an encrypted one where it is.
#pragma once

#include "coffer/files/new_file.h"

namespace coffer {

// Written beside it, durable, then in its place: after a crash it is the one or the other. False: it is no plaintext
// file, or not there. REQUIRES: nobody writes it.
Result<bool> encrypt_in_place(Coffer& coffer, const NewFilePlace& place);

}  // namespace coffer
