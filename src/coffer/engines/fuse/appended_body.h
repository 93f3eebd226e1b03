// Files of a mount that grow at their end and change nowhere else: of kind blocks or log. docs/mount.md,
// docs/adr/0040.
#pragma once

#include "coffer/engines/fuse/contents.h"
#include "coffer/store/coffer.h"

namespace coffer::fusefs {

// What such a file needs besides its key.
struct AppendedFile {
  std::shared_ptr<Coffer> coffer;
  std::string path;
  Descriptor file;
  bool writable = false;
  // A header of the same kind, for when it is cut to nothing: then it is another file.
  std::function<Result<NewFile>()> fresh;
};

// New and empty.
Result<std::unique_ptr<FileBody>> begin_appended(AppendedFile file, NewFile header);
// A blocks file that a crash, or somebody, has cut opens if it may be written: then it can be cut to nothing, and every
// read says what is wrong.
Result<std::unique_ptr<FileBody>> open_appended(AppendedFile file, const OpenedFile& opened);

}  // namespace coffer::fusefs
