#include "coffer/net/kmip/attributes.h"

#include <ctime>

namespace coffer::kmip {
namespace {

constexpr std::string_view kCustomPrefix = "x-";
constexpr std::string_view kCustomVendor = "x";
constexpr size_t kValuesMax = 256;  // of one attribute

Status add_text(const Item& item, std::vector<std::string>& out) {
  COFFER_ASSIGN(const std::string_view text, item.text());
  if (out.size() == kValuesMax)
    return {Code::kLimitExceeded, "a key has too many values of " + describe_tag(item.tag())};
  out.emplace_back(text);
  return Status::ok();
}

Status read_date(const Item& item, std::optional<int64_t>& out) {
  COFFER_ASSIGN(const int64_t value, item.date_time());
  out = value;
  return Status::ok();
}

std::optional<int64_t>* date_of(Tag tag, KeyAttributes& out) {
  if (tag == "Initial Date"_tag) return &out.initial_date;
  if (tag == "Activation Date"_tag) return &out.activation_date;
  if (tag == "Process Start Date"_tag) return &out.process_start_date;
  if (tag == "Protect Stop Date"_tag) return &out.protect_stop_date;
  if (tag == "Deactivation Date"_tag) return &out.deactivation_date;
  if (tag == "Compromise Date"_tag) return &out.compromise_date;
  if (tag == "Destroy Date"_tag) return &out.destroy_date;
  return nullptr;
}

// `value` may bear another tag (Attribute Value) than the attribute it is of.
Status read_attribute(Tag tag, const Item& value, KeyAttributes& out) {
  if (auto* date = date_of(tag, out)) return read_date(value, *date);
  if (tag == "Name"_tag) {
    COFFER_ASSIGN(const Item name, value.child("Name Value"_tag));
    return add_text(name, out.names);
  }
  if (tag == "Object Group"_tag) return add_text(value, out.groups);
  if (tag == "Unique Identifier"_tag && value.type() == ItemType::kTextString) {
    out.id = *value.text();
  } else if (tag == "Object Type"_tag) {
    COFFER_ASSIGN(out.object_type, value.enumeration());
  } else if (tag == "Cryptographic Algorithm"_tag) {
    COFFER_ASSIGN(out.algorithm, value.enumeration());
  } else if (tag == "Cryptographic Length"_tag) {
    COFFER_ASSIGN(out.bits, value.integer());
  } else if (tag == "Cryptographic Usage Mask"_tag) {
    COFFER_ASSIGN(out.usage_mask, value.integer());
  } else if (tag == "State"_tag) {
    COFFER_ASSIGN(const uint32_t state, value.enumeration());
    out.state = static_cast<State>(state);
  }
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
  COFFER_ASSIGN(const Item name_item, attribute.child("Attribute Name"_tag));
  COFFER_ASSIGN(const std::string_view name, name_item.text());
  const auto value = attribute.find("Attribute Value"_tag);
  if (!value) return Status::ok();
  if (const auto vendor = attribute.find("Vendor Identification"_tag)) {
    COFFER_ASSIGN(const std::string_view who, vendor->text());
    return who == kCustomVendor ? read_custom(std::string(kCustomPrefix) + std::string(name), *value, out)
                                : Status::ok();
  }
  if (name.starts_with(kCustomPrefix)) return read_custom(std::string(name), *value, out);
  const auto tag = find_tag(name);
  return tag ? read_attribute(*tag, *value, out) : Status::ok();
}

}  // namespace

std::string KeyAttributes::cipher() const {
  if (!algorithm) return "n/a";
  const std::string name = describe_enumerator("Cryptographic Algorithm"_tag, *algorithm);
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
    if (item.tag() == "Attribute"_tag) {
      COFFER_TRY(read_named(item, out));
    } else if (item.tag() == "Attributes"_tag) {
      for (const Item field : item.children()) {
        COFFER_TRY(field.tag() == "Attribute"_tag ? read_named(field, out) : read_attribute(field.tag(), field, out));
      }
    } else if (item.tag() == "Unique Identifier"_tag) {
      COFFER_TRY(read_attribute(item.tag(), item, out));
    }
  }
  return Status::ok();
}

template <class Write>
void AttributeWriter::one(Tag tag, const Write& write) {
  if (version_ >= kKmip20) {
    write(tag);
    return;
  }
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

void AttributeWriter::text(Tag tag, std::string_view value) {
  one(tag, [&](Tag value_tag) { writer_.text(value_tag, value); });
}

void AttributeWriter::integer(Tag tag, int32_t value) {
  one(tag, [&](Tag value_tag) { writer_.integer(value_tag, value); });
}

void AttributeWriter::enumeration(Tag tag, uint32_t value) {
  one(tag, [&](Tag value_tag) { writer_.enumeration(value_tag, value); });
}

void AttributeWriter::date(Tag tag, int64_t seconds) {
  one(tag, [&](Tag value_tag) { writer_.date_time(value_tag, seconds); });
}

void AttributeWriter::custom(std::string_view name, std::string_view value) {
  const auto attribute = writer_.structure("Attribute"_tag);
  if (version_ >= kKmip20) {
    writer_.text("Vendor Identification"_tag, kCustomVendor);
    name.remove_prefix(kCustomPrefix.size());
  }
  writer_.text("Attribute Name"_tag, name);
  writer_.text("Attribute Value"_tag, value);
}

void write_attribute_references(TtlvWriter& writer, ProtocolVersion version, std::span<const Tag> tags,
                                std::span<const std::string> custom) {
  for (const Tag tag : tags) {
    if (version >= kKmip20) {
      writer.enumeration("Attribute Reference"_tag, number(tag));
    } else {
      writer.text("Attribute Name"_tag, tag_name(tag));
    }
  }
  for (const std::string& name : custom) {
    if (version < kKmip20) {
      writer.text("Attribute Name"_tag, name);
      continue;
    }
    const auto reference = writer.structure("Attribute Reference"_tag);
    writer.text("Vendor Identification"_tag, kCustomVendor);
    writer.text("Attribute Name"_tag, std::string_view(name).substr(kCustomPrefix.size()));
  }
}

}  // namespace coffer::kmip
