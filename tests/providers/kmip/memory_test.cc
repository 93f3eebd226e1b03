// Where root keys and keyring keys are in memory while a KMIP server gives or uses them, and after: in secret memory,
// and then nowhere. Messages, TLS and OpenSSL all handle them on the way.
#include <gtest/gtest.h>

#include "coffer/crypto/random.h"
#include "coffer/providers/kmip/key_handle.h"
#include "coffer/providers/registry.h"
#include "providers/kmip/servers.h"
#include "support/memory_search.h"

namespace coffer::kmip {
namespace {

struct Conversation {
  const char* tls;
  const char* use;
};

class KmipMemory : public testing::TestWithParam<Conversation> {
 protected:
  std::unique_ptr<RootKeyProvider> open(const std::string& options) const {
    const std::string all = std::string("timeout_millis=10000&create=true&use=") + GetParam().use + "&" + options;
    return open_provider(loopback_uri(port_, "watched", "client", all)).value();
  }
  Needle root_key_of(const RootKeyHandle& handle) const {
    const Client client = loopback_client(port_);
    return Needle(client.get(decode_handle(handle)->id)->key.reveal());
  }
  bool fetches() const { return std::string_view(GetParam().use) == "get"; }

  const int port_ = fresh_fake(std::string("--tls=") + GetParam().tls).port();
  const WrapContext context_{random_id().value(), random_id().value()};
};

INSTANTIATE_TEST_SUITE_P(Every, KmipMemory,
                         testing::Values(Conversation{"1.2", "get"}, Conversation{"1.3", "get"},
                                         Conversation{"1.2", "encrypt"}, Conversation{"1.3", "encrypt"}),
                         [](const auto& param) {
                           return std::string(param.param.use) + (param.param.tls[2] == '2' ? "Tls12" : "Tls13");
                         });

TEST_P(KmipMemory, WrappingAndUnwrappingLeaveOnlyTheKeyringKey) {
  const auto provider = open("key_cache_millis=0");
  const RootKeyHandle handle = provider->current().value();
  const Needle root = root_key_of(handle);
  // With another key first: the dynamic linker leaves registers on the stack when a function is called the first time.
  const KeyringKey another = random_key<KeyringRole>(32).value();
  ASSERT_TRUE(provider->unwrap(handle, context_, provider->wrap(handle, context_, another).value()));
  KeyringKey key = random_key<KeyringRole>(32).value();
  const Needle keyring_key(key.reveal());
  EXPECT_EQ(find(keyring_key).secret, 1u) << "the search finds what is there";
  const WrappedKeyringKey wrapped = provider->wrap(handle, context_, key).value();
  key = KeyringKey();
  EXPECT_EQ(find(keyring_key).secret + find(keyring_key).other, 0u);
  const auto unwrapped = provider->unwrap(handle, context_, wrapped);
  ASSERT_TRUE(unwrapped) << unwrapped.status().message();
  EXPECT_EQ(find(keyring_key).secret, 1u);
  EXPECT_EQ(find(keyring_key).other, 0u);
  EXPECT_EQ(find(root).secret + find(root).other, 0u);
}

TEST_P(KmipMemory, AKeyThatIsKeptIsInSecretMemoryUntilTheProviderIsClosed) {
  auto provider = open("key_cache_millis=600000");
  const RootKeyHandle handle = provider->current().value();
  const Needle root = root_key_of(handle);
  const KeyringKey key = random_key<KeyringRole>(32).value();
  ASSERT_TRUE(provider->wrap(handle, context_, key));
  EXPECT_EQ(find(root).secret, fetches() ? 1u : 0u);
  EXPECT_EQ(find(root).other, 0u);
  provider.reset();
  EXPECT_EQ(find(root).secret + find(root).other, 0u);
}

}  // namespace
}  // namespace coffer::kmip
