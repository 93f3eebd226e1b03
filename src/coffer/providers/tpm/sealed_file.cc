#include "coffer/providers/tpm/sealed_file.h"

#include <bit>

#include "coffer/base/codec.h"
#include "coffer/base/crc32c.h"

namespace coffer::tpm {
namespace {

constexpr std::string_view kMagic = "COFFTPMK";
constexpr uint16_t kVersion = 1;
constexpr uint8_t kFlagAuth = 1;
constexpr size_t kFixedSize = 8 + 2 + 1 + 2 + 4 + 16 + 1 + 2 + 2 + 4;
constexpr size_t kChecksumSize = 4;

size_t pcr_count(const PcrSelection& pcrs) { return static_cast<size_t>(std::popcount(pcrs.mask)); }

// A bank goes with registers, and only registers that there are.
bool is_possible(const PcrSelection& pcrs) {
  return pcrs.empty() ? pcrs.bank == 0 : digest_size_of(pcrs.bank) != 0 && pcrs.mask >> kPcrCount == 0;
}

Bytes bytes_of(ByteView view) { return Bytes(view.begin(), view.end()); }

}  // namespace

Result<Bytes> encode(const SealedFile& file) {
  size_t values_size = 0;
  for (const Bytes& value : file.pcr_values) values_size += value.size();
  Bytes out(kFixedSize + file.primary_name.size() + values_size + file.public_area.size() + file.private_area.size());
  Writer writer(out);
  writer.bytes(as_bytes(kMagic));
  writer.u16(kVersion);
  writer.u8(file.has_auth ? kFlagAuth : 0);
  writer.u16(file.pcrs.bank);
  writer.u32(file.pcrs.mask);
  for (const Bytes& value : file.pcr_values) writer.bytes(value);
  writer.bytes(file.fingerprint);
  writer.bytes8(file.primary_name);
  writer.bytes16(file.public_area);
  writer.bytes16(file.private_area);
  if (!writer.ok() || out.size() > kSealedFileSizeMax) {
    return {Code::kLimitExceeded, "what the TPM made is larger than a sealed root key can be"};
  }
  writer.u32(crc32c(ByteView(out).first(out.size() - kChecksumSize)));
  return out;
}

Result<SealedFile> decode(ByteView bytes) {
  const size_t common = std::min(bytes.size(), kMagic.size());
  if (common == 0 || as_text(bytes.first(common)) != kMagic.substr(0, common)) {
    return {Code::kInvalidArgument, "it is no root key that Coffer sealed to a TPM"};
  }
  if (bytes.size() < kFixedSize) return {Code::kTruncated, "its end is missing"};
  if (bytes.size() > kSealedFileSizeMax) return {Code::kDamaged, "it is larger than a sealed root key can be"};
  const ByteView body = bytes.first(bytes.size() - kChecksumSize);
  const bool sound = load_le32(bytes.data() + body.size()) == crc32c(body);
  Reader reader(body);
  reader.bytes(kMagic.size());
  const uint16_t version = reader.u16();
  if (sound && version != kVersion) return {Code::kUnsupported, "it was made by a newer Coffer"};
  SealedFile out;
  const uint8_t flags = reader.u8();
  out.has_auth = (flags & kFlagAuth) != 0;
  out.pcrs.bank = reader.u16();
  out.pcrs.mask = reader.u32();
  if (!is_possible(out.pcrs) || (flags & ~kFlagAuth) != 0) {
    return {Code::kDamaged, "its checksum or a field is wrong; restore it from a backup"};
  }
  for (size_t i = 0; i < pcr_count(out.pcrs); ++i) {
    out.pcr_values.push_back(bytes_of(reader.bytes(digest_size_of(out.pcrs.bank))));
  }
  reader.copy_to(out.fingerprint);
  out.primary_name = bytes_of(reader.bytes8(kNameSizeMax));
  out.public_area = bytes_of(reader.bytes16(kAreaSizeMax));
  out.private_area = bytes_of(reader.bytes16(kAreaSizeMax));
  if (!sound && !reader.ok()) return {Code::kTruncated, "its end is missing"};
  if (!sound || !reader.finished()) return {Code::kDamaged, "its checksum is wrong; restore it from a backup"};
  return out;
}

}  // namespace coffer::tpm
