// CockroachDB's flags for encryption at rest, in Coffer's words.
#include <algorithm>
#include <charconv>

#include "coffer/base/period.h"
#include "coffer/ops/import_root.h"

namespace coffer {
namespace {

constexpr uint64_t kDefaultRotationSeconds = uint64_t{7} * 86400;
constexpr std::string_view kPlain = "plain";
// Words of --store that say nothing of encryption.
constexpr std::string_view kOtherWords[] = {"attrs", "size", "ballast-size", "provisioned-rate"};

struct CockroachStore {
  std::optional<std::string> path, key, old_key, rotation_period;
  std::vector<std::string> others;
};

Status wrong_store(const std::string& why) {
  return {Code::kInvalidArgument, why + "; expected path=PATH,key=FILE,old-key=FILE[,rotation-period=DURATION]"};
}

Result<CockroachStore> parse_store(const std::string& spec) {
  CockroachStore out;
  const std::pair<std::string_view, std::optional<std::string>*> known[] = {
      {"path", &out.path}, {"key", &out.key}, {"old-key", &out.old_key}, {"rotation-period", &out.rotation_period}};
  for (const std::string_view field : split_list(spec)) {
    const size_t equals = field.find('=');
    const std::string name(field.substr(0, equals));
    if (name.empty()) return wrong_store("a field without a name");
    if (equals == std::string_view::npos || equals + 1 == field.size()) {
      return wrong_store("no value is given for " + name);
    }
    const auto found = std::ranges::find(known, name, [](const auto& entry) { return entry.first; });
    if (found != std::end(known)) {
      if (found->second->has_value()) return wrong_store(name + " is used twice");
      *found->second = std::string(field.substr(equals + 1));
    } else if (std::ranges::find(kOtherWords, name) != std::end(kOtherWords)) {
      out.others.push_back(name);
    } else {
      return wrong_store("unknown field \"" + name + "\"");
    }
  }
  if (!out.path) return wrong_store("no path is given");
  if (!out.key) return wrong_store("no key is given");
  if (!out.old_key) return wrong_store("no old-key is given");
  return out;
}

// One of Go's: "168h", "1h30m", "90m". Whole seconds only, which is all that ours are.
Result<uint64_t> parse_go_duration(const std::string& text) {
  const Status wrong = {Code::kInvalidArgument, "rotation-period: \"" + text +
                                                    "\" is no duration of whole seconds; expected hours, minutes and "
                                                    "seconds, as 168h or 1h30m"};
  uint64_t seconds = 0;
  std::string_view rest = text;
  if (rest.empty()) return wrong;
  for (const auto& [unit, length] : {std::pair<char, uint64_t>{'h', 3600}, {'m', 60}, {'s', 1}}) {
    uint64_t count = 0;
    const auto [end, failed] = std::from_chars(rest.data(), rest.data() + rest.size(), count);
    if (rest.empty() || failed != std::errc() || end == rest.data() + rest.size() || *end != unit) continue;
    if (count > 1'000'000) return wrong;
    seconds += count * length;
    rest.remove_prefix(static_cast<size_t>(end - rest.data()) + 1);
  }
  if (!rest.empty()) return wrong;
  if (seconds == 0) return {Code::kInvalidArgument, "rotation-period: expected more than 0"};
  return seconds;
}

// The key's length is the algorithm's, of all that it protects.
Status take_cipher(int bits, Config& config) {
  if (bits != 128 && bits != 192 && bits != 256) return {Code::kInvalidArgument, "a key has 128, 192 or 256 bits"};
  config.suite = bits == 128 ? Suite::kAes128Gcm : bits == 192 ? Suite::kAes192Gcm : Suite::kAes256Gcm;
  config.ctr_suite = bits == 128 ? Suite::kAes128Ctr : bits == 192 ? Suite::kAes192Ctr : Suite::kAes256Ctr;
  return Status::ok();
}

Status take_rotation(const CockroachStore& store, bool is_first, Config& config) {
  uint64_t period = kDefaultRotationSeconds;
  if (store.rotation_period) {
    COFFER_ASSIGN(period, parse_go_duration(*store.rotation_period));
  }
  if (is_first || config.policy.all.rotation_period == period) {
    config.policy.all.rotation_period = period;
    return Status::ok();
  }
  return {Code::kInvalidArgument, "rotation-period: " + period_text(period) + " here and " +
                                      period_text(*config.policy.all.rotation_period) +
                                      " for another store; one coffer has one: import them apart"};
}

void note_store(const CockroachStore& store, int bits, Imported& out) {
  out.notes.push_back({"path=" + *store.path,
                       "coffer.yaml names no stores: whoever opens one through the coffer encrypts it. What "
                       "CockroachDB encrypted there has another format, which Coffer does not read",
                       "have the data written anew through Coffer: backup and restore, or export and import"});
  if (*store.old_key == kPlain) {
    out.notes.push_back({"old-key=plain", "a coffer takes no plaintext for encrypted files",
                         "turn a RocksDB store that is plaintext into an encrypted one with coffer encrypt"});
  } else {
    out.notes.push_back({"old-key=" + *store.old_key, "a new coffer was never locked by another root key",
                         "later, go over to another key with coffer rotate root COFFER --to URI, once"});
  }
  const std::string algorithm = "AES-" + std::to_string(bits) + "-CTR";
  out.notes.push_back({"key=" + *store.key,
                       "CockroachDB uses " + algorithm + ", which does not notice altered bytes; new files are " +
                           std::string(suite_info(out.config.suite).name) + ", which does",
                       bits == 256 ? ""
                                   : "a key of " + std::to_string(bits) +
                                         " bits is weaker than those it protects: better make one with coffer "
                                         "keygen, and leave allow_weak_root and cipher out"});
  for (const std::string& other : store.others) {
    out.notes.push_back({other, "says nothing of encryption", "leave it with the database"});
  }
}

}  // namespace

Status import_cockroach_store(const std::string& spec, const BitsOfKeyFile& bits_of, Imported& out) {
  COFFER_ASSIGN(const CockroachStore store, parse_store(spec));
  if (*store.key == kPlain) {
    return {Code::kInvalidArgument,
            "key=plain: a coffer never writes plaintext; leave this store out, and turn one "
            "that Coffer encrypted into plaintext with coffer decrypt"};
  }
  const bool is_first = out.config.providers.roots.empty();
  COFFER_ASSIGN(const int bits, bits_of(*store.key));
  COFFER_TRY(import_root_file(*store.key, "key", bits < 256, out));
  COFFER_TRY(take_cipher(bits, out.config));
  COFFER_TRY(take_rotation(store, is_first, out.config));
  note_store(store, bits, out);
  return Status::ok();
}

}  // namespace coffer
