#include "coffer/files/successor.h"

#include <algorithm>

#include "coffer/files/file_head.h"
#include "coffer/files/new_file.h"

namespace coffer {
namespace {

constexpr size_t kPlaintextPiece = size_t{256} << 10;
// What goes to the disk at once, at least.
constexpr uint64_t kWriteBackMin = uint64_t{4} << 20;
constexpr uint64_t kWriteBacksPerSecond = 3;

// Nobody relies upon it before it is finished: it is synced as a whole then. Where the pace is limited it goes to the
// disk as it comes, so that the last sync is no burst; what was begun before the last time is waited for, so that no
// more is on its way than a slow disk takes, and the rest is not, so that both are at work.
class SuccessorFile final : public DiskAppendFile {
 public:
  SuccessorFile(Disk& disk, std::string path, std::unique_ptr<WritableFile> file, const Pace& pace)
      : DiskAppendFile(disk, std::move(path), std::move(file)), pace_(pace) {}

  Status append(ByteView bytes) override {
    COFFER_TRY(DiskAppendFile::append(bytes));
    if (!pace_.is_limited()) return Status::ok();
    if (size() - begun_ < std::max(kWriteBackMin, pace_.bytes_per_second() / kWriteBacksPerSecond)) return Status::ok();
    COFFER_TRY(file().write_back(begun_, size() - begun_, false));
    if (begun_ > waited_) COFFER_TRY(file().write_back(waited_, begun_ - waited_, true));
    waited_ = begun_;
    begun_ = size();
    return Status::ok();
  }
  Status sync(bool) override { return Status::ok(); }

 private:
  const Pace& pace_;
  uint64_t begun_ = 0;   // up to here it is on its way
  uint64_t waited_ = 0;  // and up to here it has arrived
};

Status another_size(const std::string& path) { return {Code::kInternal, path + ": its successor has another size"}; }

}  // namespace

Result<std::unique_ptr<WritableFile>> Successors::create_beside(const std::string& path, const FileInfo& info) {
  const std::string beside = successor_of(path);
  if (Status gone = coffer_.disk().remove(beside); gone.code() != Code::kNotFound) COFFER_TRY(gone);
  return coffer_.disk().create(beside, info.mode);
}

Result<std::unique_ptr<DiskAppendFile>> Successors::begin_beside(const std::string& path, const FileInfo& info) {
  COFFER_ASSIGN(auto created, create_beside(path, info));
  return std::unique_ptr<DiskAppendFile>(
      std::make_unique<SuccessorFile>(coffer_.disk(), successor_of(path), std::move(created), around_.pace));
}

Result<NewFile> Successors::header_like(const EnvelopeFields& fields) const {
  const std::shared_ptr<const Keyring> keys = coffer_.keyring();
  const Domain* domain = keys->find_key(fields.domain_key_id).domain;
  if (domain == nullptr) return {Code::kKeyUnavailable, "its domain is not in the keyring"};
  NewFileRequest request;
  request.kind = fields.kind;
  request.suite = coffer_.config().suite_of(fields.kind, domain->name);
  request.chunk_log2 = coffer_.config().chunk_log2_of(fields.kind, domain->name);
  request.domain = domain->name;
  request.store_id = fields.store_id;
  return coffer_.new_file(request);
}

Status Successors::hand_over(ByteView bytes, const std::function<Status(ByteView)>& append) {
  while (!bytes.empty()) {
    const uint64_t size = around_.pace.piece_of(bytes.size());
    COFFER_TRY(around_.pace.wait_for(size));
    COFFER_TRY(append(bytes.first(size)));
    if (around_.written) around_.written(size);
    bytes = bytes.subspan(size);
  }
  return Status::ok();
}

Status Successors::copy(FileReader& from, FileWriter& to, AppendFile& file) {
  COFFER_TRY(around_.pace.wait_for(kEnvelopeSize));
  for (;;) {
    COFFER_ASSIGN(const ByteView piece, from.next());
    if (piece.empty()) break;
    COFFER_TRY(hand_over(piece, [&](ByteView bytes) { return to.append(bytes, file); }));
  }
  // A log's frames say how far it was durable: all of it will be.
  COFFER_TRY(to.sync(true, file));
  return to.close(file);
}

Result<std::unique_ptr<FileReader>> Successors::open_proved(const std::string& path, EngineRole role) const {
  COFFER_ASSIGN(auto reader, FileReader::open(coffer_, path, {.allow_unauthenticated = true, .role = role}));
  if (reader->findings().never_written) return {Code::kConflict, path + ": was emptied meanwhile; repeat"};
  if (reader->findings().authenticated) return reader;
  COFFER_TRY(check_finished(reader->findings(), reader->fields().kind, role, path));
  return {Code::kUnsupported, path + ": was never closed, so nothing proves its contents; open the store once with " +
                                  "its engine, which replays it, and repeat"};
}

Status Successors::check_complete(const FileReader& reader, const std::string& path, EngineRole role) const {
  COFFER_TRY(check_finished(reader.findings(), reader.fields().kind, role, path));
  if (reader.findings().closed || !around_.may_replace_unclosed) return Status::ok();
  return around_.may_replace_unclosed(path);
}

Result<Successors::Made> Successors::make(const std::string& path, const FileInfo& info, EngineRole role) {
  COFFER_ASSIGN(auto reader, open_proved(path, role));
  auto header = header_like(reader->fields());
  if (!header.is_ok()) return header.status().with_context(path);
  Made made{.fields = header->fields};
  COFFER_ASSIGN(auto writer, new_writer({std::shared_ptr<void>(), &coffer_}, std::move(*header), role));
  COFFER_ASSIGN(auto file, begin_beside(path, info));
  COFFER_TRY(copy(*reader, *writer, *file));
  COFFER_TRY(check_complete(*reader, path, role));
  if (writer->logical_size() != reader->findings().logical_size) return another_size(path);
  COFFER_ASSIGN(made.size, finish(path, info));
  return made;
}

Result<Successors::Made> Successors::make_encrypted(const std::string& path, const FileInfo& info,
                                                    const NewFilePlace& place) {
  COFFER_ASSIGN(const auto source, coffer_.disk().open_read(path));
  auto header = new_header(coffer_, place);
  if (!header.is_ok()) return header.status().with_context(path);
  Made made{.fields = header->fields, .is_marked = false};
  COFFER_ASSIGN(auto writer, new_writer({std::shared_ptr<void>(), &coffer_}, std::move(*header), place.role));
  COFFER_ASSIGN(auto file, begin_beside(path, info));
  COFFER_TRY(around_.pace.wait_for(kEnvelopeSize));
  Bytes buffer(kPlaintextPiece);
  for (uint64_t offset = 0;;) {
    COFFER_ASSIGN(const size_t count, source->read_at(offset, buffer));
    COFFER_TRY(hand_over(ByteView(buffer).first(count), [&](ByteView bytes) { return writer->append(bytes, *file); }));
    offset += count;
    if (count < buffer.size()) break;
  }
  COFFER_TRY(writer->sync(true, *file));
  COFFER_TRY(writer->close(*file));
  if (writer->logical_size() != info.size) return {Code::kConflict, path + ": was changed meanwhile; repeat"};
  COFFER_ASSIGN(made.size, finish(path, info));
  return made;
}

Result<Successors::Made> Successors::make_plaintext(const std::string& path, const FileInfo& info, EngineRole role) {
  COFFER_ASSIGN(auto reader, open_proved(path, role));
  COFFER_ASSIGN(auto file, begin_beside(path, info));
  for (;;) {
    COFFER_ASSIGN(const ByteView piece, reader->next());
    if (piece.empty()) break;
    COFFER_TRY(hand_over(piece, [&](ByteView bytes) { return file->append(bytes); }));
  }
  COFFER_TRY(file->close());
  COFFER_TRY(check_complete(*reader, path, role));
  Made made{.fields = reader->fields(), .is_encrypted = false, .is_marked = false};
  COFFER_ASSIGN(made.size, finish(path, info));
  if (made.size != reader->findings().logical_size) return another_size(path);
  return made;
}

// It belongs to whom the file belongs, has its attributes, and was last written when that was; and is durable from here
// on.
Result<uint64_t> Successors::finish(const std::string& path, const FileInfo& info) {
  COFFER_ASSIGN(auto file, coffer_.disk().open_write(successor_of(path)));
  COFFER_TRY(file->set_owner(info.owner, info.group));
  COFFER_TRY(file->set_attributes_like(path));
  COFFER_TRY(file->set_times(info.accessed_ns, info.modified_ns));
  COFFER_TRY(file->sync());
  COFFER_ASSIGN(const uint64_t size, file->size());
  COFFER_TRY(file->close());
  return size;
}

Result<Kind> Successors::kind_at(const std::string& path) const {
  COFFER_ASSIGN(const auto file, coffer_.disk().open_read(path));
  COFFER_ASSIGN(const FileHead head, read_head(*file, path));
  COFFER_TRY(head.refusal);
  if (!head.is(FileHead::What::kCoffer)) return {Code::kConflict, path + ": was emptied meanwhile; repeat"};
  return head.scan.fields.kind;
}

Status Successors::replace(const std::vector<std::string>& names, EngineRole role) {
  COFFER_ASSIGN(const FileInfo info, coffer_.disk().info(names.front()));
  COFFER_ASSIGN(const Kind kind, kind_at(names.front()));
  if (kind == Kind::kSqliteJournal || kind == Kind::kSqliteWal) return retire(names.front(), kind);
  return replace_by(names, role, info, [&]() -> Result<Made> {
    if (kind == Kind::kPages) return make_pages(names.front(), info);
    if (kind == Kind::kSqlite) return make_sqlite(names, info);
    return make(names.front(), info, role);
  });
}

Status Successors::encrypt(const std::vector<std::string>& names, const NewFilePlace& place) {
  COFFER_ASSIGN(const FileInfo info, coffer_.disk().info(names.front()));
  return replace_by(names, place.role, info, [&]() -> Result<Made> {
    COFFER_ASSIGN(Made made, make_encrypted(names.front(), info, place));
    COFFER_TRY(let_in(names, place, made));
    return made;
  });
}

Status Successors::decrypt(const std::vector<std::string>& names, EngineRole role) {
  COFFER_ASSIGN(const FileInfo info, coffer_.disk().info(names.front()));
  return replace_by(names, role, info, [&] { return make_plaintext(names.front(), info, role); });
}

}  // namespace coffer
