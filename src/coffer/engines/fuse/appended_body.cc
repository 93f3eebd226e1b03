#include "coffer/engines/fuse/appended_body.h"

#include <fcntl.h>
#include <unistd.h>

#include <optional>
#include <shared_mutex>

#include "coffer/files/body.h"
#include "coffer/files/disk_append_file.h"
#include "coffer/files/growing_blocks.h"
#include "coffer/files/new_file.h"
#include "coffer/io/posix_file.h"

namespace coffer::fusefs {
namespace {

Result<std::unique_ptr<WritableFile>> second_handle(const AppendedFile& file) {
  Descriptor same(::fcntl(file.file.get(), F_DUPFD_CLOEXEC, 0));
  if (!same.is_open()) return posix::failure("open", file.path);
  return posix::file_of(std::move(same), file.path);
}

// What both kinds have in common: which changes there are.
class AppendedBody : public FileBody {
 public:
  AppendedBody(AppendedFile file, Kind kind, std::shared_ptr<const ReadableFile> reading)
      : file_(std::move(file)), kind_(kind), reading_(std::move(reading)) {}

  Result<size_t> read(uint64_t offset, MutableBytes out) final {
    const std::shared_lock lock(mutex_);
    auto count = read_locked(offset, out);
    return count.is_ok() ? count : count.status().with_context(file_.path);
  }
  Status write(uint64_t offset, ByteView data) final {
    const std::unique_lock lock(mutex_);
    if (offset != size_locked()) return refuse("written at byte " + std::to_string(offset));
    return append_locked(data).with_context(file_.path);
  }
  Status append(ByteView data) final {
    const std::unique_lock lock(mutex_);
    return append_locked(data).with_context(file_.path);
  }
  Status truncate(uint64_t size) final;
  Status punch_hole(uint64_t, uint64_t) final { return refuse_now("given holes"); }
  Status reserve(uint64_t) final { return refuse_now("given room ahead"); }
  // Holes take no sequence of bytes: there are none.
  Result<uint64_t> seek_data(uint64_t offset) final { return offset; }
  Result<uint64_t> seek_hole(uint64_t) final { return size(); }
  Status sync(bool full) final;
  Status settle() final;
  Status close() final {
    const std::unique_lock lock(mutex_);
    return close_locked().with_context(file_.path);
  }
  uint64_t size() const final {
    const std::shared_lock lock(mutex_);
    return size_locked();
  }

 protected:
  virtual uint64_t size_locked() const = 0;
  virtual Result<size_t> read_locked(uint64_t offset, MutableBytes out) = 0;
  virtual Status append_locked(ByteView data) = 0;
  // What was appended here is durable, and complete where it has to be for that. False: nothing was, so that there is
  // nothing to sync but what others left. `lock` may be let go: who syncs has a handle, so nobody closes.
  virtual Result<bool> sync_locked(std::unique_lock<std::shared_mutex>& lock, bool full) = 0;
  virtual Status close_locked() = 0;
  virtual bool ends_by_sync() const = 0;
  // As a new file, with this header. Nothing is in the file below.
  virtual Status begin(NewFile header) = 0;

  // From `size` on, of the file below.
  Status lend_from(uint64_t size) {
    COFFER_ASSIGN(auto handle, second_handle(file_));
    lent_ = std::make_shared<DiskAppendFile>(Disk::posix(), file_.path, std::move(handle), size);
    return Status::ok();
  }

  const AppendedFile file_;
  const Kind kind_;
  const std::shared_ptr<const ReadableFile> reading_;
  std::shared_ptr<DiskAppendFile> lent_;  // to what writes

 private:
  Status refuse(const std::string& what) const {
    return {Code::kUnsupported,
            file_.path + ": cannot be " + what + ": it has " + std::to_string(size_locked()) +
                " bytes and is of kind " + std::string(kind_name(kind_)) +
                ", which grows at its end only; where a program needs more of its files, mounted_files of coffer.yaml "
                "must not give them that kind"};
  }
  Status refuse_now(const std::string& what) const {
    const std::shared_lock lock(mutex_);
    return refuse(what);
  }
  Status begin_again();

  mutable std::shared_mutex mutex_;
};

Status AppendedBody::truncate(uint64_t size) {
  const std::unique_lock lock(mutex_);
  if (size == size_locked() && size > 0) return Status::ok();
  if (size > 0) return refuse("given " + std::to_string(size) + " bytes");
  return begin_again();
}

Status AppendedBody::begin_again() {
  COFFER_ASSIGN(const uint64_t on_disk, reading_->size());
  auto header = file_.fresh();
  if (!header.is_ok()) return header.status();
  if (on_disk > 0) {
    // A rewrap that has read the old header would put a slot of it over the new one.
    COFFER_ASSIGN(const auto alone, file_.coffer->lock_envelopes());
    // Durably empty before another header stands there: one over the old body would be damage.
    if (::ftruncate(file_.file.get(), 0) != 0 || ::fdatasync(file_.file.get()) != 0) {
      return posix::failure("truncate", file_.path);
    }
  }
  return begin(std::move(*header)).with_context(file_.path);
}

Status AppendedBody::sync(bool full) {
  std::unique_lock lock(mutex_);
  auto synced = sync_locked(lock, full);
  if (!synced.is_ok()) return synced.status().with_context(file_.path);
  if (lock.owns_lock()) lock.unlock();
  if (*synced && !full) return Status::ok();
  // What belongs to the file besides its contents, or was written before it was opened.
  const auto sync = full ? &::fsync : &::fdatasync;
  if (posix::retry_interrupted([&] { return sync(file_.file.get()); }) == 0) return Status::ok();
  return posix::failure("sync", file_.path);
}

Status AppendedBody::settle() {
  {
    const std::shared_lock lock(mutex_);
    if (ends_by_sync()) return Status::ok();
  }
  return sync(false);
}

// --- blocks

class BlocksFile final : public AppendedBody {
 public:
  using AppendedBody::AppendedBody;

  Status begin(NewFile header) override {
    COFFER_TRY(lend_from(0));
    COFFER_ASSIGN(growing_, GrowingBlocks::create(file_.coffer, std::move(header), reading_));
    whole_.reset();
    unreadable_ = Status::ok();
    return Status::ok();
  }
  // As it stands.
  Status open(const OpenedFile& opened) {
    COFFER_ASSIGN(const uint64_t on_disk, reading_->size());
    auto body = OpenBlocks::open(opened, reading_, on_disk);
    if (body.is_ok()) {
      whole_.emplace(std::move(*body));
    } else if (file_.writable && (body.code() == Code::kTruncated || body.code() == Code::kTampered)) {
      unreadable_ = body.status();
      size_on_disk_ = on_disk;
    } else {
      return body.status();
    }
    return Status::ok();
  }

 protected:
  uint64_t size_locked() const override {
    if (!unreadable_.is_ok()) return size_on_disk_;  // what is there must be asked for, to hear why it is not given
    return growing_ != nullptr ? growing_->logical_size() : whole_->logical_size();
  }
  Result<size_t> read_locked(uint64_t offset, MutableBytes out) override {
    COFFER_TRY(unreadable_);
    if (growing_ != nullptr) return growing_->read(offset, out);
    const uint64_t count = whole_->readable(offset, out.size());
    COFFER_TRY(read_blocks(*whole_, *reading_, offset, out.first(count)));
    return count;
  }
  Status append_locked(ByteView data) override {
    COFFER_TRY(unreadable_);
    if (growing_ != nullptr && !growing_->is_complete()) return growing_->append(data, *lent_);
    return {Code::kUnsupported,
            "is of kind blocks, complete since it was synced or closed, and takes no more; where a program appends "
            "later, mounted_files of coffer.yaml must give its files kind log"};
  }
  Result<bool> sync_locked(std::unique_lock<std::shared_mutex>&, bool full) override {
    if (growing_ == nullptr) return false;
    COFFER_TRY(growing_->sync(full, *lent_));
    return true;
  }
  Status close_locked() override { return growing_ != nullptr ? growing_->close(*lent_) : Status::ok(); }
  bool ends_by_sync() const override { return growing_ != nullptr && !growing_->is_complete(); }

 private:
  std::unique_ptr<GrowingBlocks> growing_;  // since it was begun here
  std::optional<OpenBlocks> whole_;         // as it was found
  Status unreadable_ = Status::ok();        // as it was found
  uint64_t size_on_disk_ = 0;
};

// --- log

class LogFile final : public AppendedBody {
 public:
  using AppendedBody::AppendedBody;

  Status begin(NewFile header) override {
    COFFER_TRY(lend_from(0));
    const OpenedFile opened{header.fields, header.file_key.clone(), header.lease};
    COFFER_ASSIGN(OpenLog log, OpenLog::open(opened, reading_));
    COFFER_ASSIGN(writer_, new_writer(file_.coffer, std::move(header), EngineRole::kLog));
    log_.emplace(std::move(log));
    return Status::ok();
  }
  Status open(const OpenedFile& opened) {
    COFFER_ASSIGN(OpenLog log, OpenLog::open(opened, reading_));
    COFFER_ASSIGN(found_size_, log.logical_size());
    log_.emplace(std::move(log));
    return Status::ok();
  }

 protected:
  uint64_t size_locked() const override { return writer_ != nullptr ? writer_->logical_size() : found_size_; }
  Result<size_t> read_locked(uint64_t offset, MutableBytes out) override {
    // Before anything was appended there may be no header to read.
    return size_locked() > 0 ? log_->read(offset, out) : Result<size_t>(size_t{0});
  }
  Status append_locked(ByteView data) override {
    if (writer_ == nullptr) COFFER_TRY(write_further());
    return writer_->append(data, *lent_);
  }
  // Others append meanwhile, as engines do that commit in groups.
  Result<bool> sync_locked(std::unique_lock<std::shared_mutex>& lock, bool full) override {
    const auto writer = writer_;
    const auto lent = lent_;
    lock.unlock();
    if (writer == nullptr) return false;
    COFFER_TRY(writer->sync(full, *lent));
    return true;
  }
  Status close_locked() override { return writer_ != nullptr ? writer_->close(*lent_) : Status::ok(); }
  bool ends_by_sync() const override { return false; }

 private:
  // Behind what was found: a torn end goes.
  Status write_further() {
    COFFER_ASSIGN(const FileHead head, read_head(*reading_, file_.path));
    COFFER_TRY(head.refusal);
    COFFER_ASSIGN(const OpenedFile opened, file_.coffer->unlock(head.scan, file_.path));
    const Id key = opened.fields.domain_key_id;
    COFFER_ASSIGN(const uint64_t on_disk, reading_->size());
    COFFER_ASSIGN(ReopenedFile reopened,
                  body_of(Kind::kLog).reopen({opened.fields, opened.file_key.clone(), opened.lease}, reading_, on_disk,
                                             EngineRole::kLog));
    COFFER_TRY(lend_from(on_disk));
    if (reopened.cut_at) COFFER_TRY(lent_->truncate(*reopened.cut_at));
    writer_ = std::move(reopened.writer);
    writer_->be_counted(file_.coffer->usage().counter(key));
    return Status::ok();
  }

  std::shared_ptr<FileWriter> writer_;  // since something was appended here
  std::optional<OpenLog> log_;
  uint64_t found_size_ = 0;
};

}  // namespace

Result<std::unique_ptr<FileBody>> begin_appended(AppendedFile file, NewFile header) {
  COFFER_ASSIGN(std::shared_ptr<const ReadableFile> reading, second_handle(file));
  const Kind kind = header.fields.kind;
  const auto begun = [&](auto body) -> Result<std::unique_ptr<FileBody>> {
    COFFER_TRY(body->begin(std::move(header)));
    return std::unique_ptr<FileBody>(std::move(body));
  };
  if (kind == Kind::kBlocks) return begun(std::make_unique<BlocksFile>(std::move(file), kind, std::move(reading)));
  return begun(std::make_unique<LogFile>(std::move(file), kind, std::move(reading)));
}

Result<std::unique_ptr<FileBody>> open_appended(AppendedFile file, const OpenedFile& opened) {
  COFFER_ASSIGN(std::shared_ptr<const ReadableFile> reading, second_handle(file));
  const Kind kind = opened.fields.kind;
  const std::string path = file.path;
  const auto found = [&](auto body) -> Result<std::unique_ptr<FileBody>> {
    COFFER_TRY(body->open(opened).with_context(path));
    return std::unique_ptr<FileBody>(std::move(body));
  };
  if (kind == Kind::kBlocks) return found(std::make_unique<BlocksFile>(std::move(file), kind, std::move(reading)));
  return found(std::make_unique<LogFile>(std::move(file), kind, std::move(reading)));
}

}  // namespace coffer::fusefs
