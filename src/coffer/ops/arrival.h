// The directory in which files arrive until it is whole, and gets its name. Part of ops/receive.
#pragma once

#include <set>

#include "coffer/ops/had_files.h"

namespace coffer {

// Held by one process at a time. Not thread-safe.
class Arrival {
 public:
  // For `directory`, which is not there or empty: kAlreadyExists else. kBusy; kPermissionDenied for one that others may
  // write to. REQUIRES: the path of what `directory` is in has no links
  static Result<Arrival> begin(Disk& disk, std::string directory);

  // kConflict unless what the stream leaves out is here.
  Status check_had(const std::vector<StreamedFile>& files) const;
  // Whether all of its body is here, and nothing else behind it. REQUIRES: `file.had` is the digest of all of it
  bool has_body(const StreamedFile& file) const;
  // Removes what is none of these.
  Status keep_only(const std::vector<StreamedFile>& files);
  // Open for writing what stands behind `file.from` bytes of its body, of which nothing is there.
  Result<std::unique_ptr<WritableFile>> open(const StreamedFile& file);
  // Makes all of it durable, and gives it its name.
  Status finish();

 private:
  Arrival(Disk& disk, std::string directory, std::string place, std::unique_ptr<FileLock> lock)
      : disk_(disk), directory_(std::move(directory)), place_(std::move(place)), lock_(std::move(lock)) {}

  std::string lock_path() const;
  Status remove_others(const std::string& below, const std::set<std::string_view>& names);
  Status make_parents(const std::string& name);

  Disk& disk_;
  const std::string directory_;
  const std::string place_;
  std::unique_ptr<FileLock> lock_;
  std::string last_parent_;
};

}  // namespace coffer
