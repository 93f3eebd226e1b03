#include <algorithm>
#include <limits>
#include <string>

#include "coffer/base/check.h"
#include "coffer/format/log_wire.h"

namespace coffer {

using log_wire::checksum_prefix;
using log_wire::checksum_seed;
using log_wire::FrameHeader;
using log_wire::kSessionFieldsOffset;
using log_wire::kSessionMagic;
using log_wire::parse_frame_header;
using log_wire::parse_session_header;
using log_wire::SessionHeader;

namespace {

// Of a frame's word: neither size nor end.
constexpr uint32_t kUnusedBits = ~(log_wire::kSizeMask | log_wire::kEndBit);

// How many bytes at the front can be passed over because a word of zeros begins at each of them: preallocated space.
size_t zero_words(ByteView rest) {
  size_t count = 0;
  const auto zeros = [&rest](size_t at) {
    uint64_t all = 0;
    for (size_t i = 0; i < 64; i += 8) all |= load_le64(&rest[at + i]);
    return all == 0;
  };
  while (rest.size() - count >= 64 && zeros(count)) count += 61;
  while (rest.size() - count >= 8 && load_le64(&rest[count]) == 0) count += 5;
  return count;
}

}  // namespace

LogTailSearch::LogTailSearch(const Id& file_id, uint64_t bad_place, uint64_t file_size)
    : bad_place_(bad_place),
      offset_(bad_place + 1),
      budget_(file_size > std::numeric_limits<uint64_t>::max() / 4 ? file_size : 4 * file_size),
      checksum_seed_(checksum_seed(file_id)) {}

void LogTailSearch::pass_zeros(uint64_t end) {
  // A frame may begin in the last three zeros: its word is the end bit, which stands in the fourth byte.
  offset_ = std::max(offset_, end - std::min<uint64_t>(end, 3));
}

bool LogTailSearch::checksum_fits(uint32_t expected, ByteView prefix, ByteView bytes) {
  uint64_t size = prefix.size() + bytes.size();
  if (size > budget_) {
    exhausted_ = true;
    return true;  // fail closed
  }
  budget_ -= size;
  return crc32c_extend(crc32c_extend(checksum_seed_, prefix), bytes) == expected;
}

LogTailSearch::Candidate LogTailSearch::look_at_session(ByteView rest, uint64_t offset, bool window_reaches_end) {
  if (rest.size() < kLogSessionHeaderSize) return window_reaches_end ? Candidate::kNone : Candidate::kBeyondWindow;
  SessionHeader header = parse_session_header(rest);
  if (header.offset != offset || header.number == 0) return Candidate::kNone;
  ByteView covered = rest.subspan(kSessionFieldsOffset, kLogSessionHeaderSize - kSessionFieldsOffset);
  return checksum_fits(header.checksum, {}, covered) ? Candidate::kEvidence : Candidate::kNone;
}

LogTailSearch::Candidate LogTailSearch::look_at(ByteView rest, uint64_t offset, bool window_reaches_end) {
  std::optional<FrameHeader> header = parse_frame_header(rest);
  if (!header) {
    if (load_le32(rest.data()) != kSessionMagic) return Candidate::kNone;
    return look_at_session(rest, offset, window_reaches_end);
  }
  // L7: a frame testifies for the bad place only if it says that more than that was durable. This also keeps frames of
  // a tail that never was synced from being checksummed at all.
  if (header->durable_upto <= bad_place_ || header->durable_upto > offset) return Candidate::kNone;
  size_t size = header->frame_size();
  if (rest.size() < size) return window_reaches_end ? Candidate::kNone : Candidate::kBeyondWindow;
  bool fits = checksum_fits(header->checksum, checksum_prefix(offset, rest.data()), rest.subspan(8, size - 8));
  return fits ? Candidate::kEvidence : Candidate::kNone;
}

LogTailSearch::Verdict LogTailSearch::step(ByteView window, bool window_reaches_end) {
  size_t at = 0;
  while (window.size() - at >= kLogFrameOverhead) {
    ByteView rest = window.subspan(at);
    uint32_t word = load_le32(rest.data());
    if (word == 0) {
      at += std::max<size_t>(zero_words(rest), 1);
      continue;
    }
    if ((word & kUnusedBits) != 0 && word != kSessionMagic) {  // 1023 of 1024 places in ciphertext
      ++at;
      continue;
    }
    Candidate candidate = look_at(rest, offset_ + at, window_reaches_end);
    if (candidate == Candidate::kBeyondWindow) break;
    if (candidate == Candidate::kEvidence) {
      evidence_ = offset_ + at;
      return Verdict::kDamaged;
    }
    ++at;
  }
  offset_ += at;
  return window_reaches_end ? Verdict::kTorn : Verdict::kMore;
}

Status LogTailSearch::damage() const {
  COFFER_REQUIRE(evidence_ != 0, "damage is described after it was found");
  std::string where = "the log is damaged at offset " + std::to_string(bad_place_) + ": ";
  std::string what = exhausted_ ? "too much behind it looks like its frames to tell more"
                                : "offset " + std::to_string(evidence_) + " proves that it was durable once";
  return {Code::kDamaged, where + what + "; restore the file from a backup or a replica"};
}

}  // namespace coffer
