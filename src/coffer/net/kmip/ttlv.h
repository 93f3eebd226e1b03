// KMIP's binary encoding: tag (3 bytes), type, length (4 bytes, big-endian), value padded to 8 bytes (KMIP 2.1 section
// 10.1; 1.4 section 9.1). Reading is strict and allocates nothing: an Item is a view into the message it was parsed
// from.
#pragma once

#include <iterator>

#include "coffer/base/secret_buffer.h"
#include "coffer/net/kmip/names.h"

namespace coffer::kmip {

struct TtlvLimits {
  size_t size_max = size_t{1} << 20;
  int depth_max = 32;
  size_t items_max = 65536;
};

inline constexpr size_t kItemHeaderSize = 8;
// Size of the item that starts with these 8 bytes, header and padding included.
uint64_t encoded_item_size(std::span<const uint8_t, kItemHeaderSize> header);

class Item {
 public:
  // Exactly one item. Every field of it is checked, however deep: tag range, known type, length for the type, zero
  // padding, UTF-8 in texts, booleans 0 or 1. kDamaged says what is wrong where; kLimitExceeded names the limit.
  static Result<Item> parse(ByteView bytes, const TtlvLimits& limits = {});

  Tag tag() const { return static_cast<Tag>(uint32_t{at_[0]} << 16 | uint32_t{at_[1]} << 8 | at_[2]); }
  ItemType type() const { return static_cast<ItemType>(at_[3]); }
  bool is(Tag tag, ItemType type) const { return this->tag() == tag && this->type() == type; }
  // Without header and padding.
  ByteView value() const { return {at_ + kItemHeaderSize, length()}; }
  ByteView encoded() const;

  // kDamaged, naming field and types, when the item is of another type.
  Result<int32_t> integer() const { return number_as<int32_t>(ItemType::kInteger); }
  Result<uint32_t> enumeration() const { return number_as<uint32_t>(ItemType::kEnumeration); }
  Result<int64_t> date_time() const { return number_as<int64_t>(ItemType::kDateTime); }  // Unix seconds
  Result<std::string_view> text() const;
  Result<ByteView> bytes() const;
  // The bits of a value of 4 or 8 bytes.
  Result<uint64_t> number(ItemType type) const;

  class Iterator;
  struct Children;
  // The fields of a structure, in order; none of anything else.
  Children children() const;
  // The first field with that tag.
  std::optional<Item> find(Tag tag) const;
  // The same, kDamaged when there is none.
  Result<Item> child(Tag tag) const;
  // Its value: header.get("Batch Count"_tag, &Item::integer).
  template <class T>
  Result<T> get(Tag tag, Result<T> (Item::*read)() const) const {
    COFFER_ASSIGN(const Item item, child(tag));
    return (item.*read)();
  }

 private:
  explicit Item(const uint8_t* at) : at_(at) {}
  uint32_t length() const;
  Status expect(ItemType type) const;
  template <class T>
  Result<T> number_as(ItemType type) const {
    COFFER_ASSIGN(const uint64_t bits, number(type));
    return static_cast<T>(bits);
  }

  const uint8_t* at_;
};

class Item::Iterator {
 public:
  using value_type = Item;
  using difference_type = std::ptrdiff_t;

  explicit Iterator(const uint8_t* at) : at_(at) {}
  Item operator*() const { return Item(at_); }
  Iterator& operator++() {
    at_ += Item(at_).encoded().size();
    return *this;
  }
  bool operator==(const Iterator&) const = default;

 private:
  const uint8_t* at_;
};

struct Item::Children {
  ByteView bytes;
  Iterator begin() const { return Iterator(bytes.data()); }
  Iterator end() const { return Iterator(bytes.data() + bytes.size()); }
};

// Appends items to a buffer. Not thread-safe.
class TtlvWriter {
 public:
  explicit TtlvWriter(SecretBuffer& out) : out_(out) {}

  // What is written while the returned object lives are the structure's fields.
  class [[nodiscard]] Structure {
   public:
    Structure(const Structure&) = delete;
    Structure& operator=(const Structure&) = delete;
    Structure(TtlvWriter& writer, Tag tag);
    ~Structure();

   private:
    SecretBuffer& out_;
    size_t start_;
  };
  Structure structure(Tag tag) { return {*this, tag}; }

  void integer(Tag tag, int32_t value) { number(tag, ItemType::kInteger, static_cast<uint32_t>(value)); }
  template <class Enumeration>
  void enumeration(Tag tag, Enumeration value) {
    number(tag, ItemType::kEnumeration, static_cast<uint32_t>(value));
  }
  void boolean(Tag tag, bool value) { number(tag, ItemType::kBoolean, value ? 1 : 0); }
  void date_time(Tag tag, int64_t seconds) { number(tag, ItemType::kDateTime, static_cast<uint64_t>(seconds)); }
  void text(Tag tag, std::string_view value) { bytes(tag, as_bytes(value), ItemType::kTextString); }
  void bytes(Tag tag, ByteView value, ItemType type = ItemType::kByteString);
  // The bits of a value of 4 or 8 bytes, as its type has them.
  void number(Tag tag, ItemType type, uint64_t bits);

 private:
  MutableBytes item(Tag tag, ItemType type, size_t length);

  SecretBuffer& out_;
};

}  // namespace coffer::kmip
