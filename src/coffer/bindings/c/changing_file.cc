#include "coffer/bindings/c/open_file.h"

namespace coffer::bindings {
namespace {

constexpr size_t kAppendedAtOnce = size_t{1} << 20;

// PagesFile locks itself.
class ChangingFile final : public OpenFile {
 public:
  explicit ChangingFile(std::unique_ptr<PagesFile> pages) : pages_(std::move(pages)) {}

  Result<uint64_t> size() override { return pages_->size(); }
  Result<size_t> read_at(uint64_t offset, MutableBytes out) override { return pages_->read(offset, out); }
  Status append(ByteView data) override {
    std::lock_guard lock(append_mutex_);
    do {
      const ByteView piece = data.first(std::min(data.size(), kAppendedAtOnce));
      COFFER_TRY(pages_->append(piece).status());
      data = data.subspan(piece.size());
    } while (!data.empty());
    return Status::ok();
  }
  Status write_at(uint64_t offset, ByteView data) override { return pages_->write(offset, data); }
  Status truncate(uint64_t size) override { return pages_->truncate(size); }
  Status punch_hole(uint64_t offset, uint64_t size) override { return pages_->punch_hole(offset, size); }
  Status sync() override { return pages_->sync(); }
  Status close() override { return pages_->close(); }

 private:
  std::mutex append_mutex_;  // the pieces of one call stand together
  const std::unique_ptr<PagesFile> pages_;
};

}  // namespace

std::unique_ptr<OpenFile> changing_file(std::unique_ptr<PagesFile> pages) {
  return std::make_unique<ChangingFile>(std::move(pages));
}

}  // namespace coffer::bindings
