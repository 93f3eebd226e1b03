#include "coffer/cli/engines.h"

#include "coffer/engines/fuse/store_lock.h"
#include "coffer/engines/rocksdb/records.h"

namespace coffer::cli {
namespace {

// That no mount begins while files are written anew is the mount's part: it looks for that first (mounting.cc).
class AllEngines final : public EngineRecords {
 public:
  Reliance reliance_on(Coffer& coffer, const std::string& path) const override {
    return rocks::records().reliance_on(coffer, path);
  }
  std::string database_of(Disk& disk, const std::string& path) const override {
    std::string mounted = fusefs::mounted_store_of(path);
    return mounted.empty() ? rocks::records().database_of(disk, path) : mounted;
  }
  Result<std::unique_ptr<FileLock>> keep_out(const std::string& directory) const override {
    if (fusefs::mounted_store_of(directory).empty()) return rocks::records().keep_out(directory);
    return fusefs::lock_store(directory);
  }
  bool in_use(const std::string& path) const override {
    return !fusefs::mounted_store_of(path).empty() || rocks::records().in_use(path);
  }
};

}  // namespace

const EngineRecords& engine_records() {
  static const AllEngines instance;
  return instance;
}

}  // namespace coffer::cli
