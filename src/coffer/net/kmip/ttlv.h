// KMIP's binary encoding: tag (3 bytes), type, length (4 bytes, big-endian), value padded to 8 bytes (KMIP 2.1 section
// 10.1; 1.4 section 9.1). Reading is strict and allocates nothing: an Item is a view into the message it was parsed
// from.
#pragma once

#include <iterator>

#include "coffer/base/secret_buffer.h"
#include "coffer/base/text.h"
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
  ByteView encoded() const { return {at_, kItemHeaderSize + padded_length()}; }

  // kDamaged, naming field and types, when the item is of another type.
  Result<int32_t> integer() const;
  Result<int64_t> long_integer() const;
  Result<ByteView> big_integer() const;  // two's complement, big-endian
  Result<uint32_t> enumeration() const;
  Result<bool> boolean() const;
  Result<std::string_view> text() const;
  Result<ByteView> bytes() const;
  Result<int64_t> date_time() const;           // Unix seconds
  Result<uint32_t> interval() const;           // seconds
  Result<int64_t> date_time_extended() const;  // Unix microseconds

  class Iterator;
  struct Children;
  // The fields of a structure, in order; none of anything else.
  Children children() const;
  // The first field with that tag.
  std::optional<Item> find(Tag tag) const;
  // The same, kDamaged when there is none.
  Result<Item> child(Tag tag) const;

 private:
  explicit Item(const uint8_t* at) : at_(at) {}
  uint32_t length() const;
  size_t padded_length() const { return (size_t{length()} + 7) / 8 * 8; }
  Status expect(ItemType type) const;

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
    ~Structure();

   private:
    friend class TtlvWriter;
    Structure(SecretBuffer& out, size_t start) : out_(out), start_(start) {}
    SecretBuffer& out_;
    size_t start_;
  };
  Structure structure(Tag tag);

  void integer(Tag tag, int32_t value);
  void long_integer(Tag tag, int64_t value);
  void big_integer(Tag tag, ByteView value);  // two's complement, big-endian, a multiple of 8 bytes
  void enumeration(Tag tag, uint32_t value);
  void boolean(Tag tag, bool value);
  void text(Tag tag, std::string_view value);
  void bytes(Tag tag, ByteView value);
  void date_time(Tag tag, int64_t seconds);
  void interval(Tag tag, uint32_t seconds);
  void date_time_extended(Tag tag, int64_t microseconds);
  // An item as it was encoded elsewhere.
  void copy(const Item& item) { out_.append(item.encoded()); }

 private:
  MutableBytes item(Tag tag, ItemType type, size_t length);

  SecretBuffer& out_;
};

}  // namespace coffer::kmip
