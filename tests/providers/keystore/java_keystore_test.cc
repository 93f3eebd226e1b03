#include "coffer/net/stores/java_keystore.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/temporary_directory.h"
#include "providers/keystore/keytool.h"

namespace coffer::keystore {
namespace {

using namespace testing_keystores;

// A private key with its certificate, and the certificate once more as a trusted one.
const TemporaryDirectory& java_stores() {
  static const TemporaryDirectory directory;
  static const bool made = [] {
    for (const std::string& type : std::vector<std::string>{"JKS", "JCEKS"}) {
      const std::string path = directory / type;
      keytool({"-genkeypair", "-keyalg", "EC", "-alias", "server", "-dname", "CN=server", "-storetype", type,
               "-keystore", path, "-storepass", kStorePassword, "-keypass", kKeyPassword});
      keytool(
          {"-exportcert", "-alias", "server", "-keystore", path, "-storepass", kStorePassword, "-file", path + ".cer"});
      keytool({"-importcert", "-noprompt", "-alias", "ca", "-file", path + ".cer", "-keystore", path, "-storepass",
               kStorePassword});
    }
    return true;
  }();
  EXPECT_TRUE(made);
  return directory;
}

Bytes contents_of(const std::string& name) {
  return read_file(Disk::posix(), java_stores() / name, kKeystoreSizeMax).value();
}

const JavaEntry* find(const std::vector<JavaEntry>& entries, const std::string& alias) {
  for (const JavaEntry& entry : entries) {
    if (entry.alias == alias) return &entry;
  }
  return nullptr;
}

class JavaKeystore : public testing::TestWithParam<std::string> {};

INSTANTIATE_TEST_SUITE_P(Both, JavaKeystore, testing::Values("JKS", "JCEKS"),
                         [](const auto& param) { return param.param; });

TEST_P(JavaKeystore, KeysAndCertificatesOfKeytoolsAreRead) {
  const Bytes contents = contents_of(GetParam());
  EXPECT_TRUE(is_java_keystore(contents));
  auto entries = read_java_keystore(contents, password(kStorePassword));
  ASSERT_TRUE(entries.is_ok()) << entries.status().to_string();
  EXPECT_EQ(entries->size(), 2u);
  const JavaEntry* server = find(*entries, "server");
  const JavaEntry* ca = find(*entries, "ca");
  ASSERT_TRUE(server != nullptr && ca != nullptr);
  EXPECT_EQ(server->kind, JavaEntry::Kind::kPrivateKey);
  EXPECT_EQ(ca->kind, JavaEntry::Kind::kCertificate);
  const Bytes certificate = contents_of(GetParam() + ".cer");
  EXPECT_EQ(server->certificates, std::vector<Bytes>{certificate});
  EXPECT_EQ(ca->certificates, std::vector<Bytes>{certificate});
}

TEST_P(JavaKeystore, APrivateKeyOpensWithItsOwnPassword) {
  auto entries = read_java_keystore(contents_of(GetParam()), password(kStorePassword));
  ASSERT_TRUE(entries.is_ok());
  const JavaEntry& server = *find(*entries, "server");
  WorkBudget budget;
  auto key_info = open_encrypted_key(server.encrypted_key_info, password(kKeyPassword), budget);
  ASSERT_TRUE(key_info.is_ok()) << key_info.status().to_string();
  EXPECT_EQ(key_info->reveal().front(), 0x30);
  auto wrong = open_encrypted_key(server.encrypted_key_info, password(kStorePassword), budget);
  EXPECT_TRUE(!wrong.is_ok() || !std::ranges::equal(wrong->reveal(), key_info->reveal()));
}

TEST_P(JavaKeystore, AWrongPasswordOrAnAlteredByteIsNoticed) {
  const Bytes whole = contents_of(GetParam());
  EXPECT_EQ(read_java_keystore(whole, password("wrong")).code(), Code::kWrongKey);
  for (size_t at = 0; at < whole.size(); ++at) {
    Bytes altered = whole;
    altered[at] ^= 0x10;
    EXPECT_FALSE(read_java_keystore(altered, password(kStorePassword)).is_ok()) << at;
  }
}

TEST_P(JavaKeystore, CutAnywhereIsAnErrorEvenWithoutTheHash) {
  const Bytes whole = contents_of(GetParam());
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(parse_java_keystore(ByteView(whole).first(size)).is_ok()) << size;
  }
}

TEST(JavaKeystoreLimits, CountsAreNotBelieved) {
  for (const std::string& header :
       std::vector<std::string>{"feedfeed00000002ffffffff", "cececece0000000200002710", "feedfeed0000000300000000"}) {
    Bytes contents = from_hex(header).value();
    contents.resize(contents.size() + 20);
    EXPECT_FALSE(parse_java_keystore(contents).is_ok()) << header;
  }
  Bytes empty = from_hex("feedfeed0000000200000000").value();
  empty.resize(empty.size() + 20);
  EXPECT_TRUE(parse_java_keystore(empty).value().empty());
}

}  // namespace
}  // namespace coffer::keystore
