#include "coffer/format/file_stream.h"

#include <algorithm>

#include "coffer/base/codec.h"
#include "coffer/crypto/random.h"
#include "coffer/crypto/stream.h"

namespace coffer {
namespace {

constexpr std::array<uint8_t, 8> kFileStreamMagic{0x43, 0x4F, 0x46, 0x53, 0x54, 0x52, 0x0D, 0x0A};  // "COFSTR", CR, LF
constexpr uint16_t kFileStreamVersion = 1;
// What nodes sign for streams begins so.
constexpr std::string_view kSignedAs = "coffer/v1 node stream";
constexpr Suite kManifestSuite = Suite::kAes256Gcm;
constexpr size_t kStreamKeySize = 32;
constexpr size_t kBoundSize = 144;  // of the head: what the stream key is sealed with
constexpr size_t kSealedKeySize = kStreamKeySize + kTagSize;
constexpr size_t kEndSize = 16;

Bytes signed_message(ByteView head, ByteView sealed) {
  Bytes out(head.begin(), head.end());
  out.insert(out.end(), sealed.begin(), sealed.end());
  return out;
}

// Of the encapsulated key, which no other sealing has.
Result<StreamKey> manifest_key(const FileStreamKey& key, ByteView head) {
  const ByteView context = head.subspan(kBoundSize, kX25519Size);
  COFFER_ASSIGN(SecretBytes derived,
                derive(key.key().reveal(), "stream manifest", context, stream_key_size(kManifestSuite)));
  return StreamKey(std::move(derived));
}

void write_bound(Writer& writer, const FileStreamHead& head) {
  writer.bytes(kFileStreamMagic);
  writer.u16(kFileStreamVersion);
  writer.u8(static_cast<uint8_t>(head.kind));
  writer.u8(0);
  writer.u32(head.manifest_size);
  writer.id(head.id);
  writer.bytes(head.sender);
  writer.bytes(head.signer);
  writer.bytes(head.receiver);
  writer.u64(head.made);
  writer.zeros(8);
}

}  // namespace

Result<FileStreamKey> FileStreamKey::create() {
  COFFER_ASSIGN(DomainKey key, random_key<DomainRole>(kStreamKeySize));
  return FileStreamKey(std::move(key));
}

Result<EnvelopeScan> FileStreamKey::wrap(const Id& id, const EnvelopeFields& fields, const FileKey& file_key) const {
  EnvelopeFields out = fields;
  out.store_id = out.domain_key_id = id;
  out.domain_key_version = out.oldest_key_version = out.newest_key_version = 1;
  out.keyring_version = 0;
  std::array<uint8_t, kEnvelopeSize> envelope{};
  COFFER_TRY(seal_envelope(out, key_, file_key, envelope));
  return scan_envelope(envelope);
}

Result<Gmac> FileStreamKey::chunk_mac(uint32_t file, uint64_t offset, uint32_t size) const {
  std::array<uint8_t, 16> context;
  Writer writer(context);
  writer.u32(file);
  writer.u64(offset);
  writer.u32(size);
  COFFER_ASSIGN(SecretBytes key, derive(key_.reveal(), "stream chunk", context, Gmac::kKeySize));
  return Gmac::create(Key<Gmac::Role>(std::move(key)));
}

Result<Bytes> FileStreamKey::end() const {
  COFFER_ASSIGN(const SecretBytes end, derive(key_.reveal(), "stream end", {}, kEndSize));
  return Bytes(end.reveal().begin(), end.reveal().end());
}

Result<Bytes> seal_file_stream(const FileStreamHead& head, const FileStreamKey& key, const FileStreamNode& by,
                               ByteView manifest) {
  FileStreamHead full = head;
  full.manifest_size = static_cast<uint32_t>(manifest.size());
  full.sender = by.agreement();
  full.signer = by.signing();
  Bytes out(kFileStreamHeadSize + file_stream_rest_size(full));
  const MutableBytes bytes(out);
  Writer writer(bytes.first(kFileStreamHeadSize));
  write_bound(writer, full);
  COFFER_ASSIGN(const HpkeSealed sealed, by.seal(head.receiver, bytes.first(kBoundSize), key.key().reveal()));
  writer.bytes(sealed.encapsulated);
  writer.bytes(sealed.ciphertext);
  const MutableBytes body = bytes.subspan(kFileStreamHeadSize, manifest.size() + kTagSize);
  COFFER_ASSIGN(const StreamKey sealing, manifest_key(key, bytes));
  COFFER_ASSIGN(StreamSealer sealer, StreamSealer::create(kManifestSuite, sealing));
  COFFER_TRY(sealer.seal(0, bytes.first(kFileStreamHeadSize), manifest, body.data()));
  COFFER_ASSIGN(const Signature signature, by.sign(signed_message(bytes.first(kFileStreamHeadSize), body)));
  std::ranges::copy(signature, bytes.last(signature.size()).begin());
  return out;
}

Result<FileStreamHead> read_file_stream_head(ByteView bytes) {
  const size_t seen = std::min(bytes.size(), kFileStreamMagic.size());
  if (!std::ranges::equal(bytes.first(seen), ByteView(kFileStreamMagic).first(seen))) {
    return {Code::kPlaintext, "these bytes are no stream of coffer send"};
  }
  if (bytes.size() < kFileStreamHeadSize) {
    return {Code::kTruncated, "the stream ends within its head, after " + std::to_string(bytes.size()) + " bytes"};
  }
  Reader reader(bytes.subspan(kFileStreamMagic.size()));
  const uint16_t version = reader.u16();
  const uint8_t kind = reader.u8();
  if (version != kFileStreamVersion || kind < 1 || kind > 2) {
    return {Code::kUnsupported, "the stream is of version " + std::to_string(version) + ", kind " +
                                    std::to_string(kind) + ", which this Coffer does not know: use a newer one"};
  }
  const bool zero = reader.u8() == 0;
  FileStreamHead out;
  out.kind = static_cast<FileStreamKind>(kind);
  out.manifest_size = reader.u32();
  out.id = reader.id();
  reader.copy_to(out.sender);
  reader.copy_to(out.signer);
  reader.copy_to(out.receiver);
  out.made = reader.u64();
  if (!zero || reader.u64() != 0 || out.manifest_size > kFileStreamManifestSizeMax) {
    return {Code::kTampered, "the stream's head is none that Coffer writes: it was altered on its way"};
  }
  return out;
}

Result<FileStreamKey> open_file_stream_head(const FileStreamHead& head, ByteView bytes,
                                            const FileStreamNode& receiver) {
  const X25519Public mine = receiver.agreement();
  if (mine != head.receiver) {
    return {Code::kForeign, "the stream is for another node, whose key is " + to_hex(head.receiver) + ", and not for " +
                                "this one, " + to_hex(mine) + "; send it again, to this one"};
  }
  HpkeSealed sealed;
  std::ranges::copy(bytes.subspan(kBoundSize, sealed.encapsulated.size()), sealed.encapsulated.begin());
  const ByteView ciphertext = bytes.subspan(kBoundSize + sealed.encapsulated.size(), kSealedKeySize);
  sealed.ciphertext.assign(ciphertext.begin(), ciphertext.end());
  auto key = receiver.open(head.sender, bytes.first(kBoundSize), sealed);
  if (key.code() == Code::kWrongKey || key.code() == Code::kInvalidArgument) {
    return {Code::kWrongKey, "the stream's key does not open: another node than it says sealed it, or it was altered " +
                                 std::string("on its way")};
  }
  if (!key.is_ok()) return key.status();
  return FileStreamKey(DomainKey(std::move(*key)));
}

Result<std::vector<StreamedFile>> open_file_stream(const FileStreamHead& head, ByteView bytes, ByteView rest,
                                                   const FileStreamKey& key) {
  const ByteView sealed = rest.first(head.manifest_size + kTagSize);
  Signed by;
  by.public_key = head.signer;
  std::ranges::copy(rest.last(by.signature.size()), by.signature.begin());
  COFFER_TRY(check_signature(by, labelled(kSignedAs, signed_message(bytes.first(kFileStreamHeadSize), sealed)))
                 .with_context("the stream's signature is not its sender's: it was altered on its way"));
  COFFER_ASSIGN(const StreamKey opening, manifest_key(key, bytes));
  COFFER_ASSIGN(const StreamOpener opener, StreamOpener::create(kManifestSuite, opening));
  Bytes manifest(head.manifest_size);
  if (!opener.open(0, bytes.first(kFileStreamHeadSize), sealed, manifest.data())) {
    return {Code::kTampered, "the stream's list of files does not open: it belongs to another stream"};
  }
  COFFER_ASSIGN(std::vector<StreamedFile> files, read_stream_manifest(manifest));
  const auto of_another = [&](const StreamedFile& file) {
    return !file.empty && (file.envelope.fields.store_id != head.id || file.envelope.fields.domain_key_id != head.id);
  };
  if (std::ranges::any_of(files, of_another)) {
    return {Code::kTampered, "the stream's list has a file of another stream"};
  }
  return files;
}

Status DigestOfPieces::add(ByteView piece) {
  COFFER_ASSIGN(const Sha256 digest, sha256(piece));
  pieces_.insert(pieces_.end(), digest.begin(), digest.end());
  return Status::ok();
}

}  // namespace coffer
