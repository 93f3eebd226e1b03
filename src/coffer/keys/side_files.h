// Small files in a directory beside a keyring in a file: reports of nodes, node slots. Whoever writes there is not
// believed for it, and no name leads elsewhere.
#pragma once

#include <string>
#include <vector>

#include "coffer/io/disk.h"

namespace coffer {

// DIRECTORY/NAME ‖ end for each. Functions are thread-safe; errors are the disk's, and kInvalidArgument where
// `directory` is a symbolic link.
struct SideFiles {
  Disk& disk;
  std::string directory;
  std::string_view end;
  size_t size_max;

  // Old or new after a crash. REQUIRES: `name` has no slash.
  Status save(const std::string& name, ByteView value) const;
  // What is too large comes with one byte too many. kNotFound.
  Result<Bytes> load(const std::string& name) const;
  // Of all files that end so; nothing where there is no directory.
  Result<std::vector<std::string>> names() const;
  // Ok where there is none.
  Status remove(const std::string& name) const;

 private:
  std::string path_of(const std::string& name) const { return directory + "/" + name + std::string(end); }
};

}  // namespace coffer
