// Set-user-ID and set-group-ID bits, which a change of a file takes away unless its writer has CAP_FSETID.
//
// A kernel that looks after them by itself asks before each write(2) whether the file has capabilities: one more
// request, as dear as the write. Told that the file system does it (FUSE_HANDLE_KILLPRIV_V2) it asks once, and says
// with each change whether they have to go. libfuse 3.14 does not know of this, so it is said and heard where bytes
// pass.
// Capabilities go with the first byte that is written to the backing file, whoever writes it.
#pragma once

#include <fuse3/fuse_lowlevel.h>

#include "coffer/engines/fuse/inode.h"

namespace coffer::fusefs {

// REQUIRES: it is mounted, and not yet served
Status look_after_set_ids(fuse_session* session);

// Before a change: takes them away, if the request that this thread is at work on does. 0, or an error number.
int drop_set_ids(const Inode& inode);

}  // namespace coffer::fusefs
