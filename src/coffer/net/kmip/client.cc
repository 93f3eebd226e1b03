#include "coffer/net/kmip/client.h"

namespace coffer::kmip {
namespace {

constexpr int32_t kLocatePage = 256;

void write_new_key(TtlvWriter& writer, ProtocolVersion version, const NewKey& key) {
  const auto all = writer.structure(version >= kKmip20 ? "Attributes"_tag : "Template-Attribute"_tag);
  AttributeWriter attributes(writer, version);
  attributes.enumeration("Cryptographic Algorithm"_tag, static_cast<uint32_t>(key.algorithm));
  attributes.integer("Cryptographic Length"_tag, key.bits);
  attributes.integer("Cryptographic Usage Mask"_tag, key.usage_mask);
  if (!key.name.empty()) attributes.name(key.name);
  if (!key.group.empty()) attributes.text("Object Group"_tag, key.group);
  if (!key.operation_policy.empty() && version < kKmip20) {
    attributes.text("Operation Policy Name"_tag, key.operation_policy);
  }
  for (const auto& [name, value] : key.custom) attributes.custom(name, value);
}

OperationRequest on_key(Operation operation, const std::string& id) {
  return {operation, [id](TtlvWriter& writer, ProtocolVersion) { writer.text("Unique Identifier"_tag, id); }};
}

void write_filter(AttributeWriter& attributes, const KeyFilter& filter) {
  attributes.enumeration("Object Type"_tag, static_cast<uint32_t>(ObjectType::kSymmetricKey));
  if (!filter.name.empty()) attributes.name(filter.name);
  if (!filter.group.empty()) attributes.text("Object Group"_tag, filter.group);
}

OperationRequest locate_request(const KeyFilter& filter, int32_t offset) {
  return {Operation::kLocate, [filter, offset](TtlvWriter& writer, ProtocolVersion version) {
            writer.integer("Maximum Items"_tag,
                           version >= kKmip13 ? kLocatePage : static_cast<int32_t>(kLocatedMax) + 1);
            if (offset > 0) writer.integer("Offset Items"_tag, offset);
            AttributeWriter attributes(writer, version);
            if (version < kKmip20) {
              write_filter(attributes, filter);
            } else {
              const auto fields = writer.structure("Attributes"_tag);
              write_filter(attributes, filter);
            }
          }};
}

Result<std::string> read_id(const Item& payload) {
  COFFER_ASSIGN(const Item item, payload.child("Unique Identifier"_tag));
  COFFER_ASSIGN(const std::string_view id, item.text());
  if (id.empty() || id.size() > kIdSizeMax) {
    return {Code::kLimitExceeded, "kmip message: a Unique Identifier is empty or longer than 255 bytes"};
  }
  return std::string(id);
}

}  // namespace

Status Client::status_in(const Answer& answer, size_t index, std::string_view what) {
  const Status status =
      status_of(answer.response.results()[index], "kmip host " + answer.host + ": " + std::string(what));
  if (status.code() != Code::kPermissionDenied) return status;
  return {status.code(), std::string(status.message()) +
                             "; the server's policy must allow it to this client, by its "
                             "certificate"};
}

Result<Item> Client::payload_in(const Answer& answer, size_t index) {
  if (const auto& payload = answer.response.results()[index].payload) return *payload;
  return {Code::kProviderUnavailable, "kmip host " + answer.host + ": a successful operation has no Response Payload"};
}

Result<Answer> Client::call(const OperationRequest& request, std::string_view what, Repeat repeat) const {
  COFFER_ASSIGN(Answer answer, group_->call(std::span(&request, 1), repeat));
  COFFER_TRY(status_in(answer, 0, what));
  return answer;
}

Result<Answer> Client::call_or(Code otherwise, const OperationRequest& request, std::string_view what) const {
  COFFER_ASSIGN(Answer answer, group_->call(std::span(&request, 1), Repeat::kAlways));
  const Status status = status_in(answer, 0, what);
  if (status.code() == Code::kProviderUnavailable) return {otherwise, std::string(status.message())};
  if (!status) return status;
  return answer;
}

Status Client::change(const OperationRequest& request, std::string_view what) const {
  return call(request, what).status();
}

Result<ServerAbilities> Client::query() const {
  const OperationRequest request{
      Operation::kQuery, [](TtlvWriter& writer, ProtocolVersion) {
        for (const QueryFunction function : {QueryFunction::kOperations, QueryFunction::kServerInformation}) {
          writer.enumeration("Query Function"_tag, static_cast<uint32_t>(function));
        }
      }};
  COFFER_ASSIGN(const Answer answer, call(request, "Query"));
  COFFER_ASSIGN(const Item payload, payload_in(answer));
  ServerAbilities out;
  out.version = answer.response.version();
  for (const Item item : payload.children()) {
    if (item.is("Operation"_tag, ItemType::kEnumeration))
      out.operations.insert(static_cast<Operation>(*item.enumeration()));
    if (item.is("Vendor Identification"_tag, ItemType::kTextString)) out.vendor = excerpt(*item.text());
  }
  return out;
}

Result<std::string> Client::create(const NewKey& key) const {
  const OperationRequest request{Operation::kCreate, [&key](TtlvWriter& writer, ProtocolVersion version) {
                                   writer.enumeration("Object Type"_tag,
                                                      static_cast<uint32_t>(ObjectType::kSymmetricKey));
                                   write_new_key(writer, version, key);
                                 }};
  COFFER_ASSIGN(const Answer answer, call(request, "Create of key " + key.name, Repeat::kOnlyIfUnsent));
  COFFER_ASSIGN(const Item payload, payload_in(answer));
  return read_id(payload);
}

Result<std::vector<std::string>> Client::locate(const KeyFilter& filter) const {
  std::vector<std::string> out;
  while (true) {
    COFFER_ASSIGN(const Answer answer, call(locate_request(filter, static_cast<int32_t>(out.size())), "Locate"));
    size_t found = 0;
    if (const auto& payload = answer.response.results()[0].payload) {
      for (const Item item : payload->children()) {
        if (item.tag() != "Unique Identifier"_tag) continue;
        COFFER_ASSIGN(const std::string_view id, item.text());
        if (!id.empty() && id.size() <= kIdSizeMax) out.emplace_back(id), ++found;
      }
    }
    if (out.size() > kLocatedMax) {
      return {Code::kLimitExceeded, "kmip host " + answer.host + ": more than " + std::to_string(kLocatedMax) +
                                        " keys match; put the key into a namespace of its own"};
    }
    // Before 1.3 there is no way to ask for what follows.
    if (answer.response.version() < kKmip13 || found < static_cast<size_t>(kLocatePage)) return out;
  }
}

Status Client::put_date(const std::string& id, Tag tag, int64_t seconds) const {
  COFFER_ASSIGN(const ServerAbilities server, query());
  COFFER_ASSIGN(const KeyAttributes known, attributes(id));
  const auto previous = tag == "Protect Stop Date"_tag ? known.protect_stop_date : known.deactivation_date;
  const bool sets = server.version >= kKmip20;
  const Operation operation = sets       ? Operation::kSetAttribute
                              : previous ? Operation::kModifyAttribute
                                         : Operation::kAddAttribute;
  const std::string name = describe_enumerator("Operation"_tag, static_cast<uint32_t>(operation));
  const std::string what = name + " of the " + describe_tag(tag) + " of key " + excerpt(id);
  if (!server.can(operation)) {
    return {Code::kUnsupported, group_->settings().describe() + ": the server has no " + what};
  }
  const OperationRequest request{operation,
                                 [&](TtlvWriter& writer, ProtocolVersion version) {
                                   writer.text("Unique Identifier"_tag, id);
                                   AttributeWriter attributes(writer, version);
                                   if (version < kKmip20) return attributes.date(tag, seconds);
                                   const auto attribute = writer.structure("New Attribute"_tag);
                                   attributes.date(tag, seconds);
                                 },
                                 sets ? kKmip20 : kKmip10};
  return change(request, what);
}

Status Client::activate(const std::string& id) const {
  return change(on_key(Operation::kActivate, id), "Activate of key " + excerpt(id));
}

Status Client::revoke(const std::string& id, RevocationReason reason, std::string_view message, int64_t now) const {
  const OperationRequest request{Operation::kRevoke, [&](TtlvWriter& writer, ProtocolVersion) {
                                   writer.text("Unique Identifier"_tag, id);
                                   {
                                     const auto structure = writer.structure("Revocation Reason"_tag);
                                     writer.enumeration("Revocation Reason Code"_tag, static_cast<uint32_t>(reason));
                                     if (!message.empty()) writer.text("Revocation Message"_tag, message);
                                   }
                                   if (reason == RevocationReason::kKeyCompromise) {
                                     writer.date_time("Compromise Occurrence Date"_tag, now);
                                   }
                                 }};
  return change(request, "Revoke of key " + excerpt(id));
}

Status Client::destroy(const std::string& id) const {
  return change(on_key(Operation::kDestroy, id), "Destroy of key " + excerpt(id));
}

}  // namespace coffer::kmip
