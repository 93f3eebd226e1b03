// Adding to coffer.yaml without disturbing what its owner wrote there.
#pragma once

#include "coffer/config/config.h"

namespace coffer::cli {

// `yaml` with one more entry under "domains", comments and order kept. kUnsupported when the file is written in a way
// that leaves no line to add to; the message then holds the lines to add by hand.
Result<std::string> with_domain_path(std::string_view yaml, const DomainPath& entry,
                                     const std::string& name_for_errors);

}  // namespace coffer::cli
