#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/kmip_text/scalars.h"

namespace coffer::kmip {
namespace {

using testing::HasSubstr;
using testing::Not;

// One field of every type, with names, masks, 1.x attributes, an extension, and what XML must escape.
void write_sample(TtlvWriter& w) {
  const auto message = w.structure("Request Message"_tag);
  {
    const auto attribute = w.structure("Attribute"_tag);
    w.text("Attribute Name"_tag, "Cryptographic Usage Mask");
    w.integer("Attribute Value"_tag, 0x0C);
  }
  {
    const auto attribute = w.structure("Attribute"_tag);
    w.text("Attribute Name"_tag, "State");
    w.integer("Attribute Index"_spec, -1);
    w.enumeration("Attribute Value"_tag, 2);
  }
  w.enumeration("Operation"_tag, 0x0A);
  w.enumeration("Object Type"_tag, 0x80000123);
  w.enumeration("Attribute Reference"_tag, number("Unique Identifier"_tag));
  w.number("Usage Limits Count"_spec, ItemType::kLongInteger, uint64_t{1} << 63);
  w.number("Usage Limits Total"_spec, ItemType::kLongInteger, (uint64_t{1} << 52) - 1);
  w.bytes("Modulus"_spec, Bytes{0xFF, 0, 0, 0, 0, 0, 0, 1}, ItemType::kBigInteger);
  w.boolean("Batch Order Option"_tag, true);
  w.text("Unique Identifier"_tag, "a<b>&\"c'\t\n\x01 \xC3\xA9\xF0\x9F\x94\x91");
  w.text("Comment"_spec, "");
  w.bytes("IV/Counter/Nonce"_tag, Bytes{0xDE, 0xAD});
  w.bytes("MAC Data"_spec, {});
  w.date_time("Time Stamp"_spec, 1205495800);
  w.date_time("Initial Date"_tag, -1);
  w.date_time("Archive Date"_spec, INT64_MAX);
  w.number("Lease Time"_spec, ItemType::kInterval, 864000);
  w.number("Submission Date"_spec, ItemType::kDateTimeExtended, 1205495800000001);
  w.integer("Storage Status Mask"_spec, 0);
  w.text(Tag{0x54FF01}, "extension");
  const auto empty = w.structure("Attributes"_tag);
}

SecretBuffer sample() {
  SecretBuffer buffer;
  TtlvWriter writer(buffer);
  write_sample(writer);
  return buffer;
}

TEST(KmipText, XmlIsWrittenAsTheProfilesShowIt) {
  const SecretBuffer buffer = sample();
  const std::string xml = to_xml(Item::parse(buffer.view()).value());
  for (const char* line : {
           "<AttributeValue type=\"Integer\" value=\"Encrypt Decrypt\"/>",
           "<AttributeIndex type=\"Integer\" value=\"-1\"/>",
           "<AttributeValue type=\"Enumeration\" value=\"Active\"/>",
           "<Operation type=\"Enumeration\" value=\"Get\"/>",
           "<ObjectType type=\"Enumeration\" value=\"0x80000123\"/>",
           "<AttributeReference type=\"Enumeration\" value=\"UniqueIdentifier\"/>",
           "<UsageLimitsCount type=\"LongInteger\" value=\"-9223372036854775808\"/>",
           "<Modulus type=\"BigInteger\" value=\"FF00000000000001\"/>",
           "<BatchOrderOption type=\"Boolean\" value=\"true\"/>",
           "value=\"a&lt;b&gt;&amp;&quot;c'&#9;&#10;&#1; \xC3\xA9\xF0\x9F\x94\x91\"/>",
           "<IVCounterNonce type=\"ByteString\" value=\"DEAD\"/>",
           "<TimeStamp type=\"DateTime\" value=\"2008-03-14T11:56:40+00:00\"/>",
           "<InitialDate type=\"DateTime\" value=\"1969-12-31T23:59:59+00:00\"/>",
           "<ArchiveDate type=\"DateTime\" value=\"0x7FFFFFFFFFFFFFFF\"/>",
           "<LeaseTime type=\"Interval\" value=\"864000\"/>",
           "<SubmissionDate type=\"DateTimeExtended\" value=\"2008-03-14T11:56:40.000001+00:00\"/>",
           "<TTLV tag=\"0x54FF01\" type=\"TextString\" value=\"extension\"/>",
           "<Attributes/>",
       }) {
    EXPECT_THAT(xml, HasSubstr(line));
  }
}

TEST(KmipText, JsonIsWrittenAsTheProfilesShowIt) {
  const SecretBuffer buffer = sample();
  std::string json = to_json(Item::parse(buffer.view()).value());
  std::erase(json, ' ');
  std::erase(json, '\n');
  for (const char* part : {
           R"({"tag":"RequestMessage","value":[)",
           R"({"tag":"AttributeValue","type":"Integer","value":"Encrypt|Decrypt"})",
           R"({"tag":"AttributeIndex","type":"Integer","value":-1})",
           R"({"tag":"UsageLimitsCount","type":"LongInteger","value":"0x8000000000000000"})",
           R"({"tag":"UsageLimitsTotal","type":"LongInteger","value":4503599627370495})",
           R"({"tag":"Modulus","type":"BigInteger","value":"0xFF00000000000001"})",
           R"({"tag":"BatchOrderOption","type":"Boolean","value":true})",
           R"({"tag":"TimeStamp","type":"DateTime","value":"2008-03-14T11:56:40+00:00"})",
           R"({"tag":"LeaseTime","type":"Interval","value":864000})",
           R"({"tag":"0x54FF01","type":"TextString","value":"extension"})",
           R"({"tag":"Attributes","value":[]})",
       }) {
    EXPECT_THAT(json, HasSubstr(part));
  }
}

TEST(KmipText, WhatIsWrittenReadsBackToTheSameBytes) {
  const SecretBuffer buffer = sample();
  const Item item = Item::parse(buffer.view()).value();
  const auto xml = from_xml(to_xml(item, Secrets::kReveal));
  ASSERT_TRUE(xml) << xml.status().message();
  EXPECT_TRUE(std::ranges::equal(xml->view(), buffer.view()));
  const auto json = from_json(to_json(item, Secrets::kReveal));
  ASSERT_TRUE(json) << json.status().message();
  EXPECT_TRUE(std::ranges::equal(json->view(), buffer.view()));
}

TEST(KmipText, SecretsAreWrittenOnlyWhenRevealed) {
  SecretBuffer buffer;
  {
    TtlvWriter w(buffer);
    const auto value = w.structure("Key Value"_tag);
    w.bytes("Key Material"_tag, Bytes{0xC0, 0xFF, 0xEE});
    w.text("Password"_spec, "swordfish");
    w.bytes("Data"_tag, Bytes{0xC0, 0xFF, 0xEE});
  }
  const Item item = Item::parse(buffer.view()).value();
  for (const std::string& text : {to_xml(item), to_json(item)}) {
    EXPECT_THAT(text, Not(HasSubstr("C0FFEE")));
    EXPECT_THAT(text, Not(HasSubstr("swordfish")));
    EXPECT_THAT(text, HasSubstr("3 bytes"));
  }
  EXPECT_EQ(from_xml(to_xml(item)).code(), Code::kInvalidArgument);
  EXPECT_EQ(from_json(to_json(item)).code(), Code::kInvalidArgument);
  EXPECT_THAT(to_xml(item, Secrets::kReveal), HasSubstr("C0FFEE"));
  EXPECT_THAT(to_json(item, Secrets::kReveal), HasSubstr("swordfish"));
}

TEST(KmipText, XmlOfOtherHandsIsRead) {
  const auto read = from_xml(R"(<?xml version="1.0" encoding="UTF-8"?>
    <!-- a comment -- with dashes -->
    <RequestPayload >
      <UniqueIdentifier value='k&#x41;&apos;' type='TextString'></UniqueIdentifier>
      <!-- another -->
      <CryptographicUsageMask type="Integer" value="12"/>
      <CryptographicUsageMask type="Integer" value="0x0000000C"/>
      <CryptographicUsageMask type="Integer" value=" Encrypt   Decrypt "/>
      <TTLV tag="0x420057" name="ObjectType" type="Enumeration" value="SymmetricKey"/>
      <TimeStamp type="DateTime" value="2008-03-14T13:56:40+02:00"/>
      <TimeStamp type="DateTime" value="2008-03-14T11:56:40Z"/>
      <TimeStamp type="DateTime" value="0x0000000047DA67F8"/>
    </RequestPayload>
    )");
  ASSERT_TRUE(read) << read.status().message();
  const Item item = Item::parse(read->view()).value();
  EXPECT_EQ(*item.child("Unique Identifier"_tag)->text(), "kA'");
  EXPECT_EQ(*item.child("Object Type"_tag)->enumeration(), 2u);
  int fields = 0;
  for (const Item field : item.children()) {
    fields += field.tag() == "Cryptographic Usage Mask"_tag && *field.integer() == 12;
    fields += field.tag() == "Time Stamp"_spec && *field.date_time() == 1205495800;
  }
  EXPECT_EQ(fields, 6);
}

TEST(KmipText, BrokenXmlIsRefusedAndSaysWhere) {
  const std::pair<const char*, const char*> kCases[] = {
      {"", "expected an element"},
      {"<", "expected the name"},
      {"<!DOCTYPE x []><Key/>", "expected the name"},
      {"<Attributes", "does not end properly"},
      {"<Attributes>", "expected an element"},
      {"<Attributes></Attribute>", "not closed"},
      {"<Attributes/><Attributes/>", "something follows"},
      {"<Attributes>text</Attributes>", "expected an element"},
      {"<Nothing/>", "unknown field Nothing"},
      {"<TTLV/>", "unknown field TTLV"},
      {"<Comment type=\"Text\" value=\"\"/>", "unknown type"},
      {"<Comment type=\"TextString\"/>", "has no value"},
      {"<Attributes value=\"1\"/>", "has a value"},
      {"<Comment type=\"TextString\" value=\"a", "does not end"},
      {"<Comment type=\"TextString\" value=\"&nbsp;\"/>", "unknown character reference"},
      {"<Comment type=\"TextString\" value=\"&#xD800;\"/>", "not a Text String"},
      {"<Comment type=\"TextString\" value=\"&#x110000;\"/>", "not a Text String"},
      {"<Comment type=\"TextString\" value=\"a\" value=\"b\"/>", "unexpected attribute"},
      {"<BatchCount type=\"Integer\" value=\"2147483648\"/>", "not a Integer"},
      {"<BatchCount type=\"Integer\" value=\"\"/>", "not a Integer"},
      {"<Modulus type=\"BigInteger\" value=\"FF\"/>", "not a Big Integer"},
      {"<Nonce type=\"ByteString\" value=\"F\"/>", "not a Byte String"},
      {"<State type=\"Enumeration\" value=\"Asleep\"/>", "not a Enumeration"},
      {"<TimeStamp type=\"DateTime\" value=\"2008-02-30T00:00:00Z\"/>", "not a Date Time"},
      {"<TimeStamp type=\"DateTime\" value=\"2008-03-14T11:56:40.5Z\"/>", "not a Date Time"},
      {"<!-- no end", "does not end"},
  };
  for (const auto& [xml, why] : kCases) {
    const auto read = from_xml(xml);
    EXPECT_EQ(read.code(), Code::kInvalidArgument) << xml;
    EXPECT_THAT(std::string(read.status().message()), HasSubstr(why)) << xml;
  }
}

TEST(KmipText, BrokenJsonIsRefusedAndSaysWhere) {
  const std::pair<const char*, const char*> kCases[] = {
      {"", "not JSON"},
      {"[]", "not an object"},
      {"{}", "lacks tag or value"},
      {R"({"tag":"Key"})", "lacks tag or value"},
      {R"({"tag":7,"value":[]})", "lacks tag or value"},
      {R"({"tag":"Nothing","value":[]})", "unknown field Nothing"},
      {R"({"tag":"Attributes","value":{}})", "not an array"},
      {R"({"tag":"Attributes","value":[1]})", "not an object"},
      {R"({"tag":"Attributes","value":[],"extra":1})", "unknown member"},
      {R"({"tag":"Comment","type":"Text","value":""})", "unknown type"},
      {R"({"tag":"Comment","type":"TextString","value":1})", "wrong JSON type"},
      {R"({"tag":"BatchCount","type":"Integer","value":1.5})", "wrong JSON type"},
      {R"({"tag":"BatchCount","type":"Integer","value":4294967296})", "not a Integer"},
      {R"({"tag":"BatchOrderOption","type":"Boolean","value":1})", "wrong JSON type"},
  };
  for (const auto& [json, why] : kCases) {
    const auto read = from_json(json);
    EXPECT_EQ(read.code(), Code::kInvalidArgument) << json;
    EXPECT_THAT(std::string(read.status().message()), HasSubstr(why)) << json;
  }
}

TEST(KmipText, NestingIsLimitedInBothForms) {
  std::string xml, json;
  for (int i = 0; i < 33; ++i) xml += "<Attributes>", json += R"({"tag":"Attributes","value":[)";
  for (int i = 0; i < 33; ++i) xml += "</Attributes>", json += "]}";
  EXPECT_EQ(from_xml(xml).code(), Code::kLimitExceeded);
  EXPECT_EQ(from_json(json).code(), Code::kLimitExceeded);
  EXPECT_TRUE(from_xml(xml, {.depth_max = 33}));
  EXPECT_TRUE(from_json(json, {.depth_max = 33}));
}

TEST(KmipText, DatesAreRightAroundTheEpochAndAtTheEndsOfTheCalendar) {
  const std::pair<int64_t, const char*> kCases[] = {
      {0, "1970-01-01T00:00:00+00:00"},         {-1, "1969-12-31T23:59:59+00:00"},
      {951782400, "2000-02-29T00:00:00+00:00"}, {-62135596800, "0001-01-01T00:00:00+00:00"},
      {-62135596801, "0xFFFFFFF1886E08FF"},     {253402300799, "9999-12-31T23:59:59+00:00"},
      {253402300800, "0x0000003AFFF44180"},
  };
  for (const auto& [value, text] : kCases) EXPECT_EQ(date_time_text(value, false), text);
  EXPECT_EQ(date_time_text(-1, true), "1969-12-31T23:59:59.999999+00:00");
}

}  // namespace
}  // namespace coffer::kmip
