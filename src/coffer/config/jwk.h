// A JSON Web Key (RFC 7517) or a set of exactly one, read where it stands. A general JSON library would leave copies of
// the key all over the heap; this reader makes none.
#pragma once

#include "coffer/base/bytes.h"

namespace coffer {

// Views into the text that was read; empty when the member is not there.
struct JwkMembers {
  ByteView kty;
  ByteView alg;
  ByteView kid;
  ByteView k;
};

// kInvalidArgument, with the offset, for text that is not JSON, holds no or several keys, repeats one of these members,
// or writes one with escapes. Other members are skipped.
Result<JwkMembers> read_jwk(ByteView text);

}  // namespace coffer
