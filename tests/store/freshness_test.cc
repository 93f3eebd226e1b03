// The marks themselves: what gets into them when, and a disk below them that is full, fails or is shared.
#include "coffer/store/freshness.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/fault_disk.h"
#include "support/memory_disk.h"

namespace coffer {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

Id id_of(uint8_t fill) {
  Id id;
  id.bytes.fill(fill);
  return id;
}

const Id kCoffer = id_of(1), kStore = id_of(2), kOther = id_of(3);

class Marks : public testing::Test {
 protected:
  Marks() {
    EXPECT_TRUE(memory_.make_directory("/db", 0700).is_ok());
    EXPECT_TRUE(memory_.make_directory("/anchor", 0700).is_ok());
  }
  std::unique_ptr<Freshness> open(milliseconds interval = milliseconds(0)) {
    return std::make_unique<Freshness>(disk_, "/anchor/a.stores", kCoffer, interval);
  }
  static LogPlace log(const std::string& name, uint8_t file, const Id& store = kStore) {
    return {store, id_of(file), "/db", name, /*last_syncs=*/true};
  }
  // Of the only log; 0 for none.
  uint64_t durable(const Id& store = kStore) const {
    const auto marks = file_.load();
    EXPECT_TRUE(marks.is_ok()) << marks.status().to_string();
    const auto mark = marks->find(store);
    return mark == marks->end() || mark->second.logs.empty() ? 0 : mark->second.logs.front().durable;
  }

  MemoryDisk memory_;
  FaultDisk disk_{memory_};
  StoreMarkFile file_{memory_, "/anchor/a.stores", kCoffer};
};

TEST_F(Marks, SayWhatWasReachedOnceTheyAreWritten) {
  const auto freshness = open();
  const auto watch = freshness->watch(log("1.log", 10));
  ASSERT_TRUE(freshness->mark_now().is_ok());
  EXPECT_EQ(durable(), 0u) << "nothing was durable yet";
  watch->reached(9000);
  EXPECT_EQ(durable(), 0u);
  ASSERT_TRUE(freshness->mark_now().is_ok());
  EXPECT_EQ(durable(), 9000u);
}

TEST_F(Marks, AreWrittenAtOnceWhenTheLastLogOfAStoreIsClosed) {
  const auto freshness = open();
  const auto first = freshness->watch(log("1.log", 10)), second = freshness->watch(log("2.log", 11));
  const auto elsewhere = freshness->watch(log("1.log", 12, kOther));
  first->reached(9000);
  EXPECT_FALSE(first->wants_sync_at_close());
  first->close();
  EXPECT_EQ(durable(), 0u);
  EXPECT_TRUE(second->wants_sync_at_close());
  second->close();
  EXPECT_EQ(durable(), 9000u);
}

TEST_F(Marks, AreWrittenByThemselvesWhileLogsAreOpen) {
  const auto freshness = open(milliseconds(1));
  const auto watch = freshness->watch(log("1.log", 10));
  watch->reached(9000);
  while (durable() != 9000) std::this_thread::yield();
}

TEST_F(Marks, AreNoAffairOfAChildThatWasForkedOff) {
  auto freshness = open(milliseconds(1));
  auto watch = freshness->watch(log("1.log", 10));
  watch->reached(9000);
  while (durable() != 9000) std::this_thread::yield();
  const pid_t child = ::fork();
  if (child == 0) {
    watch.reset();
    freshness.reset();  // would wait for ever for a thread that it does not have
    ::_exit(0);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_F(Marks, NeverGoBackWithinALogAndBeginAnewWithAnother) {
  const auto freshness = open();
  freshness->watch(log("1.log", 10))->reached(9000);
  ASSERT_TRUE(freshness->mark_now().is_ok());
  freshness->watch(log("1.log", 10))->reached(8500);
  ASSERT_TRUE(freshness->mark_now().is_ok());
  EXPECT_EQ(durable(), 9000u);
  freshness->watch(log("1.log", 11))->reached(8400);
  ASSERT_TRUE(freshness->mark_now().is_ok());
  EXPECT_EQ(durable(), 8400u);
}

TEST_F(Marks, OfWhatIsForgottenAreNotWrittenAgain) {
  const auto freshness = open();
  const auto watch = freshness->watch(log("1.log", 10));
  watch->reached(9000);
  ASSERT_TRUE(freshness->mark_now().is_ok());
  ASSERT_TRUE(freshness->forget(kStore, "1.log").is_ok());
  EXPECT_EQ(durable(), 0u);
  watch->reached(9500);
  ASSERT_TRUE(freshness->mark_now().is_ok());
  EXPECT_EQ(durable(), 0u);
}

TEST_F(Marks, AcceptTheOldCurrentAndTheNewWhileItIsReplaced) {
  const auto freshness = open();
  const auto current = [&] { return file_.load()->at(kStore).current; };
  ASSERT_TRUE(freshness->replace_current(kStore, id_of(20), [] { return Status::ok(); }).is_ok());
  EXPECT_THAT(current(), testing::ElementsAre(id_of(20)));
  const Status failed = freshness->replace_current(kStore, id_of(21), [&]() -> Status {
    EXPECT_THAT(current(), testing::ElementsAre(id_of(20), id_of(21)));
    return {Code::kIo, "the rename failed, or perhaps not"};
  });
  EXPECT_EQ(failed.code(), Code::kIo);
  EXPECT_THAT(current(), testing::ElementsAre(id_of(20), id_of(21)));
  ASSERT_TRUE(freshness->replace_current(kStore, id_of(22), [] { return Status::ok(); }).is_ok());
  EXPECT_THAT(current(), testing::ElementsAre(id_of(22)));
}

TEST_F(Marks, OfOtherProcessesAreKept) {
  const auto one = open(), other = open();
  const auto watch = one->watch(log("1.log", 10)), elsewhere = other->watch(log("1.log", 11, kOther));
  watch->reached(9000);
  elsewhere->reached(9100);
  ASSERT_TRUE(one->mark_now().is_ok());
  ASSERT_TRUE(other->mark_now().is_ok());
  watch->reached(9200);
  ASSERT_TRUE(one->mark_now().is_ok());
  EXPECT_EQ(durable(kStore), 9200u);
  EXPECT_EQ(durable(kOther), 9100u);
}

// Every operation fails once, with the disk full, and then works again.
TEST_F(Marks, SurviveADiskThatFailsAndSaySo) {
  const auto freshness = open();
  uint64_t reached = 9000, seen = 0;
  const auto watch = freshness->watch(log("1.log", 10));
  for (uint64_t operation = 1;; ++operation) {
    SCOPED_TRACE(operation);
    watch->reached(++reached);
    disk_.arm({.operation = operation, .code = Code::kNoSpace});
    const Status failed = freshness->mark_now();
    const bool met_it = disk_.fault_count() > 0;
    disk_.arm({});
    if (!met_it) break;
    if (!failed.is_ok()) {
      EXPECT_EQ(failed.code(), Code::kNoSpace);
      EXPECT_THAT(freshness->news_since(seen), HasSubstr("cannot be brought up to date"));
      EXPECT_EQ(freshness->news_since(seen), "");
    }
    ASSERT_TRUE(freshness->mark_now().is_ok());
    EXPECT_EQ(durable(), reached);
    if (!failed.is_ok()) {
      EXPECT_THAT(freshness->news_since(seen), HasSubstr("up to date again"));
    }
  }
  EXPECT_GT(reached, 9005u) << "operations failed";
}

TEST_F(Marks, AreNoFirstUseWhereTheirDirectoryIsMissing) {
  EXPECT_EQ(StoreMarkFile(memory_, "/away/a.stores", kCoffer).load().code(), Code::kNotFound);
  EXPECT_TRUE(StoreMarkFile(memory_, "/anchor/b.stores", kCoffer).load().is_ok());
}

TEST_F(Marks, OfAnotherCofferAreRefused) {
  const auto freshness = open();
  freshness->watch(log("1.log", 10))->reached(9000);
  ASSERT_TRUE(freshness->mark_now().is_ok());
  const auto other = StoreMarkFile(memory_, "/anchor/a.stores", id_of(9)).load();
  EXPECT_EQ(other.code(), Code::kInvalidArgument);
  EXPECT_THAT(other.status().to_string(), HasSubstr("/anchor/a.stores: it is for coffer"));
}

TEST_F(Marks, ThatAreMalformedAreRefused) {
  const std::string begin = "{\"coffer\":\"" + kCoffer.hex() + "\",\"stores\":{\"" + kStore.hex() + "\":";
  const std::string file = "\"file\":\"" + kOther.hex() + "\"";
  for (const std::string& mark :
       {std::string("{}"), std::string("{\"at\":1,\"current\":[],\"logs\":[],\"more\":1}"),
        std::string("{\"at\":-1,\"current\":[],\"logs\":[]}"),
        std::string("{\"at\":1,\"current\":[\"1\"],\"logs\":[]}"),
        "{\"at\":1,\"current\":[],\"logs\":[{\"name\":\"../x\"," + file + ",\"durable\":1}]}",
        "{\"at\":1,\"current\":[],\"logs\":[{\"name\":\"x\"," + file + ",\"durable\":\"1\"}]}",
        "{\"at\":1,\"current\":[],\"logs\":[{\"name\":\"x\"," + file + ",\"durable\":1},{\"name\":\"x\"," + file +
            ",\"durable\":1}]}"}) {
    ASSERT_TRUE(replace_file(memory_, "/anchor/a.stores", as_bytes(begin + mark + "}}"), 0600).is_ok());
    EXPECT_EQ(file_.load().code(), Code::kInvalidArgument) << mark;
  }
  ASSERT_TRUE(
      replace_file(memory_, "/anchor/a.stores", as_bytes(begin + "{\"at\":1,\"current\":[],\"logs\":[]}}}"), 0600)
          .is_ok());
  EXPECT_TRUE(file_.load().is_ok());
}

}  // namespace
}  // namespace coffer
