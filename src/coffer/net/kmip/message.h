// Requests and responses: a header and one or more operations (KMIP 1.4 section 7, 2.1 section 8).
#pragma once

#include <functional>
#include <vector>

#include "coffer/base/text.h"
#include "coffer/net/kmip/protocol.h"
#include "coffer/net/kmip/ttlv.h"

namespace coffer::kmip {

inline constexpr size_t kMessageSizeMax = size_t{1} << 20;
inline constexpr size_t kBatchItemsMax = 64;

// One operation of a request. Its payload depends on the protocol version, which is known only once a host answers.
struct OperationRequest {
  Operation operation;
  std::function<void(TtlvWriter&, ProtocolVersion)> write_payload;
  ProtocolVersion least = kKmip10;  // hosts that speak an older version are passed over
};

// Discover Versions, asking for all that the client speaks, and what is answered.
OperationRequest discover_versions_request();
Result<std::vector<ProtocolVersion>> read_versions(const Item& payload);

// REQUIRES: 1 to kBatchItemsMax operations. With several, the server goes on after one that fails.
SecretBuffer encode_request(ProtocolVersion version, std::span<const OperationRequest> operations);

struct OperationResult {
  ResultStatus status = ResultStatus::kFailed;
  ResultReason reason{};
  std::string message;          // printable, cut to a sentence's length
  std::optional<Item> payload;  // a view into the response
};

class Response {
 public:
  // kDamaged when the bytes are no response message of KMIP; kLimitExceeded when they are beyond the codec's limits.
  static Result<Response> parse(SecretBuffer bytes);

  ProtocolVersion version() const { return version_; }
  // As many as there were operations, unless the server refused the message as a whole: then one that failed.
  const std::vector<OperationResult>& results() const { return results_; }

 private:
  Response() = default;
  SecretBuffer bytes_;
  ProtocolVersion version_;
  std::vector<OperationResult> results_;
};

// What a failed operation means for the caller: kNotFound, kPermissionDenied, kKeyUnavailable, kUnsupported,
// kAlreadyExists, kInvalidArgument, kWrongKey (the server could not decrypt) or kProviderUnavailable. `what` begins the
// message: "Get of key 12". Ok for a successful one.
Status status_of(const OperationResult& result, std::string_view what);

}  // namespace coffer::kmip
