// Whether other programs of this node serve the coffer too: each that does holds a lock on one byte of a file in the
// coffer's directory, and whoever could lock all of them is alone.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "coffer/io/disk.h"

namespace coffer {

inline constexpr std::string_view kServingMarkName = "nodes.lock";

// Not thread-safe. A child of fork() that keeps the file counts as serving.
class ServingMark {
 public:
  ServingMark(Disk& disk, const std::string& directory)
      : disk_(disk), path_(directory + "/" + std::string(kServingMarkName)) {}

  // Held from now on, if it was not. kBusy while the last program before this one says that it has ended.
  Status hold();
  // Lets go of it. Whether nobody else holds one; then nobody begins to until `out` goes.
  bool is_last(std::unique_ptr<WritableFile>& out);

 private:
  Result<std::unique_ptr<WritableFile>> open() const;

  Disk& disk_;
  const std::string path_;
  std::unique_ptr<WritableFile> held_;
};

}  // namespace coffer
