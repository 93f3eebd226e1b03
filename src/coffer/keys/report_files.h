// Reports of nodes as files beside a keyring in a file, DIRECTORY/nodes.d/NODE.json, their answers,
// DIRECTORY/answers.d/NODE.json, and node slots, DIRECTORY/slots.d/NAME.slots. Whoever writes there is not believed for
// it. Errors as KeyringStore's functions.
#pragma once

#include "coffer/keys/keyring_store.h"

namespace coffer {

inline constexpr std::string_view kReportDirectoryName = "nodes.d";
inline constexpr std::string_view kAnswerDirectoryName = "answers.d";
inline constexpr std::string_view kNodeSlotDirectoryName = "slots.d";

// REQUIRES: valid_node_name(node).
Status save_report_file(Disk& disk, const std::string& directory, const std::string& node, ByteView report);
Result<std::vector<NodeReportText>> load_report_files(Disk& disk, const std::string& directory);
Status remove_report_file(Disk& disk, const std::string& directory, const std::string& node);

// The same of answers.
Status save_answer_file(Disk& disk, const std::string& directory, const std::string& node, ByteView answers);
Result<std::vector<NodeReportText>> load_answer_files(Disk& disk, const std::string& directory);
Status remove_answer_file(Disk& disk, const std::string& directory, const std::string& node);

// One after the other, the last one last.
Status save_node_slot_files(Disk& disk, const std::string& directory, std::span<const NodeSlotValue> values);
Result<Bytes> load_node_slot_file(Disk& disk, const std::string& directory, const std::string& name);
// Removes the others; all where `beginning` is no name's.
Status keep_node_slot_files(Disk& disk, const std::string& directory, const std::string& beginning);

}  // namespace coffer
