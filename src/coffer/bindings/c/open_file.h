// What stands behind a coffer_file_t: a file that is read, one that is written, or one that is changed in place.
#pragma once

#include "coffer/bindings/c/callback_file.h"
#include "coffer/files/new_file.h"
#include "coffer/files/pages_file.h"

namespace coffer::bindings {

// Errors do not name the file.
class OpenFile {
 public:
  virtual ~OpenFile() = default;

  virtual Result<uint64_t> size() = 0;
  // Fewer bytes only at the end of the file.
  virtual Result<size_t> read_at(uint64_t offset, MutableBytes out);
  virtual Status append(ByteView data);
  virtual Status write_at(uint64_t offset, ByteView data);
  virtual Status truncate(uint64_t size);
  virtual Status punch_hole(uint64_t offset, uint64_t size);
  virtual Status sync();
  virtual Status close() { return Status::ok(); }
};

struct FileRequest {
  std::string path;  // absolute
  EngineRole role = EngineRole::kOther;
  std::string domain = {};
  coffer_io_t io;
};

// `pages`: of PagesFile::create() or open(), on the file that the callbacks reach.
std::unique_ptr<OpenFile> changing_file(std::unique_ptr<PagesFile> pages);

Result<std::unique_ptr<OpenFile>> create_file(const std::shared_ptr<Coffer>& coffer, const FileRequest& request);
Result<std::unique_ptr<OpenFile>> open_to_read(const std::shared_ptr<Coffer>& coffer, const FileRequest& request);
Result<std::unique_ptr<OpenFile>> open_to_append(const std::shared_ptr<Coffer>& coffer, const FileRequest& request);

}  // namespace coffer::bindings
