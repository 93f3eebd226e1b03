// The life of a key, NIST SP 800-57 part 1 (rev. 5) section 7, as one pure table.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace coffer {

enum class KeyState : uint8_t {
  kPreActive = 1,
  kActive = 2,
  kSuspended = 3,
  kDeactivated = 4,
  kCompromised = 5,
  kDestroyed = 6,
};

std::string_view key_state_name(KeyState state);  // "pre-active", "active", …
std::optional<KeyState> find_key_state(uint8_t number);

bool may_become(KeyState from, KeyState to);
// May protect new data: active only.
bool may_wrap(KeyState state);
// May process data protected earlier: active, suspended, deactivated and compromised.
bool may_unwrap(KeyState state);

}  // namespace coffer
