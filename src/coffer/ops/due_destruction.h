// Keys that the policy wants destroyed: what keeps them, here and on other nodes.
#pragma once

#include "coffer/keys/policy.h"
#include "coffer/ops/rewrap.h"

namespace coffer {

// Which keys are to go, and are needed neither here nor, as they have said, by other nodes. Reads every header of every
// remembered store where there may be one. `problems`: what keeps the others.
Result<std::vector<DueAction>> find_due_destructions(Coffer& coffer, const Policy& policy,
                                                     std::vector<FileProblem>& problems);
// First answers what other nodes ask, and asks them; then destroys these. Of several nodes that do so at once one does.
Result<std::vector<DueAction>> destroy_what_is_due(Coffer& coffer, const Policy& policy,
                                                   std::vector<FileProblem>& problems);

}  // namespace coffer
