#include <algorithm>
#include <string>

#include "coffer/format/log_wire.h"

namespace coffer {

using log_wire::checksum_seed;
using log_wire::frame_checksum;
using log_wire::FrameAssociated;
using log_wire::FrameHeader;
using log_wire::kSessionFieldsOffset;
using log_wire::kSessionFieldsSize;
using log_wire::kSessionMagic;
using log_wire::parse_frame_header;
using log_wire::parse_session_header;
using log_wire::session_checksum;
using log_wire::SessionHeader;

namespace {

// More of the window is needed; if there is no more, whatever stands here is incomplete.
LogStep need(size_t size, bool window_reaches_end) {
  if (window_reaches_end) return {LogStep::Found::kBadPlace, 0, {}};
  return {LogStep::Found::kNeedMore, size, {}};
}

Status tampered(std::string_view what, uint64_t offset, std::string_view how) {
  return {Code::kTampered, std::string(what) + " at offset " + std::to_string(offset) + " " + std::string(how)};
}

}  // namespace

Result<LogOpener> LogOpener::create(const FileKey& file_key, const LogParams& params) {
  const SuiteInfo& suite = suite_info(params.suite);
  if (suite.mode != CipherMode::kAead || file_key.size() != suite.key_size) {
    return {Code::kInvalidArgument, "a log of suite " + std::string(suite.name) + " cannot be read with a key of " +
                                        std::to_string(file_key.size()) + " bytes"};
  }
  COFFER_ASSIGN(const auto resting, RestingKey<FileRole>::seal(file_key));
  LogOpener out(resting, params, checksum_seed(params.file_id));
  out.position_ = kEnvelopeSize;
  return out;
}

LogOpener LogOpener::without_key(const LogParams& params) {
  LogOpener out({}, params, checksum_seed(params.file_id));
  out.position_ = kEnvelopeSize;
  return out;
}

Status LogOpener::check_limit(size_t size) const {
  if (size <= kLogFileSizeMax - position_) return Status::ok();
  return {Code::kLimitExceeded, "the log goes on beyond its limit of 2^40 bytes"};
}

Result<LogStep> LogOpener::step(MutableBytes window, bool window_reaches_end) {
  if (window.empty() && window_reaches_end) return LogStep{};
  if (window.size() < kLogFrameHeaderSize) return need(kLogFrameHeaderSize, window_reaches_end);
  if (load_le32(window.data()) == kSessionMagic) return step_session(window, window_reaches_end);
  return step_frame(window, window_reaches_end);
}

Result<LogStep> LogOpener::step_session(ByteView window, bool window_reaches_end) {
  if (window.size() < kLogSessionHeaderSize) return need(kLogSessionHeaderSize, window_reaches_end);
  ByteView bytes = window.first(kLogSessionHeaderSize);
  SessionHeader header = parse_session_header(bytes);
  if (session_checksum(checksum_seed_, bytes) != header.checksum) return LogStep{LogStep::Found::kBadPlace, 0, {}};
  COFFER_TRY(check_limit(kLogSessionHeaderSize));
  if (header.number != next_session_ || header.offset != position_ || header.logical_offset != logical_size_) {
    return tampered("the session header", position_, "does not continue what stands before it");
  }
  if (has_key()) COFFER_TRY(open_session(header.number, bytes));
  next_session_ = header.number + 1;
  if (header.number > 0) durable_upto_ = position_;  // L6: the cut before it was synced
  position_ += kLogSessionHeaderSize;
  closed_ = false;
  return LogStep{LogStep::Found::kSession, kLogSessionHeaderSize, {}};
}

Status LogOpener::open_session(uint64_t number, ByteView header) {
  COFFER_ASSIGN(const FileKey file_key, file_key_.open());
  COFFER_ASSIGN(StreamSchedule schedule,
                log_session_schedule(file_key, params_.suite, params_.file_id,
                                     header.subspan(kSessionFieldsOffset, kSessionFieldsSize)));
  if (!equal_constant_time(schedule.commitment, header.last(kCommitmentSize))) {
    return tampered("the session", position_, "was not begun under this file's key");
  }
  COFFER_ASSIGN(StreamOpener opener, StreamOpener::create(params_.suite, schedule.key));
  session_ = std::make_shared<const Session>(Session{number, std::move(opener)});
  return Status::ok();
}

Result<LogStep> LogOpener::step_frame(MutableBytes window, bool window_reaches_end) {
  std::optional<FrameHeader> header = parse_frame_header(window);
  if (!header) return LogStep{LogStep::Found::kBadPlace, 0, {}};
  size_t size = header->frame_size();
  if (window.size() < size) return need(size, window_reaches_end);
  MutableBytes frame = window.first(size);
  if (frame_checksum(checksum_seed_, position_, frame) != header->checksum) {
    return LogStep{LogStep::Found::kBadPlace, 0, {}};
  }
  // From here on the bytes are consistent: what does not fit is no accident (L4).
  COFFER_TRY(check_limit(size));
  if (next_session_ == 0) return tampered("the frame", position_, "stands where the first session header belongs");
  if (closed_) return tampered("the frame", position_, "stands behind the end of its session");
  MutableBytes sealed = frame.subspan(kLogFrameHeaderSize);
  const bool opened =
      !has_key() || session_->opener.open(position_, FrameAssociated(frame.data(), session_->number, position_), sealed,
                                          sealed.data());
  if (!opened) COFFER_TRY(session_->opener.usable());
  if (header->durable_upto > position_ || !opened) {
    return tampered("the frame", position_, "does not authenticate although its checksum is good");
  }
  durable_upto_ = std::max(durable_upto_, header->durable_upto);
  position_ += size;
  closed_ = header->end;
  if (header->end) return LogStep{LogStep::Found::kClose, size, {}};
  logical_size_ += header->plaintext_size;
  return LogStep{LogStep::Found::kFrame, size, has_key() ? sealed.first(header->plaintext_size) : ByteView()};
}

}  // namespace coffer
