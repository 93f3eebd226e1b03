// The files of a store that is mounted: encrypted, each by itself, with the keys of a coffer.
#pragma once

#include <map>
#include <mutex>

#include "coffer/engines/fuse/appended_body.h"
#include "coffer/engines/fuse/contents.h"
#include "coffer/engines/fuse/counting.h"
#include "coffer/engines/fuse/sealed_names.h"
#include "coffer/files/file_head.h"
#include "coffer/store/coffer.h"

namespace coffer::fusefs {

class CofferContents final : public Contents {
 public:
  // `store`: the backing directory, canonical. All that is below it is that store's. `names`: of a store whose names
  // are encrypted.
  static Result<std::unique_ptr<CofferContents>> open(std::shared_ptr<Coffer> coffer, std::string store,
                                                      std::shared_ptr<SealedNames> names, bool read_only);

  Result<std::unique_ptr<NewBody>> prepare(const std::string& path) override;
  // A file of which a crash has left no header is empty, and gets one if it may be written. Errors as
  // Coffer::open_file(); kPlaintext for what is none of Coffer's files. One whose header is lost is begun anew if it is
  // to be cut.
  Result<std::unique_ptr<FileBody>> open(Descriptor file, const std::string& path, Opening opening,
                                         FileClass* found) override;
  Result<uint64_t> shown_size(Descriptor file, const std::string& path, uint64_t physical_size) override;

  bool is_read_only() const override { return read_only_; }
  SealedNames* names() const override { return names_.get(); }
  Counting* counting() override { return &counting_; }
  bool paths_matter() const override { return !coffer_->config().domains.empty(); }
  Status let_in(const std::string& from, const std::string& to) override;
  Status move_directory(const std::string& from, const std::string& to, const std::function<bool()>& rename) override;
  Status removed_directory(const std::string& path) override;

  bool were_keys_taken() override;
  std::string news() override;

 private:
  CofferContents(std::shared_ptr<Coffer> coffer, std::string store, const Id& store_id,
                 std::shared_ptr<SealedNames> names, bool read_only)
      : coffer_(std::move(coffer)),
        store_(std::move(store)),
        store_id_(store_id),
        names_(std::move(names)),
        read_only_(read_only),
        counting_(*coffer_, store_id_) {}
  // As coffer.yaml has the path, where names are encrypted below: there it is the one that the mount shows.
  Result<std::string> shown(const std::string& path) const;
  Result<OpenedFile> unlock(const EnvelopeScan& scan, const std::string& path);
  Result<uint64_t> found_size(const FileHead& head, const std::shared_ptr<const ReadableFile>& file,
                              const std::string& path, uint64_t physical_size);
  // Of a new file, as coffer.yaml has it.
  Result<Kind> kind_for(const std::string& path) const;
  Result<NewFile> header_for(const std::string& path, Kind kind);
  Result<std::unique_ptr<FileBody>> begin_with(NewFile header, Descriptor file, const std::string& path);
  AppendedFile appended(Descriptor file, const std::string& path, Kind kind, bool writable);
  // A file without a header. What stands behind where that was goes.
  Result<std::unique_ptr<FileBody>> begin_again(Descriptor file, const std::string& path);
  // Its pages may be in the kernel's cache from now on.
  void remember(const KeyLease& lease);

  const std::shared_ptr<Coffer> coffer_;
  const std::string store_;
  const Id store_id_;
  const std::shared_ptr<SealedNames> names_;
  const bool read_only_;
  Counting counting_;
  std::mutex mutex_;
  std::map<const KeyGate*, KeyLease> leases_;  // the newest of each domain that was used; guarded by mutex_
  // Of the one thread that asks for news.
  uint64_t keyring_news_seen_ = 0, policy_news_seen_ = 0;
  bool warned_of_memory_ = false;
};

}  // namespace coffer::fusefs
