// Root keys in AWS KMS: the keyring key is wrapped there, the root key never leaves it. Handles: docs/format.md,
// section 7; set-up: docs/providers/aws-kms.md.
#pragma once

#include "coffer/config/provider_config.h"

namespace coffer {

// "aws-kms://REGION/KEY?OPTIONS". Nothing is asked yet.
Result<std::unique_ptr<RootKeyProvider>> open_aws_kms(const ProviderUri& uri, const ProviderConfig& config);

}  // namespace coffer
