#include "coffer/net/kmip/options.h"

#include <algorithm>

namespace coffer::kmip {
namespace {

constexpr uint64_t kTimeoutMillisMax = 600'000;
constexpr uint64_t kKeyCacheMillisMax = uint64_t{7} * 24 * 3600 * 1000;
constexpr uint64_t kRetriesMax = 10;

constexpr Choice<StoreType> kStoreTypes[] = {
    {"pem", StoreType::kPem}, {"pkcs12", StoreType::kPkcs12}, {"p12", StoreType::kPkcs12}, {"jks", StoreType::kJks}};
constexpr Choice<const char*> kProtocols[] = {{"TLS", ""}, {"TLSv1.2", "TLSv1.2"}, {"TLSv1.3", "TLSv1.3"}};
constexpr Choice<KeyUse> kUses[] = {{"auto", KeyUse::kAuto}, {"get", KeyUse::kGet}, {"encrypt", KeyUse::kEncrypt}};
constexpr Choice<int> kStrengths[] = {{"128", 128}, {"192", 192}, {"256", 256}};

// Where a store's options are: `pem` is the short form of a path to PEM.
struct StoreOptions {
  std::string prefix, pem;
};
const StoreOptions kIdentity{"keystore_", "cert"};
const StoreOptions kTrust{"truststore_", "ca"};

Status take_store(UriOptions& options, const StoreOptions& names, StorePlace& out) {
  COFFER_ASSIGN(const std::string pem, options.take_path(names.pem));
  COFFER_ASSIGN(out.path, options.take_path(names.prefix + "path"));
  COFFER_ASSIGN(out.type, options.take_choice(names.prefix + "type", kStoreTypes, StoreType::kPem));
  COFFER_ASSIGN(out.password, options.take_secret(names.prefix + "password"));
  if (pem.empty()) return Status::ok();
  if (!out.path.empty() || out.type != StoreType::kPem) {
    return options.wrong(names.pem, "the path of a PEM file, or else " + names.prefix + "path with its type");
  }
  out.path = pem;
  return Status::ok();
}

void add_secret_option(ProviderUri& uri, const std::string& name, const SecretSource& source) {
  if (!source.file.empty()) uri.options.emplace_back(name + "_file", source.file);
  if (!source.environment.empty()) uri.options.emplace_back(name + "_env", source.environment);
  if (!source.sealed.empty()) uri.options.emplace_back(name + "_sealed", source.sealed);
}

void append_store(const StorePlace& store, const StoreOptions& names, ProviderUri& uri) {
  const bool is_pem = store.type == StoreType::kPem;
  uri.options.emplace_back(is_pem ? names.pem : names.prefix + "path", store.path);
  if (!is_pem) uri.options.emplace_back(names.prefix + "type", store.type == StoreType::kJks ? "jks" : "pkcs12");
  if (!store.key_path.empty()) uri.options.emplace_back("key", store.key_path);
  add_secret_option(uri, names.prefix + "password", store.password);
}

Status take_cipher_suites(UriOptions& options, std::vector<std::string>& out) {
  const std::optional<std::string> text = options.take("cipher_suites");
  if (!text.has_value()) return Status::ok();
  for (const std::string_view suite : split_list(*text)) {
    const bool plain = std::ranges::all_of(
        suite, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_'; });
    if (suite.empty() || !plain) {
      return options.wrong("cipher_suites", "names of cipher suites, separated by commas");
    }
    out.emplace_back(suite);
  }
  return Status::ok();
}

Status take_version(UriOptions& options, std::optional<ProtocolVersion>& out) {
  const std::optional<std::string> text = options.take("kmip_version");
  if (!text.has_value()) return Status::ok();
  const auto found = std::ranges::find_if(kVersionsByPreference, [&](auto version) { return version.text() == *text; });
  if (found == std::end(kVersionsByPreference)) {
    return options.wrong("kmip_version", "1.0, 1.1, 1.2, 1.3, 1.4, 2.0 or 2.1");
  }
  out = *found;
  return Status::ok();
}

Status take_millis(UriOptions& options, std::string_view name, uint64_t smallest, uint64_t largest,
                   std::chrono::milliseconds& out) {
  COFFER_ASSIGN(const uint64_t millis,
                options.take_number(name, static_cast<uint64_t>(out.count()), smallest, largest));
  out = std::chrono::milliseconds(millis);
  return Status::ok();
}

}  // namespace

Status take_group_options(UriOptions& options, GroupSettings& out) {
  COFFER_TRY(take_store(options, kIdentity, out.tls.identity));
  COFFER_ASSIGN(out.tls.identity.key_path, options.take_path("key"));
  COFFER_TRY(take_store(options, kTrust, out.tls.trust));
  COFFER_TRY(take_millis(options, "timeout_millis", 1, kTimeoutMillisMax, out.timeout));
  COFFER_TRY(take_millis(options, "key_cache_millis", 0, kKeyCacheMillisMax, out.key_cache));
  COFFER_ASSIGN(const uint64_t retries,
                options.take_number("retries", static_cast<uint64_t>(out.retries), 0, kRetriesMax));
  out.retries = static_cast<int>(retries);
  COFFER_ASSIGN(out.tls.protocol, options.take_choice("protocol", kProtocols, ""));
  COFFER_TRY(take_cipher_suites(options, out.tls.cipher_suites));
  COFFER_ASSIGN(out.tls.verify_host, options.take_switch("verify_host", true));
  return take_version(options, out.version);
}

Status take_key_options(UriOptions& options, KeySettings& out) {
  out.key_namespace = options.take("namespace", "");
  out.namespace_attribute = options.take("namespace_attribute", "");
  out.algorithm = options.take("algorithm", out.algorithm);
  COFFER_ASSIGN(out.bits, options.take_choice("strength", kStrengths, out.bits));
  COFFER_ASSIGN(out.create, options.take_switch("create", false));
  out.operation_policy = options.take("policy", "");
  COFFER_ASSIGN(out.use, options.take_choice("use", kUses, KeyUse::kAuto));
  return Status::ok();
}

void append_options(const GroupSettings& group, ProviderUri& uri) {
  const GroupSettings usual;
  const auto add = [&](const char* name, const std::string& value) { uri.options.emplace_back(name, value); };
  append_store(group.tls.identity, kIdentity, uri);
  append_store(group.tls.trust, kTrust, uri);
  if (group.timeout != usual.timeout) add("timeout_millis", std::to_string(group.timeout.count()));
  if (group.key_cache != usual.key_cache) add("key_cache_millis", std::to_string(group.key_cache.count()));
  if (group.retries != usual.retries) add("retries", std::to_string(group.retries));
  if (!group.tls.protocol.empty()) add("protocol", group.tls.protocol);
  std::string suites;
  for (const std::string& suite : group.tls.cipher_suites) suites += (suites.empty() ? "" : ",") + suite;
  if (!suites.empty()) add("cipher_suites", suites);
  if (!group.tls.verify_host) add("verify_host", "false");
  if (group.version) add("kmip_version", group.version->text());
}

void append_options(const KeySettings& key, ProviderUri& uri) {
  const KeySettings usual;
  const auto add = [&](const char* name, const std::string& value) { uri.options.emplace_back(name, value); };
  if (!key.key_namespace.empty()) add("namespace", key.key_namespace);
  if (!key.namespace_attribute.empty()) add("namespace_attribute", key.namespace_attribute);
  if (key.algorithm != usual.algorithm) add("algorithm", key.algorithm);
  if (key.bits != usual.bits) add("strength", std::to_string(key.bits));
  if (key.create) add("create", "true");
  if (key.use != KeyUse::kAuto) add("use", key.use == KeyUse::kGet ? "get" : "encrypt");
  if (!key.operation_policy.empty()) add("policy", key.operation_policy);
}

}  // namespace coffer::kmip
