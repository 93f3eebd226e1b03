#include "coffer/files/engine_role.h"

namespace coffer {

Kind kind_of(EngineRole role, const Config& config) {
  switch (role) {
    case EngineRole::kData: return config.data_kind;
    // A damaged end of theirs keeps the engine from opening: always of the kind that tells a torn end from damage.
    case EngineRole::kMetadata:
    case EngineRole::kWhole:
    case EngineRole::kTemporary: return Kind::kLog;
    case EngineRole::kInPlace: return Kind::kPages;
    case EngineRole::kLog:
    case EngineRole::kTrash:
    case EngineRole::kOther: break;
  }
  return config.log_kind;
}

bool ends_cleanly(EngineRole role) { return role == EngineRole::kWhole || role == EngineRole::kTemporary; }

bool may_be_empty(EngineRole role) { return role != EngineRole::kData && !ends_cleanly(role); }

}  // namespace coffer
