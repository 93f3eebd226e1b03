// Inventory, rewrap, verify and the whole-file reader over files of every kind.
#include "coffer/files/file_reader.h"
#include "coffer/ops/rewrap.h"
#include "coffer/ops/verify.h"
#include "coffer_fixture.h"
#include "support/fault_disk.h"

namespace coffer {
namespace {

using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

std::string pattern(size_t size) {
  std::string out(size, '\0');
  for (size_t i = 0; i < size; ++i) out[i] = static_cast<char>(i * 131 + i / 251);
  return out;
}

class ToolsTest : public CofferFixture {
 protected:
  void SetUp() override {
    CofferFixture::SetUp();
    write(db("blocks"), sealed_file(Kind::kBlocks, pattern(10000)));
    write(db("log"), sealed_file(Kind::kLog, pattern(5000)));
    write(db("ctr"), sealed_file(Kind::kCtr, pattern(7000)));
  }

  Result<std::string> read_plain(const std::string& path) {
    COFFER_ASSIGN(auto reader, FileReader::open(*coffer_, path));
    std::string out;
    for (;;) {
      COFFER_ASSIGN(ByteView piece, reader->next());
      if (piece.empty()) return out;
      out += as_text(piece);
    }
  }

  std::map<std::string, Code> verify_all() {
    std::map<std::string, Code> out;
    EXPECT_TRUE(verify(*coffer_, {}, {}, [&](const VerifiedFile& file) {
                  out[std::filesystem::path(file.path).filename()] = file.status.code();
                  return Status::ok();
                }).is_ok());
    return out;
  }

  void rotate() {
    ASSERT_OK(
        coffer_->live_keyring().update([](Keyring& keyring) { return keyring.rotate_domain(kSystemDomain, 1000); }));
  }

  Result<RewrapReport> rewrap_all() { return rewrap(*coffer_, {}, {}, nullptr); }

  void damage(const std::string& name, size_t at) {
    std::string bytes = read(db(name));
    ASSERT_LT(at, bytes.size());
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    write(db(name), bytes);
  }
};

TEST_F(ToolsTest, EveryKindReadsBack) {
  auto blocks = read_plain(db("blocks"));
  ASSERT_OK(blocks);
  EXPECT_EQ(*blocks, pattern(10000));
  auto log = read_plain(db("log"));
  ASSERT_OK(log);
  EXPECT_EQ(*log, pattern(5000));
  auto ctr = read_plain(db("ctr"));
  ASSERT_OK(ctr);
  EXPECT_EQ(*ctr, pattern(7000));
}

// A file of pages beside the others.
class PagesToolsTest : public ToolsTest {
 protected:
  void SetUp() override {
    ToolsTest::SetUp();
    write(db("pages"), sealed_file(Kind::kPages, pattern(20000)));
  }
  size_t offset_of_page(uint64_t page) const { return PagesLayout::create(12)->page_offset(page); }
};

TEST_F(PagesToolsTest, ItReadsBackAndIsVerifiedAsAWhole) {
  EXPECT_EQ(read_plain(db("pages")).value(), pattern(20000));
  EXPECT_EQ(verify_all()["pages"], Code::kOk);
  const std::string good = read(db("pages"));
  damage("pages", offset_of_page(3) + 9);
  EXPECT_EQ(verify_all()["pages"], Code::kTampered);
  write(db("pages"), good.substr(0, good.size() - 1));
  EXPECT_EQ(verify_all()["pages"], Code::kTruncated);
  std::string bytes = good;
  bytes.replace(0, kEnvelopeSize, kEnvelopeSize, '\0');
  write(db("pages"), bytes);
  EXPECT_EQ(verify_all()["pages"], Code::kDamaged);
}

TEST_F(PagesToolsTest, OneThatACrashLeftReadsWithItsJournal) {
  const auto head = coffer_->open_file(ByteView(as_bytes(read(db("pages")))).first(kEnvelopeSize), db("pages"));
  ASSERT_OK(head);
  auto file = PagesFile::open(*head, disk().open_write(db("pages")).value());
  ASSERT_OK(file);
  ASSERT_OK((*file)->write(5000, as_bytes("changed")));
  ASSERT_OK((*file)->sync());
  file->reset();  // as a process that was killed leaves it
  std::string text = pattern(20000);
  text.replace(5000, 7, "changed");
  EXPECT_EQ(read_plain(db("pages")).value(), text);
  EXPECT_EQ(verify_all()["pages"], Code::kOk);
}

TEST_F(PagesToolsTest, ItIsRewrappedAsOthers) {
  const Id old_key = coffer_->keyring()->find_domain(kSystemDomain)->active()->id;
  rotate();
  const auto done = rewrap_all();
  ASSERT_OK(done);
  EXPECT_TRUE(done->problems.empty());
  EXPECT_NE(scan_envelope(as_bytes(read(db("pages"))).first(kEnvelopeSize))->fields.domain_key_id, old_key);
  EXPECT_EQ(read_plain(db("pages")).value(), pattern(20000));
}

TEST_F(ToolsTest, VerifyTellsTheKindsOfTroubleApart) {
  write(db("plain"), "MANIFEST-000004\n");
  write(db("plain_long"), std::string(20000, 'p'));
  write(db("empty"), "");
  write(db("torn_header"), read(db("log")).substr(0, 700));
  damage("blocks", 9000);
  write(db("cut"), sealed_file(Kind::kBlocks, pattern(10000)).substr(0, 8248 + 2 * 4112));
  damage("ctr", 8192 + 5);
  std::string headless = sealed_file(Kind::kLog, "x");
  headless[20] ^= 1;
  headless[4096 + 20] ^= 1;
  write(db("headless"), headless);
  EXPECT_THAT(verify_all(),
              UnorderedElementsAre(std::pair("blocks", Code::kTampered), std::pair("log", Code::kOk),
                                   std::pair("ctr", Code::kTampered), std::pair("plain", Code::kPlaintext),
                                   std::pair("plain_long", Code::kPlaintext), std::pair("empty", Code::kOk),
                                   std::pair("torn_header", Code::kOk), std::pair("cut", Code::kTruncated),
                                   std::pair("headless", Code::kDamaged)));
}

TEST_F(ToolsTest, OneDamagedSlotIsNotedAndRewrapHealsIt) {
  damage("blocks", 100);
  bool noted = false;
  ASSERT_OK(verify(*coffer_, {db("blocks")}, {}, [&](const VerifiedFile& file) {
    noted = file.status.is_ok() && file.findings.damaged_slot;
    return Status::ok();
  }));
  EXPECT_TRUE(noted);
  auto report = rewrap_all();
  ASSERT_OK(report);
  EXPECT_EQ(report->rewrapped, 1u);
  ASSERT_OK(verify(*coffer_, {db("blocks")}, {}, [&](const VerifiedFile& file) {
    noted = file.findings.damaged_slot;
    return Status::ok();
  }));
  EXPECT_FALSE(noted);
}

TEST_F(ToolsTest, RewrapChangesEnvelopesOnlyAndIsDoneOnce) {
  std::map<std::string, std::string> bodies;
  for (const char* name : {"blocks", "log", "ctr"}) bodies[name] = read(db(name)).substr(kEnvelopeSize);
  rotate();
  auto first = rewrap_all();
  ASSERT_OK(first);
  EXPECT_EQ(first->rewrapped, 3u);
  EXPECT_TRUE(first->problems.empty());
  auto second = rewrap_all();
  ASSERT_OK(second);
  EXPECT_EQ(second->rewrapped, 0u);
  EXPECT_EQ(second->current, 3u);
  for (const auto& [name, body] : bodies) EXPECT_EQ(read(db(name)).substr(kEnvelopeSize), body) << name;
  for (const auto& [name, code] : verify_all()) EXPECT_EQ(code, Code::kOk) << name;
}

TEST_F(ToolsTest, TheOldKeyCanGoAfterRewrap) {
  Id old = coffer_->keyring()->find_domain(kSystemDomain)->active()->id;
  rotate();
  ASSERT_OK(rewrap_all());
  ASSERT_OK(coffer_->live_keyring().update(
      [&](Keyring& keyring) { return keyring.set_key_state(old, KeyState::kDestroyed, 1001); }));
  for (const auto& [name, code] : verify_all()) EXPECT_EQ(code, Code::kOk) << name;
}

TEST_F(ToolsTest, ACompromisedKeyLeavesNoSlotBehind) {
  Id old = coffer_->keyring()->find_domain(kSystemDomain)->active()->id;
  rotate();
  ASSERT_OK(coffer_->live_keyring().update(
      [&](Keyring& keyring) { return keyring.set_key_state(old, KeyState::kCompromised, 1001); }));
  ASSERT_OK(rewrap_all());
  std::string old_id(as_text(old.view()));
  for (const char* name : {"blocks", "log", "ctr"}) {
    EXPECT_EQ(read(db(name)).substr(0, kEnvelopeSize).find(old_id), std::string::npos) << name;
  }
  for (const auto& [name, code] : verify_all()) EXPECT_EQ(code, Code::kOk) << name;
}

// What the slots of these files need, whatever else is wrong with them.
std::set<Id> needed_keys(Coffer& coffer) {
  std::set<Id> out;
  EXPECT_TRUE(visit_files(coffer, {}, [&](const InventoryFile& file) {
                for (const Id& key : keys_needed(file.scan)) out.insert(key);
                return Status::ok();
              }).is_ok());
  return out;
}

TEST_F(ToolsTest, RewrapLeavesNoSlotThatNeedsAnotherKeyInWhateverStateThatIs) {
  rotate();
  ASSERT_OK(rewrap_all());
  const Id active = coffer_->keyring()->find_domain(kSystemDomain)->active()->id;
  EXPECT_EQ(needed_keys(*coffer_), std::set<Id>{active});
  // So one damaged slot brings no old wrapping back.
  for (size_t slot : {size_t{0}, kSlotSize}) {
    damage("log", slot + 20);
    EXPECT_EQ(needed_keys(*coffer_), std::set<Id>{active});
    damage("log", slot + 20);
  }
}

// What a rewrap does when it is killed before its operation n, then with n + 1, and so on; the next one finishes it.
TEST_F(ToolsTest, ARewrapThatWasKilledAnywhereIsFinishedByTheNext) {
  FaultDisk faulty(disk());
  const std::map<std::string, std::string> before = {
      {"blocks", read(db("blocks"))}, {"log", read(db("log"))}, {"ctr", read(db("ctr"))}};
  rotate();
  const Id active = coffer_->keyring()->find_domain(kSystemDomain)->active()->id;
  uint64_t half_done = 0;
  for (uint64_t operation = 1;; ++operation) {
    SCOPED_TRACE("killed before operation " + std::to_string(operation));
    for (const auto& [name, bytes] : before) write(db(name), bytes);
    auto coffer = Coffer::open(faulty, coffer_path(), {}, open_provider);
    ASSERT_OK(coffer);
    faulty.arm({.operation = operation, .for_good = true});
    auto killed = rewrap(**coffer, {}, {}, nullptr);
    const bool was_killed = faulty.fault_count() > 0;
    faulty.arm({});
    for (const auto& [name, code] : verify_all()) ASSERT_EQ(code, Code::kOk) << name;
    auto inventory = take_inventory(*coffer_, {});
    ASSERT_OK(inventory);
    const bool done = needed_keys(*coffer_) == std::set<Id>{active};
    EXPECT_EQ(inventory->active.files == 3, done) << "all of it is under active keys once no slot needs another";
    if (!inventory->by_other_copy.empty()) ++half_done;
    auto report = rewrap_all();
    ASSERT_OK(report);
    EXPECT_TRUE(report->problems.empty());
    EXPECT_EQ(needed_keys(*coffer_), std::set<Id>{active});
    if (!was_killed) {
      ASSERT_OK(killed);
      EXPECT_EQ(report->current, 3u);
      break;
    }
  }
  EXPECT_GT(half_done, 3u) << "no kill came between the two passes";
}

TEST_F(ToolsTest, RewrapOfOneDomainLeavesTheOthers) {
  ASSERT_OK(coffer_->live_keyring().update([](Keyring& keyring) { return keyring.add_domain("tenant", 1000); }));
  write(db("tenant"), sealed_file(Kind::kBlocks, "x", "tenant"));
  rotate();
  ASSERT_OK(coffer_->live_keyring().update([](Keyring& keyring) { return keyring.rotate_domain("tenant", 1000); }));
  auto report = rewrap(*coffer_, {}, {.domain = "tenant"}, nullptr);
  ASSERT_OK(report);
  EXPECT_EQ(report->rewrapped, 1u);
  EXPECT_EQ(rewrap(*coffer_, {}, {.domain = "none"}, nullptr).code(), Code::kNotFound);
}

TEST_F(ToolsTest, RewrapGoesOnWhereAnotherProcessRotatesAndRewrapsBesideIt) {
  auto other = open_coffer();
  int files = 0;
  auto report = rewrap(*coffer_, {}, {}, [&](const RewrapReport&) {
    if (++files > 1) return;
    ASSERT_OK(
        other->live_keyring().update([](Keyring& keyring) { return keyring.rotate_domain(kSystemDomain, 1000); }));
    ASSERT_OK(rewrap(*other, {}, {}, nullptr));
  });
  ASSERT_OK(report);
  EXPECT_TRUE(report->problems.empty()) << report->problems.front().status.to_string();
  EXPECT_EQ(coffer_->keyring()->version(), other->keyring()->version());
}

TEST_F(ToolsTest, RewrapReportsWhatItCannotDoAndDoesTheRest) {
  write(db("plain"), std::string(20000, 'p'));
  rotate();
  auto report = rewrap_all();
  ASSERT_OK(report);
  EXPECT_EQ(report->rewrapped, 3u);
  ASSERT_EQ(report->problems.size(), 1u);
  EXPECT_EQ(report->problems[0].status.code(), Code::kPlaintext);
  EXPECT_THAT(report->problems[0].path, HasSubstr("plain"));
}

TEST_F(ToolsTest, TheInventoryCountsByKeyAndState) {
  Id old = coffer_->keyring()->find_domain(kSystemDomain)->active()->id;
  rotate();
  write(db("new"), sealed_file(Kind::kLog, "y"));
  write(db("plain"), "text");
  write(db("empty"), "");
  auto inventory = take_inventory(*coffer_, {});
  ASSERT_OK(inventory);
  EXPECT_EQ(inventory->by_key[old].files, 3u);
  EXPECT_EQ(inventory->active.files, 1u);
  EXPECT_EQ(inventory->encrypted.files, 4u);
  EXPECT_EQ(inventory->plaintext.files, 1u);
  EXPECT_EQ(inventory->empty.files, 1u);
  EXPECT_EQ(inventory->encrypted.bytes, inventory->by_key[old].bytes + inventory->active.bytes);
  EXPECT_TRUE(inventory->missing_stores.empty());
  std::filesystem::remove_all(root_ + "/db");
  inventory = take_inventory(*coffer_, {});
  ASSERT_OK(inventory);
  ASSERT_EQ(inventory->missing_stores.size(), 1u);
  EXPECT_EQ(inventory->missing_stores[0].path, root_ + "/db");
  EXPECT_TRUE(inventory->missing_stores[0].gone);
}

TEST_F(ToolsTest, OverlappingPathsAreVisitedOnceAndMissingOnesNamed) {
  size_t files = 0;
  auto count = [&](const InventoryFile&) {
    ++files;
    return Status::ok();
  };
  ASSERT_OK(visit_files(*coffer_, {db("log"), root_ + "/db/", root_ + "/db"}, count));
  EXPECT_EQ(files, 3u);
  Status status = visit_files(*coffer_, {root_ + "/nowhere"}, count);
  EXPECT_EQ(status.code(), Code::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("nowhere"));
}

TEST_F(ToolsTest, LoopsAndAliasesOfDirectoriesAreVisitedOnce) {
  namespace fs = std::filesystem;
  fs::create_directory(db("sub"));
  write(db("sub/log"), sealed_file(Kind::kLog, "x"));
  fs::create_directory_symlink(".", db("loop"));
  fs::create_directory_symlink("sub", db("alias"));
  fs::create_symlink("self", db("self"));
  fs::create_symlink("nowhere", db("dangling"));
  fs::create_symlink("log", db("other_name"));
  fs::create_directory(root_ + "/elsewhere");
  write(root_ + "/elsewhere/plain", "plain");
  fs::create_directory_symlink(root_ + "/elsewhere", db("outside"));
  std::vector<std::string> files, links;
  ASSERT_OK(visit_files(*coffer_, {root_ + "/db", db("alias")}, [&](const InventoryFile& file) {
    (file.leads_outside ? links : files).push_back(file.path.substr(root_.size() + 4));
    return Status::ok();
  }));
  EXPECT_THAT(files, ::testing::ElementsAre("blocks", "ctr", "log", "sub/log"));
  EXPECT_THAT(links, ::testing::ElementsAre("outside", "self"));
  auto inventory = take_inventory(*coffer_, {});
  ASSERT_OK(inventory);
  EXPECT_EQ(inventory->encrypted.files, 4u);
  EXPECT_EQ(inventory->links_outside.size(), 2u);
  rotate();
  auto report = rewrap_all();
  ASSERT_OK(report);
  EXPECT_EQ(report->rewrapped, 4u);
  EXPECT_TRUE(report->problems.empty());
}

TEST_F(ToolsTest, AnUnclosedCtrFileNeedsConsentToRead) {
  std::string bytes = sealed_file(Kind::kCtr, pattern(100));
  bytes.replace(0, 4096, bytes.substr(0, 4096));  // slot A, the one that was closed last
  std::string unclosed = bytes;
  unclosed[10] ^= 1;  // damages the closing slot, so the other, unclosed one is current
  write(db("ctr"), unclosed);
  EXPECT_EQ(read_plain(db("ctr")).code(), Code::kUnsupported);
  auto reader = FileReader::open(*coffer_, db("ctr"), {.allow_unauthenticated = true});
  ASSERT_OK(reader);
  EXPECT_FALSE((*reader)->findings().authenticated);
}

// Kinds × every bit of a small file: what is read is what was written, or an error.
TEST_F(ToolsTest, NoFlippedBitIsReadBackAltered) {
  for (Kind kind : {Kind::kBlocks, Kind::kLog, Kind::kCtr}) {
    const std::string plain = pattern(40);
    const std::string good = sealed_file(kind, plain);
    for (size_t bit = 0; bit < good.size() * 8; bit += bit / 8 < kEnvelopeSize ? 61 : 1) {
      std::string bytes = good;
      bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
      write(db("flipped"), bytes);
      auto read_back = read_plain(db("flipped"));
      if (!read_back.is_ok()) continue;
      if (kind == Kind::kLog) {
        EXPECT_TRUE(plain.starts_with(*read_back)) << kind_name(kind) << " bit " << bit;
      } else {
        EXPECT_EQ(*read_back, plain) << kind_name(kind) << " bit " << bit;
      }
    }
  }
}

}  // namespace
}  // namespace coffer
