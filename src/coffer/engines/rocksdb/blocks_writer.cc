// Writing `blocks` files.
#include "coffer/engines/rocksdb/writable_file.h"

namespace coffer::rocks {
namespace {

class BlocksWriter final : public GrowingFile {
 public:
  BlocksWriter(std::string path, std::unique_ptr<BaseWriter> base, const NewFile& header, BlocksSealer sealer,
               BlocksLayout layout, const ::rocksdb::FileOptions& options)
      : GrowingFile(std::move(path), std::move(base), header.fields.file_id, options),
        sealer_(std::move(sealer)),
        layout_(layout) {
    out_.append(header.envelope);
  }
  ~BlocksWriter() override { close_in_destructor(); }

 protected:
  IOStatus append(ByteView data, const IOOptions& options, IODebugContext* dbg) override {
    if (sealer_.finished()) {
      return IOStatus::NotSupported(
          path_,
          "a blocks file was sealed when it was synced and cannot be appended to; where an engine appends after "
          "syncing, coffer.yaml needs data_files: ctr");
    }
    return write(sealer_.append(data, out_), out_, options, dbg);
  }
  // Seals the rest as the last chunk: only then the file says how long it is.
  IOStatus sync(bool full, const IOOptions& options, IODebugContext* dbg) override {
    COFFER_IO_TRY(finish(options, dbg));
    return base_->sync(full, options, dbg);
  }
  IOStatus finish(const IOOptions& options, IODebugContext* dbg) override {
    if (sealer_.finished()) return IOStatus::OK();
    return write(sealer_.finish(out_), out_, options, dbg);
  }
  uint64_t logical_size() const override { return sealer_.logical_size(); }
  uint64_t physical_offset(uint64_t offset) const override { return layout_.physical_size(offset); }

 private:
  BlocksSealer sealer_;
  const BlocksLayout layout_;
  Buffer out_;  // sealed, not yet handed to the base file; the header at first
};

}  // namespace

IOStatus create_blocks(std::string path, std::unique_ptr<BaseWriter> base, NewFile header,
                       const ::rocksdb::FileOptions& options, std::unique_ptr<::rocksdb::FSWritableFile>* result) {
  const BlocksParams params{header.fields.suite, header.fields.chunk_log2, header.fields.file_id};
  auto layout = BlocksLayout::create(params.chunk_log2);
  auto sealer = BlocksSealer::create(header.file_key, params);
  const Status& status = layout.is_ok() ? sealer.status() : layout.status();
  if (!status.is_ok()) return to_io_status(status.with_context(path), distrust_of(path));
  result->reset(new BlocksWriter(std::move(path), std::move(base), header, std::move(*sealer), *layout, options));
  return IOStatus::OK();
}

}  // namespace coffer::rocks
