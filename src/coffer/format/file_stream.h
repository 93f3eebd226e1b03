// Files on their way from one node to another: bodies as they lie on disk, file keys wrapped for the receiver.
// docs/format.md, "Streams"; T1 to T8, which code and tests cite, are the invariants of that section. Thread-safe, but
// for one Gmac.
#pragma once

#include <string>

#include "coffer/crypto/ctr.h"
#include "coffer/crypto/hpke.h"
#include "coffer/crypto/signature.h"
#include "coffer/format/envelope.h"

namespace coffer {

inline constexpr size_t kFileStreamHeadSize = 224;
inline constexpr size_t kFileStreamManifestSizeMax = size_t{1} << 28;
inline constexpr size_t kFileStreamNameSizeMax = 4096;
// Of a body: so many bytes, or the rest, and their tag.
inline constexpr size_t kFileStreamChunkSize = size_t{1} << 20;

enum class FileStreamKind : uint8_t {
  kFiles = 1,      // bodies follow, and an end
  kEnvelopes = 2,  // nothing follows: whoever asked for them brings the bodies
};

// What a stream says in clear. Nothing of it is trusted before open_file_stream() has succeeded.
struct FileStreamHead {
  FileStreamKind kind = FileStreamKind::kFiles;
  uint32_t manifest_size = 0;
  Id id;
  X25519Public sender{};
  SignaturePublicKey signer{};
  X25519Public receiver{};
  uint64_t made = 0;  // Unix seconds
};

struct StreamedFile {
  std::string name;   // where it goes, in the receiver's directory: components with slashes between them
  uint16_t mode = 0;  // permission bits
  bool empty = false;  // nothing was ever written: there is no header, and no body
  // Its envelope, whose domain key is the stream's, and whose store is the stream.
  EnvelopeScan envelope;
  uint64_t body_size = 0;  // bytes behind the envelope
  uint64_t from = 0;       // of those, how many the receiver has: they do not follow
  Sha256 had{};            // what they are: digest_of_pieces(); zeros if there are none
};

// The key that lives for one stream.
class FileStreamKey {
 public:
  static Result<FileStreamKey> create();
  explicit FileStreamKey(DomainKey key) : key_(std::move(key)) {}

  // A file's envelope in the stream `id`. Of `fields`, what binds the body counts.
  Result<EnvelopeScan> wrap(const Id& id, const EnvelopeFields& fields, const FileKey& file_key) const;
  // Errors as open_envelope(). REQUIRES: !file.empty
  Result<FileKey> unwrap(const StreamedFile& file) const { return open_envelope(file.envelope, key_); }
  // What authenticates the bytes of a body from `offset` on, `size` of them, of the file of this number.
  Result<Gmac> chunk_mac(uint32_t file, uint64_t offset, uint32_t size) const;
  // What stands behind the last chunk.
  Result<Bytes> end() const;

  const DomainKey& key() const { return key_; }

 private:
  DomainKey key_;
};

// A node that sends or receives, with its private keys. Thread-safe.
class FileStreamNode {
 public:
  virtual ~FileStreamNode() = default;
  virtual X25519Public agreement() const = 0;
  virtual SignaturePublicKey signing() const = 0;
  // docs/format.md, "What nodes say", for the purpose "stream".
  virtual Result<Signature> sign(ByteView message) const = 0;
  virtual Result<HpkeSealed> seal(const X25519Public& to, ByteView associated, ByteView plaintext) const = 0;
  virtual Result<SecretBytes> open(const X25519Public& from, ByteView associated, const HpkeSealed& sealed) const = 0;
};

// Empty, or the rule of a list (T6) that is broken, and by which file.
std::string broken_stream_rule(const std::vector<StreamedFile>& files);
// Files in the order of their names, none twice. kLimitExceeded where they are too many; kInvalidArgument for what T6
// does not allow.
Result<Bytes> write_stream_manifest(const std::vector<StreamedFile>& files);
// kTampered, saying which rule is broken.
Result<std::vector<StreamedFile>> read_stream_manifest(ByteView manifest);

// Head, sealed manifest and signature. Of `head`, kind, id, receiver and made count. Errors as those of `by`.
Result<Bytes> seal_file_stream(const FileStreamHead& head, const FileStreamKey& key, const FileStreamNode& by,
                               ByteView manifest);

// kPlaintext for what is no stream, kTruncated for the beginning of one, kUnsupported for one of a newer Coffer,
// kTampered for what none is like.
Result<FileStreamHead> read_file_stream_head(ByteView bytes);
// How many bytes stand between the head and the first body.
constexpr size_t file_stream_rest_size(const FileStreamHead& head) {
  return head.manifest_size + kTagSize + sizeof(Signature);
}
// Proves that `head.sender` sealed it for this receiver: to be done before anything more is read. kForeign when it is
// for another one, kWrongKey when it is not of that sender, or was altered. REQUIRES: `head` is what `bytes` say.
Result<FileStreamKey> open_file_stream_head(const FileStreamHead& head, ByteView bytes,
                                            const FileStreamNode& receiver);
// Checks the signature, and opens the manifest. kTampered. REQUIRES: rest.size() is file_stream_rest_size()
Result<std::vector<StreamedFile>> open_file_stream(const FileStreamHead& head, ByteView bytes, ByteView rest,
                                                   const FileStreamKey& key);

// SHA-256 of the SHA-256s of the pieces of kFileStreamChunkSize that something consists of; the last may be shorter.
class DigestOfPieces {
 public:
  // REQUIRES: every piece but the last one has kFileStreamChunkSize bytes.
  Status add(ByteView piece);
  Result<Sha256> finish() const { return sha256(pieces_); }

 private:
  Bytes pieces_;
};

}  // namespace coffer
