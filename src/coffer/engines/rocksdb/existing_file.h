// Opening what stands in the base file system: the header read, and unlocked where that is needed.
#pragma once

#include "coffer/engines/rocksdb/base_reader.h"
#include "coffer/engines/rocksdb/file_name.h"
#include "coffer/files/file_head.h"
#include "coffer/files/plaintext_list.h"
#include "coffer/store/coffer.h"

namespace coffer::rocks {

// What every file object needs.
struct Context {
  std::shared_ptr<Coffer> coffer;
  std::shared_ptr<::rocksdb::FileSystem> base;
  // What stores in transition still have in clear.
  std::shared_ptr<AcceptedPlaintext> plaintext;
};

struct ExistingFile {
  std::shared_ptr<const BaseReader> reader;
  uint64_t physical_size = 0;
  FileHead head;
  OpenedFile opened;  // after open_existing(), unless the file was never written

  bool never_written() const { return head.is(FileHead::What::kNothing); }
  // For the floors below, which take any ReadableFile.
  std::shared_ptr<const BaseReadableFile> readable(const Context& context, const std::string& path) const {
    return std::make_shared<BaseReadableFile>(reader, context.base, path);
  }
};

// How errors about the bytes of `path` are to be told.
Distrust distrust_of(const std::string& path);

// Reads the header, with no key. Fails only as the base file system does, for example when there is no such file.
IOStatus look_at_existing(const Context& context, const std::string& path, const ::rocksdb::FileOptions& options,
                          ExistingFile* file, IODebugContext* dbg);
// The same, and gets the file's key: a header that is refused is an error.
IOStatus open_existing(const Context& context, const std::string& path, const ::rocksdb::FileOptions& options,
                       ExistingFile* file, IODebugContext* dbg);

// Whether it is a plaintext file that may be read as it stands. False for what cannot be looked at.
bool is_accepted_plaintext(const Context& context, const std::string& path, const ::rocksdb::FileOptions& options,
                           IODebugContext* dbg);

}  // namespace coffer::rocks
