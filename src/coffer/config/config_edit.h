// Editing coffer.yaml as people laid it out: comments and order stay. Each function proves its edit: what comes out
// reads back as the same configuration but for that change; where it does not, kUnsupported says what to write by hand.
#pragma once

#include <string>
#include <string_view>

#include "coffer/config/config.h"

namespace coffer {

// kAlreadyExists: the path belongs to a domain already.
Result<std::string> with_domain_path(std::string_view yaml, const DomainPath& entry,
                                     const std::string& name_for_errors);
// kAlreadyExists: a root of that name is there.
Result<std::string> with_root(std::string_view yaml, const std::string& name, const RootSetting& root,
                              const std::string& name_for_errors);
// kNotFound.
Result<std::string> without_root(std::string_view yaml, const std::string& name, const std::string& name_for_errors);
// Sets `coffer` and `keyring`, whether they are there or not.
Result<std::string> with_identity(std::string_view yaml, const Id& coffer_id, const std::string& keyring,
                                  const std::string& name_for_errors);
// Sets the section `keyring_store`; nothing takes it out.
Result<std::string> with_keyring_store(std::string_view yaml, const std::optional<ProviderUri>& store,
                                       const std::string& name_for_errors);
// Takes the lines of `anchor` and `freshness` out, if they are there: freshness needs an anchor.
Result<std::string> without_anchor(std::string_view yaml, const std::string& name_for_errors);

}  // namespace coffer
