// The worked example of docs/format.md, section 7. It was made by another implementation: here it is opened, and every
// value that the page prints is derived again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "coffer/crypto/kdf.h"
#include "coffer/keys/keyring_shard_codec.h"
#include "coffer/providers/key_file/key_file_provider.h"
#include "coffer_test_paths.h"
#include "io/temporary_directory.h"

namespace coffer {
namespace {

using testing::HasSubstr;

// first, first + 1, …
Bytes run_of(size_t size, uint8_t first) {
  Bytes bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(first + i);
  return bytes;
}

Id id_from(uint8_t first) {
  Id id;
  Bytes bytes = run_of(16, first);
  std::copy(bytes.begin(), bytes.end(), id.bytes.begin());
  return id;
}

Bytes joined(std::string_view text, ByteView a, ByteView b = {}) {
  Bytes out(text.begin(), text.end());
  out.push_back(0);
  out.insert(out.end(), a.begin(), a.end());
  out.insert(out.end(), b.begin(), b.end());
  return out;
}

class KeyringExample : public testing::Test {
 protected:
  void SetUp() override {
    std::ifstream page(COFFER_SOURCE_DIR "/docs/format.md");
    std::stringstream all;
    all << page.rdbuf();
    text_ = all.str();
    const size_t start = text_.find("### Worked example: a keyring");
    ASSERT_NE(start, std::string::npos);
    text_ = text_.substr(start);
    group_text_ = text_.substr(text_.find("### Worked example: a key group"));
    shard_text_ = text_.substr(text_.find("### Worked example: a shard"));
    if (const size_t next = text_.find("\n#", 1); next != std::string::npos) text_.resize(next);
    read_dump();
  }

  // Lines of "    OFFSET  HEX".
  void read_dump() {
    std::istringstream lines(text_);
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      size_t offset = 0;
      std::string hex;
      if (!line.starts_with("    ") || !(words >> offset >> hex)) continue;
      ASSERT_EQ(offset, sealed_.size());
      auto bytes = from_hex(hex);
      ASSERT_TRUE(bytes.is_ok()) << line;
      sealed_.insert(sealed_.end(), bytes->begin(), bytes->end());
    }
  }

  void expect_printed(const std::string& name, ByteView value) {
    EXPECT_THAT(text_, HasSubstr(name + "  ")) << name;
    EXPECT_THAT(text_, HasSubstr(to_hex(value))) << name;
  }

  std::string text_, shard_text_, group_text_;
  Bytes sealed_;
};

TEST_F(KeyringExample, OpensWithItsKeyFile) {
  ASSERT_EQ(sealed_.size(), 578u);
  TemporaryDirectory directory;
  const std::string path = directory / "root.key";
  Bytes contents = run_of(64, 0);
  ASSERT_TRUE(create_file(Disk::posix(), path, contents, 0600).is_ok());
  auto provider = make_key_file_provider(Disk::posix(), path);

  auto header = KeyringCodec::read_header(sealed_);
  ASSERT_TRUE(header.is_ok()) << header.status().to_string();
  ASSERT_EQ(header->slots.size(), 1u);
  const KeyringSlot& slot = header->slots[0];
  EXPECT_EQ(slot.root, "root-1");
  EXPECT_EQ(provider->current().value(), slot.handle);
  auto key = provider->unwrap(slot.handle, {header->coffer_id, slot.id}, slot.wrapped);
  ASSERT_TRUE(key.is_ok()) << key.status().to_string();
  EXPECT_TRUE(equal_constant_time(key->reveal(), run_of(32, 0x60)));

  auto keyring = KeyringCodec::open(sealed_, *key);
  ASSERT_TRUE(keyring.is_ok()) << keyring.status().to_string();
  EXPECT_EQ(keyring->coffer_id(), id_from(0x40));
  EXPECT_EQ(keyring->version(), 1u);
  EXPECT_EQ(keyring->updated(), 1'700'000'000u);
  ASSERT_EQ(keyring->domains().size(), 1u);
  EXPECT_TRUE(equal_constant_time(keyring->find_domain("system")->active()->key.open()->reveal(), run_of(32, 0xa0)));
  ASSERT_EQ(keyring->stores().size(), 1u);
  EXPECT_EQ(keyring->stores()[0].id, id_from(0xc0));
  EXPECT_EQ(keyring->stores()[0].path, "/var/lib/db");
  EXPECT_EQ(keyring->stores()[0].node, "");
}

// Behind the keyring, on the same page.
TEST_F(KeyringExample, TheShardOfTheSameDomainOpens) {
  Bytes sealed;
  std::istringstream words(shard_text_.substr(shard_text_.find("sealed shard") + 12));
  for (std::string hex; words >> hex && hex.find_first_not_of("0123456789abcdef") == std::string::npos;) {
    const Bytes bytes = from_hex(hex).value();
    sealed.insert(sealed.end(), bytes.begin(), bytes.end());
  }
  ASSERT_EQ(sealed.size(), 169u);
  const Keyring keyring = KeyringCodec::open(sealed_, KeyringKey::copy_of(run_of(32, 0x60))).value();
  ShardEntry shard;
  shard.first = 0x8000;
  shard.depth = 1;
  shard.size = 169;
  shard.name = sha256(sealed).value();
  shard.key = RestingKey<ShardRole>::seal(Key<ShardRole>::copy_of(run_of(32, 0x20))).value();
  EXPECT_THAT(shard_text_, HasSubstr(to_hex(shard.name)));
  auto opened = ShardCodec::open(sealed, shard, keyring);
  ASSERT_TRUE(opened.is_ok()) << opened.status().to_string();
  EXPECT_EQ((*opened)->domains()[0].keys[0].id, keyring.find_domain("system")->active()->id);
}

// As the page breaks it into lines.
std::string lines_of(ByteView value) {
  const std::string hex = to_hex(value);
  return hex.size() <= 64 ? hex : hex.substr(0, 48) + "\n" + std::string(27, ' ') + hex.substr(48);
}

TEST_F(KeyringExample, TheKeyGroupIsWhatTheDerivationsGive) {
  KeyGroup group;
  group.id = id_from(0xd0);
  group.name = "acme";
  const GroupKey group_key = GroupKey::copy_of(run_of(32, 0x90));
  const auto printed = [&](ByteView value) { EXPECT_THAT(group_text_, HasSubstr(lines_of(value))); };
  const Id context = group_slot_context(group.id).value();
  printed(context.bytes);
  printed(group_key_id(group.id, group_key).value().bytes);
  const SecretBytes tag = derive(run_of(32, 0xc0), "domain tag", as_bytes("tenant"), 2).value();
  const Id key_id =
      domain_key_id(static_cast<DomainTag>(tag.reveal()[0] << 8 | tag.reveal()[1]), run_of(32, 0xa0)).value();
  printed(key_id.bytes);
  const auto wrapped = StoredDomainKey::wrap(DomainKey::copy_of(run_of(32, 0xa0)), key_id, group, group_key);
  ASSERT_TRUE(wrapped.is_ok());
  printed(wrapped->stored()->reveal());

  TemporaryDirectory directory;
  const std::string path = directory / "root.key";
  ASSERT_TRUE(create_file(Disk::posix(), path, run_of(64, 0), 0600).is_ok());
  auto provider = make_key_file_provider(Disk::posix(), path);
  const auto slot = provider->wrap(provider->current().value(), {context, id_from(0x50)}, as_wrapped(group_key));
  ASSERT_TRUE(slot.is_ok());
  printed(slot->bytes);
}

TEST_F(KeyringExample, PrintsWhatTheDerivationsGive) {
  std::array<uint8_t, 16> fingerprint;
  ASSERT_TRUE(hkdf_sha256(run_of(32, 0x20), {}, joined("coffer/v1 root fingerprint", {}), fingerprint).is_ok());
  expect_printed("root fingerprint", fingerprint);
  std::array<uint8_t, 32> wrap_key;
  ASSERT_TRUE(hkdf_sha256(run_of(32, 0x20), run_of(16, 0x40), joined("coffer/v1 root wrap", run_of(16, 0x50)), wrap_key)
                  .is_ok());
  expect_printed("root wrap key", wrap_key);
  const SecretBytes tag = derive(run_of(32, 0xc0), "domain tag", as_bytes("system"), 2).value();
  expect_printed("domain tag", tag.reveal());
  expect_printed("domain key id", domain_key_id(0x8cbd, run_of(32, 0xa0)).value().bytes);
  Bytes context = run_of(16, 0x40);
  context.resize(24);
  context[16] = 1;
  Bytes salt = run_of(32, 0x80);
  context.insert(context.end(), salt.begin(), salt.end());
  const SecretBytes material = derive(run_of(32, 0x60), "keyring", context, 76).value();
  expect_printed("AES key", material.reveal().first(32));
  expect_printed("nonce", material.reveal().subspan(32, 12));
  expect_printed("commitment", material.reveal().subspan(44));
}

}  // namespace
}  // namespace coffer
