// Attributes of keys, as protocols before 2.0 (named values) and from 2.0 on (fields of their own) carry them.
#pragma once

#include <map>
#include <vector>

#include "coffer/net/kmip/message.h"
#include "coffer/net/kmip/settings.h"

namespace coffer::kmip {

// What a server says of a key; only what Coffer looks at.
struct KeyAttributes {
  std::string id;
  std::vector<std::string> names;
  std::vector<std::string> groups;
  std::map<std::string, std::string> custom;  // "x-…" → text
  std::string replaces;                       // the key that this one was made to replace (Re-key), by identifier
  std::optional<ObjectType> object_type;
  std::optional<CryptographicAlgorithm> algorithm;
  std::optional<int32_t> bits;
  std::optional<int32_t> usage_mask;
  std::optional<State> state;
  // Unix seconds.
  std::optional<int64_t> initial_date;
  std::optional<int64_t> activation_date;
  std::optional<int64_t> protect_stop_date;
  std::optional<int64_t> deactivation_date;
  std::optional<int64_t> destroy_date;

  bool is_in(const KeySpace& space) const;
  std::string cipher() const;  // "AES-256"; "n/a" as far as the server does not say
  bool is_destroyed() const { return state == State::kDestroyed || state == State::kDestroyedCompromised; }
};

// "2024-05-01 12:00:00 UTC".
std::string date_text(int64_t seconds);

// Takes over what is in the payload of Get Attributes, or of Get with attributes; not the key's identifier. Unknown
// attributes are passed over; a known one of the wrong type is kDamaged.
Status read_attributes(const Item& payload, KeyAttributes& out);

// Writes attributes for one protocol version. For versions from 2.0 on a surrounding structure is the caller's.
class AttributeWriter {
 public:
  AttributeWriter(TtlvWriter& writer, ProtocolVersion version) : writer_(writer), version_(version) {}

  void name(std::string_view value);
  void text(Tag tag, std::string_view value) {
    one(tag, [&](Tag to) { writer_.text(to, value); });
  }
  void integer(Tag tag, int32_t value) {
    one(tag, [&](Tag to) { writer_.integer(to, value); });
  }
  template <class Enumeration>
  void enumeration(Tag tag, Enumeration value) {
    one(tag, [&](Tag to) { writer_.enumeration(to, value); });
  }
  void date(Tag tag, int64_t seconds) {
    one(tag, [&](Tag to) { writer_.date_time(to, seconds); });
  }
  // Nothing for none. A custom attribute is "x-…" before 2.0, of vendor "x" from then on.
  void space(const KeySpace& space);

 private:
  // `write` gets the tag that the value bears.
  void one(Tag tag, const std::function<void(Tag)>& write);

  TtlvWriter& writer_;
  ProtocolVersion version_;
};

// Asks for what read_attributes() looks at, and for what tells the space.
void write_attribute_references(TtlvWriter& writer, ProtocolVersion version, const KeySpace& space);

}  // namespace coffer::kmip
