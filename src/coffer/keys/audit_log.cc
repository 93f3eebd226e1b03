#include "coffer/keys/audit_log.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "coffer/base/text.h"

namespace coffer {
namespace {

using Json = nlohmann::ordered_json;

// The last member of a line, which authenticates all before it.
constexpr std::string_view kMacBegin = ",\"mac\":\"";
constexpr std::string_view kMacEnd = "\"}";
constexpr size_t kMacDigits = 2 * std::tuple_size_v<Sha256>;

std::string host_name() {
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0) return "";
  return is_utf8(name) ? printable(name) : "";
}

Result<Sha256> mac_of(const Keyring& keyring, std::string_view authenticated) {
  return keyring.authenticate("coffer/v1 audit", authenticated);
}

std::optional<Sha256> hash_in(const Json& record, const char* name) {
  const auto found = record.find(name);
  if (found == record.end() || !found->is_string()) return std::nullopt;
  const auto bytes = from_hex(found->get_ref<const std::string&>());
  Sha256 out;
  if (!bytes.is_ok() || bytes->size() != out.size()) return std::nullopt;
  std::copy(bytes->begin(), bytes->end(), out.begin());
  return out;
}

std::optional<uint64_t> number_in(const Json& record, const char* name) {
  const auto found = record.find(name);
  if (found == record.end() || !found->is_number_unsigned()) return std::nullopt;
  return found->get<uint64_t>();
}

std::optional<AuditHead> archived_in(const Json& record) {
  const auto found = record.find("archived");
  if (found == record.end() || !found->is_object()) return std::nullopt;
  const auto number = number_in(*found, "number");
  const auto mac = hash_in(*found, "mac");
  return number && mac ? std::optional(AuditHead{*number, *mac}) : std::nullopt;
}

// The MAC that a line ends with.
std::optional<Sha256> mac_at_end(std::string_view end) {
  if (!end.starts_with(kMacBegin) || !end.ends_with(kMacEnd)) return std::nullopt;
  const std::string_view digits = end.substr(kMacBegin.size(), kMacDigits);
  const auto bytes = from_hex(digits);
  if (!bytes.is_ok() || to_hex(*bytes) != digits) return std::nullopt;
  Sha256 out;
  std::copy(bytes->begin(), bytes->end(), out.begin());
  return out;
}

// Nothing for what nobody with the key wrote, of which nothing else is looked at. `line` is without its end.
Result<std::optional<AuditRecord>> open_line(std::string_view line, const Keyring& keyring) {
  constexpr size_t kEndSize = kMacBegin.size() + kMacDigits + kMacEnd.size();
  const std::optional<AuditRecord> not_authentic;
  if (line.size() < kEndSize || line.size() > kAuditRecordSizeMax) return not_authentic;
  const std::string_view authenticated = line.substr(0, line.size() - kEndSize);
  const auto mac = mac_at_end(line.substr(authenticated.size()));
  if (!mac) return not_authentic;
  COFFER_ASSIGN(const Sha256 expected, mac_of(keyring, authenticated));
  if (!equal_constant_time(expected, *mac)) return not_authentic;
  const Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return not_authentic;
  const auto previous = hash_in(json, "previous");
  const auto number = number_in(json, "number"), before = number_in(json, "before"), after = number_in(json, "after");
  if (!previous || !number || !before || !after) return not_authentic;
  return std::optional(
      AuditRecord{{*number, *mac}, *previous, *before, *after, std::string(line) + "\n", archived_in(json)});
}

// Reads lines in order, and says what is wrong with how they follow each other.
class Chain {
 public:
  explicit Chain(AuditTrail& trail) : trail_(trail) {}

  void add(size_t line, AuditRecord record) {
    const auto previous = known_.find(hex(record.previous));
    if (const auto same = known_.find(hex(record.head.mac)); same != known_.end()) {
      trail_.wrong.push_back({line, "it is line " + std::to_string(same->second) + " once more"});
      return;
    }
    if (record.archived) archived_.push_back(*record.archived);
    if (record.previous == last_.mac && record.head.count == last_.count + 1) {
      // As it should be.
    } else if (line == 1) {
      begins_behind_ = {record.head.count - 1, record.previous};
    } else if (record.previous == before_last_.mac && record.head.count == last_.count) {
      trail_.notes.push_back({last_line_, unfinished()});
    } else if (previous != known_.end()) {
      trail_.wrong.push_back({line, "it follows line " + std::to_string(previous->second) + " and not line " +
                                        std::to_string(last_line_) +
                                        ": lines were moved or repeated, or an older keyring was put back"});
    } else {
      trail_.wrong.push_back({line, line_before_is_missing(record.head.count - 1)});
    }
    before_last_ = {record.head.count - 1, record.previous};
    last_ = record.head;
    last_line_ = line;
    known_.emplace(hex(record.head.mac), line);
    trail_.records.push_back(std::move(record));
  }

  void end(const AuditHead& head) {
    if (begins_behind_ && std::ranges::find(archived_, *begins_behind_) == archived_.end()) {
      trail_.wrong.insert(trail_.wrong.begin(), {1, line_before_is_missing(begins_behind_->count)});
    }
    if (last_ == head) return;
    const auto found = head.count == 0 ? std::optional<size_t>(0) : line_of(head);
    if (!found.has_value()) {
      const std::string last = last_.count == 0 ? "nothing is left" : "what is left ends with number " + number(last_);
      trail_.wrong.push_back({0, "its end is missing: the keyring was saved with number " + number(head) + ", and " +
                                     last + "; restore it from a backup to see what is missing"});
    } else if (before_last_ == head) {
      trail_.notes.push_back({last_line_, unfinished()});
    } else {
      trail_.wrong.push_back({*found + 1,
                              "from here on it is of newer keyrings than the one there is, which was put "
                              "back; restore the newest"});
    }
  }

 private:
  static std::string hex(const Sha256& mac) { return to_hex(mac); }
  static std::string number(const AuditHead& head) { return std::to_string(head.count); }
  static std::string line_before_is_missing(uint64_t count) {
    return "the line before it, number " + std::to_string(count) + ", is not there any more";
  }
  static std::string unfinished() {
    return "what it says was not finished: a crash or an error kept the keyring as it was, or the keyring from before "
           "it was put back";
  }
  std::optional<size_t> line_of(const AuditHead& head) const {
    const auto found = known_.find(hex(head.mac));
    return found != known_.end() ? std::optional(found->second) : std::nullopt;
  }

  AuditTrail& trail_;
  AuditHead last_;         // none yet: number 0
  AuditHead before_last_;  // what the last one follows
  size_t last_line_ = 0;
  std::optional<AuditHead> begins_behind_;  // what the first line follows, where that is not there
  std::vector<AuditHead> archived_;
  std::unordered_map<std::string, size_t> known_;  // MAC → line
};

}  // namespace

Result<AuditRecord> make_audit_record(const KeyringContents* before, const KeyringContents& after,
                                      std::string_view note, uint64_t now,
                                      const std::optional<AuditHead>& archived) {
  AuditRecord out;
  out.previous = after.keyring.audit_head().mac;
  out.before = before != nullptr ? before->keyring.version() : 0;
  out.after = after.keyring.version();
  out.head.count = after.keyring.audit_head().count + 1;
  Json record{{"number", out.head.count}, {"time", now}, {"before", out.before}, {"after", out.after}};
  if (!note.empty()) record["note"] = note;
  if (archived) record["archived"] = {{"number", archived->count}, {"mac", to_hex(archived->mac)}};
  record["changes"] = Json::parse(changes_between(before, after));
  record["uid"] = ::getuid();
  record["pid"] = ::getpid();
  record["program"] = printable(program_invocation_short_name);
  record["host"] = host_name();
  record["previous"] = to_hex(out.previous);
  out.text = record.dump(-1, ' ', false, Json::error_handler_t::replace);
  out.text.pop_back();
  COFFER_ASSIGN(out.head.mac, mac_of(after.keyring, out.text));
  out.text += std::string(kMacBegin) + to_hex(out.head.mac) + std::string(kMacEnd) + "\n";
  return out;
}

Result<AuditTrail> read_audit_log(ByteView log, const Keyring& keyring) {
  AuditTrail trail;
  Chain chain(trail);
  std::string_view rest = as_text(log);
  for (size_t line = 1; !rest.empty(); ++line) {
    const size_t end = rest.find('\n');
    const bool is_last = end == std::string_view::npos || end + 1 == rest.size();
    if (is_last && (end == std::string_view::npos || rest.find('\0') != std::string_view::npos)) {
      trail.notes.push_back({line, "it was not written as a whole: what it was to say did not happen"});
      break;
    }
    COFFER_ASSIGN(std::optional<AuditRecord> record, open_line(rest.substr(0, end), keyring));
    rest.remove_prefix(end + 1);
    if (record.has_value()) {
      chain.add(line, std::move(*record));
    } else {
      trail.wrong.push_back({line, "it was altered, or nobody who can open the keyring wrote it"});
    }
  }
  chain.end(keyring.audit_head());
  return trail;
}

ByteView whole_audit_lines(ByteView log) {
  std::string_view text = as_text(log);
  text = text.substr(0, text.rfind('\n') + 1);
  const size_t last = text.size() < 2 ? 0 : text.rfind('\n', text.size() - 2) + 1;
  if (text.find('\0', last) != std::string_view::npos) text = text.substr(0, last);
  return log.first(text.size());
}

}  // namespace coffer
