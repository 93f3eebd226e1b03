// A coffer's keyring that moves between its directory and a real etcd while programs serve and rotate.
#include "coffer/store/move_keyring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <thread>

#include "coffer/base/codec.h"
#include "coffer/base/crc32c.h"
#include "coffer/keys/move_record.h"
#include "coffer/ops/audit.h"
#include "coffer/providers/registry.h"
#include "io/temporary_directory.h"
#include "support/comes.h"
#include "support/long.h"

namespace coffer {
namespace {

using testing::HasSubstr;

class KeyringMoveTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NE(std::getenv("COFFER_TEST_ETCD"), nullptr) << "run it by ctest, which starts an etcd beside it";
    ASSERT_TRUE(replace_file(disk_, directory_ / "root.key", Bytes(64, 0x81), 0600).is_ok());
    static int count = 0;
    prefix_ = "coffers/move" + std::to_string(++count);
    create(files_, "anchor: " + (directory_ / "anchor") + "\n");
  }
  std::string uri(const std::string& more = {}) const {
    std::string out = std::getenv("COFFER_TEST_ETCD");
    out.replace(out.find("coffers/PREFIX"), std::string_view("coffers/PREFIX").size(), prefix_ + more);
    return out + "&timeout_millis=5000";
  }
  void create(const std::string& where, const std::string& more) {
    Coffer::CreateOptions made;
    made.root_uri = "file://" + (directory_ / "root.key");
    made.config_text = "version: 1\n" + more;
    const Status created = Coffer::create(disk_, where, made, open_provider);
    ASSERT_TRUE(created.is_ok()) << created.to_string();
  }
  static Coffer::OpenOptions options() {
    return {.open_anchor = open_anchor, .open_keyring_store = open_keyring_store};
  }
  Result<std::shared_ptr<Coffer>> try_open() const { return Coffer::open(disk_, files_, options(), open_provider); }
  std::shared_ptr<Coffer> open() const {
    auto opened = try_open();
    EXPECT_TRUE(opened.is_ok()) << opened.status().to_string();
    return opened.is_ok() ? *opened : nullptr;
  }
  Result<MovedKeyring> move(const std::string& to) const {
    return move_keyring(disk_, files_, to, options(), open_provider);
  }
  void moved(const std::string& to) const {
    const auto done = move(to);
    ASSERT_TRUE(done.is_ok()) << done.status().to_string();
    EXPECT_TRUE(done->removed.is_ok()) << done->removed.to_string();
  }
  std::unique_ptr<KeyringStore> etcd(const std::string& more = {}) const {
    return open_keyring_store(parse_provider_uri(uri(more)).value(), {}).value();
  }
  std::unique_ptr<KeyringStore> files() const { return open_file_keyring_store(disk_, files_); }
  static Status rotate(Coffer& coffer) {
    return coffer.live_keyring().update([](Keyring& keyring) { return keyring.rotate_domain(kSystemDomain, 2); });
  }
  static void expect_whole_log(Coffer& coffer) {
    const auto trail = audit_trail(coffer);
    ASSERT_TRUE(trail.is_ok()) << trail.status().to_string();
    for (const AuditRemark& wrong : trail->wrong) ADD_FAILURE() << wrong.line << ": " << wrong.what;
    EXPECT_EQ(trail->records.size(), coffer.keyring()->version());
  }
  static Result<NewFile> new_file(Coffer& coffer) {
    NewFileRequest request;
    request.chunk_log2 = 10;
    return coffer.new_file(request);
  }
  Bytes config() const { return read_file(disk_, files_ + "/coffer.yaml", kConfigSizeMax).value(); }
  void configure(ByteView text) const {
    ASSERT_TRUE(replace_file(disk_, files_ + "/coffer.yaml", text, 0644).is_ok());
  }

  Disk& disk_ = Disk::posix();
  TemporaryDirectory directory_;
  const std::string files_ = directory_ / "c";
  std::string prefix_;
};

TEST_F(KeyringMoveTest, ThereAndBackProgramsFollowWithoutARestartAndNothingIsLost) {
  const auto serving = open(), writer = open();
  serving->watch_keys();
  auto file = new_file(*serving);
  for (const std::string& to : {uri(), files_}) {
    ASSERT_TRUE(rotate(*writer).is_ok());
    const uint64_t before = writer->keyring()->version();
    ASSERT_NO_FATAL_FAILURE(moved(to));
    EXPECT_EQ(open()->keyring()->version(), before + 1);
    const Status rotated = rotate(*writer);
    ASSERT_TRUE(rotated.is_ok()) << rotated.to_string();
    EXPECT_TRUE(new_file(*serving).is_ok());
    EXPECT_TRUE(comes([&] { return serving->keyring()->version() == before + 2; }));
    EXPECT_TRUE(serving->live_keyring().condition().last_refresh.is_ok());
    EXPECT_TRUE(serving->unlock(file->envelope, "/f").is_ok());
    expect_whole_log(*serving);
  }
  EXPECT_EQ(move(files_).code(), Code::kAlreadyExists);
}

TEST_F(KeyringMoveTest, WhereItWasNothingRemainsButARecordWithoutKeys) {
  const auto coffer = open();
  // Many domains, so that it has shards.
  const Status added = coffer->live_keyring().update([](Keyring& keyring) -> Status {
    for (int i = 0; i < 3000; ++i) COFFER_TRY(keyring.add_domain("tenant-" + std::to_string(i), 1));
    return Status::ok();
  });
  ASSERT_TRUE(added.is_ok()) << added.to_string();
  ASSERT_GT(coffer->keyring()->shards().size(), 1u);
  const std::unique_ptr<KeyringStore> places[] = {files(), etcd()};
  for (const int from : {0, 1}) {
    ASSERT_NO_FATAL_FAILURE(moved(from == 0 ? uri() : files_));
    const auto record = read_move_record(places[from]->load_stored().value());
    ASSERT_TRUE(record.is_ok()) << record.status().to_string();
    EXPECT_TRUE(record->is_gone());
    EXPECT_EQ(places[from]->load_audit_log().value(), Bytes());
    for (const auto keyring = coffer->keyring(); const ShardEntry& shard : keyring->shards()) {
      EXPECT_EQ(places[from]->load_shard(shard).code(), Code::kNotFound);
    }
    ASSERT_TRUE(coffer->live_keyring().refresh().is_ok());
    EXPECT_NE(open()->keyring()->find_domain("tenant-2999"), nullptr);
  }
}

TEST_F(KeyringMoveTest, WhileOthersRotateEachRotationLands) {
  const auto one = open(), two = open();
  constexpr int kEach = 8;
  std::vector<std::thread> threads;
  for (Coffer* each : {one.get(), two.get()}) {
    threads.emplace_back([each] {
      for (int i = 0; i < kEach; ++i) {
        const Status rotated = rotate(*each);
        EXPECT_TRUE(rotated.is_ok()) << rotated.to_string();
      }
    });
  }
  for (const std::string& to : {uri(), files_, uri()}) moved(to);
  for (std::thread& thread : threads) thread.join();
  const auto coffer = open();
  EXPECT_EQ(coffer->keyring()->find_domain(kSystemDomain)->keys.size(), 1u + 2 * kEach);
  EXPECT_EQ(coffer->keyring()->version(), 1u + 2 * kEach + 3) << "and each move is one";
  expect_whole_log(*coffer);
}

// At first the move is stopped before the old place says that it is gone, then behind that.
TEST_F(KeyringMoveTest, OfWhoeverWasInterruptedTheNextOneGoesOn) {
  const auto coffer = open();
  ASSERT_TRUE(rotate(*coffer).is_ok());
  const Bytes before = config(), old = files()->load()->sealed;
  ASSERT_TRUE(etcd()->exchange(arriving_record(old, "of yore\n").value(), {}).code() == Code::kOk)
      << "what a move has left that others have overtaken";
  ASSERT_TRUE(rotate(*coffer).is_ok());
  ASSERT_NO_FATAL_FAILURE(moved(uri()));
  const Bytes after = config();
  const Bytes sealed = etcd()->load()->sealed;
  // As if it had been killed before it edited coffer.yaml, and before it let the keyring in.
  configure(before);
  EXPECT_EQ(try_open().code(), Code::kForeign) << "it is nowhere else";
  const Bytes arriving = arriving_record(sealed, "").value();
  ASSERT_TRUE(etcd()->exchange(arriving, sealed).is_ok());
  EXPECT_EQ(etcd()->load().code(), Code::kForeign) << "nor there yet";
  EXPECT_EQ(move(uri("x")).code(), Code::kNotFound) << "another place than the one that it went to";
  ASSERT_NO_FATAL_FAILURE(moved(uri()));
  EXPECT_EQ(as_text(config()), as_text(after));
  EXPECT_EQ(etcd()->load()->sealed, sealed);
  expect_whole_log(*open());
}

TEST_F(KeyringMoveTest, WhatIsInTheWayIsNeverReplaced) {
  const auto coffer = open();
  const Bytes mine = files()->load()->sealed;
  ASSERT_TRUE(etcd("a")->exchange(mine, {}).is_ok());
  EXPECT_EQ(move(uri("a")).code(), Code::kAlreadyExists) << "a keyring of this coffer, which somebody may use";
  create(directory_ / "other", "");
  const auto stranger = open_file_keyring_store(disk_, directory_ / "other");
  const Bytes other = stranger->load()->sealed;
  ASSERT_TRUE(etcd("b")->exchange(other, {}).is_ok());
  const Status foreign = move(uri("b")).status();
  EXPECT_EQ(foreign.code(), Code::kForeign);
  EXPECT_THAT(std::string(foreign.message()), HasSubstr("another coffer"));
  ASSERT_TRUE(etcd("c")->put_audit_log(as_bytes("a line\n")).is_ok());
  EXPECT_EQ(move(uri("c")).code(), Code::kAlreadyExists) << "a log without a keyring";
  ASSERT_TRUE(etcd("d")->exchange(as_bytes("something else"), {}).is_ok());
  EXPECT_EQ(move(uri("d")).code(), Code::kPlaintext);
  EXPECT_EQ(move(directory_ / "other").code(), Code::kInvalidArgument) << "not the coffer's directory";
  EXPECT_EQ(files()->load()->sealed, mine) << "nothing has happened";
}

TEST_F(KeyringMoveTest, NobodyWithoutKeysSaysThatItIsGone) {
  const auto serving = open();
  const Bytes sealed = files()->load()->sealed;
  Bytes forged = gone_record(*serving->keyring(), {2, Sha256{}}).value();
  forged[forged.size() - 5] ^= 1;  // of its MAC
  const uint32_t sum = crc32c(ByteView(forged).first(forged.size() - 4));
  store_le32(forged.data() + forged.size() - 4, sum);
  ASSERT_TRUE(files()->exchange(forged, sealed).is_ok());
  serving->live_keyring().refresh_without_waiting();
  EXPECT_EQ(serving->live_keyring().condition().last_refresh.code(), Code::kTampered);
  EXPECT_TRUE(new_file(*serving).is_ok()) << "it serves on";
  // Nor does a move go on by it, whatever stands in the new place.
  ASSERT_TRUE(etcd()->exchange(arriving_record(sealed, "").value(), {}).code() == Code::kOk);
  EXPECT_FALSE(move(uri()).is_ok());
  EXPECT_THAT(std::string(as_text(config())), testing::Not(HasSubstr("etcd://")));
}

TEST_F(KeyringMoveTest, ANodeWhoseConfigurationIsAsBeforeSaysSoServesOnAndTakesNoOlderKeyringAnyMore) {
  // A second node: files of its own, which are the same here.
  const std::string second = directory_ / "second.yaml";
  ASSERT_TRUE(replace_file(disk_, second, config(), 0644).is_ok());
  const auto opened = Coffer::open(disk_, second, options(), open_provider);
  ASSERT_TRUE(opened.is_ok()) << opened.status().to_string();
  const auto node = *opened;
  const Bytes old = files()->load()->sealed;
  ASSERT_NO_FATAL_FAILURE(moved(uri()));
  node->live_keyring().refresh_without_waiting();
  const KeyringCondition told = node->live_keyring().condition();
  EXPECT_EQ(told.last_refresh.code(), Code::kForeign);
  EXPECT_THAT(std::string(told.last_refresh.message()), HasSubstr("this node's coffer.yaml"));
  EXPECT_TRUE(new_file(*node).is_ok());
  EXPECT_EQ(rotate(*node).code(), Code::kForeign);
  // Who can write there puts the old keyring back.
  ASSERT_TRUE(files()->exchange(old, files()->load_stored().value()).is_ok());
  EXPECT_EQ(node->live_keyring().refresh().code(), Code::kRolledBack);
  EXPECT_EQ(rotate(*node).code(), Code::kRolledBack);
  EXPECT_EQ(Coffer::open(disk_, second, options(), open_provider).code(), Code::kRolledBack) << "the anchor knows";
  EXPECT_TRUE(rotate(*open()).is_ok()) << "who has the new place does not look there";
  ASSERT_TRUE(replace_file(disk_, second, config(), 0644).is_ok());
  const Status followed = node->live_keyring().refresh();
  EXPECT_TRUE(followed.is_ok()) << followed.to_string();
  EXPECT_TRUE(rotate(*node).is_ok());
}

// kill -9 at whatever it is doing: until it is through, again and again.
TEST_F(KeyringMoveTest, KilledAtAnyTimeItGoesOnAndNothingIsLost) {
  ASSERT_TRUE(rotate(*open()).is_ok());
  int killed = 0;
  for (const std::string& to : {uri(), files_, uri()}) {
    for (int millis = 1;; millis += may_take_long() ? 4 : 60) {
      const pid_t child = fork();
      if (child == 0) {
        const Status done = move(to).status();
        // The one before was killed when it was through already.
        const bool is_there = done.is_ok() || done.message().find("already, as") != std::string_view::npos;
        if (!is_there) std::fprintf(stderr, "%s\n", done.to_string().c_str());
        _exit(is_there ? 0 : 1);
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(millis));
      ::kill(child, SIGKILL);
      int status = 0;
      ASSERT_EQ(waitpid(child, &status, 0), child);
      if (!WIFSIGNALED(status)) {
        ASSERT_EQ(WEXITSTATUS(status), 0) << to;
        break;
      }
      ++killed;
    }
    const auto coffer = open();
    ASSERT_NE(coffer, nullptr);
    ASSERT_TRUE(rotate(*coffer).is_ok());
    expect_whole_log(*coffer);
  }
  EXPECT_GT(killed, 2);
}

}  // namespace
}  // namespace coffer
