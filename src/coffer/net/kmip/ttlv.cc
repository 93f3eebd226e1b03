#include "coffer/net/kmip/ttlv.h"

namespace coffer::kmip {
namespace {

uint32_t load_be32(const uint8_t* p) {
  return uint32_t{p[0]} << 24 | uint32_t{p[1]} << 16 | uint32_t{p[2]} << 8 | uint32_t{p[3]};
}
uint64_t load_be64(const uint8_t* p) { return uint64_t{load_be32(p)} << 32 | load_be32(p + 4); }
void store_be32(uint8_t* p, uint32_t v) {
  for (int i = 0; i < 4; ++i) p[i] = static_cast<uint8_t>(v >> (24 - 8 * i));
}
void store_be64(uint8_t* p, uint64_t v) {
  store_be32(p, static_cast<uint32_t>(v >> 32));
  store_be32(p + 4, static_cast<uint32_t>(v));
}

bool length_fits(ItemType type, size_t length) {
  switch (type) {
    case ItemType::kInteger:
    case ItemType::kEnumeration:
    case ItemType::kInterval: return length == 4;
    case ItemType::kLongInteger:
    case ItemType::kBoolean:
    case ItemType::kDateTime:
    case ItemType::kDateTimeExtended: return length == 8;
    case ItemType::kBigInteger: return length > 0 && length % 8 == 0;
    case ItemType::kStructure: return length % 8 == 0;
    case ItemType::kTextString:
    case ItemType::kByteString: return true;
  }
  return false;
}

Status damaged(Tag tag, std::string_view what) {
  return {Code::kDamaged, "kmip message: " + describe_tag(tag) + " " + std::string(what)};
}

class Validator {
 public:
  explicit Validator(const TtlvLimits& limits) : limits_(limits) {}

  // One item at the start of `bytes`; returns what it occupies.
  Result<size_t> item(ByteView bytes, int depth) {
    if (bytes.size() < kItemHeaderSize) return {Code::kDamaged, "kmip message: cut inside the header of a field"};
    if (depth > limits_.depth_max) return {Code::kLimitExceeded, "kmip message: structures are nested too deep"};
    if (++items_ > limits_.items_max) return {Code::kLimitExceeded, "kmip message: too many fields"};
    const Tag tag = static_cast<Tag>(load_be32(bytes.data()) >> 8);
    const ItemType type = static_cast<ItemType>(bytes[3]);
    const size_t length = load_be32(bytes.data() + 4);
    if (!is_known_range(tag)) return damaged(tag, "is not a tag of KMIP or of an extension");
    if (type_name(type).empty()) return damaged(tag, "is of an unknown type");
    if (!length_fits(type, length)) return damaged(tag, "has a length that its type cannot have");
    const size_t padded = (length + 7) / 8 * 8;
    if (bytes.size() - kItemHeaderSize < padded) return damaged(tag, "is cut short");
    const ByteView value = bytes.subspan(kItemHeaderSize, length);
    for (uint8_t byte : bytes.subspan(kItemHeaderSize + length, padded - length)) {
      if (byte != 0) return damaged(tag, "has padding that is not zero");
    }
    COFFER_TRY(contents(tag, type, value, depth));
    return kItemHeaderSize + padded;
  }

 private:
  Status contents(Tag tag, ItemType type, ByteView value, int depth) {
    if (type == ItemType::kBoolean && load_be64(value.data()) > 1) return damaged(tag, "is a boolean but not 0 or 1");
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
  return kItemHeaderSize + (uint64_t{load_be32(header.data() + 4)} + 7) / 8 * 8;
}

Result<Item> Item::parse(ByteView bytes, const TtlvLimits& limits) {
  if (bytes.size() > limits.size_max) return {Code::kLimitExceeded, "kmip message: too long"};
  COFFER_ASSIGN(const size_t used, Validator(limits).item(bytes, 1));
  if (used != bytes.size()) return {Code::kDamaged, "kmip message: something follows its end"};
  return Item(bytes.data());
}

uint32_t Item::length() const { return load_be32(at_ + 4); }

Status Item::expect(ItemType type) const {
  if (this->type() == type) return Status::ok();
  return damaged(tag(), "is of type " + std::string(type_name(this->type())) + ", not " + std::string(type_name(type)));
}

Result<int32_t> Item::integer() const {
  COFFER_TRY(expect(ItemType::kInteger));
  return static_cast<int32_t>(load_be32(value().data()));
}

Result<int64_t> Item::long_integer() const {
  COFFER_TRY(expect(ItemType::kLongInteger));
  return static_cast<int64_t>(load_be64(value().data()));
}

Result<ByteView> Item::big_integer() const {
  COFFER_TRY(expect(ItemType::kBigInteger));
  return value();
}

Result<uint32_t> Item::enumeration() const {
  COFFER_TRY(expect(ItemType::kEnumeration));
  return load_be32(value().data());
}

Result<bool> Item::boolean() const {
  COFFER_TRY(expect(ItemType::kBoolean));
  return load_be64(value().data()) == 1;
}

Result<std::string_view> Item::text() const {
  COFFER_TRY(expect(ItemType::kTextString));
  return as_text(value());
}

Result<ByteView> Item::bytes() const {
  COFFER_TRY(expect(ItemType::kByteString));
  return value();
}

Result<int64_t> Item::date_time() const {
  COFFER_TRY(expect(ItemType::kDateTime));
  return static_cast<int64_t>(load_be64(value().data()));
}

Result<uint32_t> Item::interval() const {
  COFFER_TRY(expect(ItemType::kInterval));
  return load_be32(value().data());
}

Result<int64_t> Item::date_time_extended() const {
  COFFER_TRY(expect(ItemType::kDateTimeExtended));
  return static_cast<int64_t>(load_be64(value().data()));
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
  return damaged(this->tag(), "has no " + describe_tag(tag));
}

TtlvWriter::Structure::~Structure() {
  store_be32(out_.mutable_view().data() + start_ + 4, static_cast<uint32_t>(out_.size() - start_ - kItemHeaderSize));
}

TtlvWriter::Structure TtlvWriter::structure(Tag tag) {
  const size_t start = out_.size();
  item(tag, ItemType::kStructure, 0);
  return Structure(out_, start);
}

MutableBytes TtlvWriter::item(Tag tag, ItemType type, size_t length) {
  const size_t padded = (length + 7) / 8 * 8;
  const MutableBytes at = out_.extend(kItemHeaderSize + padded);
  std::fill(at.begin(), at.end(), uint8_t{0});
  store_be32(at.data(), number(tag) << 8 | static_cast<uint32_t>(type));
  store_be32(at.data() + 4, static_cast<uint32_t>(length));
  return at.subspan(kItemHeaderSize, length);
}

void TtlvWriter::integer(Tag tag, int32_t value) {
  store_be32(item(tag, ItemType::kInteger, 4).data(), static_cast<uint32_t>(value));
}

void TtlvWriter::long_integer(Tag tag, int64_t value) {
  store_be64(item(tag, ItemType::kLongInteger, 8).data(), static_cast<uint64_t>(value));
}

void TtlvWriter::big_integer(Tag tag, ByteView value) {
  const MutableBytes at = item(tag, ItemType::kBigInteger, value.size());
  std::copy(value.begin(), value.end(), at.begin());
}

void TtlvWriter::enumeration(Tag tag, uint32_t value) {
  store_be32(item(tag, ItemType::kEnumeration, 4).data(), value);
}

void TtlvWriter::boolean(Tag tag, bool value) { store_be64(item(tag, ItemType::kBoolean, 8).data(), value ? 1 : 0); }

void TtlvWriter::text(Tag tag, std::string_view value) {
  const MutableBytes at = item(tag, ItemType::kTextString, value.size());
  std::copy(value.begin(), value.end(), at.begin());
}

void TtlvWriter::bytes(Tag tag, ByteView value) {
  const MutableBytes at = item(tag, ItemType::kByteString, value.size());
  std::copy(value.begin(), value.end(), at.begin());
}

void TtlvWriter::date_time(Tag tag, int64_t seconds) {
  store_be64(item(tag, ItemType::kDateTime, 8).data(), static_cast<uint64_t>(seconds));
}

void TtlvWriter::interval(Tag tag, uint32_t seconds) { store_be32(item(tag, ItemType::kInterval, 4).data(), seconds); }

void TtlvWriter::date_time_extended(Tag tag, int64_t microseconds) {
  store_be64(item(tag, ItemType::kDateTimeExtended, 8).data(), static_cast<uint64_t>(microseconds));
}

}  // namespace coffer::kmip
