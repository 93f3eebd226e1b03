#include "coffer/keys/node_report.h"

#include <nlohmann/json.hpp>

#include "coffer/base/text.h"
#include "coffer/keys/keyring_store.h"

namespace coffer {
namespace {

using ReportJson = nlohmann::json;

constexpr std::string_view kReportPurpose = "report";
constexpr size_t kReportErrorSizeMax = 512;

std::string report_text(const ReportJson& json) {
  return json.dump(-1, ' ', false, ReportJson::error_handler_t::replace);
}

}  // namespace

Result<std::string> sign_node_report(const NodeIdentity& node, const NodeReport& report) {
  ReportJson json = {{"report",
                      {{"coffer", node.node().coffer_id.hex()},
                       {"ended", report.ended},
                       {"error", excerpt(report.error, kReportErrorSizeMax)},
                       {"keyring_version", report.keyring_version},
                       {"node", node.node().name},
                       {"time", report.time}}}};
  COFFER_ASSIGN(const Signature signature, node.sign(kReportPurpose, as_bytes(report_text(json["report"]))));
  json["signature"] = to_hex(signature);
  return report_text(json) + "\n";
}

Result<NodeReport> open_node_report(ByteView text, const EnrolledNode& node, const Id& coffer_id) {
  const Status not_one(Code::kDamaged, "the report of node " + node.name + " is not as Coffer writes it");
  if (text.size() > kNodeReportSizeMax) return not_one;
  const auto json = ReportJson::parse(as_text(text), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || json.size() != 2 || !json.contains("report") || !json.contains("signature")) return not_one;
  const ReportJson& report = json["report"];
  if (!report.is_object() || report.size() != 6 || !json["signature"].is_string()) return not_one;
  for (const char* name : {"coffer", "error", "node"}) {
    if (!report.contains(name) || !report[name].is_string()) return not_one;
  }
  for (const char* name : {"keyring_version", "time"}) {
    if (!report.contains(name) || !report[name].is_number_unsigned()) return not_one;
  }
  if (!report.contains("ended") || !report["ended"].is_boolean()) return not_one;
  const auto bytes = from_hex(json["signature"].get<std::string>());
  Signature signature{};
  if (!bytes.is_ok() || bytes->size() != signature.size()) return not_one;
  std::ranges::copy(*bytes, signature.begin());
  const Status by_node =
      check_node_signature(node.node(coffer_id), kReportPurpose, as_bytes(report_text(report)), signature);
  if (by_node.code() == Code::kTampered || report["node"] != node.name || report["coffer"] != coffer_id.hex()) {
    return {Code::kTampered, "the report of node " + node.name + " was not made by it"};
  }
  COFFER_TRY(by_node);
  return NodeReport{report["time"].get<uint64_t>(), report["keyring_version"].get<uint64_t>(),
                    report["error"].get<std::string>(), report["ended"].get<bool>()};
}

}  // namespace coffer
