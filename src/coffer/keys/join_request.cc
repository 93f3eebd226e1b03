#include "coffer/keys/join_request.h"

#include "coffer/base/base64.h"
#include "coffer/base/period.h"
#include "coffer/base/text.h"

namespace coffer {
namespace {

constexpr std::string_view kJoinPurpose = "join";
constexpr size_t kJoinTextSizeMax = 2048;
constexpr size_t kJoinFixedSize = 8 + 2 * sizeof(Sha256) + sizeof(Signature);

// The node's line, time and digest: what the keyring authenticates.
std::string vouched(const JoinRequest& request) {
  Bytes tail(8 + sizeof(Sha256));
  Writer writer(tail);
  writer.u64(request.made);
  writer.bytes(request.root_digest);
  return format_node_public(request.node) + '\0' + std::string(as_text(tail));
}

std::string signed_by_node(const JoinRequest& request) { return vouched(request) + std::string(as_text(request.mac)); }

Status no_request() {
  return {Code::kInvalidArgument,
          "it is no request (\"coffer-join:v1:…\"); coffer node request prints one on the node that is to join"};
}

}  // namespace

Result<Sha256> root_digest_of(const Keyring& keyring, std::string_view root_name, ByteView evidence) {
  return keyring.authenticate_as_member("coffer/v1 root digest",
                                        std::string(root_name) + '\0' + std::string(as_text(evidence)));
}

Result<std::string> make_join_request(const NodeIdentity& node, const Keyring& keyring, const Sha256& root_digest,
                                      uint64_t now) {
  JoinRequest request{node.node(), now, root_digest};
  COFFER_ASSIGN(request.mac, keyring.authenticate_as_member("coffer/v1 join", vouched(request)));
  COFFER_ASSIGN(request.signature, node.sign(kJoinPurpose, as_bytes(signed_by_node(request))));
  Bytes bytes(kJoinFixedSize);
  Writer writer(bytes);
  writer.u64(request.made);
  writer.bytes(request.root_digest);
  writer.bytes(request.mac);
  writer.bytes(request.signature);
  return std::string(kJoinRequestPrefix) + base64url_text(bytes) + ":" + format_node_public(request.node);
}

Result<JoinRequest> parse_join_request(std::string_view text) {
  text = trimmed(text);
  if (text.size() > kJoinTextSizeMax || !text.starts_with(kJoinRequestPrefix)) return no_request();
  text.remove_prefix(kJoinRequestPrefix.size());
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) return no_request();
  const auto bytes = decode_base64(as_bytes(text.substr(0, colon)), Base64Alphabet::kUrl);
  if (!bytes.is_ok() || bytes->size() != kJoinFixedSize) return no_request();
  Reader reader(bytes->reveal());
  JoinRequest out;
  out.made = reader.u64();
  reader.copy_to(out.root_digest);
  reader.copy_to(out.mac);
  reader.copy_to(out.signature);
  COFFER_ASSIGN(out.node, parse_node_public(text.substr(colon + 1)));
  const Status own = check_node_signature(out.node, kJoinPurpose, as_bytes(signed_by_node(out)), out.signature);
  if (own.code() != Code::kTampered) return own.is_ok() ? Result<JoinRequest>(std::move(out)) : own;
  return {Code::kTampered, "the request was not made by node " + out.node.name + ", or was changed; copy it anew"};
}

Status check_join_request(const JoinRequest& request, const Keyring& keyring, uint64_t now) {
  const std::string again = "; make a new one there: coffer node request COFFER";
  if (request.node.coffer_id != keyring.coffer_id()) {
    return {Code::kForeign, "node " + request.node.name + " is of coffer " + request.node.coffer_id.short_hex() +
                                ", and this is coffer " + keyring.coffer_id().short_hex()};
  }
  COFFER_ASSIGN(const Sha256 mac, keyring.authenticate_as_member("coffer/v1 join", vouched(request)));
  if (!equal_constant_time(mac, request.mac)) {
    return {Code::kWrongKey, "the request of node " + request.node.name +
                                 " was not made with this keyring: it does not open it, or made the request before a "
                                 "node was removed" + again};
  }
  const bool is_old = now > request.made && now - request.made > kJoinRequestAgeMax;
  const bool is_new = request.made > now && request.made - now > kJoinRequestFutureMax;
  if (!is_old && !is_new) return Status::ok();
  return {Code::kRolledBack, "the request of node " + request.node.name + " is of " + utc_text(request.made) +
                                 ", and the clock says " + utc_text(now) +
                                 (is_old ? "; it is good for a day" : "; set the clocks right") + again};
}

}  // namespace coffer
