// Keystores that keytool wrote, read by Coffer, and the other way round. keytool never shows a secret key; that it has
// read one rightly shows in what it writes of it into a keystore of the other type.
#include "coffer/providers/keystore/keystore.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pkcs12.h>
#include <sys/stat.h>

#include <fstream>

#include "coffer/crypto/openssl_handles.h"
#include "io/temporary_directory.h"
#include "providers/keystore/keytool.h"

namespace coffer::keystore {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using namespace testing_keystores;

// Made once: every run of keytool takes the better part of a second.
const TemporaryDirectory& stores() {
  static const TemporaryDirectory directory;
  static const bool made = [] {
    make_secret_key(directory / "one.p12", "pkcs12", "root");
    make_secret_key(directory / "one.jceks", "jceks", "root", 256, kKeyPassword);
    for (const int bits : {128, 192, 256}) {
      make_secret_key(directory / "sizes.jceks", "jceks", "Key-" + std::to_string(bits), bits);
    }
    convert(directory / "sizes.jceks", directory / "sizes.p12", "pkcs12");
    const std::string certificate =
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=ca "
        "-keyout /dev/null -out " +
        (directory / "certificate") + " 2>/dev/null";
    return std::system(certificate.c_str()) == 0;
  }();
  EXPECT_TRUE(made);
  return directory;
}

std::string message(const Result<FoundKey>& result) { return std::string(result.status().message()); }

TEST(Keystore, KeysThatKeytoolMadeAreReadFromBothTypes) {
  EXPECT_EQ(key_in(stores() / "one.p12", "root").size(), 32u);
  EXPECT_EQ(key_in(stores() / "one.jceks", "root", passwords(kStorePassword, kKeyPassword)).size(), 32u);
}

TEST(Keystore, TheSameKeyIsReadAfterKeytoolHasWrittenItAnew) {
  for (const int bits : {128, 192, 256}) {
    const std::string alias = "key-" + std::to_string(bits);
    const Bytes key = key_in(stores() / "sizes.jceks", alias);
    EXPECT_EQ(key.size(), static_cast<size_t>(bits) / 8);
    EXPECT_EQ(key, key_in(stores() / "sizes.p12", alias));
  }
}

TEST(Keystore, AKeyThatCofferMadeIsReadByKeytool) {
  const TemporaryDirectory directory;
  const std::string path = directory / "ours.p12";
  for (const int bits : {128, 192, 256}) {
    const Status made =
        generate_key_in_keystore(Disk::posix(), path, "Root " + std::to_string(bits), bits, passwords());
    ASSERT_TRUE(made.is_ok()) << made.to_string();
  }
  EXPECT_THAT(keytool({"-list", "-keystore", path, "-storepass", kStorePassword}),
              AllOf(HasSubstr("contains 3 entries"), HasSubstr("root 128"), HasSubstr("SecretKeyEntry")));
  convert(path, directory / "theirs.jceks", "jceks");
  for (const int bits : {128, 192, 256}) {
    const std::string alias = "root " + std::to_string(bits);
    EXPECT_EQ(key_in(path, alias), key_in(directory / "theirs.jceks", alias));
  }
}

TEST(Keystore, AKeyIsAddedToAStoreOfKeytoolsWithoutTouchingWhatIsInIt) {
  const TemporaryDirectory directory;
  const std::string path = directory / "mixed.p12";
  keytool({"-genkeypair", "-keyalg", "EC", "-alias", "server", "-dname", "CN=server", "-storetype", "pkcs12",
           "-keystore", path, "-storepass", kStorePassword});
  make_secret_key(path, "pkcs12", "first");
  const Bytes first = key_in(path, "first");
  const Status made = generate_key_in_keystore(Disk::posix(), path, "second", 256, passwords());
  ASSERT_TRUE(made.is_ok()) << made.to_string();
  EXPECT_EQ(key_in(path, "first"), first);
  EXPECT_NE(key_in(path, "second"), first);
  EXPECT_THAT(keytool({"-list", "-keystore", path, "-storepass", kStorePassword}),
              AllOf(HasSubstr("contains 3 entries"), HasSubstr("PrivateKeyEntry"), HasSubstr("second")));
  // keytool changes the store after us, and keeps what we put in.
  const Bytes second = key_in(path, "second");
  make_secret_key(path, "pkcs12", "third");
  EXPECT_EQ(key_in(path, "second"), second);
}

TEST(Keystore, AFileThatCofferMakesIsItsOwnersAlone) {
  const TemporaryDirectory directory;
  ASSERT_TRUE(generate_key_in_keystore(Disk::posix(), directory / "s.p12", "root", 256, passwords()).is_ok());
  EXPECT_EQ(Disk::posix().info(directory / "s.p12")->mode, 0600u);
}

TEST(Keystore, AnAliasThatIsTakenIsNeverOverwritten) {
  const TemporaryDirectory directory;
  const std::string path = directory / "s.p12";
  ASSERT_TRUE(generate_key_in_keystore(Disk::posix(), path, "root", 256, passwords()).is_ok());
  const Bytes before = read_file(Disk::posix(), path, kKeystoreSizeMax).value();
  for (const std::string& alias : std::vector<std::string>{"root", "ROOT"}) {
    const Status refused = generate_key_in_keystore(Disk::posix(), path, alias, 256, passwords());
    EXPECT_EQ(refused.code(), Code::kAlreadyExists);
    EXPECT_THAT(std::string(refused.message()), AllOf(HasSubstr(path), HasSubstr(alias)));
  }
  EXPECT_EQ(read_file(Disk::posix(), path, kKeystoreSizeMax).value(), before);
}

TEST(Keystore, AKeyIsNotAddedWithAWrongPasswordOrToJceksOrUnderNoName) {
  const TemporaryDirectory directory;
  const std::string path = directory / "s.p12";
  ASSERT_TRUE(generate_key_in_keystore(Disk::posix(), path, "root", 256, passwords()).is_ok());
  EXPECT_EQ(generate_key_in_keystore(Disk::posix(), path, "b", 256, passwords("wrong")).code(),
            Code::kPermissionDenied);
  EXPECT_EQ(generate_key_in_keystore(Disk::posix(), stores() / "one.jceks", "b", 256, passwords()).code(),
            Code::kUnsupported);
  for (const std::string& alias : std::vector<std::string>{std::string(), std::string(256, 'a'), std::string("a\nb")}) {
    EXPECT_EQ(generate_key_in_keystore(Disk::posix(), path, alias, 256, passwords()).code(), Code::kInvalidArgument);
  }
  EXPECT_EQ(generate_key_in_keystore(Disk::posix(), path, "b", 100, passwords()).code(), Code::kInvalidArgument);
  EXPECT_EQ(generate_key_in_keystore(Disk::posix(), path, "b", 256, passwords("")).code(), Code::kInvalidArgument);
}

TEST(Keystore, AWrongPasswordIsNamed) {
  for (const std::string& store : std::vector<std::string>{"one.p12", "one.jceks"}) {
    auto found = find_in_file(stores() / store, "root", passwords("wrong", kKeyPassword));
    EXPECT_EQ(found.code(), Code::kPermissionDenied) << store;
    EXPECT_THAT(message(found), HasSubstr("store password")) << store;
    found = find_in_file(stores() / store, "root", passwords(kStorePassword, "wrong"));
    EXPECT_EQ(found.code(), Code::kPermissionDenied) << store;
    EXPECT_THAT(message(found), AllOf(HasSubstr("\"root\""), HasSubstr("password of its keys"))) << store;
  }
}

TEST(Keystore, AnAliasThatIsNotThereIsAnsweredWithThoseThatAre) {
  for (const std::string& store : std::vector<std::string>{"sizes.p12", "sizes.jceks"}) {
    auto found = find_in_file(stores() / store, "nobody");
    EXPECT_EQ(found.code(), Code::kNotFound);
    EXPECT_THAT(message(found), AllOf(HasSubstr("nobody"), HasSubstr("key-128"), HasSubstr("key-256")));
    found = find_in_file(stores() / store, "");
    EXPECT_EQ(found.code(), Code::kInvalidArgument);
    EXPECT_THAT(message(found), HasSubstr("several"));
    EXPECT_TRUE(find_in_file(stores() / store, "KEY-128").is_ok()) << "as Java finds it";
  }
  EXPECT_EQ(find_in_file(stores() / "one.p12", "")->alias, "root") << "the only one";
}

TEST(Keystore, WhatIsNoSecretKeyOrNoKeystoreIsSaidToBe) {
  const TemporaryDirectory directory;
  keytool({"-genkeypair", "-keyalg", "EC", "-alias", "server", "-dname", "CN=server", "-storetype", "JKS", "-keystore",
           directory / "s.jks", "-storepass", kStorePassword});
  auto found = find_in_file(directory / "s.jks", "server");
  EXPECT_EQ(found.code(), Code::kUnsupported);
  EXPECT_THAT(message(found), HasSubstr("JKS"));
  convert(directory / "s.jks", directory / "s.p12", "pkcs12");
  EXPECT_EQ(find_in_file(directory / "s.p12", "server").code(), Code::kNotFound);
  std::ofstream(directory / "text") << "-----BEGIN NOTHING-----";
  EXPECT_EQ(find_in_file(directory / "text", "").code(), Code::kInvalidArgument);
  std::ofstream(directory / "empty") << "";
  EXPECT_EQ(find_in_file(directory / "empty", "").code(), Code::kInvalidArgument);
}

TEST(Keystore, OpenSslsEmptyTruststoreIsAnEmptyKeystore) {
  const TemporaryDirectory directory;
  const std::string command = "cd " + directory.path() +
                              " && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=ca "
                              "-keyout k -out c 2>/dev/null && openssl pkcs12 -export -nokeys -in c -out s.p12 "
                              "-passout pass:swordfish";
  ASSERT_EQ(std::system(command.c_str()), 0);
  auto found = find_in_file(directory / "s.p12", "");
  EXPECT_EQ(found.code(), Code::kNotFound);
  EXPECT_THAT(message(found), HasSubstr("no secret key"));
  chmod((directory / "s.p12").c_str(), 0600);
  ASSERT_TRUE(generate_key_in_keystore(Disk::posix(), directory / "s.p12", "root", 256, passwords()).is_ok());
  EXPECT_EQ(key_in(directory / "s.p12", "root").size(), 32u);
}

TEST(Keystore, KeysOfOtherAlgorithmsAreRefused) {
  const TemporaryDirectory directory;
  for (const std::string& type : std::vector<std::string>{"pkcs12", "jceks"}) {
    keytool({"-genseckey", "-keyalg", "HmacSHA256", "-keysize", "256", "-alias", "mac", "-storetype", type, "-keystore",
             directory / type, "-storepass", kStorePassword});
    auto found = find_in_file(directory / type, "mac");
    EXPECT_EQ(found.code(), Code::kInvalidArgument) << type;
    EXPECT_THAT(message(found), HasSubstr("not an AES key")) << type;
  }
}

TEST(Keystore, EveryAlteredByteAndEveryCutIsNoticed) {
  for (const std::string& store : std::vector<std::string>{"one.p12", "one.jceks"}) {
    const Bytes whole = read_file(Disk::posix(), stores() / store, kKeystoreSizeMax).value();
    const Passwords given = passwords(kStorePassword, store == "one.jceks" ? kKeyPassword : "");
    for (size_t at = 0; at < whole.size(); ++at) {
      Bytes altered = whole;
      altered[at] ^= 0x04;
      WorkBudget budget(50'000);
      EXPECT_FALSE(find_secret_key(altered, "root", given, budget).is_ok()) << store << " at " << at;
      budget = WorkBudget(50'000);
      EXPECT_FALSE(find_secret_key(ByteView(whole).first(at), "root", given, budget).is_ok()) << store << " cut " << at;
    }
  }
}

TEST(Keystore, AnUnsignedStoreIsRefusedSinceAnybodyCouldHaveChangedIt) {
  const TemporaryDirectory directory;
  const std::string command = "openssl pkcs12 -export -nomac -nokeys -in " + (stores() / "certificate") + " -out " +
                              (directory / "s.p12") + " -passout pass:swordfish";
  ASSERT_EQ(std::system(command.c_str()), 0);
  auto found = find_in_file(directory / "s.p12", "");
  EXPECT_EQ(found.code(), Code::kUnsupported);
  EXPECT_THAT(message(found), HasSubstr("no password"));
}

TEST(Keystore, AStoreThatAsksForTooMuchWorkIsRefusedBeforeAnyIsDone) {
  const Bytes contents = read_file(Disk::posix(), stores() / "one.p12", kKeystoreSizeMax).value();
  const uint8_t* at = contents.data();
  const std::unique_ptr<PKCS12, OpenSslFree<PKCS12_free>> store(
      d2i_PKCS12(nullptr, &at, static_cast<long>(contents.size())));
  ASSERT_NE(store, nullptr);
  const ASN1_INTEGER* rounds = nullptr;
  PKCS12_get0_mac(nullptr, nullptr, nullptr, &rounds, store.get());
  ASSERT_EQ(ASN1_INTEGER_set(const_cast<ASN1_INTEGER*>(rounds), 100'000'000), 1);
  uint8_t* der = nullptr;
  const int size = i2d_PKCS12(store.get(), &der);
  ASSERT_GT(size, 0);
  WorkBudget budget;
  EXPECT_EQ(find_secret_key({der, static_cast<size_t>(size)}, "root", passwords(), budget).code(),
            Code::kLimitExceeded);
  OPENSSL_free(der);
}

TEST(Keystore, AStoreInAnotherEncodingIsRefused) {
  Bytes contents = read_file(Disk::posix(), stores() / "one.p12", kKeystoreSizeMax).value();
  contents.push_back(0);
  WorkBudget budget;
  EXPECT_EQ(find_secret_key(contents, "root", passwords(), budget).code(), Code::kInvalidArgument);
  contents.pop_back();
  ASSERT_EQ(contents[1], 0x82) << "a length of two bytes";
  contents[1] = 0x83;
  contents.insert(contents.begin() + 2, 0);
  EXPECT_EQ(find_secret_key(contents, "root", passwords(), budget).code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace coffer::keystore
