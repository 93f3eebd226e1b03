// A root key that stays in the server, which wraps with it by Encrypt and Decrypt: docs/format.md, section 7, wrap
// algorithm 2, "KMIP".
#pragma once

#include "coffer/net/kmip/client.h"
#include "coffer/providers/service_root.h"

namespace coffer::kmip {

// nonce (12) ‖ ciphertext (64) ‖ tag (16)
inline constexpr size_t kServiceWrappedSize = 12 + kServicePlaintextSize + 16;

// The client's errors.
Result<Bytes> seal_by_service(const Client& client, const std::string& id, const WrapContext& context,
                              const SecretBytes& plaintext);
// kTampered for another size, else the client's errors: see Client::decrypt().
Result<SecretBytes> open_by_service(const Client& client, const std::string& id, const WrapContext& context,
                                    ByteView wrapped);
// The same with the key at hand. kWrongKey when it does not open.
Result<SecretBytes> open_with_key(const RootKey& key, const WrapContext& context, ByteView wrapped);

// Whether the server opens with that key what it has just sealed; the reason if not.
Status check_service(const Client& client, const std::string& id);

}  // namespace coffer::kmip
