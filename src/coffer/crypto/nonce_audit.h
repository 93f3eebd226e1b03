// Test builds only (CMake option COFFER_NONCE_AUDIT): records which nonce sealed what under which key, so that a whole
// test suite can be searched for a (key, nonce) pair that sealed two different messages. tools/nonce_audit.py searches.
#pragma once

#include <initializer_list>

#include "coffer/base/bytes.h"

namespace coffer {

#ifdef COFFER_NONCE_AUDIT

// Appends SHA-256(key ‖ nonce) and SHA-256(message), 16 bytes each, to the file named by the process id in the folder
// $COFFER_NONCE_AUDIT_DIR; does nothing if that is unset. A record outlives the process however it ends. Thread-safe,
// and safe across fork. `key` may be a hash of the key. `message` is everything that makes the sealed message what it
// is, with the size of each part of variable size but the last. AeadKey calls it for every sealed stream.
void audit_nonce(ByteView key, ByteView nonce, std::initializer_list<ByteView> message);
bool nonce_audit_enabled();

#else

inline void audit_nonce(ByteView, ByteView, std::initializer_list<ByteView>) {}
constexpr bool nonce_audit_enabled() { return false; }

#endif

}  // namespace coffer
