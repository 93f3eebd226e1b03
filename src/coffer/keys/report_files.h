// Reports of nodes as files beside a keyring in a file: DIRECTORY/nodes.d/NODE.json. Whoever writes there is not
// believed for it. Errors as KeyringStore's functions of these names.
#pragma once

#include "coffer/keys/keyring_store.h"

namespace coffer {

inline constexpr std::string_view kReportDirectoryName = "nodes.d";

// REQUIRES: valid_node_name(node).
Status save_report_file(Disk& disk, const std::string& directory, const std::string& node, ByteView report);
Result<std::vector<NodeReportText>> load_report_files(Disk& disk, const std::string& directory);
Status remove_report_file(Disk& disk, const std::string& directory, const std::string& node);

}  // namespace coffer
