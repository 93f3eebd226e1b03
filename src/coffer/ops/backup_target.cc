#include "coffer/ops/backup_target.h"

#include <algorithm>

#include "coffer/base/path.h"
#include "coffer/base/text.h"

namespace coffer {

bool valid_backup_name(std::string_view name) {
  if (name.empty() || name.size() > kBackupNameSizeMax) return false;
  char before = '/';
  for (const char c : name) {
    const bool begins = before == '/';
    if (begins ? !is_alphanumeric(c) && c != '_' && c != '-'
               : !is_alphanumeric(c) && c != '.' && c != '_' && c != '-' && c != '/') {
      return false;
    }
    before = c;
  }
  return before != '/';
}

Status BackupTarget::check_name(const std::string& name) const {
  if (valid_backup_name(name)) return Status::ok();
  return {Code::kInvalidArgument, describe() + ": \"" + printable(name) + "\" is no name in a backup target"};
}

Status BackupTarget::too_large(const std::string& name, uint64_t size_max) const {
  return {Code::kLimitExceeded,
          describe() + ": " + name + " has more than " + std::to_string(size_max) + " bytes, which it should have"};
}

Result<bool> BackupTarget::has(const std::string& name) {
  COFFER_ASSIGN(const std::optional<uint64_t> size, size_of(name));
  return size.has_value();
}

Result<Bytes> BackupTarget::get_small(const std::string& name, size_t size_max) {
  Bytes out;
  COFFER_TRY(get(name, [&](ByteView piece) -> Status {
    if (piece.size() > size_max - out.size()) return too_large(name, size_max);
    out.insert(out.end(), piece.begin(), piece.end());
    return Status::ok();
  }));
  return out;
}

Status BackupTarget::put_small(const std::string& name, ByteView bytes) {
  return put(name, [&](MutableBytes out) -> Result<size_t> {
    const size_t count = std::min(out.size(), bytes.size());
    std::copy_n(bytes.begin(), count, out.begin());
    bytes = bytes.subspan(count);
    return count;
  });
}

Result<NamedBackupTarget> open_backup_target(Coffer& coffer, const std::string& given) {
  COFFER_ASSIGN(const Config config, coffer.present_config());
  const BackupTargets& targets = config.backup_targets;
  auto found = targets.find(given);
  if (given.find('/') != std::string::npos) {
    std::string directory = absolute_path(given);
    if (auto real = coffer.disk().canonical(directory); real.is_ok()) directory = std::move(*real);
    found = std::ranges::find_if(targets, [&](const auto& target) {
      const std::string& configured = target.second.directory;
      const auto real = coffer.disk().canonical(configured);
      return !configured.empty() && (real.is_ok() ? *real : configured) == directory;
    });
    if (found == targets.end()) return NamedBackupTarget{directory, directory_target(coffer.disk(), directory)};
  }
  if (found == targets.end()) {
    return {Code::kInvalidArgument, "no backup target \"" + printable(given) + "\" in " + coffer.config_path() +
                                        " (backup_targets); a directory is given with a slash: ./" + printable(given)};
  }
  const BackupTargetSetting& setting = found->second;
  return NamedBackupTarget{found->first, setting.directory.empty()
                                             ? command_target(setting.command, setting.scratch)
                                             : directory_target(coffer.disk(), setting.directory)};
}

}  // namespace coffer
