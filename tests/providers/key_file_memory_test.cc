// Where root keys and keyring keys are in memory while and after key files are used: in secret memory, and then
// nowhere.
#include <gtest/gtest.h>

#include "coffer/base/base64.h"
#include "coffer/config/key_file.h"
#include "coffer/crypto/random.h"
#include "coffer/providers/key_file/key_file_provider.h"
#include "io/temporary_directory.h"
#include "support/memory_search.h"

namespace coffer {
namespace {

// The key of a file, as bytes and as the text that a JSON Web Key has of it.
struct WatchedFile {
  explicit WatchedFile(const std::string& path) {
    KeyFile file = read_key_file(Disk::posix(), path).value();
    SecretBytes text(base64url_size(file.key.size()));
    encode_base64url(file.key.reveal(), text.reveal_mutable());
    needles.emplace_back(file.key.reveal());
    needles.emplace_back(text.reveal());
    needles.emplace_back(text.reveal().subspan(text.size() - 16));
  }
  FoundPlaces places() const {
    FoundPlaces sum;
    for (const Needle& needle : needles) {
      FoundPlaces found = find(needle);
      sum.secret += found.secret;
      sum.other += found.other;
    }
    return sum;
  }
  std::vector<Needle> needles;
};

class KeyFileMemory : public testing::TestWithParam<KeyFileForm> {
 protected:
  TemporaryDirectory directory_;
  const std::string path_ = directory_ / "root.key";
};

INSTANTIATE_TEST_SUITE_P(Every, KeyFileMemory, testing::Values(KeyFileForm::kRaw, KeyFileForm::kJwk),
                         [](const auto& param) { return param.param == KeyFileForm::kRaw ? "Raw" : "Jwk"; });

TEST_P(KeyFileMemory, MakingAndReadingAFileLeavesNothing) {
  ASSERT_TRUE(generate_key_file(Disk::posix(), path_, {256, GetParam(), false}).is_ok());
  WatchedFile watched(path_);
  EXPECT_EQ(watched.places().secret, 0u);
  EXPECT_EQ(watched.places().other, 0u);
  auto file = read_key_file(Disk::posix(), path_);
  ASSERT_TRUE(file.is_ok());
  EXPECT_EQ(watched.places().secret, 1u) << "the key itself";
  EXPECT_EQ(watched.places().other, 0u);
}

TEST_P(KeyFileMemory, WrappingAndUnwrappingLeaveOnlyTheKeyringKey) {
  ASSERT_TRUE(generate_key_file(Disk::posix(), path_, {256, GetParam(), false}).is_ok());
  WatchedFile watched(path_);
  auto provider = make_key_file_provider(Disk::posix(), path_);
  RootKeyHandle handle = provider->current().value();
  KeyringKey key = random_key<KeyringRole>(32).value();
  Needle needle(key.reveal());
  WrappedKeyringKey wrapped = provider->wrap(handle, {}, key).value();
  key = KeyringKey();
  EXPECT_EQ(find(needle).secret + find(needle).other, 0u);
  auto unwrapped = provider->unwrap(handle, {}, wrapped);
  ASSERT_TRUE(unwrapped.is_ok());
  EXPECT_EQ(find(needle).secret, 1u);
  EXPECT_EQ(find(needle).other, 0u);
  EXPECT_EQ(watched.places().secret, 0u);
  EXPECT_EQ(watched.places().other, 0u);
}

TEST_P(KeyFileMemory, ARefusedFileLeavesNothingEither) {
  ASSERT_TRUE(generate_key_file(Disk::posix(), path_, {256, GetParam(), false}).is_ok());
  WatchedFile watched(path_);
  auto file = Disk::posix().open_write(path_);
  ASSERT_TRUE(file.is_ok());
  ASSERT_TRUE((*file)->write_at((*file)->size().value(), as_bytes("x")).is_ok());
  EXPECT_EQ(read_key_file(Disk::posix(), path_).code(), Code::kInvalidArgument);
  EXPECT_EQ(watched.places().secret, 0u);
  EXPECT_EQ(watched.places().other, 0u);
}

}  // namespace
}  // namespace coffer
