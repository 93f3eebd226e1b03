// What tells a server's data directory of another coffer, or of other key ids, before the server has touched it: with
// wrong keys InnoDB calls its log or a table damaged, and advises what would damage it. The file's form:
// docs/format.md, "Keys of MariaDB servers".
#pragma once

#include "coffer/store/coffer.h"

namespace coffer::mariadb {

inline constexpr const char* kCheckFile = "coffer_key_management.check";

// Compares the file at `path` with the keys that coffer.yaml's ids lead to, and adds what it does not have. kWrongKey:
// the directory's data is under other keys; kNotFound: it has an id that coffer.yaml does not list; kDamaged,
// kUnsupported: what nobody wrote. A key that is not to be had now is compared another time.
Status check_data_directory(Coffer& coffer, const std::string& path);

}  // namespace coffer::mariadb
