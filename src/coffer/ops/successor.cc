#include "coffer/ops/successor.h"

#include "coffer/base/path.h"
#include "coffer/files/disk_append_file.h"
#include "coffer/files/marked_files.h"
#include "coffer/files/new_file.h"

namespace coffer {
namespace {

constexpr uint64_t kWriteBackEvery = uint64_t{4} << 20;

// Nobody relies upon it before it is finished: it is synced as a whole then. Where the pace is limited it goes to the
// disk as it comes, so that the last sync is no burst.
class SuccessorFile final : public DiskAppendFile {
 public:
  SuccessorFile(Disk& disk, std::string path, std::unique_ptr<WritableFile> file, const Pace& pace)
      : DiskAppendFile(disk, std::move(path), std::move(file)), pace_(pace) {}

  Status append(ByteView bytes) override {
    COFFER_TRY(DiskAppendFile::append(bytes));
    waiting_ += bytes.size();
    if (!pace_.is_limited() || waiting_ < kWriteBackEvery) return Status::ok();
    waiting_ = 0;
    return DiskAppendFile::sync(false);
  }
  Status sync(bool) override { return Status::ok(); }

 private:
  const Pace& pace_;
  uint64_t waiting_ = 0;
};

std::string in_directory_of(std::string_view path, std::string_view name) {
  const std::string_view directory = path.substr(0, path.size() - base_name(path).size());
  return std::string(directory) + std::string(name);
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

Status Successors::copy(FileReader& from, FileWriter& to, AppendFile& file) {
  COFFER_TRY(around_.pace.wait_for(kEnvelopeSize));
  for (;;) {
    COFFER_ASSIGN(ByteView piece, from.next());
    if (piece.empty()) break;
    while (!piece.empty()) {
      const uint64_t size = around_.pace.piece_of(piece.size());
      COFFER_TRY(around_.pace.wait_for(size));
      COFFER_TRY(to.append(piece.first(size), file));
      if (around_.written) around_.written(size);
      piece = piece.subspan(size);
    }
  }
  // A log's frames say how far it was durable: all of it will be.
  COFFER_TRY(to.sync(true, file));
  return to.close(file);
}

Result<Successors::Made> Successors::make(const std::string& path, const FileInfo& info, EngineRole role) {
  COFFER_ASSIGN(auto reader, FileReader::open(coffer_, path, {.allow_unauthenticated = true, .role = role}));
  if (reader->findings().never_written) return {Code::kConflict, path + ": was emptied meanwhile; repeat"};
  const EnvelopeFields fields = reader->fields();
  if (!reader->findings().authenticated) {
    COFFER_TRY(check_finished(reader->findings(), fields.kind, role, path));
    return {Code::kUnsupported, path + ": was never closed, so nothing proves its contents; open the store once with " +
                                    "its engine, which replays it, and repeat"};
  }
  auto header = header_like(fields);
  if (!header.is_ok()) return header.status().with_context(path);
  Made made{.fields = header->fields};
  COFFER_ASSIGN(auto writer, new_writer({std::shared_ptr<void>(), &coffer_}, std::move(*header), role));
  const std::string beside = successor_of(path);
  if (Status gone = coffer_.disk().remove(beside); gone.code() != Code::kNotFound) COFFER_TRY(gone);
  COFFER_ASSIGN(auto created, coffer_.disk().create(beside, info.mode));
  SuccessorFile file(coffer_.disk(), beside, std::move(created), around_.pace);
  COFFER_TRY(copy(*reader, *writer, file));
  const FileFindings& found = reader->findings();
  COFFER_TRY(check_finished(found, fields.kind, role, path));
  if (!found.closed && around_.may_replace_unclosed) COFFER_TRY(around_.may_replace_unclosed(path));
  if (writer->logical_size() != found.logical_size) {
    return {Code::kInternal, path + ": its successor has another size"};
  }
  COFFER_ASSIGN(made.size, finish(beside, info));
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
  has_begun_ = false;
  auto made = make(names.front(), info, role);
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
  if (active == nullptr || active->id != made.fields.domain_key_id) {
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
    COFFER_TRY(coffer_.disk().rename(successor_of(name), name));
    has_begun_ = true;
    return Status::ok();
  };
  directories_.insert(directory);
  // No mark names a data file.
  if (coffer_.freshness() == nullptr || role == EngineRole::kData) return rename();
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
