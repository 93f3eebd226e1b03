#include "coffer/net/etcd/messages.h"

#include "coffer/base/base64.h"
#include "coffer/base/text.h"

namespace coffer::etcd {
namespace {

using http::JsonView;

constexpr size_t kAnsweredValueMax = size_t{4} << 20;
constexpr size_t kSaidMax = 1024;

std::string field(const char* name, std::string_view bytes) {
  return "\"" + std::string(name) + "\":\"" + base64_text(as_bytes(bytes)) + "\"";
}

std::string range_text(const Transaction::Range& range) {
  std::string out = "{\"request_range\":{" + field("key", range.key);
  if (!range.end.empty()) out += "," + field("range_end", range.end);
  if (range.keys_only) out += ",\"keys_only\":true";
  if (range.limit != 0) out += ",\"limit\":\"" + std::to_string(range.limit) + "\"";
  return out + "}}";
}

Status no_answer(const std::string& why) { return {Code::kTampered, "it does not answer like etcd: " + why}; }

// A number that etcd writes as text, and leaves out where it is 0.
Result<uint64_t> number_in(const JsonView& object, const char* name) {
  if (!object[name].exists()) return uint64_t{0};
  const auto number = object[name].number_or_text();
  if (number.has_value() && *number >= 0) return static_cast<uint64_t>(*number);
  return no_answer(std::string(name) + " is no number");
}

Result<KeyValue> read_key_value(const JsonView& json) {
  KeyValue out;
  COFFER_ASSIGN(const SecretBytes key, http::json_base64(json, "key", kKeySizeMax));
  out.key = as_text(key.reveal());
  COFFER_ASSIGN(out.mod_revision, number_in(json, "mod_revision"));
  if (!json["value"].exists()) return out;
  COFFER_ASSIGN(const SecretBytes value, http::json_base64(json, "value", kAnsweredValueMax));
  out.value.assign(value.reveal().begin(), value.reveal().end());
  return out;
}

}  // namespace

std::string end_of_prefix(std::string prefix) {
  prefix.back() = static_cast<char>(static_cast<uint8_t>(prefix.back()) + 1);
  return prefix;
}

void Transaction::add(std::string& list, const std::string& operation) {
  if (!list.empty()) list += ",";
  list += operation;
  ++operations_;
}

Transaction& Transaction::expect(std::string_view key, uint64_t mod_revision) {
  add(expected_, "{\"target\":\"MOD\",\"result\":\"EQUAL\"," + field("key", key) + ",\"mod_revision\":\"" +
                     std::to_string(mod_revision) + "\"}");
  return *this;
}

Transaction& Transaction::put(std::string_view key, ByteView value) {
  add(then_, "{\"request_put\":{" + field("key", key) + "," + field("value", as_text(value)) + "}}");
  return *this;
}

Transaction& Transaction::remove(std::string_view key) {
  add(then_, "{\"request_delete_range\":{" + field("key", key) + "}}");
  return *this;
}

Transaction& Transaction::remove_range(std::string_view key, std::string_view end) {
  add(then_, "{\"request_delete_range\":{" + field("key", key) + "," + field("range_end", end) + "}}");
  return *this;
}

Transaction& Transaction::read(const Range& range) {
  add(then_, range_text(range));
  return *this;
}

Transaction& Transaction::read_otherwise(const Range& range) {
  add(otherwise_, range_text(range));
  return *this;
}

std::string Transaction::text() const {
  return "{\"compare\":[" + expected_ + "],\"success\":[" + then_ + "],\"failure\":[" + otherwise_ + "]}";
}

Result<Answered> read_answer(ByteView body) {
  COFFER_ASSIGN(const JsonView json, JsonView::parse(body));
  const JsonView header = json["header"];
  if (!header.is_object()) return no_answer("no header");
  Answered out;
  COFFER_ASSIGN(out.revision, number_in(header, "revision"));
  if (out.revision == 0) return no_answer("no revision");
  out.succeeded = json["succeeded"].boolean().value_or(false);
  for (const JsonView& response : json["responses"].elements()) {
    const JsonView range = response["response_range"];
    if (!range.is_object()) continue;
    std::vector<KeyValue>& found = out.read.emplace_back();
    for (const JsonView& entry : range["kvs"].elements()) {
      COFFER_ASSIGN(KeyValue value, read_key_value(entry));
      found.push_back(std::move(value));
    }
  }
  return out;
}

Refused read_refusal(int status, ByteView body) {
  const auto json = JsonView::parse(body);
  const int64_t code = json.is_ok() ? (*json)["code"].number().value_or(0) : 0;
  const auto said = json.is_ok() ? (*json)["message"].text(kSaidMax) : std::nullopt;
  if (said.has_value() && code > 0 && code <= 16) {
    return {static_cast<int>(code), excerpt(*said)};
  }
  return {0, "it answers with status " + std::to_string(status) + ": " + excerpt(as_text(body))};
}

std::string compaction_request(uint64_t revision) {
  return "{\"revision\":\"" + std::to_string(revision) + "\",\"physical\":true}";
}

std::string watch_request(std::string_view key, uint64_t from_revision) {
  return "{\"create_request\":{" + field("key", key) + ",\"start_revision\":\"" + std::to_string(from_revision) +
         "\"}}";
}

Result<WatchEvent> read_watch_event(ByteView line) {
  COFFER_ASSIGN(const JsonView json, JsonView::parse(line));
  WatchEvent out;
  const JsonView result = json["result"];
  if (!result.is_object()) {
    const auto said = json["error"]["message"].text(kSaidMax);
    if (!said.has_value()) return no_answer("neither a result nor an error");
    out.ended = excerpt(*said);
    return out;
  }
  COFFER_ASSIGN(out.revision, number_in(result["header"], "revision"));
  out.begun = result["created"].boolean().value_or(false);
  out.changed = result["events"].element_count() > 0;
  if (result["canceled"].boolean().value_or(false)) {
    out.ended = excerpt(result["cancel_reason"].text(kSaidMax).value_or("the watch was cancelled"));
  }
  return out;
}

}  // namespace coffer::etcd
