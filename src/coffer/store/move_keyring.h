// Moves the keyring of a coffer from where its coffer.yaml says to another place, while programs serve.
// docs/cluster.md, "Move"; docs/adr/0045.
#pragma once

#include "coffer/store/coffer.h"

namespace coffer {

struct MovedKeyring {
  std::string from, to;
  // Ok, or why what went can still be read where it was (KeyringStore::remove_parts()).
  Status removed;
};

// `to`: a URI, or the coffer's own directory. Whatever it was interrupted by, doing it again goes on. At last
// coffer.yaml names the new place, by which programs follow that use this coffer.yaml. kAlreadyExists: it is there.
// Errors as Coffer::open() and LiveKeyring::move_to(); kTampered: the record of an earlier move is forged.
Result<MovedKeyring> move_keyring(Disk& disk, const std::string& place, const std::string& to,
                                  const Coffer::OpenOptions& options, ProviderOpener opener);

}  // namespace coffer
