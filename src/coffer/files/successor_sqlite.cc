// How a database of SQLite's that is at rest gets a successor, and what becomes of journals and logs beside it.
// docs/format.md, sections 17 to 19.
#include "coffer/base/codec.h"
#include "coffer/base/path.h"
#include "coffer/files/counted_file.h"
#include "coffer/files/file_head.h"
#include "coffer/files/sqlite_body.h"
#include "coffer/files/successor.h"
#include "coffer/format/sqlite_wal.h"

namespace coffer {
namespace {

// SQLite's file format: where its locks are, in any file of a database. Who reads has one of the bytes locked.
constexpr uint64_t kLocksOffset = uint64_t{1} << 30;
constexpr uint64_t kLocksSize = 512;

struct Beside {
  std::string_view suffix;
  Kind kind;
};
constexpr std::array<Beside, 2> kBeside{{{"-journal", Kind::kSqliteJournal}, {"-wal", Kind::kSqliteWal}}};

Status is_needed(const std::string& path) {
  return {Code::kUnsupported, path + ": has changes that may not be in its database yet; open that once with SQLite " +
                                  "and close it, which brings them there, or say PRAGMA wal_checkpoint(TRUNCATE); " +
                                  "then repeat"};
}

// Page 1 says how many pages there are, where it was written by who kept count: a database that lost its last ones is
// noticed. docs/format.md, section 17.
Status check_page_count(ByteView page, uint64_t size, const std::string& path) {
  constexpr size_t kChangesOffset = 24, kCountOffset = 28, kCountedAtOffset = 92;
  const uint64_t count = load_be32(page.data() + kCountOffset);
  const bool counts = load_be32(page.data() + kChangesOffset) == load_be32(page.data() + kCountedAtOffset);
  if (!counts || count * page.size() <= size) return Status::ok();
  return {Code::kTruncated, path + ": has fewer pages than the " + std::to_string(count) +
                                " that its first one says; restore it from a backup"};
}

// Pages of a database, each for its place in the successor.
class PageSealer {
 public:
  static Result<PageSealer> create(const NewFile& header) {
    COFFER_ASSIGN(SqliteKey key, SqliteKey::create(header.file_key, header.fields.file_id));
    return PageSealer(header.fields.file_id, std::move(key));
  }

  // Of whole pages, the first of which has this number.
  Result<ByteView> seal(uint32_t number, size_t page_size, ByteView pages) {
    sealed_.resize(pages.size());
    COFFER_ASSIGN(SqliteSealing sealing, SqliteSealing::begin(key_));
    for (size_t at = 0; at < pages.size(); at += page_size, ++number) {
      COFFER_TRY(
          seal_sqlite_page(sealing, {file_id_, number}, pages.subspan(at, page_size), sealed_.data() + at));
    }
    return ByteView(sealed_);
  }

 private:
  PageSealer(const Id& file_id, SqliteKey key) : file_id_(file_id), key_(std::move(key)) {}

  Id file_id_;
  SqliteKey key_;
  Bytes sealed_;
};

}  // namespace

Result<std::unique_ptr<WritableFile>> Successors::hold_database(const std::string& path) const {
  COFFER_ASSIGN(auto file, open_alone(path));
  COFFER_TRY(file->lock_range(kLocksOffset, kLocksSize));
  return file;
}

Status Successors::check_dead(const std::string& path, Kind kind) const {
  COFFER_ASSIGN(const std::shared_ptr<const ReadableFile> file, coffer_.disk().open_read(path));
  Bytes start(kEnvelopeSize);
  COFFER_ASSIGN(const size_t count, file->read_at(0, start));
  FileHead head = look_at_head(ByteView(start).first(count), path);
  // J6: of a journal whatever is behind it
  if (kind == Kind::kSqliteWal) {
    COFFER_ASSIGN(head, judge_head(ByteView(start).first(count), *file, path));
  }
  if (head.is(FileHead::What::kNothing)) return Status::ok();
  COFFER_TRY(head.refusal);
  if (head.scan.fields.kind != kind) {
    return {Code::kForeign, path + ": is of kind " + std::string(kind_name(head.scan.fields.kind)) + ", which stands " +
                                "beside no database; if the database was replaced, remove it"};
  }
  COFFER_ASSIGN(const OpenedFile unlocked, coffer_.open_file(head.scan, path));
  COFFER_ASSIGN(const uint64_t size, file->size());
  const auto body = OpenSqlite::open(unlocked, file, size);
  if (!body.is_ok()) return body.status().with_context(path);
  return body->logical_size() <= (kind == Kind::kSqliteWal ? kWalHeaderSize : 0) ? Status::ok() : is_needed(path);
}

Result<std::vector<std::string>> Successors::dead_beside(const std::vector<std::string>& names) const {
  std::vector<std::string> out;
  for (const std::string& name : names) {
    for (const auto& [suffix, kind] : kBeside) {
      const std::string path = name + std::string(suffix);
      const Status dead = check_dead(path, kind);
      if (dead.code() == Code::kNotFound) continue;
      COFFER_TRY(dead);
      out.push_back(path);
    }
  }
  return out;
}

Result<Successors::Made> Successors::make_sqlite(const std::vector<std::string>& names, const FileInfo& info) {
  const std::string& path = names.front();
  COFFER_ASSIGN(auto source, hold_database(path));
  COFFER_ASSIGN(auto dead, dead_beside(names));
  COFFER_ASSIGN(const auto reader, open_proved(path, EngineRole::kData));
  auto header = header_like(reader->fields());
  if (!header.is_ok()) return header.status().with_context(path);
  COFFER_ASSIGN(PageSealer sealer, PageSealer::create(*header));
  COFFER_ASSIGN(const auto file, begin_beside(path, info));
  COFFER_TRY(around_.pace.wait_for(kEnvelopeSize));
  COFFER_TRY(file->append(header->envelope));
  const auto counter = coffer_.usage().counter(header->fields.domain_key_id);
  size_t page_size = 0;
  for (uint64_t offset = 0;;) {
    COFFER_ASSIGN(const ByteView pages, reader->next());
    if (pages.empty()) break;
    if (page_size == 0) {
      page_size = sqlite_page_size(pages);
      COFFER_TRY(check_page_count(pages.first(page_size), reader->findings().logical_size, path));
    }
    COFFER_ASSIGN(const ByteView sealed,
                  sealer.seal(static_cast<uint32_t>(offset / page_size + 1), page_size, pages));
    COFFER_TRY(hand_over(sealed, [&](ByteView bytes) { return file->append(bytes); }));
    counter->wrote(pages.size());
    offset += pages.size();
  }
  COFFER_TRY(file->close());
  Made made{.fields = header->fields,
            .is_marked = false,
            .source = std::move(source),
            .spoiled_size = kEnvelopeSize + page_size,  // SQLite reads page 1 anew once it has its lock
            .dead = std::move(dead)};
  COFFER_ASSIGN(made.size, finish(path, info));
  if (made.size != info.size) return {Code::kConflict, path + ": was changed meanwhile; repeat"};
  return made;
}

Status Successors::retire(const std::string& path, Kind kind) {
  const auto beside = std::ranges::find(kBeside, kind, &Beside::kind);
  if (!path.ends_with(beside->suffix)) {
    return {Code::kUnsupported, path + ": is of kind " + std::string(kind_name(kind)) + ", but its name says of no " +
                                    "database; remove it if nobody needs it"};
  }
  const auto held = hold_database(path.substr(0, path.size() - beside->suffix.size()));
  if (held.code() == Code::kNotFound) {
    return {Code::kUnsupported, path + ": the database that it is of is not there; remove it if nobody needs it"};
  }
  COFFER_TRY(held.status());
  COFFER_TRY(check_dead(path, kind));
  return remove_dead({path});
}

Status Successors::remove_dead(const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    const auto before = counted_at(coffer_, path);
    COFFER_TRY(coffer_.disk().remove(path));
    coffer_.file_counts().changed(before, std::nullopt);
    COFFER_TRY(coffer_.disk().sync_directory(std::string(parent_of(path))));
  }
  return Status::ok();
}

}  // namespace coffer
