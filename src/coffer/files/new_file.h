// The header and the writer of a new file, by what it is to its engine and where it stands.
#pragma once

#include "coffer/files/body.h"

namespace coffer {

struct NewFilePlace {
  std::string path;             // absolute
  std::string store_directory;  // the store it belongs to, or a directory of it
  EngineRole role = EngineRole::kOther;
  std::string domain;           // of a kData file; empty: the one that coffer.yaml has for the path
  bool confirms_store = false;  // a database is in store_directory if this file is
  // The file that gets this name and identity, and keeps its bytes.
  const ReadableFile* recycled = nullptr;
  std::optional<Kind> kind = {};  // nothing: that of the role
};

// Nothing is written: an engine that keeps an old file of this name until there is a key has lost nothing.
Result<NewFile> new_header(Coffer& coffer, const NewFilePlace& place);
Result<std::unique_ptr<FileWriter>> new_writer(std::shared_ptr<Coffer> coffer, NewFile header, EngineRole role);

}  // namespace coffer
