// Edits of coffer.yaml: what they change, what they leave as it was, and that they do nothing rather than guess.
#include "coffer/config/config_edit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace coffer {
namespace {

using testing::HasSubstr;
using testing::Not;

RootSetting root_of(const std::string& uri, const std::string& fingerprint = {}) {
  return {parse_provider_uri(uri).value(), fingerprint};
}

Id id() { return Id::parse("0123456789abcdef0123456789abcdef").value(); }

constexpr std::string_view kPeople =
    "# ours\n"
    "version: 1   # of the form\n"
    "roots:\n"
    "    old: {uri: /etc/old.key}\n"
    "    # the one in use\n"
    "    \"new\":\n"
    "        uri: pkcs11:token=a%3B;object=b?module-path=/m.so\n"
    "        pin_file: /etc/pin\n"
    "\n"
    "anchor: /mnt/anchor\n"
    "domains:\n"
    "- {name: a, path: /a}\n";

TEST(ConfigEdit, WhatPeopleWroteStaysAsItWas) {
  auto edited = with_root(kPeople, "third", root_of("file:///etc/third.key", std::string(32, 'a')), "c");
  ASSERT_TRUE(edited.is_ok()) << edited.status().to_string();
  const Config config = parse_config(*edited, "c").value();
  EXPECT_EQ(config.providers.roots.size(), 3u);
  EXPECT_EQ(config.providers.roots.at("third").fingerprint, std::string(32, 'a'));
  auto back = without_root(*edited, "third", "c");
  ASSERT_TRUE(back.is_ok()) << back.status().to_string();
  EXPECT_EQ(*back, kPeople);
}

TEST(ConfigEdit, ARootGoesWithItsLinesAndNoOthers) {
  auto without_new = without_root(kPeople, "new", "c");
  ASSERT_TRUE(without_new.is_ok()) << without_new.status().to_string();
  EXPECT_THAT(*without_new, testing::AllOf(HasSubstr("old:"), Not(HasSubstr("pin_file")), HasSubstr("\nanchor:")));
  auto without_old = without_root(kPeople, "old", "c");
  ASSERT_TRUE(without_old.is_ok()) << without_old.status().to_string();
  EXPECT_THAT(*without_old,
              testing::AllOf(Not(HasSubstr("old")), HasSubstr("# the one in use"), HasSubstr("pin_file")));
}

TEST(ConfigEdit, EveryUriThatARootMayHaveIsReadBack) {
  for (const std::string uri :
       {"file:///etc/a%20b.key", "provider:keys/app?alias=x", "kmip://h1:5696,h2/k?ca=/ca&x=%3D",
        "pkcs11:token=a%3Bb;object=%00%01?module-path=/m.so", "vault://v:8200/transit/app?a=b"}) {
    auto edited = with_root("version: 1", "r", root_of(uri), "c");
    ASSERT_TRUE(edited.is_ok()) << uri << ": " << edited.status().to_string();
    EXPECT_EQ(parse_config(*edited, "c")->providers.roots.at("r").uri, parse_provider_uri(uri).value()) << *edited;
  }
}

TEST(ConfigEdit, TheIdentityIsAddedOrReplaced) {
  auto first = with_identity(kPeople, id(), "/k", "c");
  ASSERT_TRUE(first.is_ok()) << first.status().to_string();
  EXPECT_THAT(
      *first,
      HasSubstr("version: 1   # of the form\ncoffer: \"0123456789abcdef0123456789abcdef\"\nkeyring: \"/k\"\nroots:"));
  auto second = with_identity(*first, id(), "/other", "c");
  ASSERT_TRUE(second.is_ok()) << second.status().to_string();
  EXPECT_EQ(parse_config(*second, "c")->keyring, "/other");
  EXPECT_EQ(second->size(), first->size() + 4);
}

TEST(ConfigEdit, AnAnchorIsTakenOutAndNothingElse) {
  auto edited = without_anchor(kPeople, "c");
  ASSERT_TRUE(edited.is_ok()) << edited.status().to_string();
  EXPECT_EQ(edited->size(), kPeople.size() - std::string_view("anchor: /mnt/anchor\n").size());
  EXPECT_EQ(*without_anchor(*edited, "c"), *edited);
  // Freshness needs one.
  auto both = without_anchor("version: 1\nfreshness: on\nanchor: /a\n", "c");
  ASSERT_TRUE(both.is_ok()) << both.status().to_string();
  EXPECT_EQ(*both, "version: 1\n");
}

TEST(ConfigEdit, WhatIsLaidOutOtherwiseIsLeftAloneAndTheLinesAreGiven) {
  constexpr std::string_view kFlow = "{version: 1, roots: {a: {uri: /a}}}\n";
  for (const auto& edited : {with_root(kFlow, "b", root_of("/b"), "c"), without_root(kFlow, "a", "c"),
                             with_identity(kFlow, id(), "/k", "c"), with_domain_path(kFlow, {"d", "/d"}, "c")}) {
    EXPECT_EQ(edited.code(), Code::kUnsupported);
    EXPECT_THAT(std::string(edited.status().message()), HasSubstr("laid out in a way this command does not edit; "));
  }
}

TEST(ConfigEdit, WhatIsThereAlreadyAndWhatIsNotAreErrors) {
  EXPECT_EQ(with_root(kPeople, "old", root_of("/x"), "c").code(), Code::kAlreadyExists);
  EXPECT_EQ(without_root(kPeople, "none", "c").code(), Code::kNotFound);
  EXPECT_EQ(with_domain_path(kPeople, {"b", "/a"}, "c").code(), Code::kAlreadyExists);
}

}  // namespace
}  // namespace coffer
