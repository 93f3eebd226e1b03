#include "coffer/store/counted_files.h"

#include <chrono>
#include <nlohmann/json.hpp>

namespace coffer {
namespace {

using CountedJson = nlohmann::json;

std::string class_name(const FileClass& of) {
  switch (of.what) {
    case FileClass::What::kEmpty: return "empty";
    case FileClass::What::kPlaintext: return "plaintext";
    case FileClass::What::kUnreadable: return "unreadable";
    case FileClass::What::kEncrypted: break;
  }
  return of.other.is_zero() ? of.key.hex() : of.key.hex() + "+" + of.other.hex();
}

std::optional<FileClass> parse_class(const std::string& name) {
  for (const auto what : {FileClass::What::kEmpty, FileClass::What::kPlaintext, FileClass::What::kUnreadable}) {
    if (class_name({.what = what}) == name) return FileClass{.what = what};
  }
  const size_t plus = name.find('+');
  const auto key = Id::parse(name.substr(0, plus));
  if (!key.is_ok()) return std::nullopt;
  FileClass out{.what = FileClass::What::kEncrypted, .key = *key};
  if (plus == std::string::npos) return out;
  const auto other = Id::parse(name.substr(plus + 1));
  if (!other.is_ok()) return std::nullopt;
  out.other = *other;
  return out;
}

CountedJson store_json(const StoreCounts& counts) {
  CountedJson files = CountedJson::object();
  for (const auto& [of, usage] : counts.by_class) files[class_name(of)] = {usage.files, usage.bytes};
  return {{"files", std::move(files)}, {"links", counts.links_outside}};
}

const CountedJson* member(const CountedJson& json, const char* name, CountedJson::value_t type) {
  const auto found = json.find(name);
  return found == json.end() || found->type() != type ? nullptr : &*found;
}

bool read_store(const CountedJson& json, StoreCounts& out) {
  const CountedJson* files = member(json, "files", CountedJson::value_t::object);
  const CountedJson* links = member(json, "links", CountedJson::value_t::number_unsigned);
  if (files == nullptr || links == nullptr || json.size() != 2) return false;
  out.links_outside = links->get<uint64_t>();
  for (const auto& [name, usage] : files->items()) {
    const auto of = parse_class(name);
    if (!of || !usage.is_array() || usage.size() != 2) return false;
    if (!usage[0].is_number_unsigned() || !usage[1].is_number_unsigned()) return false;
    out.by_class[*of] = {usage[0].get<uint64_t>(), usage[1].get<uint64_t>()};
  }
  return true;
}

}  // namespace

FileClass class_of(const EnvelopeScan& scan) {
  FileClass out{.what = FileClass::What::kEncrypted, .key = scan.fields.domain_key_id};
  if (scan.other && scan.other->domain_key_id != out.key) out.other = scan.other->domain_key_id;
  return out;
}

uint64_t CountedFiles::files() const {
  uint64_t out = 0;
  for (const auto& [store, counts] : stores) {
    for (const auto& [of, usage] : counts.by_class) out += usage.files;
  }
  return out;
}

uint64_t now_milliseconds() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

std::string counted_text(const CountedFiles& counted) {
  CountedJson stores = CountedJson::object();
  for (const auto& [store, counts] : counted.stores) stores[store.hex()] = store_json(counts);
  return CountedJson{{"begun", counted.begun}, {"ended", counted.ended}, {"stores", std::move(stores)}}.dump();
}

std::optional<CountedFiles> parse_counted(const std::string& text) {
  const auto json = CountedJson::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || json.size() != 3) return std::nullopt;
  const CountedJson* begun = member(json, "begun", CountedJson::value_t::number_unsigned);
  const CountedJson* ended = member(json, "ended", CountedJson::value_t::number_unsigned);
  const CountedJson* stores = member(json, "stores", CountedJson::value_t::object);
  if (begun == nullptr || ended == nullptr || stores == nullptr) return std::nullopt;
  CountedFiles out{begun->get<uint64_t>(), ended->get<uint64_t>()};
  for (const auto& [name, counts] : stores->items()) {
    const auto store = Id::parse(name);
    if (!store.is_ok() || !counts.is_object() || !read_store(counts, out.stores[*store])) return std::nullopt;
  }
  return out;
}

}  // namespace coffer
