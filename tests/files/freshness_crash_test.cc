// The machine stops at any instant while an engine writes, recycles, deletes and replaces its files: what is found then
// never falls short of the mark. And what was marked and is cut does.
#include <random>

#include "coffer/files/disk_append_file.h"
#include "coffer/files/freshness_check.h"
#include "coffer/files/new_file.h"
#include "store/coffer_fixture.h"
#include "support/memory_disk.h"
#include "support/seed.h"

namespace coffer {
namespace {

constexpr CrashKind kCrashKinds[] = {CrashKind::kDropped, CrashKind::kTorn, CrashKind::kReordered};
constexpr int kSteps = 120;
constexpr uint64_t kImagesPerInstant = 3;
const std::string kDb = "/db";

// An engine's log, as its adapter writes it.
struct OpenLogFile {
  std::string name;
  std::unique_ptr<DiskAppendFile> file;
  std::unique_ptr<FileWriter> writer;
};

class FreshnessCrash : public CofferFixture {
 protected:
  void SetUp() override {
    CofferFixture::SetUp();
    if (HasFatalFailure()) return;
    auto store = coffer_->stores().store_for({.directory = root_ + "/db", .confirms = true, .path = db("CURRENT")});
    ASSERT_OK(store);
    store_ = *store;
  }

  // An engine upon a disk of its own.
  void begin(uint64_t seed) {
    random_.seed(seed);
    disk_ = std::make_unique<MemoryDisk>();
    ASSERT_OK(disk_->make_directory(kDb, 0700));
    ASSERT_OK(disk_->make_directory("/anchor", 0700));
    ASSERT_OK(disk_->sync_directory("/"));
    freshness_ = std::make_unique<Freshness>(*disk_, "/anchor/a.stores", coffer_->keyring()->coffer_id(),
                                             std::chrono::milliseconds(0));
    marks_ = std::make_unique<StoreMarkFile>(*disk_, "/anchor/a.stores", coffer_->keyring()->coffer_id());
    disk_->set_observer([this] { examine(); });
  }
  void end() {
    wal_ = {};
    manifest_ = {};
    old_wals_.clear();
    disk_->set_observer({});
    freshness_.reset();
  }

  NewFile new_header(EngineRole role) {
    auto file = coffer_->new_file({.kind = kind_of(role, {}), .store_id = store_});
    EXPECT_OK(file);
    return std::move(*file);
  }
  static void EXPECT_OK(const auto& checked) { EXPECT_TRUE(checked.is_ok()) << status_text(checked); }

  OpenLogFile make_log(const std::string& name, EngineRole role, std::unique_ptr<WritableFile> base) {
    OpenLogFile out{name, std::make_unique<DiskAppendFile>(*disk_, kDb + "/" + name, std::move(base)), nullptr};
    auto writer = new_writer(coffer_, new_header(role), role);
    EXPECT_OK(writer);
    out.writer = std::move(*writer);
    out.writer->be_watched(
        freshness_->watch({store_, out.writer->file_id(), kDb, name, /*last_syncs=*/role == EngineRole::kLog}));
    return out;
  }
  OpenLogFile create_log(const std::string& name, EngineRole role) {
    auto base = disk_->create(kDb + "/" + name, 0600);
    EXPECT_OK(base);
    return make_log(name, role, std::move(*base));
  }
  void append(OpenLogFile& log) {
    const std::string data(random_() % 700, 'x');
    EXPECT_OK(log.writer->append(as_bytes(data), *log.file));
  }
  void sync(OpenLogFile& log) { EXPECT_OK(log.writer->sync(random_() % 2 == 0, *log.file)); }
  std::string next_name(const std::string& ending) { return std::to_string(++number_) + ending; }

  void switch_wal() {
    if (wal_.writer != nullptr) {
      EXPECT_OK(wal_.writer->close(*wal_.file));
      old_wals_.push_back(wal_.name);
    }
    wal_ = create_log(next_name(".log"), EngineRole::kLog);
  }
  void delete_wal() {
    if (old_wals_.empty()) return;
    EXPECT_OK(freshness_->forget(store_, old_wals_.front()));
    EXPECT_OK(disk_->remove(kDb + "/" + old_wals_.front()));
    old_wals_.erase(old_wals_.begin());
  }
  // The old log under another name, written over from its beginning on.
  void recycle_wal() {
    if (old_wals_.empty()) return;
    const std::string old = old_wals_.front(), name = next_name(".log");
    EXPECT_OK(freshness_->forget(store_, old));
    EXPECT_OK(disk_->rename(kDb + "/" + old, kDb + "/" + name));
    old_wals_.erase(old_wals_.begin());
    EXPECT_OK(wal_.writer->close(*wal_.file));
    old_wals_.push_back(wal_.name);
    auto base = disk_->open_write(kDb + "/" + name);
    EXPECT_OK(base);
    wal_ = make_log(name, EngineRole::kLog, std::move(*base));
    EXPECT_OK(wal_.writer->settle_head(*wal_.file));
  }
  void switch_manifest() {
    OpenLogFile next = create_log("MANIFEST-" + next_name(""), EngineRole::kMetadata);
    append(next);
    sync(next);
    const std::string temporary = kDb + "/" + next_name(".dbtmp");
    Id file_id;
    write_whole(temporary, file_id);
    EXPECT_OK(freshness_->replace_current(store_, file_id, [&] {
      Status renamed = disk_->rename(temporary, kDb + "/CURRENT");
      return renamed.is_ok() ? disk_->sync_directory(kDb) : renamed;
    }));
    if (manifest_.writer != nullptr) {
      EXPECT_OK(manifest_.writer->close(*manifest_.file));
      EXPECT_OK(freshness_->forget(store_, manifest_.name));
      EXPECT_OK(disk_->remove(kDb + "/" + manifest_.name));
    }
    manifest_ = std::move(next);
  }
  void write_whole(const std::string& path, Id& file_id) {
    auto base = disk_->create(path, 0600);
    EXPECT_OK(base);
    DiskAppendFile file(*disk_, path, std::move(*base));
    auto writer = new_writer(coffer_, new_header(EngineRole::kTemporary), EngineRole::kTemporary);
    EXPECT_OK(writer);
    file_id = (*writer)->file_id();
    EXPECT_OK((*writer)->append(as_bytes(manifest_.name + "\n"), file));
    EXPECT_OK((*writer)->sync(false, file));
    EXPECT_OK((*writer)->close(file));
  }

  void step() {
    switch (random_() % 16) {
      case 0: return switch_wal();
      case 1: return delete_wal();
      case 2: return recycle_wal();
      case 3: return switch_manifest();
      case 4:
      case 5: return EXPECT_OK(disk_->sync_directory(kDb));
      case 6:
      case 7: return EXPECT_OK(freshness_->mark_now());
      case 8: return append(manifest_);
      case 9: return sync(manifest_);
      case 10:
      case 11: return sync(wal_);
      default: return append(wal_);
    }
  }

  // As the anchor's disk was when the store's stopped, and as it may be when both stop.
  void examine() {
    const auto at_this_instant = marks_->load();
    ASSERT_OK(at_this_instant);
    for (CrashKind kind : kCrashKinds) {
      for (uint64_t i = 0; i < (kind == CrashKind::kDropped ? 1 : kImagesPerInstant); ++i) {
        const auto image = disk_->crash_image(kind, random_images_++);
        const auto stopped_as_well = StoreMarkFile(*image, "/anchor/a.stores", coffer_->keyring()->coffer_id()).load();
        ASSERT_OK(stopped_as_well);
        check(*image, *stopped_as_well);
        check(*image, *at_this_instant);
        if (states_ % 8 == 0) cut_one(*image, *at_this_instant);
      }
    }
  }
  void check(MemoryDisk& image, const StoreMarks& marks) {
    const auto mark = marks.find(store_);
    if (mark == marks.end()) return;
    ++states_;
    const Status found = check_store_mark(*coffer_, image, kDb, mark->second);
    ASSERT_TRUE(found.is_ok()) << "a false alarm: " << found.to_string();
  }
  void cut_one(MemoryDisk& image, const StoreMarks& marks) {
    const auto found = marks.find(store_);
    if (found == marks.end() || found->second.logs.empty()) return;
    const StoreMark& mark = found->second;
    const LogMark& log = mark.logs[random_cuts_() % mark.logs.size()];
    if (log.durable <= kEnvelopeSize) return;
    auto file = image.open_write(kDb + "/" + log.name);
    ASSERT_OK(file);
    ASSERT_OK((*file)->truncate(kEnvelopeSize + random_cuts_() % (log.durable - kEnvelopeSize)));
    ++cuts_;
    EXPECT_EQ(check_store_mark(*coffer_, image, kDb, mark).code(), Code::kRolledBack) << log.name;
  }

  Id store_;
  std::unique_ptr<MemoryDisk> disk_;
  std::unique_ptr<Freshness> freshness_;
  std::unique_ptr<StoreMarkFile> marks_;
  OpenLogFile wal_, manifest_;
  std::vector<std::string> old_wals_;
  int number_ = 0;
  std::mt19937_64 random_, random_cuts_;
  uint64_t random_images_ = 0;
  int states_ = 0, cuts_ = 0;
};

TEST_F(FreshnessCrash, IsNeverAFalseAlarmAndACutIsAlwaysFound) {
  for (uint64_t seed : seeds(4)) {
    SCOPED_TRACE("COFFER_SEED=" + std::to_string(seed));
    begin(seed);
    switch_manifest();
    switch_wal();
    for (int i = 0; i < kSteps && !HasFailure(); ++i) step();
    end();
    if (HasFailure()) return;
  }
  RecordProperty("states", states_);
  EXPECT_GT(states_, 10000) << "crashes must be tried";
  EXPECT_GT(cuts_, 500) << "and cuts";
}

}  // namespace
}  // namespace coffer
