// What one save of a keyring changed, in words: found by comparing the two, so that nobody who changes a keyring has to
// say so, or can leave it out.
#pragma once

#include "coffer/keys/keyring.h"

namespace coffer {

struct KeyringContents {
  const Keyring& keyring;
  std::span<const KeyringSlot> slots;
};

// A JSON array of objects, each with a member "what". `before`: null for a coffer's first keyring.
std::string changes_between(const KeyringContents* before, const KeyringContents& after);

}  // namespace coffer
