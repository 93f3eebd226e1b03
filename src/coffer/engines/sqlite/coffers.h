// The coffers that databases of this process are in: opened once, and kept until it ends.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "coffer/store/coffer.h"

namespace coffer::sqlite {

// `place` is a coffer's directory or its configuration file. Thread-safe. Errors as Coffer::open().
Result<std::shared_ptr<Coffer>> coffer_at(const std::string& place);
// Those that this process has opened.
std::vector<std::shared_ptr<Coffer>> open_coffers();

}  // namespace coffer::sqlite
