// Blobs: one message each, sealed under a domain key, which a program keeps where it likes. A value of its own, or a
// key that it encrypts with by itself. docs/format.md, "Blobs". All functions are thread-safe.
#pragma once

#include "coffer/base/secret.h"
#include "coffer/crypto/kdf.h"
#include "coffer/crypto/suite.h"

namespace coffer {

inline constexpr size_t kBlobHeaderSize = 104;
inline constexpr size_t kBlobOverhead = kBlobHeaderSize + kTagSize + 4;
inline constexpr size_t kBlobMessageSizeMax = size_t{1} << 30;
inline constexpr size_t kBlobContextSizeMax = size_t{1} << 16;
inline constexpr size_t kBlobKeySizeMin = 16;
inline constexpr size_t kBlobKeySizeMax = 64;

// Blobs of one purpose never open as those of another.
enum class BlobPurpose : uint8_t { kKey = 1, kData = 2 };

// What a blob says in clear. Nothing of it is trusted before open_blob() has succeeded.
struct BlobFields {
  BlobPurpose purpose = BlobPurpose::kData;
  uint32_t domain_key_version = 0;
  uint32_t message_size = 0;
  uint64_t keyring_version = 0;
  Id domain_key_id;
};

// kInvalidArgument for a key that is too short or too long; kLimitExceeded for a message or context that is too long.
Status check_blob_sizes(BlobPurpose purpose, size_t message_size, size_t context_size);

// Writes kBlobOverhead + plaintext.size() bytes to `out`. REQUIRES: check_blob_sizes(); plaintext.size() is
// fields.message_size
Status seal_blob(const BlobFields& fields, const DomainKey& domain_key, ByteView context, ByteView plaintext,
                 uint8_t* out);

// kPlaintext: it does not begin as a blob; kTruncated; kDamaged: its checksum is wrong; kUnsupported: of a newer
// Coffer; kTampered: the checksum is right, but no blob is like that.
Result<BlobFields> read_blob(ByteView blob);
// Writes fields.message_size bytes to `out`, all zeros on failure. kWrongKey: sealed under another key; kTampered:
// altered, or sealed for another context. REQUIRES: `fields` is what read_blob() returned; the context is not too long
Status open_blob(ByteView blob, const BlobFields& fields, const DomainKey& domain_key, ByteView context, uint8_t* out);

}  // namespace coffer
