// The root keys of a coffer, in its configuration and in the slots of its keyring: added, removed, changed. Each step
// is whole by itself, in an order that leaves a coffer that opens, wherever it is interrupted.
#pragma once

#include <set>

#include "coffer/store/coffer.h"

namespace coffer {

struct SlotToAdd {
  std::string root;  // a URI, or the name of a root that is configured
  std::string name;  // for a URI; empty: that of the slot it has already, else one that is free
  // The root may lock the coffer from now on, as far as this configuration goes, but gets no slot: for the other nodes.
  bool configure_only = false;
  std::string key_group = {};  // of which it is to be the root; empty: of the keyring
};
// The root is put into the configuration if it is not there, and gets a slot. It must be there and wrap; where it does
// not, nothing has changed. Returns its name. kAlreadyExists for a name that is taken, or a root that has a slot.
Result<std::string> add_slot(Coffer& coffer, const SlotToAdd& slot, ProviderOpener opener);

// Takes the root of this name out of the keyring, if it has a slot, and out of the configuration, if that has it. The
// other slots are renewed. kNotFound: neither; kBusy: as LiveKeyring::remove_slot().
Status remove_slot(Coffer& coffer, const std::string& name, bool may_leave_by_hand);

struct RootRotation {
  std::string root;                  // of the first slot now
  std::vector<std::string> removed;  // from the configuration
};
// A fresh keyring key in every slot; the first one goes over to the root `to`: a name that is configured, a URI, or
// empty for the present one. A URI is added first, and the root that it takes the place of is removed at the end: on
// this one configuration. With a name nothing is edited: where several nodes have one each, the new root is added to
// all, then rotated to, and the old one is removed from all.
Result<RootRotation> rotate_root(Coffer& coffer, const std::string& to, ProviderOpener opener);

// A key group whose key the root `root` wraps: a URI, or the name of a root that is configured. It is put into the
// configuration if it is not there. Returns its name. kAlreadyExists: the group is there; kInvalidArgument: the root
// locks the keyring itself, or opens by hand only.
Result<std::string> add_group(Coffer& coffer, const std::string& name, const std::string& root, ProviderOpener opener);

// A fresh key for the group and its domains' keys under that: by the root it has, or (`to`, as above) by another one in
// its place. Where that is a URI, the root of before is taken out of the configuration at the end.
Result<RootRotation> rotate_group(Coffer& coffer, const std::string& name, const std::string& to,
                                  ProviderOpener opener);

// The group out of the keyring, then its root keys out of the configuration, whose names are returned: without
// `key_group` they could lock the keyring. Repeated, it does what is left of that. kNotFound; kBusy: domains are in it.
Result<std::vector<std::string>> remove_group(Coffer& coffer, const std::string& name);

// The roots that slots of the keyring or of its key groups name.
std::set<std::string> roots_in_use(const LiveKeyring& keyring);

}  // namespace coffer
