#include "coffer/format/blocks.h"

#include <algorithm>
#include <string>

#include "coffer/base/check.h"
#include "coffer/crypto/random.h"
#include "coffer/format/envelope.h"
#include "coffer/format/key_schedule.h"

namespace coffer {
namespace {

constexpr size_t kBlocksSaltSize = 24;
constexpr uint64_t kBodyOffset = kEnvelopeSize + kBlocksPrefixSize;
constexpr std::string_view kContextLabel = "coffer blocks v1";
static_assert(kBlocksSaltSize + kCommitmentSize == kBlocksPrefixSize);

using Context = std::array<uint8_t, kContextLabel.size() + 16 + 1>;

Context context_of(const BlocksParams& params) {
  Context out;
  auto end = std::ranges::copy(kContextLabel, out.begin()).out;
  end = std::ranges::copy(params.file_id.bytes, end).out;
  *end = static_cast<uint8_t>(params.chunk_log2);
  return out;
}

Status too_large() {
  return {Code::kLimitExceeded, "a blocks file holds at most 2^40 bytes: split the data over several files"};
}

}  // namespace

Result<BlocksLayout> BlocksLayout::create(int chunk_log2) {
  if (chunk_log2 < kBlocksChunkLog2Min || chunk_log2 > kBlocksChunkLog2Max) {
    return {Code::kInvalidArgument, "chunk_log2 is 10 to 20, not " + std::to_string(chunk_log2)};
  }
  return BlocksLayout(chunk_log2);
}

uint64_t BlocksLayout::chunk_offset(uint64_t index) const { return kBodyOffset + index * (chunk_size() + kTagSize); }

uint64_t BlocksLayout::physical_size(uint64_t logical_size) const {
  COFFER_REQUIRE(logical_size <= kBlocksSizeMax, "a blocks file holds at most 2^40 bytes");
  return chunk_offset(logical_size >> chunk_log2_) + (logical_size & (chunk_size() - 1)) + kTagSize;
}

Result<uint64_t> BlocksLayout::logical_size(uint64_t physical_size) const {
  if (physical_size < kBodyOffset + kTagSize) {
    return {Code::kTruncated, "a blocks file has at least " + std::to_string(kBodyOffset + kTagSize) +
                                  " bytes, this one " + std::to_string(physical_size) + ": its end is missing"};
  }
  uint64_t body = physical_size - kBodyOffset;
  uint64_t rest = body % (chunk_size() + kTagSize);
  if (rest < kTagSize) {
    return {Code::kTruncated,
            "no blocks file has " + std::to_string(physical_size) + " bytes: the end of this one is missing"};
  }
  uint64_t full_chunks = body / (chunk_size() + kTagSize);
  if (full_chunks > kBlocksSizeMax >> chunk_log2_) return too_large();
  uint64_t size = (full_chunks << chunk_log2_) + rest - kTagSize;
  if (size > kBlocksSizeMax) return too_large();
  return size;
}

Result<BlocksSealer> BlocksSealer::create(const FileKey& file_key, const BlocksParams& params) {
  std::array<uint8_t, kBlocksSaltSize> salt;
  COFFER_TRY(random_bytes(salt));
  return create_with(file_key, params.suite, params.chunk_log2, context_of(params), salt);
}

Result<BlocksSealer> BlocksSealer::create_with(const FileKey& file_key, Suite suite, int chunk_log2, ByteView context,
                                               ByteView salt) {
  COFFER_ASSIGN(BlocksLayout layout, BlocksLayout::create(chunk_log2));
  COFFER_ASSIGN(StreamSchedule schedule, blocks_schedule(file_key, suite, salt, context));
  COFFER_ASSIGN(StreamSealer sealer, StreamSealer::create(suite, schedule.key));
  BlocksSealer out(layout, std::move(sealer));
  std::ranges::copy(salt.first(kBlocksSaltSize), out.prefix_.begin());
  std::ranges::copy(schedule.commitment, out.prefix_.begin() + kBlocksSaltSize);
  return out;
}

void BlocksSealer::begin(Buffer& out) {
  if (prefix_written_) return;
  out.append(prefix_);
  prefix_written_ = true;
}

Status BlocksSealer::seal_chunk(ByteView plaintext, Buffer& out) {
  return sealer_.seal(chunk_index_++, {}, plaintext, out.extend(plaintext.size() + kTagSize));
}

Status BlocksSealer::append(ByteView plaintext, Buffer& out) {
  if (finished_) return {Code::kUnsupported, "a finished blocks file cannot be appended to"};
  if (plaintext.size() > kBlocksSizeMax - logical_size_) return too_large();
  const size_t chunk_size = layout_.chunk_size();
  size_t chunks = (tail_size_ + plaintext.size()) / chunk_size;
  out.reserve(out.size() + kBlocksPrefixSize + chunks * (chunk_size + kTagSize));
  begin(out);
  logical_size_ += plaintext.size();
  if (tail_size_ > 0) {
    size_t count = std::min(chunk_size - tail_size_, plaintext.size());
    std::copy_n(plaintext.begin(), count, tail_.begin() + static_cast<ptrdiff_t>(tail_size_));
    tail_size_ += count;
    plaintext = plaintext.subspan(count);
    if (tail_size_ < chunk_size) return Status::ok();
    tail_size_ = 0;
    COFFER_TRY(seal_chunk(tail_, out));
  }
  while (plaintext.size() >= chunk_size) {
    COFFER_TRY(seal_chunk(plaintext.first(chunk_size), out));
    plaintext = plaintext.subspan(chunk_size);
  }
  std::ranges::copy(plaintext, tail_.begin());
  tail_size_ = plaintext.size();
  return Status::ok();
}

Status BlocksSealer::finish(Buffer& out) {
  if (finished_) return {Code::kUnsupported, "a blocks file is finished only once"};
  finished_ = true;  // B2: whatever happens next, the last nonce counts as spent
  begin(out);
  Status status = seal_chunk(ByteView(tail_).first(tail_size_), out);
  wipe(tail_.data(), tail_.size());
  tail_ = {};
  return status;
}

void BlocksSealer::drop_key() {
  sealer_.drop_key();
  wipe(tail_.data(), tail_.size());
}

Result<BlocksOpener> BlocksOpener::create(const FileKey& file_key, const BlocksParams& params, ByteView prefix,
                                          uint64_t physical_size) {
  return create_with(file_key, params.suite, params.chunk_log2, context_of(params), prefix, physical_size);
}

Result<BlocksOpener> BlocksOpener::create_with(const FileKey& file_key, Suite suite, int chunk_log2, ByteView context,
                                               ByteView prefix, uint64_t physical_size) {
  COFFER_ASSIGN(BlocksLayout layout, BlocksLayout::create(chunk_log2));
  COFFER_ASSIGN(uint64_t logical_size, layout.logical_size(physical_size));
  if (prefix.size() != kBlocksPrefixSize) {
    return {Code::kTruncated, "a blocks file's salt and commitment have " + std::to_string(kBlocksPrefixSize) +
                                  " bytes, of which there are " + std::to_string(prefix.size())};
  }
  COFFER_ASSIGN(StreamSchedule schedule, blocks_schedule(file_key, suite, prefix.first(kBlocksSaltSize), context));
  if (!equal_constant_time(schedule.commitment, prefix.subspan(kBlocksSaltSize))) {  // B3
    return {Code::kTampered,
            "the file's body was not sealed under its header's key: one of them was altered or replaced"};
  }
  COFFER_ASSIGN(StreamOpener opener, StreamOpener::create(suite, schedule.key));
  return BlocksOpener(layout, std::move(opener), physical_size, logical_size);
}

uint64_t BlocksOpener::chunk_end(uint64_t index) const {
  return std::min(layout_.chunk_offset(index + 1), physical_size_);
}

BlocksOpener::Range BlocksOpener::range(uint64_t offset, uint64_t size) const {
  COFFER_REQUIRE(offset <= logical_size_ && size <= logical_size_ - offset, "a range lies inside of the file");
  uint64_t chunk_size = layout_.chunk_size();
  uint64_t begin = layout_.chunk_offset(offset / chunk_size);
  if (size == 0) return {begin, 0};
  return {begin, chunk_end((offset + size - 1) / chunk_size) - begin};
}

Status BlocksOpener::open_chunk(uint64_t index, ByteView sealed, uint8_t* out) const {
  if (opener_.open(index, {}, sealed, out)) return Status::ok();
  COFFER_TRY(opener_.usable());
  return {Code::kTampered, "chunk " + std::to_string(index) + " at offset " +
                               std::to_string(layout_.chunk_offset(index)) +
                               " does not authenticate: it was altered or belongs elsewhere"};
}

Status BlocksOpener::open(uint64_t offset, uint64_t size, MutableBytes sealed, uint8_t* out) const {
  if (size == 0) return Status::ok();
  if (offset > logical_size_ || size > logical_size_ - offset || sealed.size() != range(offset, size).size) {
    return {Code::kInternal, "the range to be opened lies outside of the file or has other sealed bytes"};
  }
  const uint64_t chunk_size = layout_.chunk_size();
  size_t written = 0;
  Status status;
  for (uint64_t index = offset / chunk_size; written < size; ++index) {
    size_t sealed_size = static_cast<size_t>(chunk_end(index) - layout_.chunk_offset(index));
    size_t plain_size = sealed_size - kTagSize;
    MutableBytes chunk = sealed.first(sealed_size);
    sealed = sealed.subspan(sealed_size);
    size_t skip = static_cast<size_t>(offset + written - index * chunk_size);
    size_t count = static_cast<size_t>(std::min<uint64_t>(plain_size - skip, size - written));
    if (count == plain_size) {
      status = open_chunk(index, chunk, out + written);
    } else {
      status = open_chunk(index, chunk, chunk.data());
      if (status.is_ok()) std::copy_n(chunk.data() + skip, count, out + written);
    }
    if (!status.is_ok()) break;
    written += count;
  }
  if (!status.is_ok()) std::fill_n(out, size, uint8_t{0});  // B4
  return status;
}

BlocksOpener::Range BlocksOpener::end_range() const {
  uint64_t begin = layout_.chunk_offset(logical_size_ / layout_.chunk_size());
  return {begin, physical_size_ - begin};
}

Status BlocksOpener::verify_end(MutableBytes sealed) const {
  if (sealed.size() != end_range().size) {
    return {Code::kInternal, "the last chunk has other sealed bytes than those to be verified"};
  }
  return open_chunk(logical_size_ / layout_.chunk_size(), sealed, sealed.data());
}

}  // namespace coffer
