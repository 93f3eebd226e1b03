// How a key at a token wraps 64 bytes: by what the token offers, best first. Bytes: docs/format.md, section 7.
#pragma once

#include "coffer/providers/pkcs11/session.h"

namespace coffer::pkcs11 {

std::string_view name_of(Mechanism mechanism);

// The mechanism of `choice`, or the first of any, that wraps and unwraps with this key. kKeyUnavailable when there is
// none: says what was tried and how the token answered.
Result<Mechanism> probe(Session& session, const TokenKey& key, std::optional<Mechanism> choice);

// `bound` is authenticated with it where the mechanism can do that. kKeyUnavailable when the key may not wrap.
Result<Bytes> wrap_at_token(Session& session, const TokenKey& key, Mechanism mechanism, ByteView bound,
                            const SecretBytes& plaintext);
// kWrongKey when the token works but does not open it, whatever it calls the reason.
Result<SecretBytes> unwrap_at_token(Session& session, const TokenKey& key, Mechanism mechanism, ByteView bound,
                                    ByteView wrapped);

}  // namespace coffer::pkcs11
