// JSON as Coffer writes it for machines: members in the order in which they are named.
#pragma once

#include <nlohmann/json.hpp>

namespace coffer {

using Json = nlohmann::ordered_json;

}  // namespace coffer
