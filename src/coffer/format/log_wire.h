// How session headers and frames of a log stand in the file. docs/format.md, "log". Internal to format/.
#pragma once

#include <optional>

#include "coffer/base/check.h"
#include "coffer/base/codec.h"
#include "coffer/base/crc32c.h"
#include "coffer/format/key_schedule.h"
#include "coffer/format/log.h"

namespace coffer::log_wire {

inline constexpr uint32_t kSessionMagic = 0x534c4643;  // "CFLS"
inline constexpr uint32_t kEndBit = uint32_t{1} << 31;
inline constexpr uint32_t kSizeMask = (uint32_t{1} << 21) - 1;
inline constexpr size_t kSaltSize = 32;
// Bytes of a session header: those its key is derived from, and those its checksum covers.
inline constexpr size_t kSessionFieldsOffset = 8;
inline constexpr size_t kSessionFieldsSize = 56;

// The checksum of the file id, from which those of all its session headers and frames go on.
inline uint32_t checksum_seed(const Id& file_id) { return crc32c(file_id.bytes); }

struct SessionHeader {
  uint32_t checksum = 0;
  uint64_t number = 0;
  uint64_t offset = 0;
  uint64_t logical_offset = 0;
};

// REQUIRES: bytes has kLogSessionHeaderSize bytes, or more, and begins with the magic.
inline SessionHeader parse_session_header(ByteView bytes) {
  COFFER_REQUIRE(bytes.size() >= kLogSessionHeaderSize && load_le32(&bytes[0]) == kSessionMagic,
                 "a session header is whole and begins with its magic");
  return {load_le32(&bytes[4]), load_le64(&bytes[8]), load_le64(&bytes[16]), load_le64(&bytes[24])};
}
inline uint32_t session_checksum(uint32_t seed, ByteView header) {
  return crc32c_extend(seed, header.subspan(kSessionFieldsOffset, kLogSessionHeaderSize - kSessionFieldsOffset));
}

struct FrameHeader {
  uint32_t plaintext_size = 0;
  bool end = false;
  uint32_t checksum = 0;
  uint64_t durable_upto = 0;

  size_t frame_size() const { return plaintext_size + kLogFrameOverhead; }
};

// A word that a frame may begin with.
inline bool is_frame_word(uint32_t word) {
  if ((word & ~kSizeMask) == kEndBit) return (word & kSizeMask) == 0;
  return word - 1 < kLogFramePlaintextMax;
}

// Nothing if the word is none of a frame. REQUIRES: bytes has kLogFrameHeaderSize bytes, or more.
inline std::optional<FrameHeader> parse_frame_header(ByteView bytes) {
  COFFER_REQUIRE(bytes.size() >= kLogFrameHeaderSize, "a frame's header is whole");
  uint32_t word = load_le32(&bytes[0]);
  if (!is_frame_word(word)) return std::nullopt;
  return FrameHeader{word & kSizeMask, (word & kEndBit) != 0, load_le32(&bytes[4]), load_le64(&bytes[8])};
}

// What a frame's checksum covers before the bytes from its offset 8 on.
inline std::array<uint8_t, 12> checksum_prefix(uint64_t offset, const uint8_t* frame) {
  std::array<uint8_t, 12> out;
  store_le64(out.data(), offset);
  std::memcpy(&out[8], frame, 4);
  return out;
}
inline uint32_t frame_checksum(uint32_t seed, uint64_t offset, ByteView frame) {
  return crc32c_extend(crc32c_extend(seed, checksum_prefix(offset, frame.data())), frame.subspan(8));
}

// A frame's associated data: word ‖ durable ‖ session number ‖ offset.
class FrameAssociated {
 public:
  FrameAssociated(const uint8_t* frame, uint64_t session, uint64_t offset) {
    const uint64_t durable_upto = load_le64(frame + 8);
    store_le64_pair(bytes_, load_le32(frame) | durable_upto << 32, durable_upto >> 32 | session << 32);
    store_le64_pair(bytes_ + 16, session >> 32 | offset << 32, offset >> 32);
  }
  operator ByteView() const { return {bytes_, 28}; }

 private:
  alignas(16) uint8_t bytes_[32];
};

}  // namespace coffer::log_wire
