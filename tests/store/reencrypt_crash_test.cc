// Re-encryption on machines that stop at any instant: what is found afterwards is whole, and fresh.
#include "coffer/files/disk_append_file.h"
#include "coffer/files/freshness_check.h"
#include "coffer/files/new_file.h"
#include "reencrypt_fixture.h"
#include "support/memory_disk.h"

namespace coffer {
namespace {

using ::testing::IsEmpty;

// A world of its own, whose machine may stop at any instant: with marks of freshness on.
class ReencryptWorld : public CofferFixture {
 protected:
  void SetUp() override {
    CofferFixture::SetUp();
    for (const char* directory : {"/anchor", "/db", "/db/sub"}) ASSERT_OK(memory_.make_directory(directory, 0700));
    Config config;
    config.anchor = "/anchor/a";
    config.freshness = true;
    ASSERT_OK(Coffer::create(memory_, "/coffer", {.root_uri = key_uri("root.key"), .config = config}, open_provider));
    coffer_ = open_on(memory_);
    ASSERT_NE(coffer_, nullptr);
    make_files();
    ASSERT_OK(coffer_->freshness()->mark_now());
    rotate(*coffer_);
    ASSERT_OK(memory_.sync_all("/"));
  }

  virtual void make_files() = 0;
  // Of a world after a crash, and of one that was finished.
  virtual void expect_after_crash(Coffer&) {}
  virtual void expect_at_the_end(MemoryDisk&) {}

  static std::shared_ptr<Coffer> open_on(Disk& disk) {
    auto coffer = Coffer::open(disk, "/coffer", {.mark_interval = std::chrono::milliseconds(0)}, open_provider);
    EXPECT_TRUE(coffer.is_ok()) << status_text(coffer);
    return coffer.is_ok() ? *coffer : nullptr;
  }

  // Watched as its engine's logs are.
  void make(const std::string& name, EngineRole role, const std::string& text) {
    const std::string path = "/db/" + name;
    auto header = new_header(
        *coffer_, {.path = path, .store_directory = "/db", .role = role, .domain = {}, .confirms_store = true});
    ASSERT_OK(header);
    const Id file_id = header->fields.file_id;
    auto writer = new_writer(coffer_, std::move(*header), role);
    ASSERT_OK(writer);
    const Id store = coffer_->keyring()->stores().front().id;
    if (name != "CURRENT") (*writer)->be_watched(coffer_->freshness()->watch({store, file_id, "/db", name, false}));
    auto created = memory_.create(path, 0600);
    ASSERT_OK(created);
    DiskAppendFile file(memory_, path, std::move(*created));
    ASSERT_OK((*writer)->append(as_bytes(text), file));
    ASSERT_OK((*writer)->sync(true, file));
    ASSERT_OK((*writer)->close(file));
    if (name == "CURRENT")
      ASSERT_OK(coffer_->freshness()->replace_current(store, file_id, [] { return Status::ok(); }));
    texts_[path] = text;
    if (role == EngineRole::kData) texts_["/db/sub/" + name] = text;
  }

  static EngineRole role_of(std::string_view path) {
    return path.ends_with(".sst") ? EngineRole::kData : EngineRole::kLog;
  }

  // At each instant of a run.
  void crash_everywhere(size_t files) {
    uint64_t instants = 0;
    memory_.set_observer([&] {
      ++instants;
      for (CrashKind kind : {CrashKind::kDropped, CrashKind::kTorn, CrashKind::kReordered}) {
        if (HasFailure()) return;
        SCOPED_TRACE("instant " + std::to_string(instants));
        examine(*memory_.crash_image(kind, instants));
      }
    });
    auto report = run(*coffer_, {.role_of = role_of});
    memory_.set_observer({});
    ASSERT_OK(report);
    EXPECT_THAT(report->problems, IsEmpty());
    EXPECT_EQ(report->reencrypted, files);
    EXPECT_GT(instants, 7 * files);
    examine(memory_);
  }

  // What is found after a crash is whole and fresh, and the next run finishes it.
  void examine(MemoryDisk& image) {
    auto coffer = open_on(image);
    ASSERT_NE(coffer, nullptr);
    for (const auto& [path, text] : texts_) EXPECT_EQ(read_plain(*coffer, path), text) << path;
    expect_after_crash(*coffer);
    const StoreEntry store = coffer->keyring()->stores().front();
    EXPECT_TRUE(check_freshness(*coffer, store).is_ok()) << status_text(check_freshness(*coffer, store));
    auto report = run(*coffer, {.role_of = role_of});
    ASSERT_OK(report);
    ASSERT_THAT(report->problems, IsEmpty()) << status_text(report->problems[0].status);
    for (const auto& [path, text] : texts_) EXPECT_EQ(read_plain(*coffer, path), text) << path;
    expect_at_the_end(image);
    EXPECT_THAT(leftovers(*coffer), IsEmpty());
    EXPECT_TRUE(check_freshness(*coffer, store).is_ok());
  }

  MemoryDisk memory_;
  Contents texts_;
};

// A database of RocksDB's, with a file of two names.
class ReencryptCrash : public ReencryptWorld {
 protected:
  void make_files() override {
    make("CURRENT", EngineRole::kWhole, "MANIFEST-1\n");
    make("MANIFEST-1", EngineRole::kMetadata, std::string(3000, 'm'));
    make("1.log", EngineRole::kLog, std::string(3000, 'w'));
    make("1.sst", EngineRole::kData, std::string(3000, 's'));
    ASSERT_OK(memory_.link("/db/1.sst", "/db/sub/1.sst"));
  }
  void expect_at_the_end(MemoryDisk& image) override {
    EXPECT_EQ(image.info("/db/1.sst")->link_count, 2u);
    EXPECT_EQ(image.info("/db/1.sst")->inode, image.info("/db/sub/1.sst")->inode);
  }
};

class ReencryptInPlaceCrash : public ReencryptWorld {
 protected:
  void make_files() override {
    make_pages();
    make_database();
  }
  // A journal stands only beside the file that it is of.
  void expect_after_crash(Coffer& coffer) override {
    if (!coffer.disk().info("/db/x.db-journal").is_ok()) return;
    EXPECT_EQ(fields_of(coffer, "/db/x.db").oldest_key_version, 1u);
  }
  void expect_at_the_end(MemoryDisk& image) override {
    EXPECT_EQ(image.info("/db/x.db-journal").code(), Code::kNotFound);
  }

 private:
  Result<NewFile> header_of(const std::string& path, Kind kind) {
    return new_header(*coffer_, {.path = path,
                                 .store_directory = "/db",
                                 .role = EngineRole::kData,
                                 .domain = {},
                                 .confirms_store = true,
                                 .kind = kind});
  }

  // With something in its journal, as a crash leaves it.
  void make_pages() {
    const auto header = header_of("/db/pages", Kind::kPages);
    ASSERT_OK(header);
    auto created = memory_.create("/db/pages", 0600);
    ASSERT_OK(created);
    const auto pages = PagesFile::create(*header, std::move(*created));
    ASSERT_OK(pages);
    std::string text(20000, 'p');
    ASSERT_OK((*pages)->write(0, as_bytes(text)));
    ASSERT_OK((*pages)->sync());
    ASSERT_OK((*pages)->write(5000, as_bytes("written since")));
    ASSERT_OK((*pages)->sync());
    texts_["/db/pages"] = text.replace(5000, 13, "written since");
  }

  // With a journal that SQLite keeps and does not need.
  void make_database() {
    const auto put = [&](const std::string& path, ByteView bytes) {
      auto created = memory_.create(path, 0600);
      ASSERT_OK(created);
      ASSERT_OK((*created)->write_at(0, bytes));
    };
    const auto header = header_of("/db/x.db", Kind::kSqlite);
    ASSERT_OK(header);
    Buffer out;
    out.append(header->envelope);
    texts_["/db/x.db"] = database_text(3);
    seal_sqlite(*header, texts_["/db/x.db"], out);
    put("/db/x.db", out.view());
    const auto journal = header_of("/db/x.db-journal", Kind::kSqliteJournal);
    ASSERT_OK(journal);
    Bytes dead(kEnvelopeSize + 512, 0);
    std::ranges::copy(journal->envelope, dead.begin());
    put("/db/x.db-journal", dead);
  }
};

TEST_F(ReencryptCrash, AtAnyInstantEachNameLeadsToAWholeFileAndTheStoreIsFresh) { crash_everywhere(4); }

TEST_F(ReencryptInPlaceCrash, AtAnyInstantEachNameLeadsToAWholeFile) { crash_everywhere(2); }

TEST_F(ReencryptCrash, WhatIsPutBackAfterwardsIsNoticedAsBefore) {
  for (const std::string path : {"/db/1.log", "/db/MANIFEST-1", "/db/CURRENT"}) {
    SCOPED_TRACE(path);
    auto image = memory_.crash_image(CrashKind::kDropped, 1);
    auto coffer = open_on(*image);
    const Bytes old = read_file(*image, path, 1 << 20).value();
    ASSERT_OK(run(*coffer, {.role_of = role_of}));
    const StoreEntry store = coffer->keyring()->stores().front();
    ASSERT_OK(check_freshness(*coffer, store));
    ASSERT_OK(replace_file(*image, path, old, 0600));
    EXPECT_EQ(check_freshness(*coffer, store).code(), Code::kRolledBack);
  }
}

// Else what was put back before would be the newest there is.
TEST_F(ReencryptCrash, AStoreThatWasPutBackBeforeGetsNoMark) {
  auto file = memory_.open_write("/db/1.log");
  ASSERT_OK(file);
  ASSERT_OK((*file)->truncate(kEnvelopeSize + 1000));
  auto report = run(*coffer_, {.role_of = role_of});
  ASSERT_OK(report);
  ASSERT_EQ(report->problems.size(), 3u) << "neither log nor CURRENT";
  for (const FileProblem& problem : report->problems) EXPECT_EQ(problem.status.code(), Code::kRolledBack);
}

}  // namespace
}  // namespace coffer
