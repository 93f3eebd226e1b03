#include "coffer/net/kmip/attributes.h"

#include <algorithm>
#include <ctime>

namespace coffer::kmip {
namespace {

constexpr std::string_view kCustomPrefix = "x-";
constexpr std::string_view kCustomVendor = "x";
constexpr size_t kValuesMax = 256;  // of one attribute
constexpr uint32_t kReplacedObjectLink = 0x107;

constexpr Tag kWanted[] = {"Name"_tag,
                           "Object Type"_tag,
                           "Cryptographic Algorithm"_tag,
                           "Cryptographic Length"_tag,
                           "Cryptographic Usage Mask"_tag,
                           "State"_tag,
                           "Object Group"_tag,
                           "Link"_tag,
                           "Initial Date"_tag,
                           "Activation Date"_tag,
                           "Protect Stop Date"_tag,
                           "Deactivation Date"_tag,
                           "Destroy Date"_tag};

Status add(const Result<std::string_view>& text, std::string_view what, std::vector<std::string>& out) {
  if (!text) return text.status();
  if (out.size() == kValuesMax) return {Code::kLimitExceeded, "a key has too many values of " + std::string(what)};
  out.emplace_back(*text);
  return Status::ok();
}

template <class Value, class T>
Status set(const Result<Value>& value, std::optional<T>& out) {
  if (value) out = static_cast<T>(*value);
  return value.status();
}

// Of the links to other objects, the one to the key that came before.
Status read_link(const Item& link, std::string& replaces) {
  COFFER_ASSIGN(const uint32_t type, link.get("Link Type"_tag, &Item::enumeration));
  const auto linked = link.find("Linked Object Identifier"_tag);
  if (type == kReplacedObjectLink && linked && linked->type() == ItemType::kTextString) replaces = *linked->text();
  return Status::ok();
}

// `value` may bear another tag (Attribute Value) than the attribute it is of.
Status read_attribute(Tag tag, const Item& value, KeyAttributes& out) {
  if (tag == "Name"_tag) return add(value.get("Name Value"_tag, &Item::text), "Name Value", out.names);
  if (tag == "Link"_tag) return read_link(value, out.replaces);
  if (tag == "Object Group"_tag) return add(value.text(), describe(value.tag()), out.groups);
  if (tag == "Object Type"_tag) return set(value.enumeration(), out.object_type);
  if (tag == "Cryptographic Algorithm"_tag) return set(value.enumeration(), out.algorithm);
  if (tag == "Cryptographic Length"_tag) return set(value.integer(), out.bits);
  if (tag == "Cryptographic Usage Mask"_tag) return set(value.integer(), out.usage_mask);
  if (tag == "State"_tag) return set(value.enumeration(), out.state);
  if (tag == "Initial Date"_tag) return set(value.date_time(), out.initial_date);
  if (tag == "Activation Date"_tag) return set(value.date_time(), out.activation_date);
  if (tag == "Protect Stop Date"_tag) return set(value.date_time(), out.protect_stop_date);
  if (tag == "Deactivation Date"_tag) return set(value.date_time(), out.deactivation_date);
  if (tag == "Destroy Date"_tag) return set(value.date_time(), out.destroy_date);
  return Status::ok();
}

Status read_custom(std::string name, const Item& value, KeyAttributes& out) {
  if (value.type() != ItemType::kTextString) return Status::ok();
  if (out.custom.size() == kValuesMax) return {Code::kLimitExceeded, "a key has too many custom attributes"};
  out.custom.emplace(std::move(name), *value.text());
  return Status::ok();
}

// Attribute { Attribute Name, Attribute Value } of protocol 1.x, and vendor attributes of 2.x.
Status read_named(const Item& attribute, KeyAttributes& out) {
  COFFER_ASSIGN(const std::string_view name, attribute.get("Attribute Name"_tag, &Item::text));
  const auto value = attribute.find("Attribute Value"_tag);
  if (!value) return Status::ok();
  if (const auto vendor = attribute.find("Vendor Identification"_tag)) {
    COFFER_ASSIGN(const std::string_view who, vendor->text());
    return who == kCustomVendor ? read_custom(std::string(kCustomPrefix) + std::string(name), *value, out)
                                : Status::ok();
  }
  if (name.starts_with(kCustomPrefix)) return read_custom(std::string(name), *value, out);
  const std::optional<uint32_t> tag = number_in(kTags, name);
  return tag ? read_attribute(Tag{*tag}, *value, out) : Status::ok();
}

void write_custom_name(TtlvWriter& writer, ProtocolVersion version, std::string_view name) {
  if (version >= kKmip20) {
    writer.text("Vendor Identification"_tag, kCustomVendor);
    name.remove_prefix(kCustomPrefix.size());
  }
  writer.text("Attribute Name"_tag, name);
}

}  // namespace

bool KeyAttributes::is_in(const KeySpace& space) const {
  if (space.name.empty()) return true;
  if (space.attribute.empty()) return std::ranges::find(groups, space.name) != groups.end();
  const auto found = custom.find(space.attribute);
  return found != custom.end() && found->second == space.name;
}

std::string KeyAttributes::cipher() const {
  if (!algorithm) return "n/a";
  const std::string name = describe(kAlgorithms, *algorithm);
  return bits ? name + "-" + std::to_string(*bits) : name;
}

std::string date_text(int64_t seconds) {
  const std::time_t time = seconds;
  std::tm parts{};
  char text[64];
  if (gmtime_r(&time, &parts) == nullptr) return "at " + std::to_string(seconds);
  return {text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &parts)};
}

Status read_attributes(const Item& payload, KeyAttributes& out) {
  for (const Item item : payload.children()) {
    if (item.tag() == "Attribute"_tag) COFFER_TRY(read_named(item, out));
    if (item.tag() != "Attributes"_tag) continue;
    for (const Item field : item.children()) {
      COFFER_TRY(field.tag() == "Attribute"_tag ? read_named(field, out) : read_attribute(field.tag(), field, out));
    }
  }
  return Status::ok();
}

void AttributeWriter::one(Tag tag, const std::function<void(Tag)>& write) {
  if (version_ >= kKmip20) return write(tag);
  const auto attribute = writer_.structure("Attribute"_tag);
  writer_.text("Attribute Name"_tag, tag_name(tag));
  write("Attribute Value"_tag);
}

void AttributeWriter::name(std::string_view value) {
  one("Name"_tag, [&](Tag tag) {
    const auto name = writer_.structure(tag);
    writer_.text("Name Value"_tag, value);
    writer_.enumeration("Name Type"_tag, kNameIsText);
  });
}

void AttributeWriter::space(const KeySpace& space) {
  if (space.name.empty()) return;
  if (space.attribute.empty()) return text("Object Group"_tag, space.name);
  const auto attribute = writer_.structure("Attribute"_tag);
  write_custom_name(writer_, version_, space.attribute);
  writer_.text("Attribute Value"_tag, space.name);
}

void write_attribute_references(TtlvWriter& writer, ProtocolVersion version, const KeySpace& space) {
  const bool by_name = version < kKmip20;
  for (const Tag tag : kWanted) {
    if (by_name) writer.text("Attribute Name"_tag, tag_name(tag));
    if (!by_name) writer.enumeration("Attribute Reference"_tag, tag);
  }
  if (space.attribute.empty()) return;
  std::optional<TtlvWriter::Structure> reference;
  if (!by_name) reference.emplace(writer, "Attribute Reference"_tag);
  write_custom_name(writer, version, space.attribute);
}

}  // namespace coffer::kmip
