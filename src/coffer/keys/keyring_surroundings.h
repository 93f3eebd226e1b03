// What a live keyring (live_keyring.h) is given when it is opened.
#pragma once

#include <chrono>
#include <functional>

#include "coffer/keys/keyring_copy.h"
#include "coffer/keys/own_node.h"
#include "coffer/keys/root_memory.h"
#include "coffer/keys/slot.h"
#include "coffer/keys/version_anchor.h"

namespace coffer {

// All that a live keyring knows of the world.
struct KeyringSurroundings {
  std::unique_ptr<KeyringStore> store;
  // Opens the place that the configuration has now, where that is another than it had the last time; null: it is the
  // same, or cannot be told. Empty: it never is another.
  std::function<Result<std::unique_ptr<KeyringStore>>()> follow_store = {};
  RootOpener open_root;
  // The coffer that the keyring has to be of.
  Id coffer_id = {};
  // Empty: there is no anchor.
  std::function<Result<std::unique_ptr<VersionAnchor>>()> open_anchor = {};
  // Instead of the URI that is configured: the same root key at another place. Until the root key is rotated.
  std::string root_uri = {};
  // Ok, or why nothing may be changed here.
  Status may_change = {};
  // Null: nothing is remembered, and nothing opens without the root key.
  std::unique_ptr<RootMemory> root_memory = {};
  // Null: nothing opens without the store.
  std::unique_ptr<KeyringCopy> copy = {};
  // Null: there are no node slots. Who serves starts by this node's.
  std::unique_ptr<OwnNode> own_node = {};
  bool starts_by_node_slot = false;
  // A provider that is away is asked again this often, and not for every file.
  std::chrono::milliseconds retry_delay = std::chrono::seconds(5);
  // Until the root key's provider has advised another one.
  std::chrono::milliseconds check_interval = std::chrono::minutes(5);
};

}  // namespace coffer
