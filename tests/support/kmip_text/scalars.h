// Single KMIP values as text: what the XML and JSON encodings have in common.
#pragma once

#include "support/kmip_text/encoded_names.h"
#include "support/kmip_text/kmip_text.h"

namespace coffer::kmip {

// The field whose enumeration or mask gives a value its names: the field itself, but for an Attribute Value of
// protocol 1.x the attribute that the Attribute Name before it names. Fed with a structure's fields in order.
class Meaning {
 public:
  Tag of(Tag tag) const { return tag == "Attribute Value"_tag ? attribute_ : tag; }
  // To be called for every text field.
  void saw_text(Tag tag, std::string_view value) {
    if (tag == "Attribute Name"_tag) attribute_ = spec_tag(value).value_or("Attribute Value"_tag);
  }

 private:
  Tag attribute_ = "Attribute Value"_tag;
};

// May hold a key, data or a password.
bool is_secret(Tag tag);

// REQUIRES: `item` is not a structure.
std::string scalar_text(const Item& item, Tag meaning, char mask_separator);
// Appends the item that `text` stands for; kInvalidArgument names the field.
Status write_scalar(TtlvWriter& writer, Tag tag, ItemType type, Tag meaning, std::string_view text,
                    char mask_separator);

// "2026-07-31T12:00:00+00:00", with six decimals of a second if `decimals`; "0x…" for years outside 1 to 9999.
std::string date_time_text(int64_t value, bool decimals);

}  // namespace coffer::kmip
