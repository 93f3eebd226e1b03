// A served RocksDB whose keys are taken back and come again: it reads and writes nothing meanwhile, takes nothing for
// corruption, and goes on by itself.
#include <rocksdb/table.h>

#include <thread>

#include "coffer/ops/keys.h"
#include "rocksdb/store_fixture.h"
#include "support/comes.h"

namespace coffer {
namespace {

using testing::HasSubstr;

rocksdb::Options uncached(const Workplace& place) {
  rocksdb::Options options = place.options();
  rocksdb::BlockBasedTableOptions table;
  table.no_block_cache = true;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

rocksdb::Status get(const OpenDb& db, int i) {
  std::string value;
  const rocksdb::Status status = db->Get({}, key_of(i), &value);
  if (status.ok()) {
    EXPECT_EQ(value, value_of(i));
  }
  return status;
}

TEST(ServedFence, ARevokedRootKeyStopsItAndItGoesOnByItselfWhenTheKeyIsBack) {
  Workplace place;
  const std::string config = place.coffer_directory() + "/coffer.yaml";
  write_bytes(config, read_bytes(config) + "policy: {on_revoked: fence}\n");
  // As another process would, but looking more often.
  auto coffer = Coffer::open(Disk::posix(), place.coffer_directory(), {}, open_provider);
  ASSERT_FINE(coffer);
  (*coffer)->live_keyring().look_at_least_every(std::chrono::milliseconds(20));
  auto file_system = make_coffer_file_system(*coffer);
  ASSERT_FINE(file_system);
  const auto env = rocksdb::NewCompositeEnv(*file_system);
  rocksdb::Options options = uncached(place);
  options.env = env.get();
  OpenDb db = place.open(options);
  for (int i = 0; i < 200; ++i) ASSERT_FINE(db->Put({}, key_of(i), value_of(i)));
  ASSERT_FINE(db->Flush({}));
  ASSERT_FINE(db->Put({}, key_of(200), value_of(200)));

  std::filesystem::rename(place.path("root.key"), place.path("away"));
  ASSERT_TRUE(comes([&] { return !get(db, 7).ok(); }));
  const rocksdb::Status refused = get(db, 7);
  EXPECT_TRUE(refused.IsIOError()) << refused.ToString();
  EXPECT_THAT(refused.ToString(), HasSubstr("on_revoked is fence"));
  EXPECT_FALSE(db->Put({}, key_of(201), value_of(201)).ok());
  EXPECT_FALSE(db->Flush({}).ok());

  std::filesystem::rename(place.path("away"), place.path("root.key"));
  ASSERT_TRUE(comes([&] { return get(db, 7).ok(); }));
  EXPECT_TRUE(comes([&] { return db->Put({}, key_of(202), value_of(202)).ok(); }));
  ASSERT_FINE(db->Flush({}));
  for (int i = 0; i <= 200; ++i) ASSERT_FINE(get(db, i));
  db.close();
  std::string log;
  ASSERT_FINE(rocksdb::ReadFileToString(env.get(), place.path("db") + "/LOG", &log));
  EXPECT_THAT(log, HasSubstr("as on_revoked is fence")) << "what was to be logged meanwhile is there afterwards";
  place.reopen();
  db = place.open(uncached(place));
  for (int i = 0; i <= 200; ++i) ASSERT_FINE(get(db, i));
  ASSERT_FINE(get(db, 202));
  ASSERT_FINE(db->VerifyChecksum());
}

TEST(ServedFence, ALockedTenantsDatabaseStandsStillAndTheOthersServe) {
  Workplace place;
  const std::string config = place.coffer_directory() + "/coffer.yaml";
  ASSERT_FINE(place.coffer().live_keyring().update([](Keyring& next) { return next.add_domain("tenant", 1); }));
  write_bytes(config, read_bytes(config) + "domains:\n  - {name: tenant, path: " + place.path("theirs") + "}\n");
  place.reopen();
  OpenDb theirs = place.open(uncached(place), "theirs");
  OpenDb ours = place.open(uncached(place), "ours");
  for (const OpenDb* db : {&theirs, &ours}) {
    ASSERT_FINE((*db)->Put({}, key_of(1), value_of(1)));
    ASSERT_FINE((*db)->Flush({}));
  }
  ASSERT_FINE(lock_domain(place.coffer(), "tenant"));
  ASSERT_TRUE(comes([&] { return !get(theirs, 1).ok(); }));
  EXPECT_TRUE(get(theirs, 1).IsIOError());
  EXPECT_THAT(get(theirs, 1).ToString(), HasSubstr("locked"));
  ASSERT_FINE(get(ours, 1));
  ASSERT_FINE(ours->Put({}, key_of(2), value_of(2)));
  ASSERT_FINE(ours->Flush({}));
  ASSERT_FINE(unlock_domain(place.coffer(), "tenant"));
  EXPECT_TRUE(comes([&] { return get(theirs, 1).ok(); }));
}

}  // namespace
}  // namespace coffer
