// The memory that SecretBytes come from, for those who share it: a module has a copy of this library of its own.
#pragma once

namespace coffer {

struct SecretMemory;

SecretMemory& secret_memory();
// From now on this copy of the library takes secrets from another copy's memory. Those that it has already stay where
// they are, and can be used no more. `memory` is never given back.
void share_secret_memory(SecretMemory& memory);

}  // namespace coffer
