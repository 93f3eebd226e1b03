// Sealers whose salt the test chooses: for published vectors, worked examples and golden files. In the library a salt
// is always fresh, because one salt twice under one file key gives plaintext away.
#pragma once

#include "coffer/format/blocks.h"
#include "coffer/format/log.h"

namespace coffer {

class KnownSalt {
 public:
  static Result<BlocksSealer> blocks_sealer(const FileKey& file_key, Suite suite, int chunk_log2, ByteView context,
                                            ByteView salt) {
    return BlocksSealer::create_with(file_key, suite, chunk_log2, context, salt);
  }
  static Result<BlocksOpener> blocks_opener(const FileKey& file_key, Suite suite, int chunk_log2, ByteView context,
                                            ByteView prefix, uint64_t physical_size) {
    return BlocksOpener::create_with(file_key, suite, chunk_log2, context, prefix, physical_size);
  }
  static Result<LogSealer> log_sealer(const FileKey& file_key, const LogParams& params, const LogPosition& start,
                                      ByteView salt) {
    return LogSealer::create_with(file_key, params, start, salt);
  }
};

}  // namespace coffer
