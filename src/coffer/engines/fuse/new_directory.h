// Making a directory in a store whose names are encrypted.
#pragma once

#include "coffer/engines/fuse/file_system.h"

namespace coffer::fusefs {

// It gets its name once its own file is durable, with its key: else a crash could leave a directory in which no name
// can be read. 0, or an error number.
int make_sealed_directory(FileSystem& files, Inode& parent, const std::string& below, mode_t mode,
                          const fuse_ctx& caller);

}  // namespace coffer::fusefs
