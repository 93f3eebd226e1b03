// Which data files belong to which domain, as coffer.yaml has it.
#include "coffer/base/path.h"
#include "coffer/config/config.h"

namespace coffer {

std::string_view Config::domain_of(std::string_view path) const {
  std::string_view domain = kSystemDomain;
  size_t longest = 0;
  for (const DomainPath& entry : domains) {
    if (!is_within(path, entry.path) || entry.path.size() <= longest) continue;
    std::string_view found = entry.domain;
    if (found == kEachItsOwn) {
      found = path.substr(std::min(path.size(), entry.path.size() + (entry.path.ends_with('/') ? 0 : 1)));
      const size_t end = found.find('/');
      if (end == std::string_view::npos) continue;  // it is in no directory there
      found = found.substr(0, end);
    }
    domain = found;
    longest = entry.path.size();
  }
  return domain;
}

std::vector<std::string> Config::paths_of(std::string_view domain) const {
  std::vector<std::string> out;
  for (const DomainPath& entry : domains) {
    if (entry.domain == domain) out.push_back(entry.path);
    if (entry.domain != kEachItsOwn) continue;
    std::string path = entry.path + (entry.path.ends_with('/') ? "" : "/") + std::string(domain);
    if (domain_of(path + "/") == domain) out.push_back(std::move(path));
  }
  return out;
}

Status check_domains(const Config& config, const Keyring& keyring) {
  // Whatever of a domain is another, the policy's map has its name.
  for (const auto& [name, own] : config.policy.domains) {
    if (keyring.find_domain(name) != nullptr) continue;
    return {Code::kInvalidArgument, config.providers.name + ": policy: domains: the keyring has no domain \"" + name +
                                        "\"; make it with coffer domain add, or take the entry out"};
  }
  for (const auto& [id, name] : config.mariadb_keys) {
    if (keyring.find_domain(name) != nullptr) continue;
    return {Code::kInvalidArgument, config.providers.name + ": mariadb: keys: " + std::to_string(id) +
                                        ": the keyring has no domain \"" + name +
                                        "\"; make it with coffer domain add, or take the entry out"};
  }
  for (const DomainPath& entry : config.domains) {
    if (entry.domain == kEachItsOwn || keyring.find_domain(entry.domain) != nullptr) continue;
    return {Code::kInvalidArgument, config.providers.name + ":" + std::to_string(entry.line) +
                                        ": domains: the keyring has no domain \"" + entry.domain +
                                        "\"; make it with coffer domain add, or take the entry out"};
  }
  return Status::ok();
}

}  // namespace coffer
