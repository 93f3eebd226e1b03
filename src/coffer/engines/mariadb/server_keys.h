// The keys that a MariaDB server asks for: its key ids are domains, its key versions those of the domains' keys. Knows
// nothing of the server's interface. docs/mariadb.md; the bytes: docs/format.md, "Keys of MariaDB servers".
#pragma once

#include <atomic>
#include <mutex>

#include "coffer/base/interval_thread.h"
#include "coffer/store/coffer.h"

namespace coffer::mariadb {

inline constexpr size_t kKeySize = 32;
inline constexpr uint32_t kTemporaryKey = 2;  // every server asks whether there is one, and takes 1 where there is not

enum class Severity : uint8_t { kNote, kError };
// One line for the server's error log. Called by any thread.
using Report = std::function<void(Severity, const std::string& line)>;

// Of 32 bytes, of the domain key of this version.
DerivedKeyRequest request_of(std::string_view domain, uint32_t version, const std::array<uint8_t, 4>& context);
std::array<uint8_t, 4> context_of(uint32_t key_id);

// Thread-safe. From its construction on keys are taken back as the coffer's policy says.
class ServerKeys {
 public:
  ServerKeys(std::shared_ptr<Coffer> coffer, Report report);

  // The version to encrypt with from now on; nothing: there is none, and the log says why. Of a domain that is locked
  // or shredded while the server has keys of it, the one that it has: a server that gets no version ends itself, with
  // all other domains' tables.
  std::optional<uint32_t> latest_version(uint32_t key_id);
  // Nothing: it is not handed out, and the log says why.
  std::optional<SecretBytes> key(uint32_t key_id, uint32_t version);

 private:
  struct ServedId {
    std::string domain;
    std::atomic<uint32_t> given{0};  // the highest version that was handed out
    std::atomic<uint32_t> told{0};   // the one that the server was last told is the latest
    std::mutex mutex;
    std::map<uint32_t, std::string> refusals;  // version (0: the latest) → why it is not handed out, as the log has it
    std::atomic<bool> is_refusing{false};      // whether there are any
  };

  // Null where coffer.yaml does not list it, also now.
  ServedId* find(uint32_t key_id);
  void list(const MariadbKeys& keys);  // takes mutex_
  void say_unlisted(uint32_t key_id);
  // `version` 0: the latest.
  void note(uint32_t key_id, ServedId& served, uint32_t version, const Status& outcome);
  void note_step_back(uint32_t key_id, ServedId& served, uint32_t version);
  std::chrono::milliseconds tell_news();

  const std::shared_ptr<Coffer> coffer_;
  const Report report_;
  std::mutex mutex_;
  std::map<uint32_t, std::unique_ptr<ServedId>> served_;  // none is ever removed
  std::map<uint32_t, bool> unlisted_;                     // of which the log has spoken
  std::chrono::steady_clock::time_point looked_{};        // at coffer.yaml, for ids that it had not
  uint64_t keyring_seen_ = 0, policy_seen_ = 0;           // of the thread
  IntervalThread thread_;                                 // last: it uses the others
};

}  // namespace coffer::mariadb
