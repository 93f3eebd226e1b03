// Data files in directories of their own: RocksDB's db_paths.
#include "coffer/ops/inventory.h"
#include "coffer/ops/stores.h"
#include "coffer/ops/verify.h"
#include "rocksdb/store_fixture.h"

namespace coffer {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;

class DbPaths : public ::testing::Test {
 protected:
  rocksdb::Options options() const {
    rocksdb::Options out = work_.options();
    out.db_paths = {{work_.path("fast"), 10'000}, {work_.path("slow"), 1 << 30}};
    out.write_buffer_size = 64 << 10;
    return out;
  }
  void fill() {
    const OpenDb db = work_.open(options());
    for (int i = 0; i < 2000; ++i) ASSERT_FINE(db->Put({}, key_of(i), value_of(i, 500)));
    ASSERT_FINE(db->Flush({}));
    rocksdb::CompactRangeOptions all;
    all.target_path_id = 1;
    all.change_level = true;
    ASSERT_FINE(db->CompactRange(all, nullptr, nullptr));
    for (int i = 0; i < 20; ++i) ASSERT_FINE(db->Put({}, key_of(i), value_of(i, 500)));
    ASSERT_FINE(db->Flush({}));
  }
  std::vector<std::string> missing() const {
    std::vector<std::string> out;
    for (const MissingStore& each : missing_stores(work_.coffer())) out.push_back(each.path);
    return out;
  }

  Workplace work_;
};

TEST_F(DbPaths, AreStoresThatAreMissedWhenTheyAreGone) {
  fill();
  ASSERT_FALSE(files_below(work_.path("slow"), ".sst").empty());
  for (const char* name : {"db", "fast", "slow"}) {
    const auto store = find_store(work_.coffer(), work_.path(name));
    ASSERT_FINE(store);
    EXPECT_TRUE(store->confirmed) << name;
    fs::rename(work_.path(name), work_.path("away"));
    EXPECT_THAT(missing(), Contains(work_.path(name)));
    fs::rename(work_.path("away"), work_.path(name));
  }
  EXPECT_TRUE(missing().empty());
  for (const char* name : {"fast", "slow"}) work_.expect_no_plaintext(name);
  const OpenDb db = work_.open(options());
  EXPECT_EQ(contents_of(db.get()).size(), 2000u);
}

TEST_F(DbPaths, LetNoFileOfTheOtherIn) {
  fill();
  const std::string file = files_below(work_.path("slow"), ".sst").front();
  const std::string name = fs::path(file).filename();
  fs::copy_file(file, work_.path("fast") + "/" + name);
  std::map<std::string, Code> problems;
  EXPECT_FINE(verify(work_.coffer(), {}, {}, [&](const VerifiedFile& each) {
    if (!each.status.is_ok()) problems[each.path] = each.status.code();
    return Status::ok();
  }));
  EXPECT_EQ(problems, (std::map<std::string, Code>{{work_.path("fast") + "/" + name, Code::kForeign}}));
}

}  // namespace
}  // namespace coffer
