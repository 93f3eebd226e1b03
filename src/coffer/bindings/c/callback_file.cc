#include "coffer/bindings/c/callback_file.h"

#include <algorithm>

namespace coffer::bindings {
namespace {

// What a callback answered.
Status said_by(coffer_code_t code, const char* callback) {
  if (code == COFFER_OK) return Status::ok();
  const bool is_code = code > COFFER_OK && code <= COFFER_INTERNAL;
  return {is_code ? static_cast<Code>(code) : Code::kIo,
          "the program's callback \"" + std::string(callback) + "\" answered " + coffer_code_name(code) + " (" +
              std::to_string(code) + ")"};
}

}  // namespace

Result<coffer_io_t> callbacks_of(const coffer_io_t* io, CallbacksFor use) {
  if (io == nullptr) return {Code::kInvalidArgument, "io is null"};
  if (io->struct_size < sizeof(coffer_io_t)) {
    return {Code::kInvalidArgument, "io->struct_size is " + std::to_string(io->struct_size) + ": expected " +
                                        std::to_string(sizeof(coffer_io_t)) + ", sizeof(coffer_io_t)"};
  }
  const bool reads = io->read != nullptr && io->size != nullptr;
  const bool writes = io->write != nullptr && io->sync != nullptr && io->truncate != nullptr;
  if (reads && (writes || use == CallbacksFor::kReading)) return *io;
  return {Code::kInvalidArgument, use == CallbacksFor::kReading
                                      ? "io lacks a callback: reading a file needs read and size"
                                      : "io lacks a callback: writing a file needs all of them"};
}

Result<size_t> CallbackFile::read_at(uint64_t offset, MutableBytes out) const {
  size_t done = 0;
  COFFER_TRY(said_by(io_.read(io_.user, offset, out.data(), out.size(), &done), "read"));
  if (done <= out.size()) return done;
  return {Code::kIo, "the program's callback \"read\" says that it read " + std::to_string(done) + " of " +
                         std::to_string(out.size()) + " bytes"};
}

Result<uint64_t> CallbackFile::size() const {
  uint64_t size = 0;
  COFFER_TRY(said_by(io_.size(io_.user, &size), "size"));
  return size;
}

void CallbackChangedFile::became(uint64_t size) {
  size_ = size;
  if (listing_ != nullptr) listing_->reached(size);
}

Status CallbackChangedFile::write_at(uint64_t offset, ByteView bytes) {
  COFFER_TRY(said_by(io_.write(io_.user, offset, bytes.data(), bytes.size()), "write"));
  became(std::max(size_, offset + bytes.size()));
  return Status::ok();
}

Status CallbackChangedFile::truncate(uint64_t size) {
  COFFER_TRY(said_by(io_.truncate(io_.user, size), "truncate"));
  became(size);
  return Status::ok();
}

Status CallbackChangedFile::sync() { return said_by(io_.sync(io_.user), "sync"); }

Status CallbackAppendFile::append(ByteView bytes) {
  COFFER_TRY(file_.write_at(size_, bytes));
  size_ += bytes.size();
  return Status::ok();
}

Status CallbackAppendFile::sync(bool) { return file_.sync(); }

Status CallbackAppendFile::truncate(uint64_t size) {
  COFFER_TRY(file_.truncate(size));
  size_ = size;
  return Status::ok();
}

Status CallbackAppendFile::replace_slots(const Id& file_id, std::span<const SlotUpdate> slots, bool durable) {
  Id found;
  COFFER_ASSIGN(const size_t count, file_.read_at(kFileIdOffset, found.bytes));
  if (count != found.bytes.size() || found != file_id) return Status::ok();
  for (const SlotUpdate& slot : slots) COFFER_TRY(file_.write_at(slot.offset, slot.bytes));
  return durable ? file_.sync() : Status::ok();
}

}  // namespace coffer::bindings
