#include "coffer/files/sqlite_body.h"

#include "coffer/files/body.h"
#include "coffer/files/read_exactly.h"
#include "coffer/files/sqlite_parts.h"

namespace coffer {
namespace {

// Each page where it is.
class DatabaseParts final : public SqliteParts {
 public:
  DatabaseParts(const Id& file_id, uint32_t page_size, uint64_t size)
      : file_id_(file_id), page_size_(page_size), size_(size) {}

  using Found = Result<std::unique_ptr<const SqliteParts>>;
  static Found find(const EnvelopeFields& fields, const ReadableFile& file, uint64_t physical_size) {
    std::array<uint8_t, kSqliteClearSize> start{};
    const uint64_t size = physical_size - kEnvelopeSize;
    if (size == 0) return std::unique_ptr<const SqliteParts>(std::make_unique<DatabaseParts>(fields.file_id, 1, 0));
    if (size < start.size()) return {Code::kTruncated, "ends inside its first page"};
    COFFER_TRY(read_exactly(file, kEnvelopeSize, start));
    const uint32_t page_size = sqlite_page_size(start);
    if (page_size == 0) return {Code::kDamaged, "its first page does not begin as one of SQLite's"};
    if (size % page_size != 0) return {Code::kTruncated, "ends inside a page"};
    return std::unique_ptr<const SqliteParts>(std::make_unique<DatabaseParts>(fields.file_id, page_size, size));
  }

  uint64_t logical_size() const override { return size_; }
  Part part_at(uint64_t offset) const override {
    const uint64_t start = offset / page_size_ * page_size_;
    return {start, page_size_, kEnvelopeSize + start, page_size_};
  }
  Status open(const SqliteKey& key, const Part& part, ByteView sealed, uint8_t* out) const override {
    const auto number = static_cast<uint32_t>(part.offset / page_size_ + 1);
    return open_sqlite_page(key, {file_id_, number}, sealed, out);
  }

 private:
  const Id file_id_;
  const uint32_t page_size_;
  const uint64_t size_;
};

class SqliteBody final : public ReadOnlyBody {
 public:
  SqliteBody() : ReadOnlyBody("files of SQLite are written by SQLite: copy a database with VACUUM INTO") {}

  // Journals and logs say in what is sealed where they end: their own size here.
  Result<uint64_t> measure(const EnvelopeFields&, std::shared_ptr<const ReadableFile>,
                           uint64_t physical_size) const override {
    return std::max<uint64_t>(physical_size, kEnvelopeSize) - kEnvelopeSize;
  }
  Result<OpenBody> open(const OpenedFile& opened, std::shared_ptr<const ReadableFile> file, uint64_t physical_size,
                        EngineRole) const override {
    COFFER_ASSIGN(OpenSqlite body, OpenSqlite::open(opened, std::move(file), physical_size));
    return OpenBody(std::move(body));
  }
};

Result<std::unique_ptr<const SqliteParts>> find_parts(const SqliteKey& key, const EnvelopeFields& fields,
                                                      const ReadableFile& file, uint64_t physical_size) {
  if (fields.kind == Kind::kSqliteJournal) return journal_parts(key, file, physical_size);
  if (fields.kind == Kind::kSqliteWal) return wal_parts(key, file, physical_size);
  return DatabaseParts::find(fields, file, physical_size);
}

}  // namespace

Result<OpenSqlite> OpenSqlite::open(const OpenedFile& opened, std::shared_ptr<const ReadableFile> file,
                                    uint64_t physical_size) {
  const auto make = [file_id = opened.fields.file_id](const FileKey& file_key) {
    return SqliteKey::create(file_key, file_id);
  };
  COFFER_ASSIGN(SqliteKey key, make(opened.file_key));
  COFFER_ASSIGN(auto parts, find_parts(key, opened.fields, *file, physical_size));
  return OpenSqlite(std::make_unique<Held>(opened, std::move(file), std::move(key), make), std::move(parts));
}

BlocksOpener::Range OpenSqlite::range(uint64_t offset, uint64_t size) const {
  if (size == 0) return {kEnvelopeSize, 0};
  const SqliteParts::Part first = parts_->part_at(offset);
  const SqliteParts::Part last = parts_->part_at(offset + size - 1);
  return {first.sealed_offset, static_cast<size_t>(last.sealed_offset + last.sealed_size - first.sealed_offset)};
}

Status OpenSqlite::open(uint64_t offset, uint64_t size, MutableBytes sealed, uint8_t* out) const {
  const uint64_t begin = range(offset, size).offset;
  Bytes plain;
  for (uint64_t done = 0; done < size;) {
    const SqliteParts::Part part = parts_->part_at(offset + done);
    plain.resize(part.size);
    const ByteView bytes = sealed.subspan(part.sealed_offset - begin, part.sealed_size);
    COFFER_TRY(held_->with_form([&](const SqliteKey& key) { return parts_->open(key, part, bytes, plain.data()); }));
    const uint64_t skipped = offset + done - part.offset;
    const uint64_t count = std::min<uint64_t>(part.size - skipped, size - done);
    std::copy_n(plain.begin() + static_cast<ptrdiff_t>(skipped), count, out + done);
    done += count;
  }
  return Status::ok();
}

const Body& sqlite_body() {
  static const SqliteBody body;
  return body;
}

}  // namespace coffer
