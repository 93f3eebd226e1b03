// A whole file that belongs to whom another one does.
#pragma once

#include "coffer/io/disk.h"

namespace coffer {

// As replace_file(), with the owner, group and mode of `like`, whether there was such a file or not: so whoever may use
// the one may use the other, whoever makes it first. kPermissionDenied where this user may not give that to a file.
Status replace_file_like(Disk& disk, const std::string& path, ByteView contents, const FileInfo& like);

}  // namespace coffer
