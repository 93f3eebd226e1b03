// Credentials that AWS lends for a while: to a web identity (Kubernetes, CI), a container, an instance.
#pragma once

#include "coffer/io/disk.h"
#include "coffer/providers/aws_kms/credentials.h"

namespace coffer::aws_kms {

struct WebIdentity {
  std::string role_arn;
  std::string session_name;  // empty: one of ours
  std::string token_file;
};

// STS AssumeRoleWithWebIdentity.
Result<CredentialStore::Fetched> assume_role(const Settings& settings, const WebIdentity& identity,
                                             http::Deadline deadline);

// ECS and EKS: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or …_FULL_URI.
bool container_is_set_up();
Result<CredentialStore::Fetched> from_container(const Settings& settings, http::Deadline deadline);

// EC2's instance metadata, version 2.
Result<CredentialStore::Fetched> from_instance(const Settings& settings, http::Deadline deadline);

}  // namespace coffer::aws_kms
