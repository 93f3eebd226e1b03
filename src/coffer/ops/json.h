// JSON as Coffer writes it for machines: members in the order in which they are named.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace coffer {

using Json = nlohmann::ordered_json;

// On one line. Of names with bytes that are no UTF-8, those are replaced.
inline std::string json_text(const Json& object) {
  return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace coffer
