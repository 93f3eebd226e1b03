// A PyKMIP server, reached with a client certificate and trust out of Java keystores.
#include <gtest/gtest.h>

#include "coffer/crypto/random.h"
#include "io/temporary_directory.h"
#include "providers/keystore/keytool.h"
#include "providers/kmip/servers.h"

namespace coffer::kmip {
namespace {

TEST(KmipOverJks, AServerAcceptsTheCertificateAndIsTrusted) {
  using namespace testing_keystores;
  const TemporaryDirectory stores;
  convert(certificates() + "/client.p12", stores / "client.jks", "JKS");
  keytool({"-importcert", "-noprompt", "-alias", "ca", "-file", certificates() + "/ca.pem", "-storetype", "JKS",
           "-keystore", stores / "trust.jks", "-storepass", kStorePassword});
  const ServerDirectory directory;
  const std::unique_ptr<ServerProcess> server = start_pykmip(directory.path());
  GroupSettings settings = loopback_settings(server->port());
  settings.tls.identity = {StoreType::kJks, stores / "client.jks", "", {certificates() + "/password"}};
  settings.tls.trust = {StoreType::kJks, stores / "trust.jks", "", {certificates() + "/password"}};
  auto group = HostGroup::create(settings);
  ASSERT_TRUE(group.is_ok()) << group.status().to_string();
  NewKey wanted;
  wanted.name = "key-" + random_id().value().hex();
  const auto made = Client(*group).create(wanted);
  EXPECT_TRUE(made.is_ok()) << made.status().to_string();
}

}  // namespace
}  // namespace coffer::kmip
