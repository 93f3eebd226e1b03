// Copying out of a mapped file, where the disk's failure or the file's truncation arrives as a signal (SIGBUS).
#pragma once

#include <cstddef>
#include <cstdint>

namespace coffer {

// False when the memory at `mapped` could not be read; `out` then holds anything. The signal does not reach the
// process.
//
// The first call puts a handler for SIGBUS in place. Whatever did not happen inside of this function goes on to the
// handler that was there before, or ends the process as it would have. A handler that the program installs later takes
// ours away.
bool guarded_copy(uint8_t* out, const uint8_t* mapped, size_t size);

}  // namespace coffer
