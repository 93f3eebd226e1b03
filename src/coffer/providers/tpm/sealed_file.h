// The file of a root key that is sealed to a TPM: docs/format.md, "Sealed root key". It holds no secret, and nothing in
// it is believed before the TPM has unsealed what it says.
#pragma once

#include "coffer/io/disk.h"
#include "coffer/providers/fetched_root.h"
#include "coffer/providers/tpm/pcrs.h"

namespace coffer::tpm {

inline constexpr size_t kAreaSizeMax = 1024;
inline constexpr size_t kNameSizeMax = 66;
inline constexpr size_t kSealedFileSizeMax = 4096;

struct SealedFile {
  bool has_auth = false;  // a password unseals, besides what else is asked
  PcrSelection pcrs;
  std::vector<Bytes> pcr_values;  // when it was sealed: to say later which one changed
  RootFingerprint fingerprint{};
  Bytes primary_name;  // of the TPM's own key that it is sealed under
  Bytes public_area;   // TPM2B_PUBLIC
  Bytes private_area;  // TPM2B_PRIVATE
};

Result<Bytes> encode(const SealedFile& file);
// kInvalidArgument for a file that is none, kTruncated, kDamaged, kUnsupported for a newer version.
Result<SealedFile> decode(ByteView bytes);

}  // namespace coffer::tpm
