// A program's file, reached by its callbacks: as readers and writers of files see one.
#pragma once

#include "coffer/coffer_c.h"
#include "coffer/files/file_writer.h"
#include "coffer/io/disk.h"

namespace coffer::bindings {

// What a program may leave null.
enum class CallbacksFor : uint8_t { kReading, kWriting };

// A copy of what the program handed over, which may be of an older or a newer header than this. kInvalidArgument where
// something is missing.
Result<coffer_io_t> callbacks_of(const coffer_io_t* io, CallbacksFor use);

// Thread-safe as far as the callbacks are.
class CallbackFile final : public ReadableFile {
 public:
  explicit CallbackFile(const coffer_io_t& io) : io_(io) {}

  Result<size_t> read_at(uint64_t offset, MutableBytes out) const override;
  Result<uint64_t> size() const override;
  Result<FileInfo> info() const override { return {Code::kUnsupported, "the program's file tells no more"}; }

 private:
  const coffer_io_t io_;
};

// Written from `size` on.
class CallbackAppendFile final : public AppendFile {
 public:
  CallbackAppendFile(const coffer_io_t& io, uint64_t size) : io_(io), size_(size) {}

  Status append(ByteView bytes) override;
  Status sync(bool full) override;
  Status truncate(uint64_t size) override;
  // The program closes its file itself.
  Status close() override { return Status::ok(); }
  Status replace_slots(const Id& file_id, std::span<const SlotUpdate> slots, bool durable) override;

 private:
  Status write_at(uint64_t offset, ByteView bytes);

  const coffer_io_t io_;
  uint64_t size_;
};

}  // namespace coffer::bindings
