#include "coffer/keys/report_files.h"

#include "coffer/keys/node_list.h"

namespace coffer {
namespace {

constexpr uint32_t kReportFileMode = 0600;
constexpr uint32_t kReportDirectoryMode = 0700;
constexpr std::string_view kReportEnd = ".json";

std::string report_directory(const std::string& directory) {
  return directory + "/" + std::string(kReportDirectoryName);
}

// No name of a node leads elsewhere: it has no slash, and is never the whole name of the file.
std::string report_path(const std::string& directory, const std::string& node) {
  return report_directory(directory) + "/" + node + std::string(kReportEnd);
}

Status check_report_directory(Disk& disk, const std::string& path) {
  COFFER_ASSIGN(const std::string target, disk.link_target(path));
  if (target.empty()) return Status::ok();
  return {Code::kInvalidArgument, path + " is a symbolic link, which is not followed; remove it"};
}

}  // namespace

Status save_report_file(Disk& disk, const std::string& directory, const std::string& node, ByteView report) {
  const std::string path = report_directory(directory);
  const Status made = disk.make_directory(path, kReportDirectoryMode);
  if (!made.is_ok() && made.code() != Code::kAlreadyExists) return made;
  COFFER_TRY(check_report_directory(disk, path));
  return replace_file(disk, report_path(directory, node), report, kReportFileMode);
}

Result<std::vector<NodeReportText>> load_report_files(Disk& disk, const std::string& directory) {
  std::vector<NodeReportText> out;
  const std::string path = report_directory(directory);
  const auto found = disk.list(path);
  if (found.code() == Code::kNotFound) return out;
  COFFER_TRY(found.status());
  COFFER_TRY(check_report_directory(disk, path));
  for (const DirectoryEntry& entry : *found) {
    std::string_view node = entry.name;
    if (!node.ends_with(kReportEnd) || entry.is_directory) continue;
    node.remove_suffix(kReportEnd.size());
    if (!valid_node_name(node)) continue;
    const auto file = disk.open_read_itself(path + "/" + entry.name);
    if (file.code() == Code::kNotFound) continue;
    COFFER_TRY(file.status());
    Bytes report(kNodeReportSizeMax + 1);
    COFFER_ASSIGN(const size_t size, (*file)->read_at(0, report));
    report.resize(size);
    out.push_back({std::string(node), std::move(report)});
    if (out.size() > kNodeCountMax) break;
  }
  return out;
}

Status remove_report_file(Disk& disk, const std::string& directory, const std::string& node) {
  const Status target = check_report_directory(disk, report_directory(directory));
  if (target.code() == Code::kNotFound) return Status::ok();
  COFFER_TRY(target);
  const Status removed = disk.remove(report_path(directory, node));
  return removed.code() == Code::kNotFound ? Status::ok() : removed;
}

}  // namespace coffer
