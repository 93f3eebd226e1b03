// Keystores where KMIP hosts want certificates: net/kmip/stores.h.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "coffer/net/kmip/stores.h"
#include "io/temporary_directory.h"
#include "providers/keystore/keytool.h"

namespace coffer::kmip {
namespace {

using testing::HasSubstr;
using namespace testing_keystores;

// A client certificate signed by a CA, and the CA, in keystores of both types: made by keytool out of OpenSSL's.
const TemporaryDirectory& kmip_stores() {
  static const TemporaryDirectory directory;
  static const bool made = [] {
    const std::string command =
        "cd " + directory.path() +
        " && exec 2>/dev/null && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=ca "
        "-keyout "
        "ca.key -out ca.pem && openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=client "
        "-keyout c.key -out c.csr && openssl x509 -req -in c.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out c.pem "
        "&& "
        "openssl pkcs12 -export -inkey c.key -in c.pem -certfile ca.pem -name client -passout pass:swordfish -out "
        "id.p12";
    if (std::system(command.c_str()) != 0) return false;
    convert(directory / "id.p12", directory / "id.jks", "JKS");
    keytool({"-importcert", "-noprompt", "-alias", "ca", "-file", directory / "ca.pem", "-storetype", "JKS",
             "-keystore", directory / "trust.jks", "-storepass", kStorePassword});
    std::ofstream(directory / "password") << kStorePassword;
    std::ofstream(directory / "wrong") << "wrong";
    for (const char* name : {"id.p12", "password", "wrong"}) chmod((directory / name).c_str(), 0600);
    return true;
  }();
  EXPECT_TRUE(made);
  return directory;
}

StorePlace place(const std::string& name, StoreType type = StoreType::kJks, const std::string& password = "password") {
  StorePlace out;
  out.type = type;
  out.path = kmip_stores() / name;
  out.password.file = kmip_stores() / password;
  return out;
}

std::string name_in(X509* certificate) {
  char name[64] = {};
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, sizeof name);
  return name;
}

TEST(KmipStores, AClientCertificateWithItsChainIsReadFromJks) {
  auto identity = read_identity(place("id.jks"));
  ASSERT_TRUE(identity.is_ok()) << identity.status().to_string();
  EXPECT_EQ(name_in(identity->certificate.get()), "client");
  ASSERT_EQ(sk_X509_num(identity->chain.get()), 1);
  EXPECT_EQ(name_in(sk_X509_value(identity->chain.get(), 0)), "ca");
}

TEST(KmipStores, TrustIsReadFromJks) {
  auto trust = read_trust(place("trust.jks"));
  ASSERT_TRUE(trust.is_ok()) << trust.status().to_string();
  ASSERT_EQ(sk_X509_num(trust->get()), 1);
  EXPECT_EQ(name_in(sk_X509_value(trust->get(), 0)), "ca");
}

TEST(KmipStores, WhichTypeAKeystoreIsOfItsContentsSay) {
  EXPECT_TRUE(read_identity(place("id.p12", StoreType::kJks)).is_ok());
  EXPECT_TRUE(read_identity(place("id.jks", StoreType::kPkcs12)).is_ok());
  EXPECT_TRUE(read_trust(place("trust.jks", StoreType::kPkcs12)).is_ok());
}

TEST(KmipStores, AWrongPasswordIsTheWrongKeyAndTheFileIsNamed) {
  for (const auto& status : {read_identity(place("id.jks", StoreType::kJks, "wrong")).status(),
                             read_trust(place("trust.jks", StoreType::kJks, "wrong")).status()}) {
    EXPECT_EQ(status.code(), Code::kWrongKey);
    EXPECT_THAT(std::string(status.message()), HasSubstr(".jks"));
  }
}

TEST(KmipStores, APrivateKeyWithAPasswordOfItsOwnIsExplained) {
  const TemporaryDirectory directory;
  keytool({"-genkeypair", "-keyalg", "EC", "-alias", "a", "-dname", "CN=a", "-storetype", "JKS", "-keystore",
           directory / "own.jks", "-storepass", kStorePassword, "-keypass", kKeyPassword});
  chmod((directory / "own.jks").c_str(), 0600);
  StorePlace own = place("id.jks");
  own.path = directory / "own.jks";
  auto identity = read_identity(own);
  EXPECT_EQ(identity.code(), Code::kWrongKey);
  EXPECT_THAT(std::string(identity.status().message()), HasSubstr("keytool -keypasswd"));
}

TEST(KmipStores, AStoreWithoutWhatIsWantedSaysSo) {
  auto identity = read_identity(place("trust.jks"));
  EXPECT_EQ(identity.code(), Code::kPermissionDenied) << "it may be read by others";
  chmod((kmip_stores() / "trust.jks").c_str(), 0600);
  identity = read_identity(place("trust.jks"));
  EXPECT_EQ(identity.code(), Code::kInvalidArgument);
  EXPECT_THAT(std::string(identity.status().message()), HasSubstr("no private key"));
  auto trust = read_trust(place("id.jks"));
  EXPECT_EQ(trust.code(), Code::kInvalidArgument);
  EXPECT_THAT(std::string(trust.status().message()), HasSubstr("no certificate"));
}

TEST(KmipStores, SeveralPrivateKeysLeaveAQuestion) {
  const TemporaryDirectory directory;
  for (const char* alias : {"one", "two"}) {
    keytool({"-genkeypair", "-keyalg", "EC", "-alias", alias, "-dname", "CN=a", "-storetype", "JKS", "-keystore",
             directory / "two.jks", "-storepass", kStorePassword});
  }
  chmod((directory / "two.jks").c_str(), 0600);
  StorePlace two = place("id.jks");
  two.path = directory / "two.jks";
  auto identity = read_identity(two);
  EXPECT_EQ(identity.code(), Code::kInvalidArgument);
  EXPECT_THAT(std::string(identity.status().message()), testing::AllOf(HasSubstr("one"), HasSubstr("two")));
}

// However OpenSSL and Java of any age write them.
TEST(KmipStores, CertificatesAreReadFromPkcs12) {
  const std::string from = "openssl pkcs12 -export -inkey c.key -in c.pem -certfile ca.pem ";
  const std::string trust = "openssl pkcs12 -export -nokeys -in ca.pem ";
  const std::string password = "-passout pass:swordfish ";
  const std::string kWays[] = {password, password + "-legacy ", password + "-keypbe NONE -certpbe NONE ",
                               password + "-nomac ",
                               password + "-keypbe PBE-SHA1-RC4-128 -certpbe PBE-SHA1-3DES -legacy "};
  for (const std::string& way : kWays) {
    const std::string command = "cd " + kmip_stores().path() + " && exec 2>/dev/null && " + from + way +
                                "-out any.p12 && " + trust + way + "-out trust.p12 && chmod 600 any.p12";
    ASSERT_EQ(std::system(command.c_str()), 0) << way;
    auto identity = read_identity(place("any.p12", StoreType::kPkcs12));
    ASSERT_TRUE(identity.is_ok()) << way << identity.status().to_string();
    EXPECT_EQ(name_in(identity->certificate.get()), "client");
    ASSERT_EQ(sk_X509_num(identity->chain.get()), 1);
    EXPECT_EQ(name_in(sk_X509_value(identity->chain.get(), 0)), "ca");
    auto trusted = read_trust(place("trust.p12", StoreType::kPkcs12));
    ASSERT_TRUE(trusted.is_ok()) << way << trusted.status().to_string();
    EXPECT_EQ(name_in(sk_X509_value(trusted->get(), 0)), "ca");
  }
}

TEST(KmipStores, NoPasswordOpensAPkcs12StoreThatHasNone) {
  const std::string command = "cd " + kmip_stores().path() +
                              " && exec 2>/dev/null && openssl pkcs12 -export -inkey c.key "
                              "-in c.pem -passout pass: -out open.p12 && chmod 600 open.p12";
  ASSERT_EQ(std::system(command.c_str()), 0);
  StorePlace open = place("open.p12", StoreType::kPkcs12);
  open.password = {};
  auto identity = read_identity(open);
  EXPECT_TRUE(identity.is_ok()) << identity.status().to_string();
}

TEST(KmipStores, WhatIsWrongWithAPkcs12StoreIsSaid) {
  EXPECT_EQ(read_identity(place("id.p12", StoreType::kPkcs12, "wrong")).code(), Code::kWrongKey);
  std::ofstream(kmip_stores() / "damaged.p12") << "0 this is no keystore";
  EXPECT_EQ(read_trust(place("damaged.p12", StoreType::kPkcs12)).code(), Code::kInvalidArgument);
  const std::string command = "cd " + kmip_stores().path() +
                              " && exec 2>/dev/null && openssl pkcs12 -export -nokeys -in "
                              "c.pem -passout pass:swordfish -out cert.p12 && chmod 600 cert.p12";
  ASSERT_EQ(std::system(command.c_str()), 0);
  auto identity = read_identity(place("cert.p12", StoreType::kPkcs12));
  EXPECT_EQ(identity.code(), Code::kInvalidArgument);
  EXPECT_THAT(std::string(identity.status().message()), HasSubstr("no private key"));
}

}  // namespace
}  // namespace coffer::kmip
