// COFFER/outage: how programs that serve found their root key, machine by machine, so that others can say since when it
// is in trouble. docs/format.md, "Outage record".
//
// Authenticated by the keyring. Whoever can write there can take it away or put an older one back: then less is known,
// and a copy that was given up is not told from one that was not (docs/threat-model.md).
#pragma once

#include <map>

#include "coffer/io/disk.h"
#include "coffer/keys/root_memory.h"

namespace coffer {

inline constexpr std::string_view kRootRecordName = "outage";

// Of one machine.
struct RootRecord {
  RootSighting sighting;
  // Where the copy is that it keeps for an outage; empty: it keeps none.
  std::string copy_path;
  uint64_t copy_answered = 0;  // what that copy says of the root key, at least

  // What a further look leaves of it: trouble that goes on began when it was first seen. That all is well is not said
  // again within half a minute.
  void add(const RootSighting& seen);
  bool operator==(const RootRecord& other) const;
};
using RootRecords = std::map<std::string, RootRecord, std::less<>>;  // by machine_id_of(), in hexadecimal

// Nothing where there is none. kTampered for what nobody with the keyring wrote; kUnsupported.
Result<RootRecords> read_root_records(Disk& disk, const std::string& directory, const Keyring& keyring);
// `change` what is said of this machine. What cannot be believed is replaced, and with 65 machines the one that was
// heard of least recently is left out. Old or new after a crash.
Status update_root_record(Disk& disk, const std::string& directory, const Keyring& keyring, const Id& machine,
                          const std::function<void(RootRecord&)>& change);

}  // namespace coffer
