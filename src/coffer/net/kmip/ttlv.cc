#include "coffer/net/kmip/ttlv.h"

namespace coffer::kmip {
namespace {

uint64_t load_be(ByteView bytes) {
  uint64_t out = 0;
  for (const uint8_t byte : bytes) out = out << 8 | byte;
  return out;
}

void store_be(MutableBytes out, uint64_t value) {
  for (size_t i = out.size(); i > 0; value >>= 8) out[--i] = static_cast<uint8_t>(value);
}

// 0 for types whose values are no numbers of one size.
size_t number_size(ItemType type) {
  switch (type) {
    case ItemType::kInteger:
    case ItemType::kEnumeration:
    case ItemType::kInterval: return 4;
    case ItemType::kLongInteger:
    case ItemType::kBoolean:
    case ItemType::kDateTime:
    case ItemType::kDateTimeExtended: return 8;
    default: return 0;
  }
}

bool length_fits(ItemType type, size_t length) {
  if (const size_t size = number_size(type); size > 0) return length == size;
  if (type == ItemType::kBigInteger) return length > 0 && length % 8 == 0;
  return type != ItemType::kStructure || length % 8 == 0;
}

constexpr size_t padded(size_t length) { return (length + 7) / 8 * 8; }

Status damaged(Tag tag, std::string_view what) {
  return {Code::kDamaged, "kmip message: " + describe(tag) + " " + std::string(what)};
}

class Validator {
 public:
  explicit Validator(const TtlvLimits& limits) : limits_(limits) {}

  // One item at the start of `bytes`; returns what it occupies.
  Result<size_t> item(ByteView bytes, int depth) {
    if (bytes.size() < kItemHeaderSize) return {Code::kDamaged, "kmip message: cut inside the header of a field"};
    if (depth > limits_.depth_max) return {Code::kLimitExceeded, "kmip message: structures are nested too deep"};
    if (++items_ > limits_.items_max) return {Code::kLimitExceeded, "kmip message: too many fields"};
    const Tag tag = static_cast<Tag>(load_be(bytes.first(3)));
    const ItemType type = static_cast<ItemType>(bytes[3]);
    const size_t length = load_be(bytes.subspan(4, 4));
    if (!is_known_range(tag)) return damaged(tag, "is not a tag of KMIP or of an extension");
    if (type_name(type).empty()) return damaged(tag, "is of an unknown type");
    if (!length_fits(type, length)) return damaged(tag, "has a length that its type cannot have");
    const size_t end = kItemHeaderSize + padded(length);
    if (bytes.size() < end) return damaged(tag, "is cut short");
    const ByteView value = bytes.subspan(kItemHeaderSize, length);
    for (const uint8_t byte : bytes.first(end).subspan(kItemHeaderSize + length)) {
      if (byte != 0) return damaged(tag, "has padding that is not zero");
    }
    COFFER_TRY(contents(tag, type, value, depth));
    return end;
  }

 private:
  Status contents(Tag tag, ItemType type, ByteView value, int depth) {
    if (type == ItemType::kBoolean && load_be(value) > 1) return damaged(tag, "is a boolean but not 0 or 1");
    if (type == ItemType::kTextString && !is_utf8(as_text(value))) return damaged(tag, "is not UTF-8");
    if (type != ItemType::kStructure) return Status::ok();
    while (!value.empty()) {
      COFFER_ASSIGN(const size_t used, item(value, depth + 1));
      value = value.subspan(used);
    }
    return Status::ok();
  }

  const TtlvLimits& limits_;
  size_t items_ = 0;
};

}  // namespace

uint64_t encoded_item_size(std::span<const uint8_t, kItemHeaderSize> header) {
  return kItemHeaderSize + padded(load_be(header.last(4)));
}

Result<Item> Item::parse(ByteView bytes, const TtlvLimits& limits) {
  if (bytes.size() > limits.size_max) return {Code::kLimitExceeded, "kmip message: too long"};
  COFFER_ASSIGN(const size_t used, Validator(limits).item(bytes, 1));
  if (used != bytes.size()) return {Code::kDamaged, "kmip message: something follows its end"};
  return Item(bytes.data());
}

uint32_t Item::length() const { return static_cast<uint32_t>(load_be({at_ + 4, 4})); }

ByteView Item::encoded() const { return {at_, kItemHeaderSize + padded(length())}; }

Status Item::expect(ItemType type) const {
  if (this->type() == type) return Status::ok();
  return damaged(tag(), "is of type " + std::string(type_name(this->type())) + ", not " + std::string(type_name(type)));
}

Result<uint64_t> Item::number(ItemType type) const {
  COFFER_TRY(expect(type));
  return load_be(value());
}

Result<std::string_view> Item::text() const {
  COFFER_TRY(expect(ItemType::kTextString));
  return as_text(value());
}

Result<ByteView> Item::bytes() const {
  COFFER_TRY(expect(ItemType::kByteString));
  return value();
}

Item::Children Item::children() const { return {type() == ItemType::kStructure ? value() : value().first(0)}; }

std::optional<Item> Item::find(Tag tag) const {
  for (const Item item : children()) {
    if (item.tag() == tag) return item;
  }
  return std::nullopt;
}

Result<Item> Item::child(Tag tag) const {
  if (const auto found = find(tag)) return *found;
  return damaged(this->tag(), "has no " + describe(tag));
}

TtlvWriter::Structure::Structure(TtlvWriter& writer, Tag tag) : out_(writer.out_), start_(out_.size()) {
  writer.item(tag, ItemType::kStructure, 0);
}

TtlvWriter::Structure::~Structure() {
  store_be(out_.mutable_view().subspan(start_ + 4, 4), out_.size() - start_ - kItemHeaderSize);
}

MutableBytes TtlvWriter::item(Tag tag, ItemType type, size_t length) {
  const MutableBytes at = out_.extend(kItemHeaderSize + padded(length));
  std::fill(at.begin(), at.end(), uint8_t{0});
  store_be(at.first(3), kmip::number(tag));
  at[3] = static_cast<uint8_t>(type);
  store_be(at.subspan(4, 4), length);
  return at.subspan(kItemHeaderSize, length);
}

void TtlvWriter::bytes(Tag tag, ByteView value, ItemType type) {
  const MutableBytes at = item(tag, type, value.size());
  std::copy(value.begin(), value.end(), at.begin());
}

void TtlvWriter::number(Tag tag, ItemType type, uint64_t bits) { store_be(item(tag, type, number_size(type)), bits); }

}  // namespace coffer::kmip
