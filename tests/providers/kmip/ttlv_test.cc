#include "coffer/net/kmip/ttlv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace coffer::kmip {
namespace {

using testing::HasSubstr;

constexpr Tag kTag{0x420020};  // Compromise Date, the one the specification's examples use

Bytes hex(std::string text) {
  std::erase(text, ' ');
  return from_hex(text).value();
}

Bytes written(const std::function<void(TtlvWriter&)>& write) {
  SecretBuffer buffer;
  TtlvWriter writer(buffer);
  write(writer);
  const ByteView view = buffer.view();
  return {view.begin(), view.end()};
}

// The examples of KMIP 1.4 section 9.1.2.
TEST(KmipTtlv, TheSpecificationsExamplesReadAndWrite) {
  const Bytes integer = hex("420020 02 00000004 0000000800000000");
  EXPECT_EQ(written([](auto& w) { w.integer(kTag, 8); }), integer);
  EXPECT_EQ(*Item::parse(integer)->integer(), 8);

  const Bytes long_integer = hex("420020 03 00000008 01B69B4BA5749200");
  EXPECT_EQ(written([](auto& w) { w.number(kTag, ItemType::kLongInteger, 123456789000000000); }), long_integer);
  EXPECT_EQ(*Item::parse(long_integer)->number(ItemType::kLongInteger), 123456789000000000u);

  const Bytes big_integer = hex("420020 04 00000010 0000000003FD35EB6BC2DF4618080000");
  const Bytes number = hex("0000000003FD35EB6BC2DF4618080000");
  EXPECT_EQ(written([&](auto& w) { w.bytes(kTag, number, ItemType::kBigInteger); }), big_integer);
  EXPECT_TRUE(std::ranges::equal(Item::parse(big_integer)->value(), number));

  const Bytes enumeration = hex("420020 05 00000004 000000FF00000000");
  EXPECT_EQ(written([](auto& w) { w.enumeration(kTag, 255); }), enumeration);
  EXPECT_EQ(*Item::parse(enumeration)->enumeration(), 255u);

  const Bytes boolean = hex("420020 06 00000008 0000000000000001");
  EXPECT_EQ(written([](auto& w) { w.boolean(kTag, true); }), boolean);
  EXPECT_EQ(*Item::parse(boolean)->number(ItemType::kBoolean), 1u);

  const Bytes text = hex("420020 07 0000000B 48656C6C6F20576F726C640000000000");
  EXPECT_EQ(written([](auto& w) { w.text(kTag, "Hello World"); }), text);
  EXPECT_EQ(*Item::parse(text)->text(), "Hello World");

  const Bytes bytes = hex("420020 08 00000003 0102030000000000");
  EXPECT_EQ(written([](auto& w) { w.bytes(kTag, Bytes{1, 2, 3}); }), bytes);
  EXPECT_TRUE(std::ranges::equal(*Item::parse(bytes)->bytes(), Bytes{1, 2, 3}));

  const Bytes date_time = hex("420020 09 00000008 0000000047DA67F8");
  EXPECT_EQ(written([](auto& w) { w.date_time(kTag, 1205495800); }), date_time);
  EXPECT_EQ(*Item::parse(date_time)->date_time(), 1205495800);

  const Bytes interval = hex("420020 0A 00000004 000D2F0000000000");
  EXPECT_EQ(written([](auto& w) { w.number(kTag, ItemType::kInterval, 864000); }), interval);
  EXPECT_EQ(*Item::parse(interval)->number(ItemType::kInterval), 864000u);

  constexpr Tag kFirst{0x420004}, kSecond{0x420005};
  const Bytes structure =
      hex("420020 01 00000020 420004 05 00000004 000000FE00000000 420005 02 00000004 000000FF00000000");
  EXPECT_EQ(written([](auto& w) {
              const auto outer = w.structure(kTag);
              w.enumeration(kFirst, 254);
              w.integer(kSecond, 255);
            }),
            structure);
  EXPECT_EQ(*Item::parse(structure)->child(kSecond)->integer(), 255);
}

TEST(KmipTtlv, ValuesSurviveAtTheEndsOfTheirRanges) {
  for (int32_t value : {INT32_MIN, -1, 0, 1, INT32_MAX}) {
    const Bytes item = written([&](auto& w) { w.integer(kTag, value); });
    EXPECT_EQ(*Item::parse(item)->integer(), value);
  }
  for (int64_t value : {INT64_MIN, int64_t{-1}, int64_t{0}, int64_t{1}, INT64_MAX}) {
    EXPECT_EQ(*Item::parse(written([&](auto& w) { w.date_time(kTag, value); }))->date_time(), value);
    for (const ItemType type : {ItemType::kLongInteger, ItemType::kDateTimeExtended}) {
      const uint64_t bits = static_cast<uint64_t>(value);
      EXPECT_EQ(*Item::parse(written([&](auto& w) { w.number(kTag, type, bits); }))->number(type), bits);
    }
  }
  const Bytes interval = written([&](auto& w) { w.number(kTag, ItemType::kInterval, UINT32_MAX); });
  EXPECT_EQ(*Item::parse(interval)->number(ItemType::kInterval), UINT32_MAX);
  for (size_t size : {0u, 1u, 7u, 8u, 9u, 15u, 16u, 17u, 4096u}) {
    const Bytes value(size, 0x5A);
    const Bytes item = written([&](auto& w) { w.bytes(kTag, value); });
    EXPECT_EQ(item.size() % 8, 0u);
    EXPECT_TRUE(std::ranges::equal(*Item::parse(item)->bytes(), value)) << size;
    EXPECT_EQ(encoded_item_size(std::span<const uint8_t, 8>(item.data(), 8)), item.size());
  }
}

Bytes nested_message() {
  return written([](auto& w) {
    const auto message = w.structure("Response Message"_tag);
    {
      const auto header = w.structure("Response Header"_tag);
      w.integer("Batch Count"_tag, 1);
      w.boolean("Batch Order Option"_tag, false);
    }
    const auto item = w.structure("Batch Item"_tag);
    w.text("Result Message"_tag, "nöthing");
    w.bytes("Unique Batch Item ID"_tag, Bytes{1});
  });
}

TEST(KmipTtlv, AMessageCutAnywhereIsRefused) {
  const Bytes message = nested_message();
  ASSERT_TRUE(Item::parse(message));
  for (size_t size = 0; size < message.size(); ++size) {
    EXPECT_EQ(Item::parse(ByteView(message).first(size)).code(), Code::kDamaged) << size;
  }
  Bytes longer = message;
  longer.push_back(0);
  EXPECT_EQ(Item::parse(longer).code(), Code::kDamaged);
}

TEST(KmipTtlv, EveryFlippedBitIsRefusedOrReadsAsAnotherMessageOfTheSameSize) {
  const Bytes message = nested_message();
  for (size_t bit = 0; bit < message.size() * 8; ++bit) {
    Bytes flipped = message;
    flipped[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    const auto item = Item::parse(flipped);
    if (!item) continue;
    EXPECT_EQ(item->encoded().size(), message.size());
  }
}

TEST(KmipTtlv, WhatTheSpecificationForbidsIsRefused) {
  const std::pair<const char*, const char*> kCases[] = {
      {"410020 02 00000004 0000000800000000", "not a tag of KMIP"},
      {"420020 00 00000004 0000000800000000", "unknown type"},
      {"420020 0C 00000004 0000000800000000", "unknown type"},
      {"420020 02 00000008 0000000800000000", "length that its type cannot have"},
      {"420020 02 00000004 0000000800000001", "padding that is not zero"},
      {"420020 03 00000004 0000000800000000", "length that its type cannot have"},
      {"420020 04 00000000", "length that its type cannot have"},
      {"420020 04 00000009 00000000000000000000000000000000", "length that its type cannot have"},
      {"420020 05 00000000", "length that its type cannot have"},
      {"420020 06 00000008 0000000000000002", "boolean but not 0 or 1"},
      {"420020 07 00000001 FF00000000000000", "not UTF-8"},
      {"420020 07 00000001 4100000000000100", "padding that is not zero"},
      {"420020 01 00000004 4200200800000000", "length that its type cannot have"},
      {"420020 01 00000008 4200200800000008", "cut short"},
      {"420020 08 FFFFFFFF", "cut short"},
      {"420020 01 FFFFFFF8", "cut short"},
  };
  for (const auto& [bytes, why] : kCases) {
    const auto item = Item::parse(hex(bytes));
    EXPECT_EQ(item.code(), Code::kDamaged) << bytes;
    EXPECT_THAT(std::string(item.status().message()), HasSubstr(why)) << bytes;
  }
}

TEST(KmipTtlv, LimitsHoldAtTheirEdges) {
  const auto nest = [](int depth) {
    SecretBuffer buffer;
    TtlvWriter writer(buffer);
    std::vector<std::unique_ptr<TtlvWriter::Structure>> open;
    for (int i = 0; i < depth; ++i) {
      open.push_back(std::unique_ptr<TtlvWriter::Structure>(new TtlvWriter::Structure(writer.structure(kTag))));
    }
    while (!open.empty()) open.pop_back();
    return Bytes(buffer.view().begin(), buffer.view().end());
  };
  EXPECT_TRUE(Item::parse(nest(32)));
  EXPECT_EQ(Item::parse(nest(33)).code(), Code::kLimitExceeded);

  const auto wide = [](size_t fields) {
    return written([&](auto& w) {
      const auto outer = w.structure(kTag);
      for (size_t i = 0; i < fields; ++i) w.number(kTag, ItemType::kInterval, 1);
    });
  };
  EXPECT_TRUE(Item::parse(wide(9), {.items_max = 10}));
  EXPECT_EQ(Item::parse(wide(10), {.items_max = 10}).code(), Code::kLimitExceeded);

  const Bytes bytes = written([](auto& w) { w.bytes(kTag, Bytes(1000)); });
  EXPECT_TRUE(Item::parse(bytes, {.size_max = bytes.size()}));
  EXPECT_EQ(Item::parse(bytes, {.size_max = bytes.size() - 1}).code(), Code::kLimitExceeded);
}

TEST(KmipTtlv, AFieldOfAnotherTypeOrAMissingOneIsNamed) {
  const Bytes message = nested_message();
  const Item item = Item::parse(message).value();
  const Item header = item.child("Response Header"_tag).value();
  const auto count = header.child("Batch Count"_tag)->text();
  EXPECT_EQ(count.code(), Code::kDamaged);
  EXPECT_THAT(std::string(count.status().message()), HasSubstr("Batch Count is of type Integer, not Text String"));
  const auto missing = header.child("State"_tag);
  EXPECT_EQ(missing.code(), Code::kDamaged);
  EXPECT_THAT(std::string(missing.status().message()), HasSubstr("Response Header has no State"));
  size_t fields = 0;
  for (const Item field : item.children()) fields += field.type() == ItemType::kStructure;
  EXPECT_EQ(fields, 2u);
  for (const Item field : header.child("Batch Count"_tag)->children()) FAIL() << describe(field.tag());
}

TEST(KmipTtlv, OnlyWellFormedUtf8IsText) {
  for (const char* text : {"", "a", "\x7F", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80",
                           "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF", "a\xC3\xA9z"}) {
    EXPECT_TRUE(is_utf8(text)) << to_hex(as_bytes(text));
  }
  for (const char* text :
       {"\x80", "\xC0\x80", "\xC1\xBF", "\xC2", "\xC2\x41", "\xE0\x9F\xBF", "\xE0\xA0", "\xED\xA0\x80",
        "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF8\x88\x80\x80\x80", "\xFF", "ok\xF0\x90\x80"}) {
    EXPECT_FALSE(is_utf8(text)) << to_hex(as_bytes(text));
  }
}

}  // namespace
}  // namespace coffer::kmip
