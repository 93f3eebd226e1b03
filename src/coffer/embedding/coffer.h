// A coffer in a program of one's own: made, opened, and its keys turned. docs/embedding.md.
//
// All of it may be called from any thread. No exception leaves a function declared here. What unlocks a keyring asks
// its key provider, and takes as long as that takes: at most the provider's timeout (docs/providers.md).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "coffer/base/finding.h"
#include "coffer/base/status.h"

namespace coffer {

class Coffer;  // open; every user of it shares it

struct NewCoffer {
  std::string root_uri;       // of the key that locks it: "file:///etc/coffer/root.key"; docs/providers.md
  std::string configuration;  // the text of its coffer.yaml; empty: as `coffer init` without options
};

// Makes the directory (or takes an empty one) with coffer.yaml and keyring, as `coffer init` does. kAlreadyExists on a
// coffer, kInvalidArgument on a directory with other things in it and for a URI or text that is wrong; nothing on disk
// changes then.
Status create_coffer(const std::string& directory, const NewCoffer& what) noexcept;

// `directory` is the coffer's, or its configuration file. Unlocks its keyring with its root key; `root_uri`, if given,
// says where that key is instead of where coffer.yaml says. The codes say what to do: kProviderUnavailable (later
// again), kKeyUnavailable, kWrongKey, kDamaged, kTampered, kRolledBack, kDiverged, kForeign (a copy, or a keyring of
// another coffer), kPermissionDenied (somebody else could have written coffer.yaml). There is no way from here to files
// in clear.
Result<std::shared_ptr<Coffer>> open_coffer(const std::string& directory, const std::string& root_uri = {}) noexcept;

// Counts the changes of the keyring in use, beginning with 1.
uint64_t keyring_version(const Coffer& coffer) noexcept;
// Takes up a newer keyring, if another process has saved one. Cheap when nothing changed. Files that are created look
// by themselves; a program that only reads may want to call it once a minute.
Status refresh_keyring(Coffer& coffer) noexcept;
// Ok, or why the last look at the stored keyring failed while this process went on with the keys it has: for a health
// check.
Status last_refresh(const Coffer& coffer) noexcept;
// Empty, or one line for a log or a health check: which keys of this process lie in memory that is not locked, because
// RLIMIT_MEMLOCK does not allow it or because OpenSSL does the bulk of the work.
std::string unlocked_key_memory() noexcept;

// What is not as it should be around the coffer, as `coffer doctor` says it: permissions, places, this machine, its
// ciphers, the coffer itself, which is opened besides. Empty: nothing. Takes some 50 ms, and asks the key provider.
// kNotFound: there is no configuration.
Result<Findings> examine_coffer(const std::string& directory, const std::string& root_uri = {}) noexcept;

// A fresh key of the keyring, wrapped by `root`: a name that coffer.yaml has under `roots`, a URI, or empty for the
// present one. A URI is put into coffer.yaml under a name of its own, and the root it takes the place of is taken out.
// No store is touched.
Status rotate_root_key(Coffer& coffer, const std::string& root = {}) noexcept;
// A fresh key of a domain ("system", or one of coffer.yaml), for new files; old ones stay readable.
Status rotate_domain_key(Coffer& coffer, const std::string& domain) noexcept;

// What may become of a domain key: docs/keys.md, "States". Where the active one stops being that, a fresh key is.
enum class KeyChange : uint8_t {
  kActivate,    // a suspended one: the active one is deactivated
  kSuspend,     // it wraps nothing new until it is activated
  kRevoke,      // deactivated for ever
  kCompromise,  // the same, and somebody else may know it
  kDestroy,     // kBusy while a file of a store that the coffer remembers needs it (reads all their headers), or files
                // of other nodes may
};
// `key`: "system:3", or at least the first 8 hexadecimal digits of its id. kNotFound; kInvalidArgument where its state
// forbids it.
Status change_domain_key(Coffer& coffer, const std::string& key, KeyChange change) noexcept;
// From `unix_seconds` on the key wraps nothing new; 0: it does not expire.
Status expire_domain_key(Coffer& coffer, const std::string& key, uint64_t unix_seconds) noexcept;
// Destroys every key of the domain and with it all that was written under them, here and in every copy. Returns a
// signed certificate of it: docs/format.md, section 10.
Result<std::string> shred_domain(Coffer& coffer, const std::string& domain) noexcept;

// Reads and writes of the domain's files fail (kKeyUnavailable), in every program that has the coffer open on this
// machine within a second, until it is unlocked; then files that are open can be read again. Not "system".
Status lock_domain_files(Coffer& coffer, const std::string& domain) noexcept;
Status unlock_domain_files(Coffer& coffer, const std::string& domain) noexcept;

// How it stands with the root key, as of the last look, and what becomes of this process for it: docs/operating.md.
struct RootKeyHealth {
  enum class Trouble : uint8_t { kNone, kUnreachable, kRevoked };
  Trouble trouble = Trouble::kNone;
  uint64_t since = 0;        // Unix seconds
  uint64_t grace_until = 0;  // Unix seconds; from then on:
  std::string then;          // "warn", "read_only", "fence", "stop"
  Status fenced;             // ok, or why this process has no keys now, and reads and writes nothing
  std::string text;          // the same as a sentence; empty where all is well
  uint64_t answered = 0;     // Unix seconds of the last time that it was found well
  // The coffer was opened by this machine's local unlock, and the root key has not answered since.
  bool opened_locally = false;
};
RootKeyHealth root_key_health(const Coffer& coffer) noexcept;

// Does what coffer.yaml's policy asks for now: rotations, and rewrapping of files. kBusy while another process does.
// Rotations alone are made by a thread of its own wherever an engine writes.
Status apply_key_policy(Coffer& coffer) noexcept;
// Ok, or why that thread could not do at its last look what was due: for a health check.
Status last_policy_run(Coffer& coffer) noexcept;

// Values of the program's own configuration, sealed under the coffer it uses: ENC[NAME:v1:…], as `coffer config seal`
// makes them. `name`: of the option it is for, 1 to 64 of [A-Za-z0-9._-]. kInvalidArgument; kLimitExceeded above 4096
// bytes.
Result<std::string> seal_config_value(const Coffer& coffer, const std::string& name, const std::string& value) noexcept;
enum class ClearValue : uint8_t { kAllowed, kRefused };
// What `text`, the value of option `name`, is in clear; text that is not sealed is that already, or kPlaintext.
// kWrongKey for another coffer's, or one that was altered; kInvalidArgument for one of another option.
Result<std::string> open_config_value(const Coffer& coffer, const std::string& name, const std::string& text,
                                      ClearValue clear) noexcept;

// How the coffer's keys are, for the program's own metrics: Prometheus' text format, as `coffer metrics` prints it
// (docs/operating.md). What this program wrote is in it, but for up to 256 KiB of each file that is being written; what
// others write is within a minute. Reads no store.
Result<std::string> prometheus_metrics(Coffer& coffer) noexcept;

// What was done to the coffer's keys, by whatever process: the lines of its audit log whose number is above `after`, in
// order, each as a JSON object (docs/format.md, section 11). Keep the last number to go on from it, whenever
// keyring_version() has changed. kTampered when something is wrong with the log; what is authentic has been handed on.
using TakeAuditRecord = std::function<void(uint64_t number, const std::string& json)>;
Status for_each_audit_record(Coffer& coffer, uint64_t after, const TakeAuditRecord& take) noexcept;

}  // namespace coffer
