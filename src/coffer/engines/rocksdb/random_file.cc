#include "coffer/engines/rocksdb/random_file.h"

#include <algorithm>
#include <cstring>

#include "coffer/engines/rocksdb/range_file.h"
#include "coffer/files/body.h"
#include "coffer/files/mapped_reads.h"

namespace coffer::rocks {

IOStatus RandomFile::Read(uint64_t offset, size_t n, const IOOptions& options, Slice* result, char* scratch,
                          IODebugContext* dbg) const {
  *result = Slice();
  return guarded([&] {
    size_t count = 0;
    if (scratch != nullptr) {
      COFFER_IO_TRY(read(offset, n, options, reinterpret_cast<uint8_t*>(scratch), &count, dbg));
      *result = Slice(scratch, count);
      return IOStatus::OK();
    }
    COFFER_IO_TRY(read_whole(options, dbg));
    const uint64_t begin = std::min(offset, whole_size_);
    *result = Slice(reinterpret_cast<const char*>(whole_.get()) + begin, std::min<uint64_t>(n, whole_size_ - begin));
    return IOStatus::OK();
  });
}

IOStatus RandomFile::read_whole(const IOOptions& options, IODebugContext* dbg) const {
  std::lock_guard lock(whole_mutex_);
  if (whole_ != nullptr) {
    const Status status = usable();
    return status.is_ok() ? IOStatus::OK() : fail(status);
  }
  uint64_t size = 0;
  COFFER_IO_TRY(logical_size(&size));
  std::unique_ptr<uint8_t[]> whole(new uint8_t[size + 1]);
  size_t count = 0;
  COFFER_IO_TRY(read(0, size, options, whole.get(), &count, dbg));
  if (count != size) return truncated();
  whole_ = std::move(whole);
  whole_size_ = size;
  return IOStatus::OK();
}

size_t RandomFile::GetUniqueId(char* id, size_t max_size) const {
  // The file id is in the header: it survives renames and copies, and no other contents ever had it.
  const ByteView bytes = file_id_.view();
  if (max_size < bytes.size() || file_id_.is_zero()) return 0;
  std::memcpy(id, bytes.data(), bytes.size());
  return bytes.size();
}

IOStatus RandomFile::InvalidateCache(size_t offset, size_t length) {
  return guarded([&] {
    // A length of zero means up to the end, for the base as well.
    const BlocksOpener::Range range = physical_range(offset, length);
    return reader_->file().InvalidateCache(range.offset, length == 0 ? 0 : range.size);
  });
}

IOStatus RandomFile::truncated() const { return fail(Status(Code::kTruncated, "became shorter while it was open")); }

namespace {

class EmptyFile final : public RandomFile {
 public:
  EmptyFile(std::string path, const ExistingFile& file) : RandomFile(std::move(path), file) {}
  bool never_written() const override { return true; }
  IOStatus logical_size(uint64_t* size) const override {
    *size = 0;
    return IOStatus::OK();
  }

 protected:
  IOStatus read(uint64_t, size_t, const IOOptions&, uint8_t*, size_t* count, IODebugContext*) const override {
    *count = 0;
    return IOStatus::OK();
  }
  BlocksOpener::Range physical_range(uint64_t, uint64_t) const override { return {}; }
};

// Of a body that reads for itself.
template <class B>
class SelfReadingFile final : public RandomFile {
 public:
  SelfReadingFile(std::string path, const ExistingFile& file, B body)
      : RandomFile(std::move(path), file), body_(std::move(body)) {}

  IOStatus logical_size(uint64_t* size) const override {
    auto measured = body_.logical_size();
    if (!measured.is_ok()) return fail(measured.status());
    *size = *measured;
    return IOStatus::OK();
  }

 protected:
  IOStatus read(uint64_t offset, size_t n, const IOOptions&, uint8_t* out, size_t* count,
                IODebugContext*) const override {
    auto done = body_.read(offset, MutableBytes(out, n));
    *count = done.is_ok() ? *done : 0;
    return done.is_ok() ? IOStatus::OK() : fail(done.status());
  }
  Status usable() const override { return body_.usable(); }
  // Hints concern all of it: nothing is where its plaintext would be.
  BlocksOpener::Range physical_range(uint64_t, uint64_t) const override { return {0, 0}; }

 private:
  mutable B body_;  // thread-safe
};

// The file object of an open body.
struct AsRandomFile {
  const Context& context;
  const std::string& path;
  const ExistingFile& file;

  std::unique_ptr<RandomFile> operator()(OpenLog log) const {
    return std::make_unique<SelfReadingFile<OpenLog>>(path, file, std::move(log));
  }
  std::unique_ptr<RandomFile> operator()(OpenPages pages) const {
    return std::make_unique<SelfReadingFile<OpenPages>>(path, file, std::move(pages));
  }
  template <class B>
  std::unique_ptr<RandomFile> operator()(B body) const {
    return std::make_unique<RangeFile<B>>(context, path, file, std::move(body));
  }
};

// Reads of a data file go to a mapping from here on, where coffer.yaml wants that and it can be. By itself, only where
// a mapping is safe, and for bodies that prove each read: a file that is cut reads as zeros up to the end of the page.
void map_data_file(const Context& context, const std::string& path, const ::rocksdb::FileOptions& options,
                   ExistingFile* file, IODebugContext* dbg) {
  const ReadMode mode = context.coffer->config().read_mode;
  const bool wherever = mode == ReadMode::kMapping;
  if (mode == ReadMode::kPread || role_of(path) != EngineRole::kData || file->reader->direct() ||
      file->physical_size == 0)
    return;
  if (!wherever && !(body_of(file->opened.fields.kind).proves_each_read() && why_not_mapped(path).empty())) return;
  if (!BusGuard::install(wherever)) return;
  std::shared_ptr<const BaseReader> mapped;
  // A base without mappings: pread serves as well.
  if (BaseReader::open_mapped(*context.base, path, options, file->reader, wherever, &mapped, dbg).ok()) {
    file->reader = std::move(mapped);
  }
}

}  // namespace

std::string how_data_files_are_read(const Context& context, const std::string& path) {
  const ReadMode mode = context.coffer->config().read_mode;
  if (mode == ReadMode::kPread) return "by pread, as coffer.yaml says";
  std::string_view why_not = mode == ReadMode::kAuto ? why_not_mapped(path) : std::string_view();
  if (why_not.empty() && !BusGuard::install(mode == ReadMode::kMapping)) why_not = BusGuard::why_not();
  if (!why_not.empty()) return "by pread: " + std::string(why_not);
  return mode == ReadMode::kAuto ? "from mappings while their pages are in memory"
                                 : "from mappings, as coffer.yaml says";
}

IOStatus open_random_file(const Context& context, const std::string& path, const ::rocksdb::FileOptions& options,
                          std::unique_ptr<RandomFile>* result, IODebugContext* dbg) {
  const EngineRole role = role_of(path);
  ExistingFile file;
  COFFER_IO_TRY(open_existing(context, path, options, &file, dbg));
  if (file.never_written()) {
    if (!may_be_empty(role)) {
      return to_io_status({Code::kTruncated, path + ": has no header; it never was written whole"}, distrust_of(path));
    }
    result->reset(new EmptyFile(path, file));
    return IOStatus::OK();
  }
  map_data_file(context, path, options, &file, dbg);
  auto readable = file.readable(context, path);
  auto body = body_of(file.opened.fields.kind).open(file.opened, readable, file.physical_size, role);
  if (!body.is_ok()) return readable->explain(body.status().with_context(path), distrust_of(path));
  *result = std::visit(AsRandomFile{context, path, file}, std::move(*body));
  return IOStatus::OK();
}

}  // namespace coffer::rocks
