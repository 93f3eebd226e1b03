// `log`: a body that grows by appends and may end torn. Sessions of frames. docs/format.md, "log".
// Sans-IO: every offset is in the file (envelope included) unless it says logical.
// L1 to L10, which code and tests cite, are the invariants of that section.
#pragma once

#include "coffer/base/secret.h"
#include "coffer/crypto/kdf.h"
#include "coffer/crypto/resting_key.h"
#include "coffer/crypto/stream.h"

namespace coffer {

inline constexpr size_t kLogSessionHeaderSize = 96;
inline constexpr size_t kLogFrameHeaderSize = 16;
inline constexpr size_t kLogFrameOverhead = kLogFrameHeaderSize + kTagSize;
inline constexpr size_t kLogFramePlaintextMax = size_t{1} << 20;
inline constexpr size_t kLogFrameSizeMax = kLogFramePlaintextMax + kLogFrameOverhead;
inline constexpr uint64_t kLogFileSizeMax = uint64_t{1} << 40;

struct LogParams {
  Suite suite = Suite::kAes256Gcm;
  Id file_id;
  Sha256 earlier_body{};  // of a recycled file: earlier_body_of() when it was; else zeros
};

// What a recycled file's envelope remembers of the body that it finds. `beginning`: that body's first
// kLogSessionHeaderSize bytes, or all if there are fewer. Zeros where there is nothing to remember.
Result<Sha256> earlier_body_of(ByteView beginning);
// Whether a crash may have left this at the beginning of a log that does not begin with a session of its own: it may,
// but for the beginning of a session that is not what stood there when the file was recycled. Then kDamaged (L10).
// `beginning` as above.
Status check_log_beginning(const LogParams& params, ByteView beginning);

// Where a session starts. For a new file: number 0, offset kEnvelopeSize, logical_offset 0. For a reopened one: what
// LogOpener::append_position() says, after the file was cut there and synced.
struct LogPosition {
  uint64_t session = 0;
  uint64_t offset = 0;
  uint64_t logical_offset = 0;

  bool operator==(const LogPosition&) const = default;
};

// Seals appends into frames. Not thread-safe. Allocates nothing beyond `out`.
//
// What it produces must be written at offset() as it was before the call, once: after a failed write the same bytes may
// be written again, never others (L2).
class LogSealer {
 public:
  static Result<LogSealer> create(const FileKey& file_key, const LogParams& params, const LogPosition& start);

  // Appends the frames (one per 1 MiB of plaintext) to `out`, preceded by the session header the first time.
  // `durable_upto`: every byte of the file before it is known to be synced. Bounded by what was produced so far.
  // An empty plaintext produces no frame (but the session header, if that is due).
  // kLimitExceeded, with nothing produced, when the file would outgrow kLogFileSizeMax.
  Status append(ByteView plaintext, uint64_t durable_upto, Buffer& out);
  // The clean-close frame. Nothing may be appended after it: every later call fails with kUnsupported.
  Status close(uint64_t durable_upto, Buffer& out);

  uint64_t offset() const { return offset_; }  // where the next frame goes
  uint64_t logical_size() const { return logical_size_; }
  // Wipes the key. REQUIRES: append() and close() are never called again
  void drop_key() { sealer_.drop_key(); }

 private:
  friend class KnownSalt;  // tests/format/known_salt.h: worked examples
  static Result<LogSealer> create_with(const FileKey& file_key, const LogParams& params, const LogPosition& start,
                                       ByteView salt);
  LogSealer(StreamSealer sealer, const LogPosition& start, uint32_t checksum_seed)
      : sealer_(std::move(sealer)),
        session_(start.session),
        offset_(start.offset),
        logical_size_(start.logical_offset),
        checksum_seed_(checksum_seed) {}
  void begin(Buffer& out);
  Status seal_frame(ByteView plaintext, bool end, uint64_t durable_upto, Buffer& out);

  StreamSealer sealer_;
  std::array<uint8_t, kLogSessionHeaderSize> session_header_{};
  uint64_t session_;
  uint64_t offset_;
  uint64_t logical_size_;
  uint32_t checksum_seed_;  // of the file id
  bool begun_ = false;
  bool closed_ = false;
};

// What stands at a position of the log.
struct LogStep {
  enum class Found : uint8_t {
    kNeedMore,  // cannot tell before the window has `size` bytes
    kSession,   // a session header of `size` bytes was consumed
    kFrame,     // a frame of `size` bytes was consumed; `plaintext` is inside the window
    kClose,     // the frame that closes a session was consumed
    kEnd,       // the window is empty and the file ends here
    kBadPlace,  // neither: ask LogTailSearch whether the log ends here or is damaged
  };
  Found found = Found::kEnd;
  size_t size = 0;
  ByteView plaintext;
};

// Reads a log from front to back. Copies are cheap and independent, so that one may be kept as a place to come back to.
// Not thread-safe; copies are independent of each other also in that.
class LogOpener {
 public:
  static Result<LogOpener> create(const FileKey& file_key, const LogParams& params);
  // Goes by checksums alone: finds the same end in a log that nobody tampered with, and releases no byte of it (the
  // plaintext of its frames is empty). For sizes.
  static LogOpener without_key(const LogParams& params);

  // Looks at what stands at position(). `window` is the file from there on, as far as the caller has it;
  // `window_reaches_end` says that the file ends where the window does. Frames are opened in place, so what was
  // consumed of the window is plaintext afterwards. Nothing is remembered of kNeedMore, kEnd and kBadPlace: when the
  // file has grown, the same call goes on. kTampered: a good checksum, but the bytes were not written there under this
  // key. kLimitExceeded beyond kLogFileSizeMax. An error leaves position() where it was; the window is lost.
  Result<LogStep> step(MutableBytes window, bool window_reaches_end);

  uint64_t position() const { return position_; }
  uint64_t logical_size() const { return logical_size_; }  // of what was consumed
  bool closed() const { return closed_; }                  // the last thing consumed was a clean close
  // Everything before is known to have been durable; never more than position().
  uint64_t durable_upto() const { return durable_upto_; }
  // Where to append to this log if it ends at position().
  LogPosition append_position() const { return {next_session_, position_, logical_size_}; }
  const LogParams& params() const { return params_; }
  bool has_key() const { return !file_key_.empty(); }

 private:
  struct Session {
    uint64_t number;
    StreamOpener opener;
  };

  LogOpener(const RestingKey<FileRole>& file_key, const LogParams& params, uint32_t checksum_seed)
      : file_key_(file_key), params_(params), checksum_seed_(checksum_seed) {}
  Result<LogStep> step_session(ByteView window, bool window_reaches_end);
  Status open_session(uint64_t number, ByteView header);
  Result<LogStep> step_frame(MutableBytes window, bool window_reaches_end);
  Status check_limit(size_t size) const;

  RestingKey<FileRole> file_key_;           // empty: without_key()
  std::shared_ptr<const Session> session_;  // null before the first header, and without a key
  LogParams params_;
  uint32_t checksum_seed_;
  uint64_t position_ = 0;
  uint64_t logical_size_ = 0;
  uint64_t durable_upto_ = 0;
  uint64_t next_session_ = 0;
  bool closed_ = false;
};

// Decides what a bad place is: looks behind it for evidence that the bytes there once were durable. Needs no key.
// Linear in the size of the file, whatever it contains.
class LogTailSearch {
 public:
  enum class Verdict : uint8_t {
    kMore,     // go on with a window at offset()
    kTorn,     // the log ends at the bad place; the rest is no part of it
    kDamaged,  // it does not: see damage()
  };
  // With windows of at least this many bytes (or up to the end of the file) every call makes progress.
  static constexpr size_t kWindowSizeMin = 2 * kLogFrameSizeMax;

  LogTailSearch(const Id& file_id, uint64_t bad_place, uint64_t file_size);

  uint64_t offset() const { return offset_; }
  // From offset() up to `end` there are only zeros, which nobody need read.
  void pass_zeros(uint64_t end);
  // `window` is the file from offset() on.
  Verdict step(ByteView window, bool window_reaches_end);
  // kDamaged, and why. REQUIRES: step() returned kDamaged
  Status damage() const;

 private:
  enum class Candidate : uint8_t { kNone, kEvidence, kBeyondWindow };
  Candidate look_at(ByteView rest, uint64_t offset, bool window_reaches_end);
  Candidate look_at_session(ByteView rest, uint64_t offset, bool window_reaches_end);
  bool checksum_fits(uint32_t expected, ByteView prefix, ByteView bytes);

  uint64_t bad_place_;
  uint64_t offset_;
  uint64_t budget_;  // bytes that may still be checksummed
  uint64_t evidence_ = 0;
  uint32_t checksum_seed_;
  bool exhausted_ = false;
};

}  // namespace coffer
