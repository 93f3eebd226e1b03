// LiveKeyring's looks at the root key while a coffer stays open.
#include <algorithm>
#include <utility>

#include "coffer/base/clock.h"
#include "coffer/crypto/random.h"
#include "coffer/keys/live_keyring.h"
#include "coffer/keys/look_times.h"

namespace coffer {
namespace {

// Who was opened without the root key is soon to have it again.
constexpr std::chrono::milliseconds kLooksWithoutRoot = std::chrono::seconds(30);

struct Look {
  ConfiguredRoot root;  // without a provider where it cannot be reached
  RootKeyHandle handle;
  Status found;
};

// At the root of the first slot, as it is configured now. Waits for its provider, so no lock may be held.
Look look(const KeyringHeader& header, const RootOpener& open_root, const std::string& uri_instead) {
  const KeyringSlot& slot = header.slots.front();
  Look out{{slot.root, nullptr}, slot.handle, {}};
  auto root = open_root(slot.root, uri_instead);
  if (!root.is_ok()) {
    out.found = root.status();
    return out;
  }
  out.root = std::move(*root);
  out.found = out.root.provider->check(slot.handle);
  return out;
}

}  // namespace

// What the operator says of the first slot's root.
std::string LiveKeyring::uri_instead() const {
  std::lock_guard turn(turn_);
  const auto first = header();
  return first->slots.front().root == unlocked_by_ ? root_uri_ : "";
}

Status LiveKeyring::check_root() const { return look(*header(), open_root_, uri_instead()).found; }

void LiveKeyring::watch_root() {
  serves_ = true;
  // Opening the coffer has just looked. A program that ends soon leaves behind what the next one may need.
  remember_root(*snapshot());
  groups_->watch();
  watcher_.start([this, is_first = true]() mutable {
    const bool is_start = std::exchange(is_first, false);
    if (is_start) learn_check_interval();
    const std::shared_ptr<const Keyring> before = snapshot();
    const bool was_opened_by_slot = condition().opened_by_node_slot;
    if (!root_was_seen_by_another()) {
      if (!is_start) look_at_root();
      if (!is_start || !was_opened_by_slot) tell_nodes_of_root();
    }
    if (!is_start) remember_root(*before);
    keep_copy();
    std::lock_guard lock(mutex_);
    const auto least = condition_.opened_locally ? kLooksWithoutRoot : check_interval_max_;
    const auto interval = std::min({check_interval_, check_interval_max_, least});
    const bool is_first_look = is_start && was_opened_by_slot;
    return is_first_look ? first_look_in(interval, random_number()) : next_look_in(interval, random_number());
  });
}

void LiveKeyring::look_at_least_every(std::chrono::milliseconds interval) {
  groups_->look_at_least_every(interval);
  std::lock_guard lock(mutex_);
  check_interval_max_ = std::min(check_interval_max_, interval);
}

// How often a look is worth while is known without asking the provider anything.
void LiveKeyring::learn_check_interval() {
  const auto root = open_root_(header()->slots.front().root, "");
  std::lock_guard lock(mutex_);
  if (root.is_ok()) check_interval_ = root->provider->check_interval();
}

void LiveKeyring::look_at_root() {
  Look at = look(*header(), open_root_, uri_instead());
  if (at.found.code() == Code::kKeyUnavailable && at.root.provider != nullptr && may_change_.is_ok()) {
    const auto present = at.root.provider->current();
    const bool has_successor = present.is_ok() && *present != at.handle;
    if (has_successor) {
      at.found = rotate_root(at.root.name, "its server has a successor").with_context("its successor cannot take over");
    }
  }
  std::lock_guard lock(mutex_);
  if (at.root.provider != nullptr) check_interval_ = at.root.provider->check_interval();
  Status& known = condition_.root_key;
  if (at.found.is_ok()) {
    condition_.root_key_answered = now_seconds();
    condition_.opened_by_node_slot = false;
  }
  if (at.found.code() == known.code() && at.found.message() == known.message()) return;
  // Another kind of trouble begins now, or when the root key was last seen by who started without it; the same in other
  // words goes on.
  const uint64_t began = condition_.opened_by_node_slot ? condition_.root_key_answered : now_seconds();
  if (root_trouble(at.found) != root_trouble(known)) condition_.root_key_since = at.found.is_ok() ? 0 : began;
  if (at.found.is_ok()) condition_.opened_locally = false;
  known = std::move(at.found);
  ++condition_.change_count;
}

}  // namespace coffer
