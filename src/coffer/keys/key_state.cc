#include "coffer/keys/key_state.h"

#include <array>

namespace coffer {
namespace {

struct StateRow {
  KeyState state;
  std::string_view name;
  bool wraps;
  bool unwraps;
  // May become, by number; 0 fills up. SP 800-57's figure of states, less what it allows only for other types of keys:
  // a key that data needs is deactivated before it is destroyed.
  std::array<uint8_t, 4> next;
};

constexpr std::array<StateRow, 6> kStates = {{
    {KeyState::kPreActive, "pre-active", false, false, {2, 5, 6, 0}},
    {KeyState::kActive, "active", true, true, {3, 4, 5, 0}},
    {KeyState::kSuspended, "suspended", false, true, {2, 4, 5, 0}},
    {KeyState::kDeactivated, "deactivated", false, true, {5, 6, 0, 0}},
    {KeyState::kCompromised, "compromised", false, true, {6, 0, 0, 0}},
    {KeyState::kDestroyed, "destroyed", false, false, {0, 0, 0, 0}},
}};

const StateRow& row_of(KeyState state) { return kStates[static_cast<size_t>(state) - 1]; }

}  // namespace

std::string_view key_state_name(KeyState state) { return row_of(state).name; }

std::optional<KeyState> find_key_state(uint8_t number) {
  if (number < 1 || number > kStates.size()) return std::nullopt;
  return kStates[number - 1].state;
}

bool may_become(KeyState from, KeyState to) {
  for (uint8_t next : row_of(from).next) {
    if (next == static_cast<uint8_t>(to)) return true;
  }
  return false;
}

bool may_wrap(KeyState state) { return row_of(state).wraps; }
bool may_unwrap(KeyState state) { return row_of(state).unwraps; }

}  // namespace coffer
