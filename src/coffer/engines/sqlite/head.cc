#include "coffer/engines/sqlite/head.h"

#include "coffer/base/path.h"
#include "coffer/files/new_file.h"

namespace coffer::sqlite {
namespace {

// The file below, for the floors that take any file.
class BaseFile final : public ReadableFile {
 public:
  BaseFile(sqlite3_file* base, std::string path) : base_(base), path_(std::move(path)) {}

  Result<size_t> read_at(uint64_t offset, MutableBytes out) const override {
    COFFER_ASSIGN(const uint64_t size, this->size());
    const uint64_t count = std::min<uint64_t>(out.size(), size - std::min(offset, size));
    const int result = base_->pMethods->xRead(base_, out.data(), static_cast<int>(count),
                                              static_cast<sqlite3_int64>(offset));
    if (count > 0 && result != SQLITE_OK) return failure("reading", result);
    return static_cast<size_t>(count);
  }
  Result<uint64_t> size() const override {
    sqlite3_int64 size = 0;
    const int result = base_->pMethods->xFileSize(base_, &size);
    if (result != SQLITE_OK) return failure("measuring", result);
    return static_cast<uint64_t>(size);
  }
  Result<FileInfo> info() const override {
    COFFER_ASSIGN(const uint64_t size, this->size());
    FileInfo out;
    out.size = size;
    return out;
  }

 private:
  Status failure(const std::string& what, int result) const {
    return {Code::kIo, path_ + ": " + what + " it failed (" + sqlite3_errstr(result) + ")"};
  }

  sqlite3_file* const base_;
  const std::string path_;
};

Status not_of_kind(Kind found, Kind expected, const std::string& path) {
  return {Code::kForeign, path + ": is a file of kind " + std::string(kind_name(found)) + ", not " +
                              std::string(kind_name(expected))};
}

Status in_clear(const Identity& identity) {
  if (identity.kind != Kind::kSqlite) {
    return {Code::kPlaintext, identity.path + ": is in clear, and no journal of this encrypted database; if the " +
                                  "database was replaced, remove it"};
  }
  return {Code::kPlaintext, identity.path + ": is not encrypted; open it without vfs=coffer and convert it with "
                                            "VACUUM INTO 'file:NEW?vfs=coffer&coffer=…'"};
}

}  // namespace

Status Head::look() {
  if (has_key()) return Status::ok();
  const BaseFile file(base_, path());
  std::array<uint8_t, kEnvelopeSize> start{};
  COFFER_ASSIGN(const size_t count, file.read_at(0, start));
  if (count == 0) return Status::ok();
  FileHead head;
  if (identity_.kind == Kind::kSqliteJournal) {  // J6
    head = look_at_head(ByteView(start).first(count), path());
  } else {
    COFFER_ASSIGN(head, judge_head(ByteView(start).first(count), file, path()));
  }
  if (head.is(FileHead::What::kNothing)) return Status::ok();
  if (head.is(FileHead::What::kPlaintext)) return in_clear(identity_);
  COFFER_TRY(head.refusal);
  const Kind found = head.scan.fields.kind;
  if (found != identity_.kind) return not_of_kind(found, identity_.kind, path());
  COFFER_ASSIGN(const OpenedFile opened, identity_.coffer->open_file(head.scan, path()));
  return take(opened, /*is_new=*/false);
}

Status Head::take(const OpenedFile& opened, bool is_new) {
  const auto make = [file_id = opened.fields.file_id](const FileKey& file_key) {
    return SqliteKey::create(file_key, file_id);
  };
  COFFER_ASSIGN(SqliteKey key, make(opened.file_key));
  file_id_ = opened.fields.file_id;
  counter_ = identity_.coffer->usage().counter(opened.fields.domain_key_id);
  held_ = std::make_unique<Held>(opened, std::make_shared<BaseFile>(base_, path()), std::move(key), make);
  growth_.begin(identity_.coffer, path(), opened.fields, is_new);
  return Status::ok();
}

Status Head::make() {
  NewFilePlace place;
  place.path = path();
  place.store_directory = std::string(parent_of(path()));
  place.role = EngineRole::kData;
  place.kind = identity_.kind;
  place.domain = identity_.domain;
  place.confirms_store = identity_.kind == Kind::kSqlite;
  COFFER_ASSIGN(NewFile made, new_header(*identity_.coffer, place));
  // What an earlier life left behind, unsynced, is not to be taken for this one's.
  int result = base_->pMethods->xTruncate(base_, 0);
  if (result == SQLITE_OK) {
    result = base_->pMethods->xWrite(base_, made.envelope.data(), static_cast<int>(made.envelope.size()), 0);
  }
  // E9; of journals see J6.
  if (result == SQLITE_OK && identity_.kind != Kind::kSqliteJournal) {
    result = base_->pMethods->xSync(base_, SQLITE_SYNC_NORMAL);
  }
  if (result != SQLITE_OK) {
    return {result == SQLITE_FULL ? Code::kNoSpace : Code::kIo,
            path() + ": its header cannot be written: " + sqlite3_errstr(result)};
  }
  COFFER_TRY(take({made.fields, std::move(made.file_key), made.lease}, /*is_new=*/true));
  growth_.became(kEnvelopeSize);
  return Status::ok();
}

}  // namespace coffer::sqlite
