// What the commands about domain keys have in common.
#pragma once

#include "coffer/cli/command.h"
#include "coffer/ops/json.h"
#include "coffer/keys/keyring.h"

namespace coffer::cli {

Json key_json(const std::string& domain, const DomainKeyEntry& key);
Operand key_operand();

}  // namespace coffer::cli
