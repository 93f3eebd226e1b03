// Where the keyring key and the token are in memory while a key service wraps and unwraps, and after: in secret memory,
// and nowhere else. libcurl, OpenSSL and our own JSON all handle them on the way.
#include <gtest/gtest.h>

#include "coffer/crypto/random.h"
#include "coffer/providers/base64.h"
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
  Places places() const {
    Places sum;
    for (const Needle& needle : needles_) {
      const Places found = find(needle);
      sum.secret += found.secret;
      sum.other += found.other;
    }
    return sum;
  }

 private:
  std::vector<Needle> needles_;
};

class CloudMemory : public testing::TestWithParam<bool> {
 protected:
  std::unique_ptr<RootKeyProvider> open() {
    server_.operate(R"({"action":"make_key","name":"root"})");
    const std::string tls = GetParam() ? "ca_file=" + kmip::certificates() + "/ca.pem" : "tls=false";
    return open_provider("vault://" + server_.host() + "/transit/root?" + tls +
                         "&token_file=" + server_.file("token", "root"))
        .value();
  }
  FakeServer server_{"fake_vault.py", {}, GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Every, CloudMemory, testing::Bool(),
                         [](const auto& param) { return param.param ? "Tls" : "Plain"; });

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
