// What the commands `coffer kmip …` have in common: which servers are meant, and how a key there reads.
#pragma once

#include "coffer/cli/command.h"
#include "coffer/cli/console.h"
#include "coffer/net/kmip/client.h"

namespace coffer::cli {

Operand kmip_group_operand();
Operand kmip_id_operand();
Flag kmip_config_flag();
Flag kmip_namespace_flag();
Flag kmip_namespace_attribute_flag();

// The operand GROUP with --config: a group of kmip_hosts in coffer.yaml, or a kmip:// address.
Result<kmip::Client> kmip_client(const Arguments& arguments);

// --namespace and --namespace-attribute, checked.
Result<kmip::KeySpace> kmip_key_space(const Arguments& arguments);

Json kmip_key_json(const kmip::KeyAttributes& key);
// ID, NAME, CIPHER, STATE, ACTIVATION, CREATION, PROTECT STOP, KEY SPACE.
std::string kmip_key_table(std::span<const kmip::KeyAttributes> keys);
// "key 42 (root, AES-256, active)".
std::string kmip_key_text(const kmip::KeyAttributes& key);

}  // namespace coffer::cli
