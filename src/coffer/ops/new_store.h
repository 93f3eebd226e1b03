// A new store of files that came from elsewhere, under headers of this coffer: what a receiver of streams and a restore
// have in common. It grows beside its place (ops/arrival.h), and gets its name at once.
#pragma once

#include "coffer/ops/arrival.h"
#include "coffer/store/coffer.h"

namespace coffer {

// Not thread-safe. What it is made of outlives it.
class NewStore {
 public:
  // The directory as it will be known, without links. kUnsupported below a store with encrypted names.
  static Result<std::string> place_of(const Coffer& coffer, const std::string& directory);
  // Errors as Arrival::begin(). `place`: place_of()
  static Result<NewStore> begin(Coffer& coffer, const std::string& place);

  Arrival& arrival() { return arrival_; }
  // Open for writing what stands behind `file.from` bytes of its body, behind a header that this coffer makes: under
  // the domain's key, or, where it is empty, that of coffer.yaml for its path. `key` wraps the file's own in the file's
  // record. Errors as Coffer::new_file() and FileStreamKey::unwrap().
  Result<std::unique_ptr<WritableFile>> open(const StreamedFile& file, const FileStreamKey& key,
                                             const std::string& domain);
  // It is durable and has its name, and is a store of the coffer's.
  Status finish(const std::vector<StreamedFile>& files);
  // The same error, and where what has come of it is, if anything has.
  static Status explained(const Coffer& coffer, const std::string& place, const Status& failed);

 private:
  NewStore(Coffer& coffer, std::string place, Arrival arrival)
      : coffer_(coffer), place_(std::move(place)), arrival_(std::move(arrival)) {}

  Coffer& coffer_;
  const std::string place_;
  Arrival arrival_;
};

}  // namespace coffer
