#include "coffer/engines/fuse/coffer_contents.h"

#include <fcntl.h>

#include <algorithm>
#include <set>

#include "coffer/base/path.h"
#include "coffer/crypto/key_memory.h"
#include "coffer/files/body.h"
#include "coffer/files/counted_file.h"
#include "coffer/files/new_file.h"
#include "coffer/files/pages_file.h"
#include "coffer/format/pages_layout.h"
#include "coffer/io/posix_file.h"

namespace coffer::fusefs {
namespace {

class PagesBody final : public FileBody {
 public:
  // `backing`: a descriptor that `file` keeps open.
  PagesBody(std::string path, int backing, const PagesLayout& layout, std::unique_ptr<PagesFile> file)
      : path_(std::move(path)), backing_(backing), layout_(layout), file_(std::move(file)) {}

  Result<size_t> read(uint64_t offset, MutableBytes out) override { return named(file_->read(offset, out)); }
  Status write(uint64_t offset, ByteView data) override { return named(file_->write(offset, data)); }
  Status append(ByteView data) override { return named(file_->append(data).status()); }
  Status truncate(uint64_t size) override { return named(file_->truncate(size)); }
  Status punch_hole(uint64_t offset, uint64_t size) override { return named(file_->punch_hole(offset, size)); }
  Status reserve(uint64_t size) override;
  Result<uint64_t> seek_data(uint64_t offset) override { return named(file_->seek_data(offset)); }
  Result<uint64_t> seek_hole(uint64_t offset) override { return named(file_->seek_hole(offset)); }
  Status sync(bool full) override;
  Status settle() override { return named(file_->sync_changes()); }
  Status close() override { return named(file_->close()); }
  uint64_t size() const override { return file_->size(); }

 private:
  Status named(const Status& status) const { return status.with_context(path_); }
  template <class T>
  Result<T> named(Result<T> result) const {
    return std::move(result).with_context(path_);
  }

  const std::string path_;  // when it was opened
  const int backing_;
  const PagesLayout layout_;
  const std::unique_ptr<PagesFile> file_;
};

Status PagesBody::reserve(uint64_t size) {
  const auto end = static_cast<off_t>(layout_.end_of(layout_.page_count(size)));
  if (posix::retry_interrupted([&] { return ::fallocate(backing_, FALLOC_FL_KEEP_SIZE, 0, end); }) == 0) return {};
  if (errno == EOPNOTSUPP) return {Code::kUnsupported, path_ + ": its file system reserves no room"};
  return posix::failure("reserve room for", path_);
}

Status PagesBody::sync(bool full) {
  if (!full) return named(file_->sync());
  // Also what belongs to the file besides its contents, which may have changed alone.
  const auto sync_all = [this] {
    if (posix::retry_interrupted([&] { return ::fsync(backing_); }) == 0) return Status::ok();
    return posix::failure("sync", path_);
  };
  bool is_synced = false;
  COFFER_TRY(named(file_->sync_by([&] {
    is_synced = true;
    return sync_all();
  })));
  return is_synced ? Status::ok() : sync_all();
}

// Of a file without a header that may not get one.
class EmptyBody final : public FileBody {
 public:
  explicit EmptyBody(std::string path) : path_(std::move(path)) {}

  Result<size_t> read(uint64_t, MutableBytes) override { return size_t{0}; }
  Status write(uint64_t, ByteView) override { return refuse(); }
  Status append(ByteView) override { return refuse(); }
  Status truncate(uint64_t size) override { return size == 0 ? Status::ok() : refuse(); }
  Status reserve(uint64_t) override { return refuse(); }
  Status punch_hole(uint64_t, uint64_t) override { return refuse(); }
  Result<uint64_t> seek_data(uint64_t) override { return uint64_t{0}; }
  Result<uint64_t> seek_hole(uint64_t) override { return uint64_t{0}; }
  Status sync(bool) override { return Status::ok(); }
  Status settle() override { return Status::ok(); }
  Status close() override { return Status::ok(); }
  uint64_t size() const override { return 0; }

 private:
  Status refuse() const { return {Code::kPermissionDenied, path_ + ": opened for reading only"}; }

  const std::string path_;
};

// Opens by `open`, which takes the backing file.
template <class Open>
Result<std::unique_ptr<FileBody>> make_body(Coffer& coffer, const EnvelopeFields& fields, Descriptor file,
                                            const std::string& path, const Open& open) {
  COFFER_ASSIGN(const PagesLayout layout, PagesLayout::create(fields.chunk_log2));
  const int backing = file.get();
  auto opened = open(posix::file_of(std::move(file), path));
  if (!opened.is_ok()) return opened.status().with_context(path);
  (*opened)->be_counted(coffer.usage().counter(fields.domain_key_id));
  return std::unique_ptr<FileBody>(std::make_unique<PagesBody>(path, backing, layout, std::move(*opened)));
}

Result<std::unique_ptr<FileBody>> begin_body(Coffer& coffer, const NewFile& header, Descriptor file,
                                             const std::string& path) {
  return make_body(coffer, header.fields, std::move(file), path, [&](std::unique_ptr<WritableFile> backing) {
    return PagesFile::create(header, std::move(backing));
  });
}

// `Begin` makes a body of a new file by what was prepared for it.
template <class Begin>
class PreparedBody final : public NewBody {
 public:
  explicit PreparedBody(Begin begin) : begin_(std::move(begin)) {}
  Result<std::unique_ptr<FileBody>> begin(Descriptor file) override { return begin_(std::move(file)); }

 private:
  Begin begin_;
};

}  // namespace

Result<std::unique_ptr<CofferContents>> CofferContents::open(std::shared_ptr<Coffer> coffer, std::string store,
                                                             std::shared_ptr<SealedNames> names, bool read_only) {
  // Known before there are files in it: what is below belongs to it, wherever links in it lead.
  COFFER_TRY(coffer->stores().confirm(store));
  COFFER_ASSIGN(const Id id, coffer->stores().store_for({.directory = store}));
  std::unique_ptr<CofferContents> out(
      new CofferContents(std::move(coffer), std::move(store), id, std::move(names), read_only));
  if (out->names_ != nullptr) {
    out->names_->on_lease = [raw = out.get()](const KeyLease& lease) { raw->remember(lease); };
  }
  // As it is at the beginning is no news.
  [[maybe_unused]] const std::string seen = out->news();
  return out;
}

Result<std::string> CofferContents::shown(const std::string& path) const {
  return names_ != nullptr && paths_matter() ? names_->shown_path(path) : path;
}

Result<OpenedFile> CofferContents::unlock(const EnvelopeScan& scan, const std::string& path) {
  if (names_ == nullptr) return coffer_->open_file(scan, path);
  COFFER_ASSIGN(OpenedFile opened, coffer_->unlock(scan, path));
  COFFER_ASSIGN(const std::string place, shown(path));
  COFFER_TRY(coffer_->check_place(opened.fields, path, place));
  return opened;
}

Result<Kind> CofferContents::kind_for(const std::string& path) const {
  const auto& rules = coffer_->config().mounted_files;
  if (rules.empty()) return Kind::kPages;
  COFFER_ASSIGN(const std::string place, names_ != nullptr ? names_->shown_path(path) : path);
  return mounted_kind(rules, place.substr(std::min(place.size(), store_.size() + 1)));
}

Result<NewFile> CofferContents::header_for(const std::string& path, Kind kind) {
  NewFilePlace place;
  place.kind = kind;
  COFFER_ASSIGN(place.path, shown(path));
  place.store_directory = store_;
  place.role = EngineRole::kInPlace;
  auto header = new_header(*coffer_, place);
  if (!header.is_ok()) return header.status().with_context(path);
  remember(header->lease);
  return header;
}

void CofferContents::remember(const KeyLease& lease) {
  if (lease.gate == nullptr) return;
  const std::lock_guard lock(mutex_);
  // An older turn, which is over, is kept until that was told.
  leases_.try_emplace(lease.gate.get(), lease);
}

Result<std::unique_ptr<NewBody>> CofferContents::prepare(const std::string& path) {
  COFFER_ASSIGN(const Kind kind, kind_for(path));
  COFFER_ASSIGN(NewFile header, header_for(path, kind));
  auto begin = [this, path, header = std::move(header)](Descriptor file) mutable {
    return begin_with(std::move(header), std::move(file), path);
  };
  return std::unique_ptr<NewBody>(std::make_unique<PreparedBody<decltype(begin)>>(std::move(begin)));
}

Result<std::unique_ptr<FileBody>> CofferContents::begin_with(NewFile header, Descriptor file,
                                                             const std::string& path) {
  const Kind kind = header.fields.kind;
  if (kind == Kind::kPages) return begin_body(*coffer_, header, std::move(file), path);
  return begin_appended(appended(std::move(file), path, kind, true), std::move(header));
}

AppendedFile CofferContents::appended(Descriptor file, const std::string& path, Kind kind, bool writable) {
  return {coffer_, path, std::move(file), writable, [this, path, kind] { return header_for(path, kind); }};
}

Result<std::unique_ptr<FileBody>> CofferContents::begin_again(Descriptor file, const std::string& path) {
  COFFER_ASSIGN(const Kind kind, kind_for(path));
  COFFER_ASSIGN(NewFile header, header_for(path, kind));
  struct stat st;
  if (::fstat(file.get(), &st) != 0) return posix::failure("stat", path);
  if (st.st_size > 0) {  // one that is empty keeps its time of change
    COFFER_ASSIGN(const auto alone, coffer_->lock_envelopes());
    // Durably empty before another header stands there: one over what was behind the last would be damage.
    if (::ftruncate(file.get(), 0) != 0 || ::fdatasync(file.get()) != 0) return posix::failure("truncate", path);
  }
  return begin_with(std::move(header), std::move(file), path);
}

Result<std::unique_ptr<FileBody>> CofferContents::open(Descriptor file, const std::string& path, Opening opening,
                                                       FileClass* found) {
  const bool writable = opening != Opening::kReading;
  Descriptor same(::fcntl(file.get(), F_DUPFD_CLOEXEC, 0));
  if (!same.is_open()) return posix::failure("open", path);
  COFFER_ASSIGN(const FileHead head, read_head(*posix::file_of(std::move(same), path), path));
  *found = class_of(head);
  // Whoever reads it hears that; whoever cuts it wants nothing of what was there.
  if (opening == Opening::kCutting && head.refusal.code() == Code::kDamaged) return begin_again(std::move(file), path);
  COFFER_TRY(head.refusal);
  if (head.is(FileHead::What::kNothing)) {
    if (writable) return begin_again(std::move(file), path);
    return std::unique_ptr<FileBody>(std::make_unique<EmptyBody>(path));
  }
  COFFER_ASSIGN(const OpenedFile opened, unlock(head.scan, path));
  const Kind kind = opened.fields.kind;
  if (std::ranges::find(kMountedKinds, kind) == kMountedKinds.end()) {
    return {Code::kUnsupported, path + ": is of kind " + std::string(kind_name(kind)) +
                                    ", and files of a mount are of kind pages, blocks or log; read it with coffer cat"};
  }
  remember(opened.lease);
  if (kind != Kind::kPages) return open_appended(appended(std::move(file), path, kind, writable), opened);
  return make_body(*coffer_, opened.fields, std::move(file), path, [&](std::unique_ptr<WritableFile> backing) {
    return PagesFile::open(opened, std::move(backing));
  });
}

Result<uint64_t> CofferContents::shown_size(Descriptor file, const std::string& path, uint64_t physical_size) {
  const std::shared_ptr<const ReadableFile> backing = posix::file_of(std::move(file), path);
  COFFER_ASSIGN(const FileHead head, read_head(*backing, path));
  if (head.is(FileHead::What::kCoffer) && head.scan.fields.kind == Kind::kPages) {
    const auto found = found_size(head, backing, path, physical_size);
    // Without the keys, or of a damaged one, what the file says without them; opening it says what is wrong.
    if (found.is_ok()) return found;
  }
  return coffer::shown_size(head, backing, physical_size);
}

// As opening it will find it: programs go by it, and the kernel keeps it.
Result<uint64_t> CofferContents::found_size(const FileHead& head, const std::shared_ptr<const ReadableFile>& file,
                                            const std::string& path, uint64_t physical_size) {
  COFFER_ASSIGN(const bool at_rest, pages_are_at_rest(head.scan.fields, *file, physical_size));
  if (at_rest) return coffer::shown_size(head, file, physical_size);
  COFFER_ASSIGN(const OpenedFile opened, unlock(head.scan, path));
  COFFER_ASSIGN(const OpenPages pages, OpenPages::open(opened, file));
  return pages.logical_size();
}

Status CofferContents::let_in(const std::string& from_below, const std::string& to_below) {
  COFFER_ASSIGN(const std::string from, shown(from_below));
  COFFER_ASSIGN(const std::string to, shown(to_below));
  const Places& places = coffer_->places();
  // What may be at `from`: files of its domain, those of domains that are configured below it, and such as the store
  // holds anywhere.
  std::set<std::string> domains{places.domain_of(from), places.domain_of(from + "/any")};
  for (const DomainPath& each : coffer_->config().domains) {
    if (is_within(each.path, from)) domains.insert(places.domain_of(each.path + "/any"));
  }
  for (const std::string& domain : domains) {
    if (domain == kSystemDomain) continue;
    if (places.domain_of(to) == domain && places.domain_of(to + "/any") == domain) continue;
    COFFER_TRY(coffer_->stores().allow(store_, store_id_, domain, LineageHow::kLinked).with_context(to_below));
  }
  return Status::ok();
}

Status CofferContents::move_directory(const std::string& from, const std::string& to,
                                      const std::function<bool()>& rename) {
  StoreRegister& stores = coffer_->stores();
  auto moving = stores.begin_move(from, to);
  if (!moving.is_ok()) return moving.status().with_context(from);
  const bool moved = rename();
  // Both places are the stores' until somebody settles it: nothing is lost by that.
  return stores.end_move(*moving, moved).with_context(to);
}

Status CofferContents::removed_directory(const std::string& path) { return coffer_->stores().drop(path); }

bool CofferContents::were_keys_taken() {
  const std::lock_guard lock(mutex_);
  bool taken = false;
  for (auto& [gate, lease] : leases_) {
    if (lease.is_current()) continue;
    taken = true;
    lease = KeyLease::of(lease.gate);
  }
  return taken;
}

std::string CofferContents::news() {
  std::string line = coffer_->live_keyring().news_since(keyring_news_seen_);
  if (line.empty()) line = coffer_->policy().news_since(policy_news_seen_);
  if (line.empty() && !warned_of_memory_) {
    line = key_memory_warning();
    warned_of_memory_ = !line.empty();
  }
  return line;
}

}  // namespace coffer::fusefs
