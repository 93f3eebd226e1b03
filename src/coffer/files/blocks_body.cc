#include "coffer/files/blocks_body.h"

#include <algorithm>

#include "coffer/base/check.h"
#include "coffer/files/complete_writer.h"
#include "coffer/files/read_exactly.h"

namespace coffer {
namespace {

BlocksParams blocks_params(const EnvelopeFields& fields) {
  COFFER_REQUIRE(fields.kind == Kind::kBlocks, "a body is opened as the kind that its header says");
  return {fields.suite, fields.chunk_log2, fields.file_id};
}

// A key that is taken back does not come back: what was not sealed by then is gone with it.
class BlocksWriter final : public FileWriter, private KeyHolder {
 public:
  BlocksWriter(const NewFile& file, BlocksSealer sealer, BlocksLayout layout)
      : FileWriter(file.fields.file_id, file.envelope),
        KeyHolder(file.lease, file.fields),
        sealer_(std::move(sealer)),
        layout_(layout) {
    enroll();
  }
  ~BlocksWriter() override { leave(); }

  uint64_t logical_size() const override { return sealer_.logical_size(); }
  uint64_t physical_offset(uint64_t offset) const override {
    return layout_.physical_size(std::min(offset, kBlocksSizeMax));
  }

 protected:
  Status append_data(ByteView data, AppendFile& file) override {
    if (sealer_.finished()) {
      return {Code::kUnsupported,
              "a blocks file was sealed when it was synced and cannot be appended to; where an engine appends after "
              "syncing, coffer.yaml needs data_files: ctr"};
    }
    return write(with_key([&] { return sealer_.append(data, out_); }), file);
  }
  // Seals the rest as the last chunk: only then the file says how long it is.
  Status sync_data(bool full, AppendFile& file) override {
    COFFER_TRY(finish(file));
    return sync_file(full, file);
  }
  Status finish(AppendFile& file) override {
    if (sealer_.finished()) return Status::ok();
    return write(with_key([&] { return sealer_.finish(out_); }), file);
  }

 private:
  Result<FileKey> unlock_again() override { return key_is_gone(); }
  Status restore_keys(const FileKey&) override { return key_is_gone(); }
  void drop_keys() override { sealer_.drop_key(); }

  BlocksSealer sealer_;
  const BlocksLayout layout_;
};

class BlocksBody final : public Body {
 public:
  Result<uint64_t> measure(const EnvelopeFields& fields, std::shared_ptr<const ReadableFile>,
                           uint64_t physical_size) const override {
    COFFER_ASSIGN(BlocksLayout layout, BlocksLayout::create(fields.chunk_log2));
    return layout.logical_size(physical_size);
  }
  bool proves_each_read() const override { return true; }
  Result<std::unique_ptr<FileWriter>> create(std::shared_ptr<Coffer>, NewFile file, EngineRole) const override {
    COFFER_ASSIGN(BlocksLayout layout, BlocksLayout::create(file.fields.chunk_log2));
    COFFER_ASSIGN(BlocksSealer sealer, BlocksSealer::create(file.file_key, blocks_params(file.fields)));
    return std::unique_ptr<FileWriter>(std::make_unique<BlocksWriter>(file, std::move(sealer), layout));
  }
  Result<ReopenedFile> reopen(OpenedFile opened, std::shared_ptr<const ReadableFile> file, uint64_t physical_size,
                              EngineRole role) const override {
    COFFER_ASSIGN(uint64_t size, measure(opened.fields, std::move(file), physical_size));
    return reopen_complete(opened.fields, size, role, [](const EnvelopeFields& fields, uint64_t logical_size) {
      auto layout = BlocksLayout::create(fields.chunk_log2);
      return layout.is_ok() ? layout->physical_size(std::min(logical_size, kBlocksSizeMax))
                            : kEnvelopeSize + logical_size;
    });
  }
  Result<OpenBody> open(const OpenedFile& opened, std::shared_ptr<const ReadableFile> file, uint64_t physical_size,
                        EngineRole) const override {
    COFFER_ASSIGN(OpenBlocks body, OpenBlocks::open(opened, std::move(file), physical_size));
    return OpenBody(std::move(body));
  }
};

}  // namespace

Result<std::unique_ptr<OpenBlocks::Held>> OpenBlocks::hold(const OpenedFile& opened,
                                                           std::shared_ptr<const ReadableFile> file,
                                                           uint64_t physical_size) {
  std::array<uint8_t, kBlocksPrefixSize> prefix{};
  if (physical_size < kEnvelopeSize + prefix.size()) return {Code::kTruncated, "ends inside its header"};
  COFFER_TRY(read_exactly(*file, kEnvelopeSize, prefix));
  const auto make = [params = blocks_params(opened.fields), prefix, physical_size](const FileKey& file_key) {
    return BlocksOpener::create(file_key, params, prefix, physical_size);
  };
  COFFER_ASSIGN(BlocksOpener opener, make(opened.file_key));
  return std::make_unique<Held>(opened, std::move(file), std::move(opener), make);
}

Result<OpenBlocks> OpenBlocks::open_unfinished(const OpenedFile& opened, std::shared_ptr<const ReadableFile> file) {
  COFFER_ASSIGN(const BlocksLayout layout, BlocksLayout::create(opened.fields.chunk_log2));
  COFFER_ASSIGN(auto held, hold(opened, std::move(file), layout.physical_size(kBlocksSizeMax)));
  return OpenBlocks(std::move(held));
}

Result<OpenBlocks> OpenBlocks::open(const OpenedFile& opened, std::shared_ptr<const ReadableFile> file,
                                    uint64_t physical_size) {
  COFFER_ASSIGN(auto held, hold(opened, file, physical_size));
  // The end proves the size, so a cut file is reported before anything of it is released.
  const BlocksOpener::Range range = held->form().end_range();
  Bytes sealed(range.size);
  COFFER_TRY(read_exactly(*file, range.offset, sealed));
  COFFER_TRY(held->with_form([&](const BlocksOpener& opener) { return opener.verify_end(sealed); }));
  return OpenBlocks(std::move(held));
}

const Body& blocks_body() {
  static const BlocksBody body;
  return body;
}

}  // namespace coffer
