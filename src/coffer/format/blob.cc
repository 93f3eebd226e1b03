#include "coffer/format/blob.h"

#include <algorithm>

#include "coffer/base/codec.h"
#include "coffer/base/crc32c.h"
#include "coffer/crypto/random.h"
#include "coffer/crypto/stream.h"

namespace coffer {
namespace {

constexpr std::array<uint8_t, 4> kBlobMagic{0x43, 0x4F, 0x46, 0x42};  // "COFB"
constexpr uint8_t kBlobVersion = 1;
constexpr Suite kBlobSuite = Suite::kAes256Gcm;
constexpr size_t kBlobSaltSize = 32;
constexpr size_t kBlobCommitmentOffset = 72;
constexpr size_t kBlobCommitmentSize = kBlobHeaderSize - kBlobCommitmentOffset;
constexpr size_t kBlobCrcSize = 4;
// Everything behind the magic and before the commitment.
constexpr size_t kBlobDerivedBegin = kBlobMagic.size();

bool is_blob_purpose(uint8_t number) {
  return number == static_cast<uint8_t>(BlobPurpose::kKey) || number == static_cast<uint8_t>(BlobPurpose::kData);
}

bool is_message_size(BlobPurpose purpose, size_t size) {
  if (purpose == BlobPurpose::kKey) return size >= kBlobKeySizeMin && size <= kBlobKeySizeMax;
  return size <= kBlobMessageSizeMax;
}

struct BlobSchedule {
  StreamKey key;
  std::array<uint8_t, kBlobCommitmentSize> commitment{};
};

BlobSchedule split_blob_schedule(const SecretBytes& derived) {
  BlobSchedule out;
  const size_t key_size = stream_key_size(kBlobSuite);
  out.key = StreamKey::copy_of(derived.reveal().first(key_size));
  std::ranges::copy(derived.reveal().subspan(key_size), out.commitment.begin());
  return out;
}

// `header`: of which the commitment may be missing.
Result<BlobSchedule> blob_schedule(const DomainKey& domain_key, ByteView header) {
  const ByteView context = header.subspan(kBlobDerivedBegin, kBlobCommitmentOffset - kBlobDerivedBegin);
  COFFER_ASSIGN(const SecretBytes derived, derive(domain_key.reveal(), "blob", context,
                                                  stream_key_size(kBlobSuite) + kBlobCommitmentSize));
  return split_blob_schedule(derived);
}

// The header's size is fixed, so no two pairs have the same bytes.
Bytes blob_associated(ByteView header, ByteView context) {
  Bytes out(header.begin(), header.begin() + kBlobHeaderSize);
  out.insert(out.end(), context.begin(), context.end());
  return out;
}

uint32_t stated_size(ByteView blob) { return load_le32(blob.data() + 12); }

// What is wrong with bytes whose checksum is.
Status damaged_blob(ByteView blob) {
  if (blob[4] == kBlobVersion && uint64_t{stated_size(blob)} + kBlobOverhead > blob.size()) {
    return {Code::kTruncated, "the blob has " + std::to_string(blob.size()) + " of " +
                                  std::to_string(uint64_t{stated_size(blob)} + kBlobOverhead) + " bytes"};
  }
  return {Code::kDamaged, "the blob's checksum does not fit: it was damaged where it was kept"};
}

}  // namespace

Status check_blob_sizes(BlobPurpose purpose, size_t message_size, size_t context_size) {
  if (context_size > kBlobContextSizeMax) {
    return {Code::kLimitExceeded, "a context has at most " + std::to_string(kBlobContextSizeMax) + " bytes, not " +
                                      std::to_string(context_size)};
  }
  if (is_message_size(purpose, message_size)) return Status::ok();
  if (purpose == BlobPurpose::kKey) {
    return {Code::kInvalidArgument, "a key to be wrapped has " + std::to_string(kBlobKeySizeMin) + " to " +
                                        std::to_string(kBlobKeySizeMax) + " bytes, not " +
                                        std::to_string(message_size)};
  }
  return {Code::kLimitExceeded, "a message has at most " + std::to_string(kBlobMessageSizeMax) + " bytes, not " +
                                    std::to_string(message_size) + "; write a file"};
}

Status seal_blob(const BlobFields& fields, const DomainKey& domain_key, ByteView context, ByteView plaintext,
                 uint8_t* out) {
  COFFER_REQUIRE(plaintext.size() == fields.message_size, "a blob says how long its message is");
  std::array<uint8_t, kBlobSaltSize> salt{};
  COFFER_TRY(random_bytes(salt));
  const MutableBytes header(out, kBlobHeaderSize);
  Writer writer(header);
  writer.bytes(kBlobMagic);
  writer.u8(kBlobVersion);
  writer.u8(static_cast<uint8_t>(kBlobSuite));
  writer.u8(static_cast<uint8_t>(fields.purpose));
  writer.u8(0);
  writer.u32(fields.domain_key_version);
  writer.u32(fields.message_size);
  writer.u64(fields.keyring_version);
  writer.id(fields.domain_key_id);
  writer.bytes(salt);
  COFFER_ASSIGN(const BlobSchedule schedule, blob_schedule(domain_key, header));
  writer.bytes(schedule.commitment);
  COFFER_ASSIGN(StreamSealer sealer, StreamSealer::create(kBlobSuite, schedule.key));
  COFFER_TRY(sealer.seal(0, blob_associated(header, context), plaintext, out + kBlobHeaderSize));
  const size_t end = kBlobHeaderSize + plaintext.size() + kTagSize;
  store_le32(out + end, crc32c({out, end}));
  return Status::ok();
}

Result<BlobFields> read_blob(ByteView blob) {
  const size_t seen = std::min(blob.size(), kBlobMagic.size());
  if (!std::equal(blob.begin(), blob.begin() + static_cast<ptrdiff_t>(seen), kBlobMagic.begin())) {
    return {Code::kPlaintext, "it does not begin as a blob of Coffer's: it was never sealed, or is something else"};
  }
  if (blob.size() < kBlobOverhead) {
    return {Code::kTruncated, "a blob has at least " + std::to_string(kBlobOverhead) + " bytes, and this one " +
                                  std::to_string(blob.size())};
  }
  const size_t end = blob.size() - kBlobCrcSize;
  if (crc32c(blob.first(end)) != load_le32(blob.data() + end)) return damaged_blob(blob);
  Reader reader(blob.subspan(kBlobMagic.size()));
  const uint8_t version = reader.u8(), suite = reader.u8(), purpose = reader.u8(), zero = reader.u8();
  if (version != kBlobVersion || suite != static_cast<uint8_t>(kBlobSuite) || !is_blob_purpose(purpose)) {
    return {Code::kUnsupported, "the blob is of version " + std::to_string(version) + ", suite " +
                                    std::to_string(suite) + ", purpose " + std::to_string(purpose) +
                                    ", which this Coffer does not know; a newer one may"};
  }
  BlobFields out;
  out.purpose = static_cast<BlobPurpose>(purpose);
  out.domain_key_version = reader.u32();
  out.message_size = reader.u32();
  out.keyring_version = reader.u64();
  out.domain_key_id = reader.id();
  if (zero != 0 || out.domain_key_version == 0 || !is_message_size(out.purpose, out.message_size) ||
      out.message_size + kBlobOverhead != blob.size()) {
    return {Code::kTampered, "the blob's checksum fits, but Coffer writes no such blob"};
  }
  return out;
}

Status open_blob(ByteView blob, const BlobFields& fields, const DomainKey& domain_key, ByteView context,
                 uint8_t* out) {
  std::fill_n(out, fields.message_size, uint8_t{0});
  COFFER_ASSIGN(const BlobSchedule schedule, blob_schedule(domain_key, blob));
  if (!equal_constant_time(schedule.commitment, blob.subspan(kBlobCommitmentOffset, kBlobCommitmentSize))) {
    return {Code::kWrongKey, "the blob was sealed under another key than the one of this id"};
  }
  COFFER_ASSIGN(const StreamOpener opener, StreamOpener::create(kBlobSuite, schedule.key));
  const ByteView sealed = blob.subspan(kBlobHeaderSize, fields.message_size + kTagSize);
  if (opener.open(0, blob_associated(blob, context), sealed, out)) return Status::ok();
  return {Code::kTampered, "the blob does not open: it was sealed for another context, or was altered"};
}

}  // namespace coffer
