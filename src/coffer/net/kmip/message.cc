#include "coffer/net/kmip/message.h"

#include "coffer/base/check.h"

namespace coffer::kmip {
namespace {

void write_version(TtlvWriter& writer, ProtocolVersion version) {
  const auto structure = writer.structure("Protocol Version"_tag);
  writer.integer("Protocol Version Major"_tag, version.major);
  writer.integer("Protocol Version Minor"_tag, version.minor);
}

void write_header(TtlvWriter& writer, ProtocolVersion version, size_t operations) {
  const auto header = writer.structure("Request Header"_tag);
  write_version(writer, version);
  writer.integer("Maximum Response Size"_tag, static_cast<int32_t>(kMessageSizeMax));
  if (operations > 1) {
    writer.enumeration("Batch Error Continuation Option"_tag, BatchErrorContinuation::kContinue);
    writer.boolean("Batch Order Option"_tag, true);
  }
  writer.integer("Batch Count"_tag, static_cast<int32_t>(operations));
}

Result<ProtocolVersion> read_version(const Item& version) {
  ProtocolVersion out;
  COFFER_ASSIGN(out.major, version.get("Protocol Version Major"_tag, &Item::integer));
  COFFER_ASSIGN(out.minor, version.get("Protocol Version Minor"_tag, &Item::integer));
  return out;
}

Result<OperationResult> read_result(const Item& item) {
  OperationResult out;
  COFFER_ASSIGN(const uint32_t status, item.get("Result Status"_tag, &Item::enumeration));
  out.status = static_cast<ResultStatus>(status);
  if (const auto reason = item.find("Result Reason"_tag)) {
    COFFER_ASSIGN(const uint32_t value, reason->enumeration());
    out.reason = static_cast<ResultReason>(value);
  }
  if (const auto message = item.find("Result Message"_tag)) {
    COFFER_ASSIGN(const std::string_view text, message->text());
    out.message = excerpt(text);
  }
  out.payload = item.find("Response Payload"_tag);
  return out;
}

Code code_of(ResultReason reason) {
  switch (reason) {
    case "Item Not Found"_reason:
    case "Object Not Found"_reason: return Code::kNotFound;
    case "Authentication Not Successful"_reason:
    case "Permission Denied"_reason:
    case "Attestation Required"_reason:
    case "Attestation Failed"_reason:
    case "Sensitive"_reason:
    case "Not Extractable"_reason:
    case "Invalid Ticket"_reason:
    case "Bad Password"_reason:
    case "Not Authorised"_reason: return Code::kPermissionDenied;
    case "Object Archived"_reason:
    case "Object Destroyed"_reason:
    case "Wrong Key Lifecycle State"_reason: return Code::kKeyUnavailable;
    case "Operation Not Supported"_reason:
    case "Feature Not Supported"_reason:
    case "Unsupported Attribute"_reason:
    case "Unsupported Cryptographic Parameters"_reason:
    case "Unsupported Protocol Version"_reason: return Code::kUnsupported;
    case "Object Already Exists"_reason:
    case "Non Unique Name Attribute"_reason: return Code::kAlreadyExists;
    case "Invalid Field"_reason:
    case "Illegal Operation"_reason: return Code::kInvalidArgument;
    case "Cryptographic Failure"_reason: return Code::kWrongKey;
    default: return Code::kProviderUnavailable;
  }
}

}  // namespace

SecretBuffer encode_request(ProtocolVersion version, std::span<const OperationRequest> operations) {
  COFFER_REQUIRE(!operations.empty() && operations.size() <= kBatchItemsMax, "a request has 1 to 64 operations");
  SecretBuffer out;
  TtlvWriter writer(out);
  {
    const auto message = writer.structure("Request Message"_tag);
    write_header(writer, version, operations.size());
    for (size_t i = 0; i < operations.size(); ++i) {
      const auto item = writer.structure("Batch Item"_tag);
      writer.enumeration("Operation"_tag, operations[i].operation);
      if (operations.size() > 1) {
        const uint8_t id = static_cast<uint8_t>(i + 1);
        writer.bytes("Unique Batch Item ID"_tag, ByteView(&id, 1));
      }
      const auto payload = writer.structure("Request Payload"_tag);
      operations[i].write_payload(writer, version);
    }
  }
  return out;
}

OperationRequest discover_versions_request() {
  return {"Discover Versions"_operation, [](TtlvWriter& writer, ProtocolVersion) {
            for (const ProtocolVersion version : kVersionsByPreference) write_version(writer, version);
          }};
}

Result<std::vector<ProtocolVersion>> read_versions(const Item& payload) {
  std::vector<ProtocolVersion> out;
  for (const Item item : payload.children()) {
    if (item.tag() != "Protocol Version"_tag) continue;
    COFFER_ASSIGN(const ProtocolVersion version, read_version(item));
    out.push_back(version);
  }
  return out;
}

Result<Response> Response::parse(SecretBuffer bytes) {
  Response out;
  out.bytes_ = std::move(bytes);
  COFFER_ASSIGN(const Item message, Item::parse(out.bytes_.view(), {.size_max = kMessageSizeMax}));
  if (!message.is("Response Message"_tag, ItemType::kStructure)) {
    return {Code::kDamaged, "kmip message: a " + describe(message.tag()) + " where a Response Message should be"};
  }
  COFFER_ASSIGN(const Item header, message.child("Response Header"_tag));
  COFFER_ASSIGN(const Item version, header.child("Protocol Version"_tag));
  COFFER_ASSIGN(out.version_, read_version(version));
  COFFER_ASSIGN(const int32_t count, header.get("Batch Count"_tag, &Item::integer));
  for (const Item item : message.children()) {
    if (item.tag() != "Batch Item"_tag) continue;
    if (out.results_.size() == kBatchItemsMax) return {Code::kLimitExceeded, "kmip message: too many batch items"};
    COFFER_ASSIGN(OperationResult result, read_result(item));
    out.results_.push_back(std::move(result));
  }
  if (count < 0 || out.results_.size() != static_cast<size_t>(count)) {
    return {Code::kDamaged, "kmip message: the batch count does not match the batch items"};
  }
  return out;
}

Status status_of(const OperationResult& result, std::string_view what) {
  if (result.status == ResultStatus::kSuccess) return Status::ok();
  std::string message(what);
  if (result.status == ResultStatus::kPending) {
    return {Code::kUnsupported,
            message + ": the server wants to answer later; asynchronous operation is not supported"};
  }
  message += ": refused: " + describe(kResultReasons, result.reason);
  if (!result.message.empty()) message += " (" + result.message + ")";
  return {code_of(result.reason), message};
}

}  // namespace coffer::kmip
