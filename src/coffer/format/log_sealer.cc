#include <algorithm>
#include <string>

#include "coffer/crypto/random.h"
#include "coffer/format/log_wire.h"

namespace coffer {

using log_wire::checksum_seed;
using log_wire::frame_checksum;
using log_wire::FrameAssociated;
using log_wire::kEndBit;
using log_wire::kSaltSize;
using log_wire::kSessionFieldsOffset;
using log_wire::kSessionFieldsSize;
using log_wire::kSessionMagic;
using log_wire::session_checksum;

namespace {

Status outgrown() { return {Code::kLimitExceeded, "a log file holds at most 2^40 bytes: start a new one"}; }

}  // namespace

Result<LogSealer> LogSealer::create(const FileKey& file_key, const LogParams& params, const LogPosition& start) {
  std::array<uint8_t, kSaltSize> salt;
  COFFER_TRY(random_bytes(salt));
  return create_with(file_key, params, start, salt);
}

Result<LogSealer> LogSealer::create_with(const FileKey& file_key, const LogParams& params, const LogPosition& start,
                                         ByteView salt) {
  bool first = start.offset == kEnvelopeSize;
  if (start.offset < kEnvelopeSize || (start.session == 0) != first || (first && start.logical_offset != 0)) {
    return {Code::kInvalidArgument, "a log cannot be continued at offset " + std::to_string(start.offset) +
                                        " with session " + std::to_string(start.session)};
  }
  if (start.offset > kLogFileSizeMax - kLogSessionHeaderSize - kLogFrameOverhead) return outgrown();
  std::array<uint8_t, kLogSessionHeaderSize> header;
  Writer writer(header);
  writer.u32(kSessionMagic);
  writer.u32(0);
  writer.u64(start.session);
  writer.u64(start.offset);
  writer.u64(start.logical_offset);
  writer.bytes(salt.first(kSaltSize));
  COFFER_ASSIGN(StreamSchedule schedule,
                log_session_schedule(file_key, params.suite, params.file_id,
                                     ByteView(header).subspan(kSessionFieldsOffset, kSessionFieldsSize)));
  writer.bytes(schedule.commitment);
  if (!writer.ok()) return {Code::kInternal, "a session header does not fit its 96 bytes"};
  uint32_t seed = checksum_seed(params.file_id);
  store_le32(&header[4], session_checksum(seed, header));
  COFFER_ASSIGN(StreamSealer sealer, StreamSealer::create(params.suite, schedule.key));
  LogSealer out(std::move(sealer), start, seed);
  out.session_header_ = header;
  return out;
}

void LogSealer::begin(Buffer& out) {
  if (begun_) return;
  out.append(session_header_);
  offset_ += kLogSessionHeaderSize;
  begun_ = true;
}

Status LogSealer::seal_frame(ByteView plaintext, bool end, uint64_t durable_upto, Buffer& out) {
  size_t size = plaintext.size() + kLogFrameOverhead;
  uint8_t* frame = out.extend(size);
  store_le32(frame, end ? kEndBit : static_cast<uint32_t>(plaintext.size()));
  store_le64(frame + 8, std::min(durable_upto, offset_));  // L5
  COFFER_TRY(sealer_.seal(offset_, FrameAssociated(frame, session_, offset_), plaintext, frame + kLogFrameHeaderSize));
  store_le32(frame + 4, frame_checksum(checksum_seed_, offset_, {frame, size}));
  offset_ += size;
  return Status::ok();
}

Status LogSealer::append(ByteView plaintext, uint64_t durable_upto, Buffer& out) {
  if (closed_) return {Code::kUnsupported, "a closed log is appended to by a new session only"};
  size_t frames = (plaintext.size() + kLogFramePlaintextMax - 1) / kLogFramePlaintextMax;
  // Room for the header if that is due, and always for the closing frame.
  uint64_t reserved = kLogSessionHeaderSize + (frames + 1) * kLogFrameOverhead;
  if (plaintext.size() > kLogFileSizeMax || offset_ + reserved > kLogFileSizeMax - plaintext.size()) {
    return outgrown();
  }
  out.reserve(out.size() + kLogSessionHeaderSize + plaintext.size() + frames * kLogFrameOverhead);
  begin(out);
  while (!plaintext.empty()) {
    ByteView piece = plaintext.first(std::min(plaintext.size(), kLogFramePlaintextMax));
    Status status = seal_frame(piece, false, durable_upto, out);
    if (!status.is_ok()) {
      closed_ = true;  // what of it reaches the file is unknown: nothing may follow
      return status;
    }
    logical_size_ += piece.size();
    plaintext = plaintext.subspan(piece.size());
  }
  return Status::ok();
}

Status LogSealer::close(uint64_t durable_upto, Buffer& out) {
  if (closed_) return {Code::kUnsupported, "a log session is closed only once"};
  closed_ = true;
  begin(out);
  return seal_frame({}, true, durable_upto, out);
}

}  // namespace coffer
