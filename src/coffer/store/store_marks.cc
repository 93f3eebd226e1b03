#include "coffer/store/store_marks.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "coffer/base/path.h"

namespace coffer {
namespace {

using MarkJson = nlohmann::json;

constexpr size_t kMarksSizeMax = size_t{16} << 20;
constexpr uint32_t kMarksMode = 0600;

bool read_id(const MarkJson& json, Id& out) {
  const auto id = json.is_string() ? Id::parse(json.get<std::string>()) : Result<Id>(Code::kInvalidArgument, "no text");
  if (id.is_ok()) out = *id;
  return id.is_ok();
}

// Exactly these fields.
bool has_fields(const MarkJson& json, std::initializer_list<const char*> names) {
  return json.is_object() && json.size() == names.size() &&
         std::all_of(names.begin(), names.end(), [&](const char* name) { return json.contains(name); });
}

bool read_log_mark(const MarkJson& json, LogMark& out) {
  if (!has_fields(json, {"name", "file", "durable"}) || !json["name"].is_string()) return false;
  out.name = json["name"].get<std::string>();
  if (out.name.empty() || out.name.find('/') != std::string::npos || out.name == "." || out.name == "..") return false;
  if (!json["durable"].is_number_unsigned()) return false;
  out.durable = json["durable"].get<uint64_t>();
  return read_id(json["file"], out.file);
}

bool read_store_mark(const MarkJson& json, StoreMark& out) {
  if (!has_fields(json, {"at", "current", "logs"}) || !json["at"].is_number_unsigned()) return false;
  if (!json["current"].is_array() || !json["logs"].is_array()) return false;
  out.at = json["at"].get<uint64_t>();
  for (const MarkJson& id : json["current"]) {
    if (!read_id(id, out.current.emplace_back())) return false;
  }
  for (const MarkJson& log : json["logs"]) {
    LogMark mark;
    if (!read_log_mark(log, mark) || out.find(mark.name, mark.file) != nullptr) return false;
    out.logs.push_back(std::move(mark));
  }
  return true;
}

}  // namespace

LogMark* StoreMark::find(std::string_view name) {
  const auto found = std::find_if(logs.begin(), logs.end(), [&](const LogMark& log) { return log.name == name; });
  return found == logs.end() ? nullptr : &*found;
}

const LogMark* StoreMark::find(std::string_view name, const Id& file) const {
  const auto found =
      std::find_if(logs.begin(), logs.end(), [&](const LogMark& log) { return log.name == name && log.file == file; });
  return found == logs.end() ? nullptr : &*found;
}

Status StoreMarkFile::not_marks(std::string_view why) const {
  return {Code::kInvalidArgument, "store marks " + path_ + ": " + std::string(why) +
                                      "; if the stores are known to be as they were last, remove the file"};
}

Result<StoreMarks> StoreMarkFile::parse(std::string_view text) const {
  const auto json = MarkJson::parse(text, nullptr, /*allow_exceptions=*/false);
  Id coffer;
  if (!has_fields(json, {"coffer", "stores"}) || !json["stores"].is_object() || !read_id(json["coffer"], coffer)) {
    return not_marks("expected the marks of a coffer's stores");
  }
  if (coffer != coffer_id_) return not_marks("it is for coffer " + coffer.hex() + ", not for " + coffer_id_.hex());
  StoreMarks out;
  for (const auto& [id, mark] : json["stores"].items()) {
    const auto store = Id::parse(id);
    if (!store.is_ok() || !read_store_mark(mark, out[*store])) return not_marks("the mark of store " + id + " is none");
  }
  return out;
}

std::string StoreMarkFile::format(const StoreMarks& marks) const {
  MarkJson stores = MarkJson::object();
  for (const auto& [id, mark] : marks) {
    MarkJson current = MarkJson::array(), logs = MarkJson::array();
    for (const Id& file : mark.current) current.push_back(file.hex());
    for (const LogMark& log : mark.logs) {
      logs.push_back({{"name", log.name}, {"file", log.file.hex()}, {"durable", log.durable}});
    }
    stores[id.hex()] = {{"at", mark.at}, {"current", std::move(current)}, {"logs", std::move(logs)}};
  }
  const MarkJson whole = {{"coffer", coffer_id_.hex()}, {"stores", std::move(stores)}};
  return whole.dump(-1, ' ', false, MarkJson::error_handler_t::replace) + "\n";
}

Result<StoreMarks> StoreMarkFile::load() const {
  auto text = read_file(disk_, path_, kMarksSizeMax);
  if (text.is_ok()) return parse(as_text(*text));
  if (text.code() != Code::kNotFound) return text.status().with_context("store marks");
  // A disk that is not mounted is no first use.
  const auto place = disk_.info(std::string(parent_of(path_)));
  if (place.is_ok()) return StoreMarks();
  return {place.code(), "store marks " + path_ + ": " + std::string(place.status().message()) +
                            "; mount the anchor's disk, or set freshness: off"};
}

Status StoreMarkFile::update(const std::function<bool(StoreMarks&)>& change) const {
  auto lock = disk_.lock(path_ + ".lock", true);
  if (!lock.is_ok()) return lock.status().with_context("store marks");
  COFFER_ASSIGN(StoreMarks marks, load());
  if (!change(marks)) return Status::ok();
  return replace_file(disk_, path_, as_bytes(format(marks)), kMarksMode).with_context("store marks");
}

}  // namespace coffer
