#include "coffer/crypto/library.h"

#include <openssl/conf.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/provider.h>

#include <atomic>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <thread>

#include "coffer/crypto/openssl_handles.h"

namespace coffer {
namespace {

constexpr const char* kFipsProvider = "fips";
constexpr const char* kOnlyFips = "fips=yes";

using LibraryOwner = std::unique_ptr<OSSL_LIB_CTX, OpenSslFree<OSSL_LIB_CTX_free>>;
using ConfOwner = std::unique_ptr<CONF, OpenSslFree<NCONF_free>>;

enum class Mode : uint8_t { kUndecided, kHost, kProvider };

std::atomic<Mode> decided_mode{Mode::kUndecided};
// Set before the mode is kProvider, and kept to the end of the process.
OSSL_LIB_CTX* own_library = nullptr;
OSSL_PROVIDER* own_provider = nullptr;

// A value as OpenSSL's configuration files have it.
std::string conf_quoted(std::string_view value) {
  std::string out = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

// What the process's openssl.cnf says of the provider; empty if nothing.
std::string section_of_provider(const char* name) {
  struct Text {
    char* text;
    ~Text() { OPENSSL_free(text); }
  };
  const Text path{CONF_get1_default_config_file()};
  const ConfOwner conf(NCONF_new(nullptr));
  if (path.text == nullptr || conf == nullptr || NCONF_load(conf.get(), path.text, nullptr) != 1) return {};
  const char* at = NCONF_get_string(conf.get(), nullptr, "openssl_conf");
  if (at != nullptr) at = NCONF_get_string(conf.get(), at, "providers");
  if (at != nullptr) at = NCONF_get_string(conf.get(), at, name);
  const STACK_OF(CONF_VALUE)* values = at == nullptr ? nullptr : NCONF_get_section(conf.get(), at);
  std::string out;
  for (int i = 0; values != nullptr && i < sk_CONF_VALUE_num(values); ++i) {
    const CONF_VALUE* value = sk_CONF_VALUE_value(values, i);
    // Activated it is by whoever loads it, and hears why not.
    if (std::string_view(value->name) == "activate") continue;
    out += std::string(value->name) + " = " + conf_quoted(value->value) + "\n";
  }
  return out;
}

// The provider's parameters, such as the MAC that the FIPS provider must have. No more is taken of that file: the rest
// of it would change what all of the process shares.
void configure(OSSL_LIB_CTX* library, const char* name) {
  const std::string section = section_of_provider(name);
  if (section.empty()) return;
  const std::string text = "openssl_conf = all\n[all]\nproviders = providers\n[providers]\n" + std::string(name) +
                           " = provider\n[provider]\n" + section;
  const BioHandle bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  const ConfOwner conf(NCONF_new_ex(library, nullptr));
  if (bio == nullptr || conf == nullptr || NCONF_load_bio(conf.get(), bio.get(), nullptr) != 1) return;
  CONF_modules_load(conf.get(), nullptr, 0);
}

// The first error, which is the cause of the others, with what OpenSSL has to add: what the dynamic linker said.
std::string first_reason() {
  const char* data = nullptr;
  int flags = 0;
  const char* reason = ERR_reason_error_string(ERR_peek_error_data(&data, &flags));
  std::string out = reason == nullptr ? "unknown reason" : reason;
  if (data != nullptr && (flags & ERR_TXT_STRING) != 0 && *data != '\0') out += ", " + std::string(data);
  return out;
}

Status cannot_be_loaded(const char* name) {
  return {Code::kUnsupported,
          "OpenSSL's provider \"" + std::string(name) + "\" cannot be loaded: " + first_reason() +
              "; install it and enter it in OpenSSL's configuration with openssl fipsinstall, or take crypto: fips out "
              "of the configuration"};
}

struct Loaded {
  LibraryOwner library;
  OSSL_PROVIDER* provider = nullptr;  // of the library
};

Result<Loaded> load(const char* name) {
  Loaded out;
  out.library.reset(OSSL_LIB_CTX_new());
  OSSL_LIB_CTX* const library = out.library.get();
  if (library == nullptr) return {Code::kInternal, "OpenSSL has no memory"};
  configure(library, name);
  ERR_clear_error();  // of what that file may lack
  out.provider = OSSL_PROVIDER_load(library, name);
  if (out.provider == nullptr) return cannot_be_loaded(name);
  // Readers of PEM and DER, without any algorithm.
  if (OSSL_PROVIDER_load(library, "base") == nullptr) return cannot_be_loaded("base");
  // Of everything that is ever fetched here.
  if (EVP_set_default_properties(library, kOnlyFips) != 1) return cannot_be_loaded(name);
  return out;
}

// On a thread of its own, whose queue of errors holds none of the caller's.
Result<Loaded> load_aside(const char* name) {
  std::optional<Result<Loaded>> out;
  std::thread([&] { out = load(name); }).join();
  return std::move(*out);
}

Status decided_otherwise() {
  return {Code::kInvalidArgument,
          "this process has used other implementations already; open this coffer in a process of its own, or before "
          "those without crypto: fips"};
}

}  // namespace

Status require_provider(const char* name) {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  if (decided_mode.load() == Mode::kProvider) return Status::ok();
  if (decided_mode.load() == Mode::kHost) return decided_otherwise();
  const char* wish = std::getenv("COFFER_CRYPTO");
  if (wish != nullptr && *wish != '\0') {
    return {Code::kInvalidArgument,
            "COFFER_CRYPTO=" + std::string(wish) + " asks for another implementation; unset it"};
  }
  COFFER_ASSIGN(Loaded loaded, load_aside(name));
  own_library = loaded.library.get();
  own_provider = loaded.provider;
  Mode expected = Mode::kUndecided;
  if (!decided_mode.compare_exchange_strong(expected, Mode::kProvider)) return decided_otherwise();
  (void)loaded.library.release();
  return Status::ok();
}

Status require_fips() { return require_provider(kFipsProvider); }

bool is_fips() { return decided_mode.load(std::memory_order_acquire) == Mode::kProvider; }

OSSL_LIB_CTX* openssl_library() {
  Mode mode = decided_mode.load(std::memory_order_acquire);
  if (mode == Mode::kUndecided && decided_mode.compare_exchange_strong(mode, Mode::kHost)) return nullptr;
  return mode == Mode::kProvider ? own_library : nullptr;
}

bool is_host_openssl_fips() { return EVP_default_properties_is_fips_enabled(nullptr) == 1; }

std::string openssl_version() { return OpenSSL_version(OPENSSL_VERSION_STRING); }

std::string fips_provider_version() {
  if (!is_fips()) return {};
  char* version = nullptr;
  OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_ptr(OSSL_PROV_PARAM_VERSION, &version, 0),
                         OSSL_PARAM_construct_end()};
  return OSSL_PROVIDER_get_params(own_provider, params) == 1 && version != nullptr ? version : "of unknown version";
}

}  // namespace coffer
