// One section of AWS's shared files, ~/.aws/credentials and ~/.aws/config, read where it stands.
#pragma once

#include <optional>

#include "coffer/base/bytes.h"

namespace coffer::aws_kms {

// A view into the text: the value of `name` in [section], without blanks around it. Lines that are indented belong to
// the setting above them and are passed over; # and ; begin comments. Of several the last counts.
std::optional<std::string_view> ini_value(std::string_view text, std::string_view section, std::string_view name);

}  // namespace coffer::aws_kms
