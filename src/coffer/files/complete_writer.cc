#include "coffer/files/complete_writer.h"

namespace coffer {
namespace {

class CompleteWriter final : public FileWriter {
 public:
  CompleteWriter(const EnvelopeFields& fields, uint64_t logical_size, EngineRole role,
                 uint64_t (*physical_size)(const EnvelopeFields&, uint64_t))
      : FileWriter(fields.file_id, {}),
        fields_(fields),
        size_(logical_size),
        role_(role),
        physical_size_(physical_size) {}

  bool may_sync_beside_append() const override { return true; }
  uint64_t logical_size() const override { return size_; }
  uint64_t physical_offset(uint64_t offset) const override { return physical_size_(fields_, offset); }

 protected:
  Status append_data(ByteView, AppendFile&) override {
    return {Code::kUnsupported,
            "a finished file of kind " + std::string(kind_name(fields_.kind)) + " cannot be appended to"};
  }
  Status truncate_data(uint64_t size, AppendFile& file) override {
    if (role_ != EngineRole::kTrash || size > size_) return FileWriter::truncate_data(size, file);
    COFFER_TRY(file.truncate(physical_offset(size)));
    size_ = size;
    return Status::ok();
  }
  Status finish(AppendFile&) override { return Status::ok(); }

 private:
  const EnvelopeFields fields_;
  uint64_t size_;
  const EngineRole role_;
  uint64_t (*const physical_size_)(const EnvelopeFields&, uint64_t);
};

}  // namespace

Result<ReopenedFile> reopen_complete(const EnvelopeFields& fields, uint64_t logical_size, EngineRole role,
                                     uint64_t (*physical_size)(const EnvelopeFields&, uint64_t)) {
  return ReopenedFile{std::make_unique<CompleteWriter>(fields, logical_size, role, physical_size), std::nullopt};
}

}  // namespace coffer
