// A whole coffer as version 1 wrote it: keyring with two domains and a rotated key, and a file under the newer one.
#include "coffer/files/file_reader.h"
#include "coffer/ops/audit.h"
#include "coffer_fixture.h"
#include "coffer_test_paths.h"

namespace coffer {
namespace {

TEST(GoldenCoffer, OpensForEver) {
  const std::string golden = COFFER_SOURCE_DIR "/tests/golden/v1/coffer";
  std::string directory = ::testing::TempDir() + "golden_coffer_XXXXXX";
  ASSERT_NE(mkdtemp(directory.data()), nullptr);
  for (const char* name : {"coffer.yaml", "keyring", "audit.log", "root.key", "CURRENT.coffer"}) {
    std::filesystem::copy_file(golden + "/" + name, directory + "/" + name);
  }
  // Version control keeps no modes, and a key file that others may read is refused.
  chmod((directory + "/root.key").c_str(), 0600);

  auto coffer =
      Coffer::open(Disk::posix(), directory,
                   {.root_uri = directory + "/root.key", .may_be_away = true, .stores = {{"/tmp/g/store", directory}}},
                   open_provider);
  ASSERT_OK(coffer);
  std::shared_ptr<const Keyring> keyring = (*coffer)->keyring();
  EXPECT_EQ(keyring->version(), 4u);
  ASSERT_NE(keyring->find_domain("tenant"), nullptr);
  EXPECT_EQ(keyring->find_domain(kSystemDomain)->active()->version, 2u);
  EXPECT_EQ(keyring->find_domain(kSystemDomain)->keys.front().state, KeyState::kDeactivated);
  EXPECT_EQ((*coffer)->config().domain_of("/srv/tenant/1.sst"), "tenant");

  const auto trail = audit_trail(**coffer);
  ASSERT_OK(trail);
  EXPECT_EQ(trail->records.size(), 1u);
  EXPECT_TRUE(trail->wrong.empty());

  auto reader = FileReader::open(**coffer, directory + "/CURRENT.coffer");
  ASSERT_OK(reader);
  auto piece = (*reader)->next();
  ASSERT_OK(piece);
  EXPECT_EQ(as_text(*piece), "MANIFEST-000005\n");
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace coffer
