// Where the keyring key is in memory while a key service wraps and unwraps, and after: in secret memory,
// and nowhere else. libcurl, OpenSSL and our own JSON all handle them on the way.
#include <gtest/gtest.h>

#include "coffer/base/base64.h"
#include "coffer/base/secret_buffer.h"
#include "coffer/crypto/random.h"
#include "coffer/io/disk.h"
#include "coffer/providers/registry.h"
#include "providers/cloud/fake_server.h"
#include "support/memory_search.h"

namespace coffer {
namespace {

// The key as bytes, and as the base64 it travels in.
class Watched {
 public:
  explicit Watched(ByteView secret) {
    needles_.emplace_back(secret);
    SecretBytes text(base64_size(secret.size()));
    encode_base64(secret, text.reveal_mutable());
    needles_.emplace_back(text.reveal());
    needles_.emplace_back(text.reveal().subspan(16));
  }
  FoundPlaces places() const {
    FoundPlaces sum;
    for (const Needle& needle : needles_) {
      const FoundPlaces found = find(needle);
      sum.secret += found.secret;
      sum.other += found.other;
    }
    return sum;
  }

 private:
  std::vector<Needle> needles_;
};

enum class Service { kVault, kVaultWithTls, kAwsKms };

class CloudMemory : public testing::TestWithParam<Service> {
 protected:
  std::unique_ptr<RootKeyProvider> open() { return open_provider(uri()).value(); }
  std::string uri() {
    if (GetParam() == Service::kAwsKms) {
      const std::string key = server_.operate(R"({"action":"call","operation":"CreateKey"})");
      const std::string id = key.substr(key.find("\"KeyId\": \"") + 10, 36);
      return "aws-kms://eu-west-1/" + id + "?endpoint=http://" + server_.host() + "&credentials_file=" +
             server_.file("credentials",
                          "[default]\naws_access_key_id=AKIDEXAMPLE\naws_secret_access_key="
                          "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY\n");
    }
    server_.operate(R"({"action":"make_key","name":"root"})");
    const bool tls = GetParam() == Service::kVaultWithTls;
    return "vault://" + server_.host() + "/transit/root?token_file=" + server_.file("token", "root") +
           (tls ? "&ca_file=" + kmip::certificates() + "/ca.pem" : "&tls=false");
  }

  FakeServer server_{
      GetParam() == Service::kAwsKms ? "fake_aws_kms.py" : "fake_vault.py", {}, GetParam() == Service::kVaultWithTls};
};

std::string name_of(Service service) {
  constexpr const char* kNames[] = {"Vault", "VaultWithTls", "AwsKms"};
  return kNames[static_cast<int>(service)];
}

INSTANTIATE_TEST_SUITE_P(Every, CloudMemory, testing::Values(Service::kVault, Service::kVaultWithTls, Service::kAwsKms),
                         [](const auto& param) { return name_of(param.param); });

TEST_P(CloudMemory, WrappingAndUnwrappingLeaveNothing) {
  auto provider = open();
  const WrapContext context{random_id().value(), random_id().value()};
  KeyringKey key = random_key<KeyringRole>(32).value();
  const Watched watched(key.reveal());
  ASSERT_EQ(watched.places().other, 0u);
  const RootKeyHandle handle = provider->current().value();
  const WrappedKeyringKey wrapped = provider->wrap(handle, context, key).value();
  EXPECT_EQ(watched.places().other, 0u);
  {
    const KeyringKey again = provider->unwrap(handle, context, wrapped).value();
    EXPECT_EQ(watched.places().other, 0u);
    EXPECT_EQ(watched.places().secret, 2u) << "the two keys themselves";
  }
  key = KeyringKey();
  EXPECT_EQ(watched.places().secret, 0u);
  EXPECT_EQ(watched.places().other, 0u);
}

// libcurl signs with it.
TEST(CloudMemorySecret, OfAwsSignaturesIsLeftNowhere) {
  const FakeServer server("fake_aws_kms.py");
  const TemporaryDirectory directory;
  SecretBytes secret(base64_size(30));
  encode_base64(random_secret(30)->reveal(), secret.reveal_mutable());
  SecretBuffer file;
  file.append("[default]\naws_access_key_id=AKIDEXAMPLE\naws_secret_access_key=").append(secret.reveal()).append("\n");
  ASSERT_TRUE(replace_file(Disk::posix(), directory / "credentials", file.take().reveal(), 0600).is_ok());
  auto provider = open_provider("aws-kms://eu-west-1/alias/db?endpoint=http://" + server.host() +
                                "&credentials_file=" + directory / "credentials")
                      .value();
  EXPECT_EQ(provider->current().code(), Code::kPermissionDenied) << "the secret is not the user's";
  EXPECT_EQ(server.requests().size(), 1u);
  EXPECT_EQ(find(Needle(secret.reveal())).other, 0u);
}

TEST(CloudMemorySearch, FindsWhatIsThere) {
  const SecretBytes secret = random_secret(32).value();
  const Watched watched(secret.reveal());
  const Bytes copy(secret.reveal().begin(), secret.reveal().end());
  EXPECT_GE(watched.places().other, 1u);
  EXPECT_EQ(watched.places().secret, 1u);
  EXPECT_EQ(copy.size(), secret.size());
}

}  // namespace
}  // namespace coffer
