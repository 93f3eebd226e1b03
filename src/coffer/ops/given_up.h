// What becomes plaintext, of what a coffer has besides: the keys of its files, which everybody may know from then on,
// and its stores, which are not the coffer's any more. docs/keys.md, "Transitions".
#pragma once

#include "coffer/ops/inventory.h"

namespace coffer {

class GivenUp {
 public:
  // `paths`: the directories of the stores.
  GivenUp(Coffer& coffer, const std::vector<std::string>& paths) : coffer_(coffer), paths_(paths) {}

  // A file that becomes plaintext.
  void take(const EnvelopeScan& scan);
  // Before the first of them is: its keys are compromised, and said to be (DOMAIN:NUMBER) where they were not. Not
  // where a store was put back to what it was.
  Status expose(std::vector<std::string>& exposed);
  // When all are: the coffer forgets the stores.
  Status let_stores_go();

 private:
  Status expose_keys(std::vector<std::string>& exposed);

  Coffer& coffer_;
  const std::vector<std::string>& paths_;
  std::set<Id> keys_, stores_;
};

}  // namespace coffer
