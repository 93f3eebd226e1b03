// Opening what stands in the base file system: the header read, unlocked and authenticated.
#pragma once

#include "coffer/engines/rocksdb/base_reader.h"
#include "coffer/store/coffer.h"

namespace coffer::rocks {

// What every file object needs.
struct Context {
  std::shared_ptr<Coffer> coffer;
  std::shared_ptr<::rocksdb::FileSystem> base;
};

struct ExistingFile {
  std::shared_ptr<const BaseReader> reader;
  uint64_t physical_size = 0;
  // No header reached the disk: nothing of it was ever synced. Then `opened` is void.
  bool never_written = false;
  Status refusal;  // why `opened` is void, else: kPlaintext, kWrongKey, kDamaged … as Coffer::open_file()
  OpenedFile opened;
};

// How errors about the bytes of `path` are to be told.
Distrust distrust_of(const std::string& path);

// Fails only as the base file system does, for example when there is no such file.
IOStatus look_at_existing(const Context& context, const std::string& path, const ::rocksdb::FileOptions& options,
                          ExistingFile* file, IODebugContext* dbg);
// The same, and a refusal is an error.
IOStatus open_existing(const Context& context, const std::string& path, const ::rocksdb::FileOptions& options,
                       ExistingFile* file, IODebugContext* dbg);
// The plaintext's size.
IOStatus measure_existing(const Context& context, const std::string& path, const ExistingFile& file, uint64_t* size);

}  // namespace coffer::rocks
