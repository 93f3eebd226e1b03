// Serving a store: what all processes that do have in common.
#pragma once

#include <functional>

#include "coffer/cli/command.h"
#include "coffer/cli/console.h"
#include "coffer/engines/fuse/session.h"

namespace coffer::cli {

// The store and the options that all commands that mount have. `store` need not be canonical.
Result<fusefs::MountRequest> mount_request(const Arguments& arguments, const std::string& store);
// Where lines go while it is served. `stays`: somebody sees standard error.
Result<fusefs::TroubleLog::Write> open_mount_log(const Arguments& arguments, Console& console, bool stays);

struct ServingSteps {
  // Everything is there that may fail.
  std::function<Status()> prepared = [] { return Status::ok(); };
  // The kernel has taken the mount up.
  std::function<void()> ready = [] {};
};
// Opens the coffer, locks the store, mounts it, and serves it until it is unmounted.
Status serve_store(const Arguments& arguments, const fusefs::MountRequest& request, fusefs::TroubleLog& log,
                   const ServingSteps& steps);

}  // namespace coffer::cli
