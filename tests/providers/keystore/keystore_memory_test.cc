// Where keys and passwords are in memory after a keystore was used: nowhere.
#include <gtest/gtest.h>

#include <fstream>

#include "coffer/config/secret_source.h"
#include "coffer/crypto/random.h"
#include "coffer/providers/registry.h"
#include "io/temporary_directory.h"
#include "providers/keystore/keytool.h"
#include "support/memory_search.h"

namespace coffer::keystore {
namespace {

using namespace testing_keystores;

size_t everywhere(const Needle& needle) {
  const FoundPlaces places = find(needle);
  return places.secret + places.other;
}

// What this test itself knows of a key, and forgets but for an inverted copy.
Needle needle_for(const std::string& path, const Passwords& given) {
  const FoundKey found = find_in_file(path, "root", given).value();
  return Needle(found.key.reveal());
}

Needle needle_for_password(const std::string& path) {
  const SecretBytes text = read_secret(SecretSource{path, {}}).value();
  return Needle(text.reveal());
}

class KeystoreMemory : public testing::TestWithParam<std::string> {};

INSTANTIATE_TEST_SUITE_P(Both, KeystoreMemory, testing::Values("pkcs12", "jceks"),
                         [](const auto& param) { return param.param; });

TEST_P(KeystoreMemory, WrappingAndUnwrappingLeaveNeitherRootKeyNorPassword) {
  const TemporaryDirectory directory;
  const std::string path = directory / "store";
  make_secret_key(path, GetParam(), "root");
  // Made long by a shell, so that this process never has it in a string of its own.
  const std::string command = "cd " + directory.path() +
                              " && umask 077 && head -c 24 /dev/urandom | od -An -tx1 | "
                              "tr -d ' \\n' > password && keytool -storepasswd -keystore store -storepass swordfish "
                              "-new \"$(cat password)\" 2>/dev/null && printf swordfish > key_password";
  ASSERT_EQ(std::system(command.c_str()), 0);
  const bool pkcs12 = GetParam() == "pkcs12";  // where keys have the store's password
  const std::string key_password = directory / (pkcs12 ? "password" : "key_password");
  const std::string uri = "keystore:" + path + "?alias=root&store_password_file=" + (directory / "password") +
                          "&key_password_file=" + key_password;
  Passwords given;
  given.store = Password(read_secret(SecretSource{directory / "password", {}}).value());
  given.key = Password(read_secret(SecretSource{key_password, {}}).value());
  const Needle root = needle_for(path, given);
  const Needle password = needle_for_password(directory / "password");
  EXPECT_EQ(find(password).secret, pkcs12 ? 2u : 1u) << "the control: here it is, and only where it may be";
  EXPECT_EQ(find(password).other, 0u);
  given = Passwords();
  EXPECT_EQ(everywhere(root) + everywhere(password), 0u);

  auto provider = open_provider(uri);
  ASSERT_TRUE(provider.is_ok()) << provider.status().to_string();
  auto handle = (*provider)->current();
  ASSERT_TRUE(handle.is_ok()) << handle.status().to_string();
  KeyringKey key = random_key<KeyringRole>(32).value();
  auto wrapped = (*provider)->wrap(*handle, {}, key);
  ASSERT_TRUE(wrapped.is_ok()) << wrapped.status().to_string();
  auto unwrapped = (*provider)->unwrap(*handle, {}, *wrapped);
  ASSERT_TRUE(unwrapped.is_ok()) << unwrapped.status().to_string();
  EXPECT_EQ(everywhere(root), 0u);
  EXPECT_EQ(everywhere(password), 0u);
  const Needle keyring(key.reveal());
  EXPECT_EQ(find(keyring).secret, 2u) << "the control: the key and what was unwrapped";
  EXPECT_EQ(find(keyring).other, 0u);
}

}  // namespace
}  // namespace coffer::keystore
