// What `slot add` makes for recovery: a passphrase, shares, or somebody's public key.
#pragma once

#include "coffer/base/secret.h"
#include "coffer/cli/command.h"
#include "coffer/cli/console.h"

namespace coffer::cli {

struct Recovery {
  std::string uri;                  // of the root, without a sender yet
  std::vector<SecretBytes> shares;  // lines to be shown once, without their ends
};

// REQUIRES: one of --passphrase, --shares and --public-key is given. kUnsupported where the provider was left out.
Result<Recovery> make_recovery(const Arguments& arguments);
// To standard output, once.
Status show_shares(const std::vector<SecretBytes>& shares);

}  // namespace coffer::cli
