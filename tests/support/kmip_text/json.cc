#include <nlohmann/json.hpp>

#include "support/kmip_text/scalars.h"

namespace coffer::kmip {
namespace {

using Json = nlohmann::ordered_json;

// Numbers from here on do not survive JSON parsers that calculate in floating point.
constexpr int64_t kJsonIntegerLimit = int64_t{1} << 52;

Json value_of(const Item& item, Tag meaning) {
  switch (item.type()) {
    case ItemType::kInteger:
      if (is_mask(meaning) && *item.integer() != 0) break;
      return *item.integer();
    case ItemType::kLongInteger: {
      const int64_t value = static_cast<int64_t>(*item.number(item.type()));
      if (value < kJsonIntegerLimit && value > -kJsonIntegerLimit) return value;
      char text[24];
      std::snprintf(text, sizeof text, "0x%016llX", static_cast<unsigned long long>(value));
      return text;
    }
    case ItemType::kBigInteger: return "0x" + scalar_text(item, meaning, '|');
    case ItemType::kBoolean: return *item.number(item.type()) == 1;
    case ItemType::kInterval: return *item.number(item.type());
    default: break;
  }
  return scalar_text(item, meaning, '|');
}

Json json_of(const Item& item, const Meaning& meaning, Secrets secrets) {
  Json out = Json::object();
  out["tag"] = encoded_tag(item.tag());
  if (item.type() == ItemType::kStructure) {
    Json fields = Json::array();
    Meaning inner;
    for (const Item field : item.children()) {
      fields.push_back(json_of(field, inner, secrets));
      if (field.type() == ItemType::kTextString) inner.saw_text(field.tag(), *field.text());
    }
    out["value"] = std::move(fields);
    return out;
  }
  out["type"] = encoded_name(type_name(item.type()));
  if (secrets == Secrets::kHide && is_secret(item.tag())) {
    out["hidden"] = std::to_string(item.value().size()) + " bytes";
  } else {
    out["value"] = value_of(item, meaning.of(item.tag()));
  }
  return out;
}

class JsonReader {
 public:
  explicit JsonReader(const TtlvLimits& limits) : limits_(limits), writer_(out_) {}

  Result<SecretBuffer> read(const Json& json) {
    Meaning meaning;
    COFFER_TRY(item(json, meaning, 1));
    return std::move(out_);
  }

 private:
  static Status wrong(std::string_view what) { return {Code::kInvalidArgument, "kmip json: " + std::string(what)}; }

  Status item(const Json& json, Meaning& meaning, int depth) {
    if (depth > limits_.depth_max || ++items_ > limits_.items_max || out_.size() > limits_.size_max) {
      return {Code::kLimitExceeded, "kmip json: too long, or nested too deep"};
    }
    if (!json.is_object()) return wrong("a field is not an object");
    const Json* tag_json = nullptr;
    const Json* type_json = nullptr;
    const Json* value = nullptr;
    for (const auto& [name, member] : json.items()) {
      if (name == "tag") {
        tag_json = &member;
      } else if (name == "type") {
        type_json = &member;
      } else if (name == "value") {
        value = &member;
      } else if (name != "name") {
        return wrong(name == "hidden" ? "a value was hidden when this was written" : "a field has an unknown member");
      }
    }
    if (tag_json == nullptr || !tag_json->is_string() || value == nullptr) return wrong("a field lacks tag or value");
    const std::string& name = tag_json->get_ref<const std::string&>();
    const auto tag = find_encoded_tag(name);
    if (!tag) return wrong("unknown field " + name);
    if (type_json != nullptr && !type_json->is_string()) return wrong("the type of " + name + " is not text");
    const auto type =
        type_json == nullptr ? ItemType::kStructure : find_encoded_type(type_json->get_ref<const std::string&>());
    if (!type) return wrong("field " + name + " has an unknown type");
    return *type == ItemType::kStructure ? fields(*tag, *value, depth) : scalar(*tag, *type, *value, meaning);
  }

  Status fields(Tag tag, const Json& value, int depth) {
    if (!value.is_array()) return wrong("the value of structure " + describe(tag) + " is not an array");
    const auto structure = writer_.structure(tag);
    Meaning meaning;
    for (const Json& field : value) COFFER_TRY(item(field, meaning, depth + 1));
    return Status::ok();
  }

  Status scalar(Tag tag, ItemType type, const Json& value, Meaning& meaning) {
    const bool number = type == ItemType::kInteger || type == ItemType::kLongInteger || type == ItemType::kInterval ||
                        type == ItemType::kDateTime || type == ItemType::kDateTimeExtended;
    const bool fits =
        value.is_string() || (type == ItemType::kBoolean ? value.is_boolean() : number && value.is_number_integer());
    if (!fits) return wrong("the value of " + describe(tag) + " is of the wrong JSON type");
    const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    COFFER_TRY(write_scalar(writer_, tag, type, meaning.of(tag), text, '|'));
    if (type == ItemType::kTextString) meaning.saw_text(tag, text);
    return Status::ok();
  }

  const TtlvLimits& limits_;
  size_t items_ = 0;
  SecretBuffer out_;
  TtlvWriter writer_;
};

}  // namespace

std::string to_json(const Item& item, Secrets secrets) { return json_of(item, Meaning(), secrets).dump(2) + "\n"; }

Result<SecretBuffer> from_json(std::string_view text, const TtlvLimits& limits) {
  if (text.size() > 8 * limits.size_max) return {Code::kLimitExceeded, "kmip json: too long"};
  const Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return {Code::kInvalidArgument, "kmip json: not JSON"};
  return JsonReader(limits).read(json);
}

}  // namespace coffer::kmip
