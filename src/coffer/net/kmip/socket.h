// Sockets to hosts, and waiting on them: never for ever.
#pragma once

#include <openssl/bio.h>

#include "coffer/base/deadline.h"
#include "coffer/crypto/openssl_handles.h"
#include "coffer/net/kmip/settings.h"

namespace coffer::kmip {

enum class Readiness { kReadable, kWritable };

// kProviderUnavailable: "timed out".
Status wait_until(int socket, Readiness readiness, Deadline deadline);

// A connected socket that does not block. kProviderUnavailable: its name is not known, nobody listens, or the
// deadline is over.
Result<BioHandle> connect_host(const HostAddress& host, Deadline deadline);

}  // namespace coffer::kmip
