// A complete file of a kind that is written once, opened for writing again: it may be synced, and, on its way out, cut.
#pragma once

#include "coffer/files/body.h"

namespace coffer {

// `physical_size` says where a logical size ends in the file.
Result<ReopenedFile> reopen_complete(const EnvelopeFields& fields, uint64_t logical_size, EngineRole role,
                                     uint64_t (*physical_size)(const EnvelopeFields& fields, uint64_t logical_size));

}  // namespace coffer
