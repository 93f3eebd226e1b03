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

// Changed at any place. Of the program's file nothing else is known.
class CallbackChangedFile final : public WritableFile {
 public:
  // `listing`: told how large the file becomes, which has `size` bytes; null: nobody wants to know.
  explicit CallbackChangedFile(const coffer_io_t& io, uint64_t size = 0, std::shared_ptr<GrowingFile> listing = {})
      : io_(io), reading_(io), size_(size), listing_(std::move(listing)) {}

  Result<size_t> read_at(uint64_t offset, MutableBytes out) const override { return reading_.read_at(offset, out); }
  Result<uint64_t> size() const override { return reading_.size(); }
  Result<FileInfo> info() const override { return reading_.info(); }
  Status write_at(uint64_t offset, ByteView bytes) override;
  Status truncate(uint64_t size) override;
  Status sync() override;
  // The program closes its file itself.
  Status close() override { return Status::ok(); }

  Status set_owner(uint32_t, uint32_t) override { return info().status(); }
  Status set_times(int64_t, int64_t) override { return info().status(); }
  Status set_attributes_like(const std::string&) override { return info().status(); }
  Status check_alone() const override { return info().status(); }
  Status lock_range(uint64_t, uint64_t) override { return info().status(); }

 private:
  void became(uint64_t size);

  const coffer_io_t io_;
  const CallbackFile reading_;
  uint64_t size_;  // as far as it was written here
  const std::shared_ptr<GrowingFile> listing_;
};

// Written from `size` on.
class CallbackAppendFile final : public AppendFile {
 public:
  CallbackAppendFile(const coffer_io_t& io, uint64_t size) : file_(io), size_(size) {}

  Status append(ByteView bytes) override;
  Status sync(bool full) override;
  Status truncate(uint64_t size) override;
  // The program closes its file itself.
  Status close() override { return Status::ok(); }
  Status replace_slots(const Id& file_id, std::span<const SlotUpdate> slots, bool durable) override;

 private:
  CallbackChangedFile file_;
  uint64_t size_;
};

}  // namespace coffer::bindings
