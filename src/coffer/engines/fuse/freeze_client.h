// Asking the daemon of a mounted store to freeze it: docs/adr/0054.
#pragma once

#include "coffer/engines/fuse/freeze_wire.h"
#include "coffer/files/store_freezer.h"

namespace coffer::fusefs {

class MountFreezer final : public StoreFreezer {
 public:
  // `seconds`: for how long at most, up to kFreezeSecondsMax.
  MountFreezer(std::string coffer_directory, uint32_t seconds)
      : coffer_directory_(std::move(coffer_directory)), seconds_(seconds) {}

  bool can_freeze(const std::string& directory) const override;
  Result<std::unique_ptr<FrozenStore>> freeze(const std::string& directory) const override;

 private:
  Result<Descriptor> connect(const std::string& store) const;

  const std::string coffer_directory_;
  const uint32_t seconds_;
};

}  // namespace coffer::fusefs
