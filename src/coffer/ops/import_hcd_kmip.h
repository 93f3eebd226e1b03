// HCD's and DSE's section kmip_hosts, whose words Coffer's own has, too.
#pragma once

#include "coffer/config/yaml_reader.h"
#include "coffer/ops/import_config.h"

namespace coffer {

// Every group, without its passwords: notes say where those are to be put.
Status import_kmip_hosts(const YamlReader& reader, const YAML::Node& section, Imported& out);

}  // namespace coffer
