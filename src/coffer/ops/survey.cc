#include "coffer/ops/survey.h"

#include <algorithm>

namespace coffer {

Status Survey::take(const Steps& steps) {
  COFFER_TRY(look(steps));
  if (leftovers_.empty()) return Status::ok();
  std::vector<std::pair<std::string, Status>> troubles;
  for (const auto& [path, inode] : leftovers_) {
    // One that has a place already has other names, which are counted under what they are by now.
    Status settled = successors_.settle(path, names_.contains(inode));
    if (!settled.is_ok()) troubles.emplace_back(path, std::move(settled));
  }
  COFFER_TRY(successors_.sync_names());
  COFFER_TRY(look(steps));
  for (auto& [path, status] : troubles) steps.trouble(path, std::move(status));
  return Status::ok();
}

Status Survey::look(const Steps& steps) {
  names_.clear();
  leftovers_.clear();
  steps.begin();
  return visit_files(coffer_, paths_, [&](const InventoryFile& file) {
    if (file.leads_outside) return steps.look(file);
    COFFER_TRY(at_rest_.keep_out(file.path));
    if (is_successor(file.path)) {
      leftovers_.emplace_back(file.path, inode_of(file));
      return Status::ok();
    }
    if (file.info.link_count > 1) names_[inode_of(file)].push_back(file.path);
    return steps.look(file);
  });
}

bool Survey::is_further_name(const InventoryFile& file) const {
  const auto found = names_.find(inode_of(file));
  return found != names_.end() && found->second.size() > 1;
}

Result<std::vector<std::string>> Survey::names_of(const std::string& path, const Inode& inode, uint64_t link_count,
                                                  const std::function<bool(const std::string& name)>& counts) const {
  if (link_count == 1) return std::vector<std::string>{path};
  std::vector<std::string> out;
  if (const auto found = names_.find(inode); found != names_.end()) out = found->second;
  if (counts) std::erase_if(out, [&](const std::string& name) { return !counts(name); });
  const auto here = std::find(out.begin(), out.end(), path);
  if (here == out.end() || out.size() != link_count) {
    return {Code::kUnsupported, path + ": has " + std::to_string(link_count) + " names, of which " +
                                    std::to_string(out.size()) + " are in what is " + std::string(doing_) +
                                    ": it would become two files; name the directories of the others, too"};
  }
  std::swap(*here, out.front());
  return out;
}

}  // namespace coffer
