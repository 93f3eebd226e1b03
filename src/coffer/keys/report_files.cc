#include "coffer/keys/report_files.h"

#include "coffer/keys/node_list.h"
#include "coffer/keys/side_files.h"

namespace coffer {
namespace {

SideFiles report_files(Disk& disk, const std::string& directory) {
  return {disk, directory + "/" + std::string(kReportDirectoryName), ".json", kNodeReportSizeMax};
}

SideFiles answer_files(Disk& disk, const std::string& directory) {
  return {disk, directory + "/" + std::string(kAnswerDirectoryName), ".json", kNodeAnswersSizeMax};
}

SideFiles node_slot_files(Disk& disk, const std::string& directory) {
  return {disk, directory + "/" + std::string(kNodeSlotDirectoryName), ".slots", kNodeSlotValueSizeMax};
}

Result<std::vector<NodeReportText>> load_by_node(const SideFiles& files) {
  std::vector<NodeReportText> out;
  COFFER_ASSIGN(const std::vector<std::string> nodes, files.names());
  for (const std::string& node : nodes) {
    if (!valid_node_name(node)) continue;
    auto text = files.load(node);
    if (text.code() == Code::kNotFound) continue;
    COFFER_TRY(text.status());
    out.push_back({node, std::move(*text)});
    if (out.size() > kNodeCountMax) break;
  }
  return out;
}

}  // namespace

Status save_report_file(Disk& disk, const std::string& directory, const std::string& node, ByteView report) {
  return report_files(disk, directory).save(node, report);
}

Result<std::vector<NodeReportText>> load_report_files(Disk& disk, const std::string& directory) {
  return load_by_node(report_files(disk, directory));
}

Status remove_report_file(Disk& disk, const std::string& directory, const std::string& node) {
  return report_files(disk, directory).remove(node);
}

Status save_answer_file(Disk& disk, const std::string& directory, const std::string& node, ByteView answers) {
  return answer_files(disk, directory).save(node, answers);
}

Result<std::vector<NodeReportText>> load_answer_files(Disk& disk, const std::string& directory) {
  return load_by_node(answer_files(disk, directory));
}

Status remove_answer_file(Disk& disk, const std::string& directory, const std::string& node) {
  return answer_files(disk, directory).remove(node);
}

Status save_node_slot_files(Disk& disk, const std::string& directory, std::span<const NodeSlotValue> values) {
  const SideFiles files = node_slot_files(disk, directory);
  for (const NodeSlotValue& each : values) COFFER_TRY(files.save(each.name, each.value));
  return Status::ok();
}

Result<Bytes> load_node_slot_file(Disk& disk, const std::string& directory, const std::string& name) {
  auto value = node_slot_files(disk, directory).load(name);
  if (value.code() != Code::kNotFound) return value;
  return {Code::kNotFound, "there are no such node slots in " + directory + "/" + std::string(kNodeSlotDirectoryName)};
}

Status keep_node_slot_files(Disk& disk, const std::string& directory, const std::string& beginning) {
  const SideFiles files = node_slot_files(disk, directory);
  COFFER_ASSIGN(const std::vector<std::string> names, files.names());
  for (const std::string& name : names) {
    if (!name.starts_with(beginning)) COFFER_TRY(files.remove(name));
  }
  return Status::ok();
}

}  // namespace coffer
