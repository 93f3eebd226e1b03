// `log`: a body that grows by appends and may end torn. Sessions of frames. docs/format.md, "log".
// Sans-IO: every offset is in the file (envelope included) unless it says logical.
#pragma once

#include "coffer/base/secret.h"
#include "coffer/crypto/stream.h"

namespace coffer {

inline constexpr size_t kLogSessionHeaderSize = 96;
inline constexpr size_t kLogFrameHeaderSize = 16;
inline constexpr size_t kLogFrameOverhead = kLogFrameHeaderSize + kTagSize;
inline constexpr size_t kLogFramePlaintextMax = size_t{1} << 20;
inline constexpr size_t kLogFrameSizeMax = kLogFramePlaintextMax + kLogFrameOverhead;

struct LogParams {
  Suite suite = Suite::kAes256Gcm;
  Id file_id;
};

// Where a session starts. For a new file: number 0, offset kEnvelopeSize, logical_offset 0. For a reopened one: what
// LogOpener::append_position() says, after the file was cut there and synced.
struct LogPosition {
  uint64_t session = 0;
  uint64_t offset = 0;
  uint64_t logical_offset = 0;
};

// Seals appends into frames. Not thread-safe. Allocates nothing beyond `out`.
class LogSealer {
 public:
  static Result<LogSealer> create(const FileKey& file_key, const LogParams& params, const LogPosition& start);

  // Appends the frames (one per 1 MiB of plaintext) to `out`, preceded by the session header the first time.
  // `durable_upto`: every byte of the file before it is known to be synced. Bounded by what was produced so far.
  // An empty plaintext produces no frame (but the session header, if that is due).
  Status append(ByteView plaintext, uint64_t durable_upto, Buffer& out);
  // The clean-close frame. Nothing may be appended after it.
  Status close(uint64_t durable_upto, Buffer& out);

  uint64_t offset() const { return offset_; }  // where the next frame goes
  uint64_t logical_size() const { return logical_size_; }

 private:
  LogSealer(StreamSealer sealer, LogPosition start);

  StreamSealer sealer_;
  std::array<uint8_t, kLogSessionHeaderSize> session_header_{};
  uint64_t session_;
  uint64_t offset_;
  uint64_t logical_size_;
  uint32_t crc_of_file_id_ = 0;
  bool begun_ = false;
  bool closed_ = false;
};

}  // namespace coffer
