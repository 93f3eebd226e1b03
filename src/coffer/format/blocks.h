// `blocks`: a write-once body for random reads, a C2SP chunked-encryption message. docs/format.md, "blocks".
// Sans-IO: offsets are in the file ("physical", envelope included) or in the plaintext ("logical").
// B1 to B7, which code and tests cite, are the invariants of that section.
#pragma once

#include "coffer/base/secret.h"
#include "coffer/crypto/stream.h"

namespace coffer {

// Salt and commitment, right behind the envelope.
inline constexpr size_t kBlocksPrefixSize = 56;
inline constexpr int kBlocksChunkLog2Min = 10;
inline constexpr int kBlocksChunkLog2Max = 20;
inline constexpr uint64_t kBlocksSizeMax = uint64_t{1} << 40;  // logical (B7)

struct BlocksParams {
  Suite suite = Suite::kAes256Gcm;
  int chunk_log2 = 14;
  Id file_id;
};

// Pure arithmetic between logical and physical (B1, B5).
class BlocksLayout {
 public:
  // kInvalidArgument when chunk_log2 is out of bounds.
  static Result<BlocksLayout> create(int chunk_log2);

  uint64_t chunk_size() const { return uint64_t{1} << chunk_log2_; }
  // REQUIRES: logical_size <= kBlocksSizeMax
  uint64_t physical_size(uint64_t logical_size) const;
  // kTruncated for a physical size that no message has, kLimitExceeded for one beyond kBlocksSizeMax.
  Result<uint64_t> logical_size(uint64_t physical_size) const;
  uint64_t chunk_offset(uint64_t index) const;  // physical

 private:
  explicit BlocksLayout(int chunk_log2) : chunk_log2_(chunk_log2) {}
  int chunk_log2_;
};

// Seals one message from front to back. Not thread-safe. After finish() every call fails with kUnsupported: the last
// chunk's nonce is spent, and this kind cannot be appended to.
class BlocksSealer {
 public:
  static Result<BlocksSealer> create(const FileKey& file_key, const BlocksParams& params);

  // Both append what may be written to the file now to `out`; the prefix comes with the first call. Whole chunks are
  // sealed straight from `plaintext`, which may not lie in `out`. kLimitExceeded, with nothing produced, beyond
  // kBlocksSizeMax. After any other failure the file cannot be completed.
  Status append(ByteView plaintext, Buffer& out);
  Status finish(Buffer& out);

  uint64_t logical_size() const { return logical_size_; }
  bool finished() const { return finished_; }
  // Wipes the key, and what was not sealed yet. REQUIRES: append() and finish() are never called again
  void drop_key();

 private:
  friend class KnownSalt;  // tests/format/known_salt.h: published vectors and worked examples
  // `context` is what C2SP calls so.
  static Result<BlocksSealer> create_with(const FileKey& file_key, Suite suite, int chunk_log2, ByteView context,
                                          ByteView salt);
  BlocksSealer(BlocksLayout layout, StreamSealer sealer)
      : layout_(layout), sealer_(std::move(sealer)), tail_(layout.chunk_size()) {}
  void begin(Buffer& out);
  Status seal_chunk(ByteView plaintext, Buffer& out);

  BlocksLayout layout_;
  StreamSealer sealer_;
  std::array<uint8_t, kBlocksPrefixSize> prefix_{};  // salt ‖ commitment
  Bytes tail_;                                       // plaintext of the chunk being filled
  size_t tail_size_ = 0;
  uint64_t chunk_index_ = 0;
  uint64_t logical_size_ = 0;
  bool prefix_written_ = false;
  bool finished_ = false;
};

// Opens any range of one message. open() and the arithmetic are thread-safe.
class BlocksOpener {
 public:
  struct Range {
    uint64_t offset = 0;  // physical
    uint64_t size = 0;
  };

  // `prefix` is what follows the envelope. kTruncated when the physical size is impossible; kTampered when the
  // commitment does not fit the file key: these chunks were not sealed under this envelope. Check the last chunk with
  // verify_end().
  static Result<BlocksOpener> create(const FileKey& file_key, const BlocksParams& params, ByteView prefix,
                                     uint64_t physical_size);

  uint64_t logical_size() const { return logical_size_; }
  // The sealed bytes that cover [offset, offset + size). REQUIRES: that lies inside [0, logical_size()].
  Range range(uint64_t offset, uint64_t size) const;
  // `sealed` holds exactly range(offset, size) and is used as scratch. Writes `size` bytes to `out`, which must not
  // overlap `sealed`. kTampered when a chunk does not authenticate, kKeyUnavailable in a child of fork(): then `out` is
  // all zeros (B4). Allocates nothing.
  Status open(uint64_t offset, uint64_t size, MutableBytes sealed, uint8_t* out) const;
  // The range of the last chunk, and its check: only this proves that the file has the size it should (B6).
  Range end_range() const;
  Status verify_end(MutableBytes sealed) const;

  // StreamOpener's.
  void drop_key() { opener_.drop_key(); }
  void take_key(BlocksOpener&& same) { opener_.take_key(std::move(same.opener_)); }

 private:
  friend class KnownSalt;
  static Result<BlocksOpener> create_with(const FileKey& file_key, Suite suite, int chunk_log2, ByteView context,
                                          ByteView prefix, uint64_t physical_size);
  BlocksOpener(BlocksLayout layout, StreamOpener opener, uint64_t physical_size, uint64_t logical_size)
      : layout_(layout), opener_(std::move(opener)), physical_size_(physical_size), logical_size_(logical_size) {}

  uint64_t chunk_end(uint64_t index) const;  // physical
  Status open_chunk(uint64_t index, ByteView sealed, uint8_t* out) const;

  BlocksLayout layout_;
  StreamOpener opener_;
  uint64_t physical_size_;
  uint64_t logical_size_;
};

}  // namespace coffer
