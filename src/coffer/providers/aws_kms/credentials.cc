#include "coffer/providers/aws_kms/credentials.h"

#include <cstdlib>

#include "coffer/providers/aws_kms/ini_file.h"
#include "coffer/providers/aws_kms/lent_credentials.h"

namespace coffer::aws_kms {
namespace {

using http::Deadline;
using Fetched = CredentialStore::Fetched;

constexpr size_t kFileSizeMax = size_t{256} << 10;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string path_of(const std::string& variable, const std::string& below_home) {
  const std::string given = environment(variable.c_str());
  if (!given.empty()) return given;
  const std::string home = environment("HOME");
  return home.empty() ? "" : home + below_home;
}

SecretBytes secret_of(std::string_view text) { return SecretBytes::copy_of(as_bytes(text)); }

std::optional<Fetched> from_environment() {
  const char* id = std::getenv("AWS_ACCESS_KEY_ID");
  const char* secret = std::getenv("AWS_SECRET_ACCESS_KEY");
  if (id == nullptr || secret == nullptr || *id == 0 || *secret == 0) return std::nullopt;
  const char* token = std::getenv("AWS_SESSION_TOKEN");
  return Fetched{{id, secret_of(secret), secret_of(token == nullptr ? "" : token), "AWS_ACCESS_KEY_ID"}, std::nullopt};
}

std::optional<WebIdentity> web_identity_from_environment() {
  WebIdentity out{environment("AWS_ROLE_ARN"), environment("AWS_ROLE_SESSION_NAME"),
                  environment("AWS_WEB_IDENTITY_TOKEN_FILE")};
  if (out.role_arn.empty() || out.token_file.empty()) return std::nullopt;
  return out;
}

// Nothing when the file or the profile is not there.
Result<std::optional<Fetched>> from_credentials_file(const std::string& path, const std::string& profile) {
  std::optional<Fetched> out;
  if (path.empty()) return out;
  auto file = read_private_file(path, kFileSizeMax);
  if (file.code() == Code::kNotFound) return out;
  if (!file.is_ok()) return file.status();
  const std::string_view text = as_text(file->reveal());
  const auto id = ini_value(text, profile, "aws_access_key_id");
  const auto secret = ini_value(text, profile, "aws_secret_access_key");
  if (!id.has_value() || !secret.has_value() || id->empty() || secret->empty()) return out;
  const std::string_view token = ini_value(text, profile, "aws_session_token").value_or("");
  out = Fetched{{std::string(*id), secret_of(*secret), secret_of(token), "profile " + profile + " of " + path},
                std::nullopt};
  return out;
}

// The role of a profile in ~/.aws/config. Its other ways (SSO, a process, a role on top of another profile) need AWS's
// own tools.
Result<std::optional<WebIdentity>> role_in_config(const std::string& path, const std::string& profile) {
  std::optional<WebIdentity> out;
  auto file = path.empty() ? Result<Bytes>(Code::kNotFound, "") : read_file(Disk::posix(), path, kFileSizeMax);
  if (file.code() == Code::kNotFound) return out;
  if (!file.is_ok()) return file.status();
  const std::string_view text = as_text(*file);
  const std::string section = profile == "default" ? profile : "profile " + profile;
  const auto value = [&](std::string_view name) { return std::string(ini_value(text, section, name).value_or("")); };
  for (const char* other :
       {"sso_start_url", "sso_session", "credential_process", "source_profile", "credential_source"}) {
    if (value(other).empty()) continue;
    return {Code::kUnsupported, path + ": profile " + profile + " has " + other +
                                    ", which needs AWS's own tools; run aws configure export-credentials "
                                    "--format env, and start Coffer with what it prints"};
  }
  WebIdentity found{value("role_arn"), value("role_session_name"), value("web_identity_token_file")};
  if (!found.role_arn.empty() && !found.token_file.empty()) out = std::move(found);
  return out;
}

Result<std::optional<Fetched>> from_files(const Settings& settings, const std::string& profile, Deadline deadline) {
  const std::string& stated = settings.credentials_file;
  COFFER_ASSIGN(std::optional<Fetched> keys,
                from_credentials_file(
                    stated.empty() ? path_of("AWS_SHARED_CREDENTIALS_FILE", "/.aws/credentials") : stated, profile));
  if (keys.has_value() || !stated.empty()) return keys;
  COFFER_ASSIGN(const std::optional<WebIdentity> role,
                role_in_config(path_of("AWS_CONFIG_FILE", "/.aws/config"), profile));
  if (!role.has_value()) return std::optional<Fetched>();
  COFFER_ASSIGN(Fetched lent, assume_role(settings, *role, deadline));
  return std::optional<Fetched>(std::move(lent));
}

}  // namespace

Result<Fetched> find_credentials(const Settings& settings, Deadline deadline) {
  const bool stated = !settings.profile.empty() || !settings.credentials_file.empty();
  std::string profile = settings.profile.empty() ? environment("AWS_PROFILE") : settings.profile;
  if (profile.empty()) profile = "default";
  if (!stated) {
    std::optional<Fetched> keys = from_environment();
    if (keys.has_value()) return std::move(*keys);
    const std::optional<WebIdentity> identity = web_identity_from_environment();
    if (identity.has_value()) return assume_role(settings, *identity, deadline);
  }
  COFFER_ASSIGN(std::optional<Fetched> keys, from_files(settings, profile, deadline));
  if (keys.has_value()) return std::move(*keys);
  if (stated) {
    return {Code::kPermissionDenied, "there are no AWS credentials for profile " + profile + " in " +
                                         (settings.credentials_file.empty() ? "~/.aws" : settings.credentials_file)};
  }
  if (container_is_set_up()) return from_container(settings, deadline);
  return from_instance(settings, deadline);
}

}  // namespace coffer::aws_kms
