// The encryption plug-in of MariaDB: hands the server keys of a coffer's domains, and leaves the ciphers to the server.
// docs/mariadb.md.
#include <mysql/plugin.h>
#include <mysql/plugin_encryption.h>
#include <mysql/service_encryption.h>
#include <mysql/service_my_print_error.h>

#include <algorithm>
#include <cstring>

#include "coffer/base/advice.h"
#include "coffer/base/text.h"
#include "coffer/engines/mariadb/data_directory.h"
#include "coffer/engines/mariadb/server_keys.h"
#include "coffer/providers/registry.h"
#include "coffer/version.h"

namespace {

using coffer::mariadb::ServerKeys;
using coffer::mariadb::Severity;

constexpr unsigned kUnknownError = 1105;  // the server's ER_UNKNOWN_ERROR
constexpr unsigned kPluginVersion = coffer::kVersionMajor << 8 | coffer::kVersionMinor;

char* coffer_path = nullptr;  // the server's copy of the variable
// From init to deinit, between which the server asks for keys.
std::unique_ptr<ServerKeys> server_keys;

void report(Severity severity, const std::string& line) {
  const unsigned long flags = ME_ERROR_LOG_ONLY | (severity == Severity::kNote ? ME_NOTE : 0);
  my_printf_error(kUnknownError, "coffer_key_management: %s", flags, coffer::printable(line).c_str());
}

coffer::Status open() {
  // The server's current directory is its data directory, which is not what somebody means.
  if (coffer_path == nullptr || *coffer_path != '/') {
    return {coffer::Code::kInvalidArgument,
            "no coffer is named; set coffer_key_management_coffer to the absolute path of a coffer's directory or "
            "configuration file"};
  }
  COFFER_ASSIGN(auto coffer, coffer::Coffer::open(coffer::Disk::posix(), coffer_path,
                                                  {.open_anchor = coffer::open_anchor,
                                                   .open_keyring_store = coffer::open_keyring_store,
                                                   .waits_its_turn = true},
                                                  coffer::open_provider));
  if (coffer->config().mariadb_keys.empty()) {
    return {coffer::Code::kInvalidArgument, coffer->config_path() +
                                                " says nothing of MariaDB's key ids; add \"mariadb: {keys: {1: "
                                                "system}}\""};
  }
  // The server has its data directory as its current one by now.
  COFFER_TRY(coffer::mariadb::check_data_directory(*coffer, coffer::mariadb::kCheckFile));
  server_keys = std::make_unique<ServerKeys>(std::move(coffer), report);
  return coffer::Status::ok();
}

// With coffer_key_management = FORCE, a server does not start unless this succeeds.
int init(void*) {
  coffer::Status opened;
  try {
    opened = open();
  } catch (const std::exception& e) {
    opened = coffer::Status(coffer::Code::kInternal, e.what());
  }
  if (opened.is_ok()) return 0;
  const coffer::Advice advice = coffer::advice_for(opened);
  const std::string which = coffer_path != nullptr ? std::string("coffer ") + coffer_path + ": " : "";
  report(Severity::kError, which + advice.message + (advice.hint.empty() ? "" : "; " + advice.hint));
  return 1;
}

int deinit(void*) {
  server_keys.reset();
  return 0;
}

unsigned get_latest_key_version(unsigned key_id) {
  try {
    return server_keys->latest_version(key_id).value_or(ENCRYPTION_KEY_VERSION_INVALID);
  } catch (const std::exception& e) {
    report(Severity::kError, e.what());
    return ENCRYPTION_KEY_VERSION_INVALID;
  }
}

unsigned get_key(unsigned key_id, unsigned version, unsigned char* key, unsigned* size) {
  try {
    const auto found = server_keys->key(key_id, version);
    if (!found) return ENCRYPTION_KEY_VERSION_INVALID;
    const unsigned room = key == nullptr ? 0 : *size;
    *size = static_cast<unsigned>(found->size());
    if (room < found->size()) return ENCRYPTION_KEY_BUFFER_TOO_SMALL;
    std::ranges::copy(found->reveal(), key);
    return 0;
  } catch (const std::exception& e) {
    report(Severity::kError, e.what());
    return ENCRYPTION_KEY_VERSION_INVALID;
  }
}

st_mariadb_encryption descriptor = {
    MariaDB_ENCRYPTION_INTERFACE_VERSION,
    get_latest_key_version,
    get_key,
    // None of ours: the server takes its own AES.
    nullptr,
    nullptr,
    nullptr,
    nullptr,
    nullptr,
};

MYSQL_SYSVAR_STR(coffer, coffer_path, PLUGIN_VAR_RQCMDARG | PLUGIN_VAR_READONLY,
                 "The coffer whose keys the server uses: its directory, or its configuration file", nullptr, nullptr,
                 nullptr);

st_mysql_sys_var* variables[] = {MYSQL_SYSVAR(coffer), nullptr};

}  // namespace

maria_declare_plugin(coffer_key_management){
    MariaDB_ENCRYPTION_PLUGIN,
    &descriptor,
    "coffer_key_management",
    "Coffer",
    "Keys of a coffer's domains for encryption at rest",
    PLUGIN_LICENSE_BSD,  // of those the server has a word for, the nearest to ours
    init,
    deinit,
    kPluginVersion,
    nullptr,
    variables,
    coffer::kVersion.data(),  // it ends with a zero
    MariaDB_PLUGIN_MATURITY_BETA,
} maria_declare_plugin_end;
