// Where the keyring key is in memory while Google's and Microsoft's services wrap and unwrap, and after: in secret
// memory, and nowhere else.
#include <gtest/gtest.h>

#include "coffer/base/base64.h"
#include "coffer/crypto/random.h"
#include "coffer/providers/registry.h"
#include "providers/cloud/fake_server.h"
#include "support/memory_search.h"

namespace coffer {
namespace {

// The key as bytes, and as it travels: in base64 or base64url.
class Watched {
 public:
  explicit Watched(ByteView secret) {
    needles_.emplace_back(secret);
    SecretBytes text(base64_size(secret.size()));
    encode_base64(secret, text.reveal_mutable());
    needles_.emplace_back(text.reveal());
    encode_base64url(secret, text.reveal_mutable().first(base64url_size(secret.size())));
    needles_.emplace_back(text.reveal());
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

void leaves_nothing(RootKeyProvider& provider) {
  const WrapContext context{random_id().value(), random_id().value()};
  const RootKeyHandle handle = provider.current().value();
  const auto there_and_back = [&](const KeyringKey& key) {
    return provider.unwrap(handle, context, provider.wrap(handle, context, key).value());
  };
  // Functions of shared libraries are looked up when first called, and registers go to the stack meanwhile: so once
  // with another key.
  KeyringKey other = random_key<KeyringRole>(32).value();
  ASSERT_TRUE(there_and_back(other).is_ok());
  ASSERT_GE(Watched(other.reveal()).places().secret, 1u);

  KeyringKey key = random_key<KeyringRole>(32).value();
  const Watched watched(key.reveal());
  {
    const auto again = there_and_back(key);
    ASSERT_TRUE(again.is_ok()) << again.status().to_string();
    EXPECT_EQ(watched.places().other, 0u);
    EXPECT_EQ(watched.places().secret, 2u) << "the two keys themselves";
  }
  const std::string copy(as_text(key.reveal()));
  EXPECT_EQ(watched.places().other, 1u) << "the search finds a copy on the heap: " << copy.size();
  key = KeyringKey();
  EXPECT_EQ(watched.places().secret, 0u);
}

TEST(OauthMemory, GoogleCloudKmsLeavesNothing) {
  FakeServer server{"fake_gcp_kms.py"};
  const std::string key = "projects/p/locations/global/keyRings/r/cryptoKeys/k";
  server.operate(R"({"action":"make_key","name":")" + key + "\"}");
  const std::string account = server.file("a.json", server.operate(R"({"action":"add_account","email":"a@p.iam"})"));
  leaves_nothing(
      **open_provider("gcp-kms://" + key + "?endpoint=http://" + server.host() + "&credentials_file=" + account));
}

TEST(OauthMemory, AzureKeyVaultLeavesNothing) {
  FakeServer server{"fake_azure_kv.py", {}, /*tls=*/true};
  server.operate(R"({"action":"make_key","name":"k"})");
  server.operate(R"({"action":"add_application","client":"db","secret":"s"})");
  leaves_nothing(**open_provider("azure-kv://" + server.host() +
                                 "/keys/k?client=db&tenant=11111111-2222-3333-4444-555555555555&authority=https://" +
                                 server.host() + "&ca_file=" + kmip::certificates() +
                                 "/ca.pem&secret_file=" + server.file("secret", "s")));
}

}  // namespace
}  // namespace coffer
