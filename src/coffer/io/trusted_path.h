// Who can change what stands at a path: the question before anything is believed that a file says.
#pragma once

#include <string>

#include "coffer/io/disk.h"

namespace coffer {

// Ok if the file, as `path` leads to it through symbolic links, and the directory it is in belong to root or to the
// user who runs this and nobody else may write to them, and nobody else may write to a directory further up. Where the
// sticky bit keeps everybody's names their own, as in /tmp, a directory may be written to. The same of the directories
// that links in `path` are in, without that exception: whoever can change a link chooses what is read.
// kPermissionDenied otherwise: names what is wrong and what corrects it. Owners of directories further up are not
// asked: containers and home directories have them of all kinds.
Status check_only_owner_changes(Disk& disk, const std::string& path);

}  // namespace coffer
