// Intel's multi-buffer library, where this build has it and the CPU has AES and carry-less multiplication. Internal to
// crypto/: aead_ipsec_mb.cc, counter_mode_ipsec_mb.cc and gmac_ipsec_mb.cc are all that use it.
//
// Only functions that keep no state of their own are called (the direct API, and cipher bursts without checks, which
// loop over the jobs handed in), so one IMB_MGR serves all threads: all that these functions write besides their
// arguments is an error code, always the same one, that nobody reads. Keys are expanded into memory of ours.
#pragma once

#include <intel-ipsec-mb.h>

#include "coffer/base/status.h"

namespace coffer {

// Null when the library cannot be used here; ipsec_mb_status() says why. Made once, never freed.
IMB_MGR* ipsec_mb_library();
Status ipsec_mb_status();
std::string ipsec_mb_version();  // "1.3.0"

}  // namespace coffer
