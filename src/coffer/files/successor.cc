#include "coffer/files/successor.h"

#include <algorithm>

#include "coffer/base/path.h"
#include "coffer/files/counted_file.h"
#include "coffer/files/disk_append_file.h"
#include "coffer/files/marked_files.h"
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

std::string in_directory_of(std::string_view path, std::string_view name) {
  const std::string_view directory = path.substr(0, path.size() - base_name(path).size());
  return std::string(directory) + std::string(name);
}

Status another_size(const std::string& path) { return {Code::kInternal, path + ": its successor has another size"}; }

// Empty, in place of what a crash left.
Result<std::unique_ptr<SuccessorFile>> begin_beside(Disk& disk, const std::string& path, const FileInfo& info,
                                                    const Pace& pace) {
  const std::string beside = successor_of(path);
  if (Status gone = disk.remove(beside); gone.code() != Code::kNotFound) COFFER_TRY(gone);
  COFFER_ASSIGN(auto created, disk.create(beside, info.mode));
  return std::make_unique<SuccessorFile>(disk, beside, std::move(created), pace);
}

}  // namespace

bool is_successor(std::string_view path) { return base_name(path).starts_with(kSuccessorPrefix); }

std::string successor_of(std::string_view path) {
  return in_directory_of(path, std::string(kSuccessorPrefix) + std::string(base_name(path)));
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
  COFFER_ASSIGN(auto file, begin_beside(coffer_.disk(), path, info, around_.pace));
  COFFER_TRY(copy(*reader, *writer, *file));
  COFFER_TRY(check_complete(*reader, path, role));
  if (writer->logical_size() != reader->findings().logical_size) return another_size(path);
  COFFER_ASSIGN(made.size, finish(successor_of(path), info));
  return made;
}

Result<Successors::Made> Successors::make_encrypted(const std::string& path, const FileInfo& info,
                                                    const NewFilePlace& place) {
  COFFER_ASSIGN(const auto source, coffer_.disk().open_read(path));
  auto header = new_header(coffer_, place);
  if (!header.is_ok()) return header.status().with_context(path);
  Made made{.fields = header->fields, .is_marked = false};
  COFFER_ASSIGN(auto writer, new_writer({std::shared_ptr<void>(), &coffer_}, std::move(*header), place.role));
  COFFER_ASSIGN(auto file, begin_beside(coffer_.disk(), path, info, around_.pace));
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
  COFFER_ASSIGN(made.size, finish(successor_of(path), info));
  return made;
}

Result<Successors::Made> Successors::make_plaintext(const std::string& path, const FileInfo& info, EngineRole role) {
  COFFER_ASSIGN(auto reader, open_proved(path, role));
  COFFER_ASSIGN(auto file, begin_beside(coffer_.disk(), path, info, around_.pace));
  for (;;) {
    COFFER_ASSIGN(const ByteView piece, reader->next());
    if (piece.empty()) break;
    COFFER_TRY(hand_over(piece, [&](ByteView bytes) { return file->append(bytes); }));
  }
  COFFER_TRY(file->close());
  COFFER_TRY(check_complete(*reader, path, role));
  Made made{.fields = reader->fields(), .is_encrypted = false, .is_marked = false};
  COFFER_ASSIGN(made.size, finish(successor_of(path), info));
  if (made.size != reader->findings().logical_size) return another_size(path);
  return made;
}

// It belongs to whom the file belongs, and was last written when that was; and is durable from here on.
Result<uint64_t> Successors::finish(const std::string& path, const FileInfo& info) {
  COFFER_ASSIGN(auto file, coffer_.disk().open_write(path));
  COFFER_TRY(file->set_owner(info.owner, info.group));
  COFFER_TRY(file->set_times(info.accessed_ns, info.modified_ns));
  COFFER_TRY(file->sync());
  COFFER_ASSIGN(const uint64_t size, file->size());
  COFFER_TRY(file->close());
  return size;
}

Status Successors::replace(const std::vector<std::string>& names, EngineRole role) {
  COFFER_ASSIGN(const FileInfo info, coffer_.disk().info(names.front()));
  return replace_by(names, role, info, [&] { return make(names.front(), info, role); });
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

Status Successors::let_in(const std::vector<std::string>& names, const NewFilePlace& place, const Made& made) {
  const Domain* domain = coffer_.keyring()->find_key(made.fields.domain_key_id).domain;
  for (const std::string& name : names) {
    const std::string directory(parent_of(name));
    if (directory == parent_of(names.front())) continue;
    const bool configured =
        domain == nullptr || place.role != EngineRole::kData || coffer_.places().domain_of(name) == domain->name;
    COFFER_TRY(coffer_.stores().allow(directory, made.fields.store_id,
                                      configured ? kSystemDomain : std::string_view(domain->name),
                                      LineageHow::kLinked));
  }
  return Status::ok();
}

Status Successors::replace_by(const std::vector<std::string>& names, EngineRole role, const FileInfo& info,
                              const Make& make) {
  has_begun_ = false;
  auto made = make();
  Status outcome = made.is_ok() ? take_places(names, info, role, *made) : made.status();
  // S2: what is left of its names then is for settle().
  if (outcome.is_ok() || has_begun_) return outcome;
  for (const std::string& name : names) {
    const Status removed = coffer_.disk().remove(successor_of(name));
    if (!removed.is_ok() && removed.code() != Code::kNotFound) return outcome.with_context(removed.to_string());
  }
  return outcome;
}

// Under the lock of envelopes, so that a rewrap beside us finds the file it looked at, or this one.
Status Successors::take_places(const std::vector<std::string>& names, const FileInfo& info, EngineRole role,
                               const Made& made) {
  COFFER_TRY(link_all(names));
  COFFER_ASSIGN(auto lock, coffer_.lock_envelopes());
  const auto taking = [&] { return take_unchanged(names, info, role, made); };
  return around_.while_taking ? around_.while_taking(taking) : taking();
}

Status Successors::take_unchanged(const std::vector<std::string>& names, const FileInfo& info, EngineRole role,
                                  const Made& made) {
  COFFER_TRY(check_unchanged(names, info, made));
  for (size_t i = 0; i < names.size(); ++i) {
    Status taken = take_place(names[i], role, made);
    if (taken.is_ok()) continue;
    if (!has_begun_) return taken;
    return {taken.code(),
            std::string(taken.message()) + "; it was replaced at some of its names: repeat to finish that"};
  }
  return Status::ok();
}

// All of its names are durable before it takes the first place, so that a crash after that shows which are left.
Status Successors::link_all(const std::vector<std::string>& names) {
  const std::string first = successor_of(names.front());
  for (size_t i = 1; i < names.size(); ++i) {
    const std::string beside = successor_of(names[i]);
    if (Status gone = coffer_.disk().remove(beside); gone.code() != Code::kNotFound) COFFER_TRY(gone);
    COFFER_TRY(coffer_.disk().link(first, beside));
  }
  if (names.size() == 1) return Status::ok();
  std::set<std::string> directories;
  for (const std::string& name : names) directories.insert(std::string(parent_of(name)));
  for (const std::string& directory : directories) COFFER_TRY(coffer_.disk().sync_directory(directory));
  return Status::ok();
}

Status Successors::check_unchanged(const std::vector<std::string>& names, const FileInfo& info,
                                   const Made& made) const {
  coffer_.live_keyring().refresh_without_waiting();
  const std::shared_ptr<const Keyring> keys = coffer_.keyring();
  const Domain* domain = keys->find_key(made.fields.domain_key_id).domain;
  const DomainKeyEntry* active = domain != nullptr ? domain->active() : nullptr;
  if (made.is_encrypted && (active == nullptr || active->id != made.fields.domain_key_id)) {
    return {Code::kConflict, names.front() + ": its domain's key was rotated meanwhile; repeat"};
  }
  for (const std::string& name : names) {
    COFFER_ASSIGN(const FileInfo now, coffer_.disk().info(name));
    if (now.inode != info.inode || now.device != info.device || now.size != info.size ||
        now.modified_ns != info.modified_ns || now.link_count != info.link_count) {
      return {Code::kConflict, name + ": was changed meanwhile; repeat"};
    }
  }
  return Status::ok();
}

Status Successors::take_place(const std::string& name, EngineRole role, const Made& made) {
  const std::string directory(parent_of(name));
  const auto rename = [&] {
    const auto before = counted_at(coffer_, name);
    COFFER_TRY(coffer_.disk().rename(successor_of(name), name));
    has_begun_ = true;
    coffer_.file_counts().changed(before, counted_at(coffer_, name));
    return Status::ok();
  };
  directories_.insert(directory);
  // No mark names a data file.
  if (!made.is_marked || coffer_.freshness() == nullptr || role == EngineRole::kData) return rename();
  return replace_at_rest(coffer_, name, made.fields.file_id, made.size, [&] {
    COFFER_TRY(rename());
    return coffer_.disk().sync_directory(directory);
  });
}

Status Successors::settle(const std::string& path, bool has_a_place) {
  directories_.insert(std::string(parent_of(path)));
  const std::string place = in_directory_of(path, base_name(path).substr(kSuccessorPrefix.size()));
  auto there = coffer_.disk().info(place);
  COFFER_ASSIGN(const FileInfo left, coffer_.disk().info(path));
  const bool is_it = there.is_ok() && there->inode == left.inode && there->device == left.device;
  // S3
  if (!has_a_place || is_it || there.code() == Code::kNotFound) return coffer_.disk().remove(path);
  COFFER_TRY(there.status());
  return coffer_.disk().rename(path, place);
}

Status Successors::sync_names() {
  for (const std::string& directory : directories_) COFFER_TRY(coffer_.disk().sync_directory(directory));
  directories_.clear();
  return Status::ok();
}

}  // namespace coffer
