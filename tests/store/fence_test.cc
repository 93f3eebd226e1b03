// Keys that are taken back from a program which has files open: locked and shredded domains, a root key
// that may not go on protecting. What is open again afterwards was not reopened.
#include <thread>

#include "coffer/base/scratch.h"
#include "coffer/files/body.h"
#include "coffer/files/disk_append_file.h"
#include "coffer/files/file_reader.h"
#include "coffer/files/new_file.h"
#include "coffer/files/pages_file.h"
#include "coffer/format/key_schedule.h"
#include "coffer/ops/keys.h"
#include "coffer/ops/rewrap.h"
#include "coffer/ops/shred.h"
#include "coffer/ops/slots.h"
#include "coffer_fixture.h"
#include "support/comes.h"
#include "support/memory_search.h"

namespace coffer {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::HasSubstr;

// A whole open body, read anew with each call.
struct ReadBody {
  const ReadableFile& file;

  Result<std::string> operator()(OpenLog& log) const { return by_read(log); }
  Result<std::string> operator()(OpenPages& pages) const { return by_read(pages); }
  template <class B>
  static Result<std::string> by_read(B& body) {
    std::string out(20'000, '\0');
    COFFER_ASSIGN(size_t count, body.read(0, {reinterpret_cast<uint8_t*>(out.data()), out.size()}));
    out.resize(count);
    return out;
  }
  template <class B>
  Result<std::string> operator()(B& body) const {
    std::string out(body.logical_size(), 'x');
    const auto range = body.range(0, out.size());
    Bytes sealed(range.size);
    COFFER_ASSIGN(size_t count, file.read_at(range.offset, sealed));
    sealed.resize(count);
    const Status opened = body.open(0, out.size(), sealed, reinterpret_cast<uint8_t*>(out.data()));
    if (opened.is_ok()) return out;
    EXPECT_EQ(out.find("contents"), std::string::npos) << "what could not be opened was released";
    return opened;
  }
};

class FenceTest : public CofferFixture {
 protected:
  struct Open {
    std::shared_ptr<ReadableFile> file;
    std::unique_ptr<OpenBody> body;

    Result<std::string> read() const { return std::visit(ReadBody{*file}, *body); }
    Code code() const { return read().code(); }
  };
  struct Writing {
    std::unique_ptr<FileWriter> writer;
    std::unique_ptr<DiskAppendFile> file;

    Status append(std::string_view text) { return writer->append(as_bytes(text), *file); }
  };

  void SetUp() override {
    CofferFixture::SetUp();
    for (const char* name : {"tenant", "other"}) {
      ASSERT_OK(coffer_->live_keyring().update([&](Keyring& keyring) { return keyring.add_domain(name, 1000); }));
    }
    for (const Kind kind : {Kind::kBlocks, Kind::kLog, Kind::kCtr}) {
      for (const char* domain : {"tenant", "other", "system"}) {
        write(path_of(kind, domain), sealed_file(kind, contents(), domain));
      }
    }
  }
  static std::string contents() {
    std::string out;
    while (out.size() < 10'000) out += "contents of " + std::to_string(out.size());
    return out;
  }
  std::string path_of(Kind kind, const std::string& domain) const {
    return db(domain + "." + std::string(kind_name(kind)));
  }

  // As an engine has it.
  std::shared_ptr<Coffer> serving(const std::string& policy = {}) {
    if (!policy.empty()) {
      const std::string path = coffer_path() + "/coffer.yaml";
      const std::string before = read(path);
      write(path, before.substr(0, before.find("policy:")) + policy);
    }
    auto coffer = open_coffer();
    coffer->live_keyring().look_at_least_every(milliseconds(20));
    coffer->policy().enable();
    coffer->watch_keys();
    return coffer;
  }
  Open open(Coffer& coffer, Kind kind, const std::string& domain) {
    Open out;
    out.file = disk().open_read(path_of(kind, domain)).value();
    Bytes header(kEnvelopeSize);
    EXPECT_EQ(out.file->read_at(0, header).value(), kEnvelopeSize);
    auto opened = coffer.unlock(header, path_of(kind, domain));
    EXPECT_TRUE(opened.is_ok()) << status_text(opened);
    auto body = body_of(kind).open(*opened, out.file, out.file->size().value(), EngineRole::kOther);
    EXPECT_TRUE(body.is_ok()) << status_text(body);
    out.body = std::make_unique<OpenBody>(std::move(*body));
    EXPECT_EQ(out.read().value(), contents());
    return out;
  }
  std::vector<Open> open_all(Coffer& coffer, const std::string& domain) {
    std::vector<Open> out;
    for (const Kind kind : {Kind::kBlocks, Kind::kLog, Kind::kCtr}) out.push_back(open(coffer, kind, domain));
    return out;
  }
  static bool all_say(const std::vector<Open>& files, Code code) {
    return std::ranges::all_of(files, [&](const Open& file) { return file.code() == code; });
  }
  Writing write_file(const std::shared_ptr<Coffer>& coffer, Kind kind, const std::string& domain) {
    NewFileRequest request{.kind = kind, .domain = domain};
    if (kind == Kind::kBlocks) request.chunk_log2 = 12;
    if (kind == Kind::kCtr) request.suite = Suite::kAes256Ctr;
    const std::string path = db("new." + std::string(kind_name(kind)));
    const auto store = coffer->stores().store_for(
        {.directory = root_ + "/db", .confirms = true, .path = path, .domain = request.domain});
    EXPECT_TRUE(store.is_ok()) << status_text(store);
    request.store_id = *store;
    auto header = coffer->new_file(request);
    EXPECT_TRUE(header.is_ok()) << status_text(header);
    auto writer = new_writer(coffer, std::move(*header), EngineRole::kOther);
    EXPECT_TRUE(writer.is_ok()) << status_text(writer);
    auto file = disk().create(path, 0600);
    Writing out{std::move(*writer), std::make_unique<DiskAppendFile>(disk(), path, std::move(*file))};
    EXPECT_TRUE(out.append("before;").is_ok());
    return out;
  }
  void root_key_goes() { std::filesystem::rename(root_ + "/root.key", root_ + "/away"); }
  void root_key_comes_back() { std::filesystem::rename(root_ + "/away", root_ + "/root.key"); }
};

TEST_F(FenceTest, ALockedDomainsFilesAreNotReadOrWrittenUntilItIsUnlockedAndOthersAre) {
  const auto coffer = serving();
  const auto theirs = open_all(*coffer, "tenant");
  const auto others = open_all(*coffer, "other");
  Writing log = write_file(coffer, Kind::kLog, "tenant");
  Writing blocks = write_file(coffer, Kind::kBlocks, "tenant");
  Writing ctr = write_file(coffer, Kind::kCtr, "tenant");
  ASSERT_OK(lock_domain(*coffer_, "tenant"));
  ASSERT_TRUE(comes([&] { return all_say(theirs, Code::kKeyUnavailable); }));
  EXPECT_THAT(status_text(theirs[0].read()), HasSubstr("locked since"));
  EXPECT_TRUE(all_say(others, Code::kOk));
  EXPECT_EQ(coffer->new_file({.kind = Kind::kLog, .domain = "tenant"}).code(), Code::kKeyUnavailable);
  EXPECT_EQ(
      coffer_->open_file(ByteView(as_bytes(read(path_of(Kind::kLog, "tenant")))).first(kEnvelopeSize), "x").code(),
      Code::kKeyUnavailable);
  for (Writing* each : {&log, &blocks, &ctr}) EXPECT_EQ(each->append("lost").code(), Code::kKeyUnavailable);

  ASSERT_OK(unlock_domain(*coffer_, "tenant"));
  EXPECT_TRUE(comes([&] { return all_say(theirs, Code::kOk); }));
  for (const Open& file : theirs) EXPECT_EQ(file.read().value(), contents());
  ASSERT_OK(log.append("after"));
  ASSERT_OK(log.writer->close(*log.file));
  auto reader = FileReader::open(*coffer_, db("new.log"));
  ASSERT_OK(reader);
  std::string written;
  for (auto piece = (*reader)->next(); piece.is_ok() && !piece->empty(); piece = (*reader)->next()) {
    written += as_text(*piece);
  }
  EXPECT_EQ(written, "before;after") << "in two sessions";
  EXPECT_FALSE(blocks.append("after").is_ok()) << "what was not sealed is gone";
  EXPECT_FALSE(ctr.append("after").is_ok()) << "the MAC of what was written is gone";
}

// A file that is changed in place, synced with some of it in its journal.
class PagesFenceTest : public FenceTest {
 protected:
  void SetUp() override {
    FenceTest::SetUp();
    coffer_serving_ = serving("policy: {on_revoked: fence}\n");
    const auto store = coffer_serving_->stores().store_for(
        {.directory = root_ + "/db", .confirms = true, .path = db("pages"), .domain = "tenant"});
    ASSERT_OK(store);
    auto header = coffer_serving_->new_file({.kind = Kind::kPages,
                                             .suite = Suite::kXaes256Gcm,
                                             .chunk_log2 = 10,
                                             .domain = "tenant",
                                             .store_id = *store});
    ASSERT_OK(header);
    needle_.emplace(pages_key(header->file_key, header->fields.file_id, 10)->reveal());
    auto file = PagesFile::create(*header, disk().create(db("pages"), 0600).value(), {.journal_max = 4096});
    ASSERT_OK(file);
    file_ = std::move(*file);
    ASSERT_OK(file_->write(0, as_bytes(text_)));
    ASSERT_OK(file_->sync());
    change("jour");
    ASSERT_OK(file_->sync());
  }
  void change(const std::string& to) {
    ASSERT_OK(file_->write(0, as_bytes(to)));
    text_.replace(0, to.size(), to);
  }
  Result<std::string> read_pages() const {
    std::string out(file_->size(), 'x');
    const auto count = file_->read(0, {reinterpret_cast<uint8_t*>(out.data()), out.size()});
    if (count.is_ok()) return out;
    EXPECT_EQ(out, std::string(out.size(), '\0')) << "what could not be opened was released";
    return count.status();
  }
  bool is_fenced() const { return read_pages().code() == Code::kKeyUnavailable; }
  // Everything that needs a key says so, and changes nothing; also what would empty the journal.
  void expect_no_change() {
    EXPECT_EQ(file_->write(0, as_bytes("lost")).code(), Code::kKeyUnavailable);
    EXPECT_EQ(file_->write(0, Bytes(9000, 'l')).code(), Code::kKeyUnavailable);
    EXPECT_EQ(file_->append(as_bytes("lost")).code(), Code::kKeyUnavailable);
    EXPECT_EQ(file_->truncate(5).code(), Code::kKeyUnavailable);
    EXPECT_EQ(file_->truncate(500'000).code(), Code::kKeyUnavailable);
    EXPECT_EQ(file_->punch_hole(0, 5000).code(), Code::kKeyUnavailable);
    EXPECT_EQ(file_->size(), text_.size());
  }
  void expect_whole_when_reopened() {
    file_.reset();
    auto opened = coffer_->open_file(ByteView(as_bytes(read(db("pages")))).first(kEnvelopeSize), db("pages"));
    ASSERT_OK(opened);
    auto file = PagesFile::open(*opened, disk().open_write(db("pages")).value());
    ASSERT_OK(file);
    file_ = std::move(*file);
    EXPECT_EQ(read_pages().value(), text_);
  }

  std::shared_ptr<Coffer> coffer_serving_;
  std::optional<Needle> needle_;
  std::unique_ptr<PagesFile> file_;
  std::string text_ = contents();
};

TEST_F(PagesFenceTest, NothingIsReadOrWrittenUntilItsDomainIsUnlockedAndAllGoesOnThen) {
  ASSERT_OK(lock_domain(*coffer_, "tenant"));
  ASSERT_TRUE(comes([&] { return is_fenced(); }));
  EXPECT_THAT(status_text(read_pages()), HasSubstr("locked since"));
  expect_no_change();
  ASSERT_OK(unlock_domain(*coffer_, "tenant"));
  ASSERT_TRUE(comes([&] { return read_pages().is_ok(); }));
  EXPECT_EQ(read_pages().value(), text_);
  change("after");
  ASSERT_OK(file_->sync());
  ASSERT_OK(file_->close());
  expect_whole_when_reopened();
}

TEST_F(PagesFenceTest, WithARevokedRootKeyItIsFencedAndWholeAgainWhenThatIsBack) {
  root_key_goes();
  ASSERT_TRUE(comes([&] { return is_fenced(); }));
  expect_no_change();
  root_key_comes_back();
  ASSERT_TRUE(comes([&] { return read_pages().is_ok(); }));
  EXPECT_EQ(read_pages().value(), text_);
  change("after");
  ASSERT_OK(file_->close());
  expect_whole_when_reopened();
}

TEST_F(PagesFenceTest, AFileThatIsClosedWhileItIsFencedKeepsItsJournalAndIsWholeAtTheNextOpening) {
  ASSERT_OK(lock_domain(*coffer_, "tenant"));
  ASSERT_TRUE(comes([&] { return is_fenced(); }));
  expect_no_change();
  EXPECT_EQ(file_->close().code(), Code::kKeyUnavailable);
  ASSERT_OK(unlock_domain(*coffer_, "tenant"));
  expect_whole_when_reopened();
}

TEST_F(PagesFenceTest, MemoryHasNoKeyOfItOnceThatIsTakenBack) {
  const FoundPlaces used = find(*needle_);
  EXPECT_GT(used.secret + used.other, 0u) << "the search finds a key that is in use";
  ASSERT_OK(lock_domain(*coffer_, "tenant"));
  ASSERT_TRUE(comes([&] { return is_fenced(); }));
  EXPECT_TRUE(comes([&] {
    const FoundPlaces left = find(*needle_);
    return left.secret + left.other == 0;
  }));
}

TEST_F(FenceTest, WhatIsLockedAlreadyOrNotAtAllStaysSoAndSystemIsNeverLocked) {
  const auto since = lock_domain(*coffer_, "tenant");
  ASSERT_OK(since);
  const uint64_t version = coffer_->keyring()->version();
  EXPECT_EQ(*lock_domain(*coffer_, "tenant"), *since);
  EXPECT_EQ(*unlock_domain(*coffer_, "other"), 0u);
  EXPECT_EQ(coffer_->keyring()->version(), version) << "nothing was saved in vain";
  EXPECT_EQ(lock_domain(*coffer_, kSystemDomain.data()).code(), Code::kInvalidArgument);
  EXPECT_EQ(lock_domain(*coffer_, "nobody").code(), Code::kNotFound);
}

TEST_F(FenceTest, ALockedDomainIsRewrappedAllTheSame) {
  ASSERT_OK(lock_domain(*coffer_, "tenant"));
  ASSERT_OK(coffer_->live_keyring().update([](Keyring& keyring) { return keyring.rotate_domain("tenant", 2000); }));
  const auto done = rewrap(*coffer_, {}, {}, [](const RewrapReport&) {});
  ASSERT_OK(done);
  ASSERT_OK(unlock_domain(*coffer_, "tenant"));
  for (const Open& file : open_all(*coffer_, "tenant")) EXPECT_EQ(file.read().value(), contents());
}

TEST_F(FenceTest, FilesOfAShreddedDomainThatAreOpenSayThatTheirKeyWasDestroyed) {
  const auto coffer = serving();
  const auto theirs = open_all(*coffer, "tenant");
  const auto others = open_all(*coffer, "other");
  Writing log = write_file(coffer, Kind::kLog, "tenant");
  ASSERT_OK(shred(*coffer_, "tenant"));
  EXPECT_TRUE(comes([&] { return all_say(theirs, Code::kKeyDestroyed); }));
  EXPECT_EQ(log.append("lost").code(), Code::kKeyDestroyed);
  EXPECT_TRUE(all_say(others, Code::kOk));
}

TEST_F(FenceTest, FilesThatWereRewrappedWhileTheyWereOpenOutliveTheirOldKey) {
  const auto coffer = serving();
  const auto theirs = open_all(*coffer, "tenant");
  Writing ctr = write_file(coffer, Kind::kCtr, "tenant");
  const Id old_key = coffer_->keyring()->find_domain("tenant")->active()->id;
  ASSERT_OK(coffer_->live_keyring().update([](Keyring& keyring) { return keyring.rotate_domain("tenant", 2000); }));
  ASSERT_OK(rewrap(*coffer_, {}, {}, [](const RewrapReport&) {}));
  ASSERT_OK(destroy_key(*coffer_, old_key.hex()));
  ASSERT_TRUE(comes([&] { return coffer->keyring()->find_key(old_key).entry->state == KeyState::kDestroyed; }));
  std::this_thread::sleep_for(2 * KeyWatch::kInterval);
  for (const Open& file : theirs) EXPECT_EQ(file.read().value(), contents());
  ASSERT_OK(ctr.append("after"));
  ASSERT_OK(ctr.writer->close(*ctr.file));
}

TEST_F(FenceTest, WithARevokedRootKeyNothingIsReadOrWrittenAndNoKeyIsLeftUntilItIsBack) {
  const auto coffer = serving("policy: {on_revoked: fence}\n");
  const auto files = open_all(*coffer, "system");
  const auto theirs = open_all(*coffer, "tenant");
  Writing log = write_file(coffer, Kind::kLog, "system");
  root_key_goes();
  ASSERT_TRUE(comes([&] { return all_say(files, Code::kKeyUnavailable) && all_say(theirs, Code::kKeyUnavailable); }));
  EXPECT_THAT(status_text(files[0].read()), HasSubstr("on_revoked is fence"));
  EXPECT_FALSE(coffer->keyring()->has_keys());
  for (const auto keyring = coffer->keyring(); const Domain& domain : keyring->domains()) {
    for (const DomainKeyEntry& key : domain.keys) EXPECT_TRUE(key.key.empty());
  }
  EXPECT_EQ(coffer->new_file({.kind = Kind::kLog}).code(), Code::kKeyUnavailable);
  EXPECT_EQ(log.append("lost").code(), Code::kKeyUnavailable);
  EXPECT_EQ(coffer->live_keyring().refresh().code(), Code::kKeyUnavailable);
  const auto change = [](Keyring& keyring) { return keyring.rotate_domain("other", 2000); };
  EXPECT_EQ(coffer->live_keyring().update(change).code(), Code::kKeyUnavailable);
  EXPECT_EQ(coffer->keyring()->sign(as_bytes("x")).code(), Code::kKeyUnavailable);
  uint64_t seen = 0;
  EXPECT_THAT(coffer->live_keyring().news_since(seen), HasSubstr("wiped"));

  root_key_comes_back();
  EXPECT_TRUE(comes([&] { return all_say(files, Code::kOk) && all_say(theirs, Code::kOk); }));
  // A moment after the keys.
  EXPECT_TRUE(comes([&] { return coffer->live_keyring().condition().fenced.is_ok(); }));
  ASSERT_OK(log.append("after"));
  EXPECT_TRUE(coffer->new_file({.kind = Kind::kLog}).is_ok());
}

// A tenant has a root key of his own.
class GroupFenceTest : public FenceTest {
 protected:
  void SetUp() override {
    FenceTest::SetUp();
    write_key_file("acme.key", 'a');
    ASSERT_OK(add_group(*coffer_, "acme", key_uri("acme.key"), open_provider));
    ASSERT_OK(
        coffer_->live_keyring().update([](Keyring& keyring) { return keyring.add_domain("theirs", 1000, "acme"); }));
    for (const Kind kind : {Kind::kBlocks, Kind::kLog, Kind::kCtr}) {
      write(path_of(kind, "theirs"), sealed_file(kind, contents(), "theirs"));
    }
  }
  void their_key_goes() { std::filesystem::rename(root_ + "/acme.key", root_ + "/away"); }
  void their_key_comes_back() { std::filesystem::rename(root_ + "/away", root_ + "/acme.key"); }
};

TEST_F(GroupFenceTest, WithTheirRootKeyRevokedTheirFilesAloneAreFencedUntilItIsBack) {
  const auto coffer = serving("policy: {on_revoked: fence}\n");
  const auto theirs = open_all(*coffer, "theirs");
  const auto others = open_all(*coffer, "other");
  Writing log = write_file(coffer, Kind::kLog, "theirs");
  their_key_goes();
  ASSERT_TRUE(comes([&] { return all_say(theirs, Code::kKeyUnavailable); }));
  EXPECT_THAT(status_text(theirs[0].read()), AllOf(HasSubstr("\"acme\""), HasSubstr("on_revoked is fence")));
  EXPECT_EQ(log.append("lost").code(), Code::kKeyUnavailable);
  EXPECT_EQ(coffer->new_file({.kind = Kind::kLog, .domain = "theirs"}).code(), Code::kKeyUnavailable);
  ASSERT_EQ(coffer->live_keyring().groups().conditions().size(), 1u);
  EXPECT_FALSE(coffer->live_keyring().groups().conditions()[0].is_open) << "its key is wiped";
  EXPECT_TRUE(all_say(others, Code::kOk));
  EXPECT_TRUE(coffer->new_file({.kind = Kind::kLog, .domain = "other"}).is_ok());
  EXPECT_TRUE(coffer->keyring()->has_keys());

  their_key_comes_back();
  EXPECT_TRUE(comes([&] { return all_say(theirs, Code::kOk); }));
  for (const Open& file : theirs) EXPECT_EQ(file.read().value(), contents());
  ASSERT_OK(log.append("after"));
  EXPECT_TRUE(coffer->new_file({.kind = Kind::kLog, .domain = "theirs"}).is_ok());
}

TEST_F(GroupFenceTest, WithTheCoffersRootKeyRevokedTheirKeyIsWipedToo) {
  const auto coffer = serving("policy: {on_revoked: fence}\n");
  const auto theirs = open_all(*coffer, "theirs");
  root_key_goes();
  ASSERT_TRUE(comes([&] { return all_say(theirs, Code::kKeyUnavailable); }));
  ASSERT_EQ(coffer->live_keyring().groups().conditions().size(), 1u);
  EXPECT_FALSE(coffer->live_keyring().groups().conditions()[0].is_open);
  root_key_comes_back();
  EXPECT_TRUE(comes([&] { return all_say(theirs, Code::kOk); }));
}

TEST_F(GroupFenceTest, FilesOfADomainThatMovesAreReadOnAndItsNewRootDecidesOnThem) {
  const auto coffer = serving("policy: {on_revoked: fence}\n");
  const auto files = open_all(*coffer, "tenant");
  const auto others = open_all(*coffer, "other");
  const auto move = [&](std::string_view group) {
    ASSERT_OK(
        coffer_->live_keyring().update([&](Keyring& keyring) { return keyring.move_domain("tenant", 2000, group); }));
    ASSERT_TRUE(comes([&] { return (coffer->keyring()->find_domain("tenant")->group != 0) == !group.empty(); }));
  };
  move("acme");
  EXPECT_TRUE(all_say(files, Code::kOk));
  // Nobody here has asked for a key of the group, nor made a file, by which the policy would have.
  EXPECT_TRUE(coffer->live_keyring().groups().conditions().empty() ||
              !coffer->live_keyring().groups().conditions()[0].is_open);
  their_key_goes();
  ASSERT_TRUE(comes([&] { return all_say(files, Code::kKeyUnavailable); }));
  EXPECT_TRUE(all_say(others, Code::kOk));
  their_key_comes_back();
  ASSERT_TRUE(comes([&] { return all_say(files, Code::kOk); }));

  Writing log = write_file(coffer, Kind::kLog, "tenant");
  move("");
  their_key_goes();
  std::this_thread::sleep_for(2 * KeyWatch::kInterval);
  EXPECT_TRUE(all_say(files, Code::kOk));
  EXPECT_TRUE(all_say(open_all(*coffer, "tenant"), Code::kOk));
  ASSERT_OK(log.append("after"));
}

TEST_F(GroupFenceTest, AFileThatIsOpenedAfterAMoveNeedsTheRootOfTheNewGroup) {
  const auto coffer = serving();
  const auto files = open_all(*coffer, "tenant");
  ASSERT_OK(
      coffer_->live_keyring().update([](Keyring& keyring) { return keyring.move_domain("tenant", 2000, "acme"); }));
  ASSERT_TRUE(comes([&] { return coffer->keyring()->find_domain("tenant")->group != 0; }));
  their_key_goes();
  EXPECT_TRUE(all_say(files, Code::kOk));
  const std::string header = read(path_of(Kind::kLog, "tenant")).substr(0, kEnvelopeSize);
  EXPECT_EQ(coffer->unlock(as_bytes(header), "x").code(), Code::kKeyUnavailable);
  EXPECT_EQ(coffer->new_file({.kind = Kind::kLog, .domain = "tenant"}).code(), Code::kKeyUnavailable);
  EXPECT_TRUE(all_say(open_all(*coffer, "other"), Code::kOk));
}

TEST_F(GroupFenceTest, AGroupThatWentOverToAnotherRootElsewhereGoesByThatOne) {
  const auto coffer = serving("policy: {on_revoked: fence}\n");
  const auto theirs = open_all(*coffer, "theirs");
  write_key_file("next.key", 'n');
  const auto next = rotate_group(*coffer_, "acme", key_uri("next.key"), open_provider);
  ASSERT_OK(next);
  const auto& groups = coffer->live_keyring().groups();
  ASSERT_TRUE(comes([&] { return groups.conditions()[0].root == next->root; }));
  their_key_goes();
  std::this_thread::sleep_for(2 * KeyWatch::kInterval);
  EXPECT_TRUE(all_say(theirs, Code::kOk));
  std::filesystem::remove(root_ + "/next.key");
  EXPECT_TRUE(comes([&] { return all_say(theirs, Code::kKeyUnavailable); }));
}

TEST_F(GroupFenceTest, ReadOnlyMakesNoNewFilesOfTheirsAndReadsTheOld) {
  const auto coffer = serving("policy: {on_revoked: read_only}\n");
  const auto theirs = open_all(*coffer, "theirs");
  their_key_goes();
  const auto new_file = [&](std::string_view domain) {
    return coffer->new_file({.kind = Kind::kLog, .domain = domain}).code();
  };
  EXPECT_TRUE(comes([&] { return new_file("theirs") == Code::kKeyUnavailable; }));
  EXPECT_EQ(new_file("other"), Code::kOk);
  EXPECT_TRUE(all_say(theirs, Code::kOk));
}

TEST_F(GroupFenceTest, AServingProgramThatOpensTheirFilesLaterFindsTheirKeyThen) {
  their_key_goes();
  const auto coffer = serving("policy: {on_revoked: fence}\n");
  const auto others = open_all(*coffer, "other");
  const std::string header = read(path_of(Kind::kLog, "theirs")).substr(0, kEnvelopeSize);
  EXPECT_EQ(coffer->unlock(as_bytes(header), "x").code(), Code::kKeyUnavailable);
  their_key_comes_back();
  // The policy keeps it fenced until a look finds the root key well.
  EXPECT_TRUE(comes([&] { return coffer->unlock(as_bytes(header), "x").is_ok(); }));
  for (const Open& file : open_all(*coffer, "theirs")) EXPECT_EQ(file.read().value(), contents());
}

TEST_F(FenceTest, AnOutageIsNoRevocationAndStopsWorkOnlyWhenTheGraceIsOver) {
  const auto coffer = serving("policy: {on_revoked: fence, on_outage: stop, outage_grace: 2s}\n");
  const auto files = open_all(*coffer, "system");
  const std::string path = coffer_path() + "/coffer.yaml";
  const std::string good = read(path);
  write(path, "version: 1\nroots: 7\n");  // nobody knows where it is
  ASSERT_TRUE(comes([&] { return !coffer->live_keyring().condition().root_key.is_ok(); }));
  EXPECT_TRUE(all_say(files, Code::kOk));
  EXPECT_TRUE(comes([&] { return all_say(files, Code::kProviderUnavailable); }));
  EXPECT_THAT(status_text(files[0].read()), HasSubstr("on_outage is stop"));
  write(path, good);
  EXPECT_TRUE(comes([&] { return all_say(files, Code::kOk); }));
}

TEST_F(FenceTest, AKeyringThatWasPutBackMeanwhileIsNotTakenUp) {
  const std::string older = read(coffer_path() + "/keyring");
  ASSERT_OK(coffer_->live_keyring().update([](Keyring& keyring) { return keyring.rotate_domain("other", 2000); }));
  const auto coffer = serving("policy: {on_revoked: fence}\n");
  const auto files = open_all(*coffer, "system");
  root_key_goes();
  ASSERT_TRUE(comes([&] { return all_say(files, Code::kKeyUnavailable); }));
  const std::string newest = read(coffer_path() + "/keyring");
  write(coffer_path() + "/keyring", older);
  root_key_comes_back();
  EXPECT_TRUE(comes([&] { return coffer->live_keyring().condition().last_refresh.code() == Code::kRolledBack; }));
  EXPECT_TRUE(all_say(files, Code::kKeyUnavailable));
  write(coffer_path() + "/keyring", newest);
  EXPECT_TRUE(comes([&] { return all_say(files, Code::kOk); }));
}

// Run under ThreadSanitizer: keys are wiped while others read, and nobody ever reads with one that is.
TEST_F(FenceTest, WhoeverReadsWhileKeysAreTakenBackGetsWhatIsThere) {
  const auto files = open_all(*coffer_, "tenant");
  const std::string header = read(path_of(Kind::kLog, "tenant")).substr(0, kEnvelopeSize);
  const KeyLease lease = coffer_->unlock(as_bytes(header), "x").value().lease;
  std::atomic<bool> over{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 6; ++i) {
    readers.emplace_back([&, i] {
      while (!over) {
        const auto got = files[static_cast<size_t>(i) % files.size()].read();
        if (!got.is_ok() || *got != contents()) ++wrong;
      }
    });
  }
  for (int i = 0; i < 300; ++i) lease.gate->take_back();
  over = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(wrong, 0);
}

// The expanded form of an AES key begins with the key.
TEST_F(FenceTest, MemoryHasNothingOfWhatThreadsReadOnceTheKeysAreTakenBack) {
  const auto coffer = serving();
  const Open file = open(*coffer, Kind::kBlocks, "tenant");
  std::optional<Needle> needle;
  {
    Scratch scratch(5000);  // as an engine opens chunks in it
    for (size_t i = 0; i < 5000; ++i) scratch.data()[i] = static_cast<uint8_t>((i + 77) * 0x9e3779b97f4a7c15u >> 56);
    needle.emplace(ByteView(scratch.bytes()).subspan(2000));
  }
  ASSERT_EQ(find(*needle).other, 1u);
  ASSERT_OK(lock_domain(*coffer_, "tenant"));
  EXPECT_TRUE(comes([&] { return find(*needle).other == 0; }));
}

// Bytes of both keys that open their files, for a moment; and what the search finds of them then.
TEST_F(GroupFenceTest, MemoryHasTheirGroupsKeyAndTheirDomainsForTheTimeOfAUseAlone) {
  auto coffer = serving("policy: {on_revoked: fence}\n");
  std::vector<Needle> needles;
  {
    const auto keyring = coffer->keyring();
    const GroupKey group = coffer->live_keyring().groups().key_of(*keyring->find_group("acme")).value();
    const Domain* theirs = keyring->find_domain("theirs");
    const DomainKey domain = keyring->open_key({theirs, theirs->active()}).value();
    needles = {Needle(group.reveal()), Needle(domain.reveal())};
    for (const Needle& needle : needles) {
      const FoundPlaces used = find(needle);
      EXPECT_EQ(used.secret, 1u);
      EXPECT_EQ(used.other, 0u);
    }
  }
  const auto expect_nowhere = [&](const char* when) {
    for (const Needle& needle : needles) {
      const FoundPlaces left = find(needle);
      EXPECT_EQ(left.secret + left.other, 0u) << when;
    }
  };
  auto files = open_all(*coffer, "theirs");
  expect_nowhere("their files are open");
  their_key_goes();
  ASSERT_TRUE(comes([&] { return all_say(files, Code::kKeyUnavailable); }));
  expect_nowhere("they are fenced");
  their_key_comes_back();
  ASSERT_TRUE(comes([&] { return all_say(files, Code::kOk); }));
  expect_nowhere("they are open again");
  files.clear();
  coffer.reset();
  expect_nowhere("they are closed");
}

// As of a domain that is locked.
TEST_F(GroupFenceTest, MemoryHasNothingOfWhatThreadsReadOnceTheyAreFenced) {
  const auto coffer = serving("policy: {on_revoked: fence}\n");
  const Open file = open(*coffer, Kind::kBlocks, "theirs");
  std::optional<Needle> needle;
  {
    Scratch scratch(5000);
    for (size_t i = 0; i < 5000; ++i) scratch.data()[i] = static_cast<uint8_t>((i + 7) * 0x9e3779b97f4a7c15u >> 56);
    needle.emplace(ByteView(scratch.bytes()).subspan(2000));
  }
  ASSERT_EQ(find(*needle).other, 1u);
  their_key_goes();
  EXPECT_TRUE(comes([&] { return find(*needle).other == 0; }));
}

TEST_F(FenceTest, MemoryHasNoFileKeyOnceItIsTakenBack) {
  const Open file = open(*coffer_, Kind::kCtr, "tenant");
  const std::string header = read(path_of(Kind::kCtr, "tenant")).substr(0, kEnvelopeSize);
  KeyLease lease;
  std::optional<Needle> needle;
  {
    auto opened = coffer_->unlock(as_bytes(header), "x");
    ASSERT_OK(opened);
    lease = opened->lease;
    needle.emplace(ctr_body_key(opened->file_key, opened->fields.suite, opened->fields.file_id)->reveal());
  }
  const FoundPlaces used = find(*needle);
  EXPECT_GT(used.secret + used.other, 0u) << "the search finds a key that is in use";
  lease.gate->take_back();
  const FoundPlaces left = find(*needle);
  EXPECT_EQ(left.secret + left.other, 0u);
  EXPECT_EQ(file.read().value(), contents());
}

}  // namespace
}  // namespace coffer
