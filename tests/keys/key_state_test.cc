#include "coffer/keys/key_state.h"

#include <gtest/gtest.h>

namespace coffer {
namespace {

TEST(KeyState, OnlyTheNumbersOneToSixAreStates) {
  for (int number = 0; number <= 255; ++number) {
    EXPECT_EQ(find_key_state(static_cast<uint8_t>(number)).has_value(), number >= 1 && number <= 6) << number;
  }
  EXPECT_EQ(find_key_state(4), KeyState::kDeactivated);
}

TEST(KeyState, NamesAreThoseOfTheStandard) {
  EXPECT_EQ(key_state_name(KeyState::kPreActive), "pre-active");
  EXPECT_EQ(key_state_name(KeyState::kActive), "active");
  EXPECT_EQ(key_state_name(KeyState::kSuspended), "suspended");
  EXPECT_EQ(key_state_name(KeyState::kDeactivated), "deactivated");
  EXPECT_EQ(key_state_name(KeyState::kCompromised), "compromised");
  EXPECT_EQ(key_state_name(KeyState::kDestroyed), "destroyed");
}

// Rows: from; columns: to; in the order of the numbers. As docs/keys.md has it.
TEST(KeyState, ChangesFollowTheTable) {
  constexpr std::string_view kTable[6] = {
      ".x..xx",  // pre-active
      "..xxx.",  // active
      ".x.xx.",  // suspended
      "....xx",  // deactivated
      ".....x",  // compromised
      "......",  // destroyed
  };
  for (uint8_t from = 1; from <= 6; ++from) {
    for (uint8_t to = 1; to <= 6; ++to) {
      EXPECT_EQ(may_become(*find_key_state(from), *find_key_state(to)), kTable[from - 1][to - 1] == 'x')
          << int{from} << " to " << int{to};
    }
  }
}

TEST(KeyState, OnlyAnActiveKeyWrapsAndOnlyOneThatEverWasUnwraps) {
  for (uint8_t number = 1; number <= 6; ++number) {
    EXPECT_EQ(may_wrap(*find_key_state(number)), number == 2) << int{number};
    EXPECT_EQ(may_unwrap(*find_key_state(number)), number >= 2 && number <= 5) << int{number};
  }
}

}  // namespace
}  // namespace coffer
