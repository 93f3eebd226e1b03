#include <gtest/gtest.h>

#include "support/kmip_text/encoded_names.h"

namespace coffer::kmip {
namespace {

TEST(KmipNames, TagsStandWhereTheSpecificationHasThem) {
  // One from each version's additions, and both ends of the table.
  EXPECT_EQ(number("Activation Date"_tag), 0x420001u);
  EXPECT_EQ(number("Unique Identifier"_tag), 0x420094u);
  EXPECT_EQ(number("Y"_spec), 0x4200A0u);
  EXPECT_EQ(number("Password"_spec), 0x4200A1u);
  EXPECT_EQ(number("Data"_tag), 0x4200C2u);
  EXPECT_EQ(number("Correlation Value"_spec), 0x4200D6u);
  EXPECT_EQ(number("Authenticated Encryption Tag"_tag), 0x4200FFu);
  EXPECT_EQ(number("Attributes"_tag), 0x420125u);
  EXPECT_EQ(number("Public Protection Storage Masks"_spec), 0x420165u);
  EXPECT_EQ(number("Asynchronous Correlation Values"_spec), 0x420176u);
}

TEST(KmipNames, TheClientsOwnAreTheSpecifications) {
  size_t used = 0;
  each_member(kTags, [&](uint32_t value, std::string_view name) {
    ++used;
    EXPECT_EQ(spec_name(Tag{value}), name);
    EXPECT_EQ(tag_name(Tag{value}), name);
  });
  EXPECT_GT(used, 60u);
  EXPECT_EQ(number("Unique Identifier"_tag), 0x420094u);
  EXPECT_EQ(static_cast<uint32_t>("Discover Versions"_operation), 0x1Eu);
  EXPECT_EQ(static_cast<uint32_t>("Unsupported Protocol Version"_reason), 0x3Fu);
  EXPECT_EQ(name_in(kOperations, 0), "");
}

TEST(KmipNames, TagsWithoutANameAreShownAsNumbers) {
  EXPECT_EQ(spec_name(Tag{0x420000}), "");
  EXPECT_EQ(spec_name(Tag{0x42013E}), "");
  EXPECT_EQ(spec_name(Tag{0x420177}), "");
  EXPECT_EQ(spec_name(Tag{0}), "");
  EXPECT_EQ(describe(Tag{0x54FF01}), "0x54FF01");
  EXPECT_EQ(describe("Unique Identifier"_tag), "Unique Identifier");
}

TEST(KmipNames, NamesAreEncodedAsTheProfilesPrescribe) {
  const std::pair<std::string_view, std::string_view> kCases[] = {
      {"Unique Identifier", "UniqueIdentifier"},
      {"X.509 Certificate Issuer", "X_509CertificateIssuer"},
      {"PKCS#12 Friendly Name", "PKCS_12FriendlyName"},
      {"IV/Counter/Nonce", "IVCounterNonce"},
      {"MAC/Signature", "MACSignature"},
      {"Template-Attribute", "TemplateAttribute"},
      {"3DES", "DES3"},
      {"HMAC-SHA256", "HMAC_SHA256"},
      {"Pre-Active", "PreActive"},
      {"x-Original", "XOriginal"},
      {"GP x-Change Notice", "GPXChangeNotice"},
      {"X9.102 AESKW", "X9_102AESKW"},
      {"Polynomial Sharing GF (2^16)", "PolynomialSharingGF2_16"},
      {"Unable to Cancel", "UnableToCancel"},
      {"", ""},
  };
  for (const auto& [name, encoded] : kCases) EXPECT_EQ(encoded_name(name), encoded) << name;
}

TEST(KmipNames, EveryTagIsFoundByItsNameAndByItsEncodedName) {
  size_t named = 0;
  for (uint32_t value = kTagFirst; value < kTagFirst + kTagNames.size(); ++value) {
    const Tag tag{value};
    if (spec_name(tag).empty()) continue;
    ++named;
    EXPECT_EQ(spec_tag(spec_name(tag)), tag) << spec_name(tag);
    EXPECT_EQ(find_encoded_tag(encoded_tag(tag)), tag) << spec_name(tag);
  }
  EXPECT_EQ(named, kTagNames.size() - 2);
  EXPECT_EQ(find_encoded_tag("0x54ff01"), Tag{0x54FF01});
  EXPECT_EQ(find_encoded_tag("0x1000000"), std::nullopt);
  EXPECT_EQ(find_encoded_tag("Unique Identifier"), std::nullopt);
  EXPECT_EQ(find_encoded_tag(""), std::nullopt);
}

TEST(KmipNames, EnumeratorsAreNamedPerField) {
  EXPECT_EQ(enumerator_name("State"_tag, 1), "Pre-Active");
  EXPECT_EQ(enumerator_name("State"_tag, 6), "Destroyed Compromised");
  EXPECT_EQ(enumerator_name("State"_tag, 7), "");
  EXPECT_EQ(enumerator_name("State"_tag, 0), "");
  EXPECT_EQ(enumerator_name("Result Status"_tag, 0), "Success");
  EXPECT_EQ(enumerator_name("Result Reason"_tag, 0x100), "General Failure");
  EXPECT_EQ(enumerator_name("Result Reason"_tag, 0x27), "");
  EXPECT_EQ(enumerator_name("Result Reason"_tag, 0x4C), "Duplicate Process Request");
  EXPECT_EQ(enumerator_name("Operation"_tag, 0x3B), "Ping");
  EXPECT_EQ(enumerator_name("Link Type"_spec, 0x101), "Certificate Link");
  EXPECT_EQ(enumerator_name("Cryptographic Algorithm"_tag, 0x38), "Ed448");
  EXPECT_EQ(enumerator_name("Recommended Curve"_spec, 0x46), "CURVE448");
  EXPECT_EQ(enumerator_name("Profile Name"_spec, 0x9C), "XML Server KMIP v1.4");
  EXPECT_EQ(enumerator_name("Profile Name"_spec, 0x9D), "");
  EXPECT_EQ(enumerator_name("Profile Name"_spec, 0x104), "Complete Server Basic");
  EXPECT_EQ(enumerator_name("Attribute Reference"_tag, 0x42008D), "State");
  EXPECT_EQ(describe(kStates, 0x80000001), "0x80000001");
  EXPECT_EQ(find_encoded_enumerator("Cryptographic Algorithm"_tag, "DES3"), 2u);
  EXPECT_EQ(find_encoded_enumerator("Attribute Reference"_tag, "State"), 0x42008Du);
  EXPECT_EQ(find_encoded_enumerator("State"_tag, "0x80000001"), 0x80000001u);
  EXPECT_EQ(find_encoded_enumerator("State"_tag, "Destroy"), std::nullopt);
  EXPECT_EQ(find_encoded_enumerator("Key"_tag, "Active"), std::nullopt);
}

TEST(KmipNames, MasksAreWrittenBitByBit) {
  const Tag mask = "Cryptographic Usage Mask"_tag;
  EXPECT_TRUE(is_mask(mask));
  EXPECT_FALSE(is_mask("State"_tag));
  EXPECT_EQ(encoded_mask(mask, 0x0C, ' '), "Encrypt Decrypt");
  EXPECT_EQ(encoded_mask(mask, 0x80000001, '|'), "Sign|0x80000000");
  EXPECT_EQ(encoded_mask(mask, 0, ' '), "");
  EXPECT_EQ(find_encoded_mask(mask, "Encrypt Decrypt", ' '), 0x0Cu);
  EXPECT_EQ(find_encoded_mask(mask, "Sign|0x80000000", '|'), 0x80000001u);
  EXPECT_EQ(find_encoded_mask(mask, "Encrypt  Decrypt", ' '), 0x0Cu) << "a list of XML's";
  EXPECT_EQ(find_encoded_mask(mask, "Encrypt||Decrypt", '|'), std::nullopt);
  EXPECT_EQ(find_encoded_mask(mask, "Encode", ' '), std::nullopt);
  EXPECT_EQ(find_encoded_mask("State"_tag, "Sign", ' '), std::nullopt);
  for (uint32_t bit = 0; bit < 32; ++bit) {
    EXPECT_EQ(find_encoded_mask(mask, encoded_mask(mask, uint32_t{1} << bit, ' '), ' '), uint32_t{1} << bit) << bit;
  }
}

TEST(KmipNames, HexadecimalNumbersHaveAPrefixAndALimit) {
  EXPECT_EQ(parse_hex_number("0x0", 8), 0u);
  EXPECT_EQ(parse_hex_number("0xFFFFFFFF", 8), 0xFFFFFFFFu);
  EXPECT_EQ(parse_hex_number("0x100000000", 8), std::nullopt);
  EXPECT_EQ(parse_hex_number("0x", 8), std::nullopt);
  EXPECT_EQ(parse_hex_number("0xg", 8), std::nullopt);
  EXPECT_EQ(parse_hex_number("10", 8), std::nullopt);
}

}  // namespace
}  // namespace coffer::kmip
