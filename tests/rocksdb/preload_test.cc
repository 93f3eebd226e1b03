// Debian's unmodified RocksDB tools with the preloaded module.
#include <sys/wait.h>

#include "coffer_test_paths.h"
#include "rocksdb/store_fixture.h"

namespace coffer {
namespace {

struct Ended {
  int exit_code = -1;  // 128 + signal when killed
  std::string output;  // both streams
};

Ended run(const std::string& command) {
  Ended ended;
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return ended;
  char buffer[4096];
  for (size_t n; (n = ::fread(buffer, 1, sizeof buffer, pipe)) > 0;) ended.output.append(buffer, n);
  const int status = ::pclose(pipe);
  ended.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return ended;
}

class Preload : public ::testing::Test {
 protected:
  void SetUp() override {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "a sanitized module cannot be preloaded into a program that is not";
#endif
    if (::access("/usr/bin/ldb", X_OK) != 0) FAIL() << "rocksdb-tools is not installed: ./setup --tests";
  }
  static std::string module() { return COFFER_BINARY_DIR "/libcoffer_rocksdb_preload.so"; }
  std::string with_variable(const std::string& command) const {
    return "env LD_PRELOAD=" + module() + " COFFER_FS_URI=coffer://" + work_.coffer_directory() + " " + command;
  }
  std::string with_flag(const std::string& command) const {
    return "env LD_PRELOAD=" + module() + " " + command + " --fs_uri=coffer://" + work_.coffer_directory();
  }
  std::string db() const { return work_.path("db"); }

  Workplace work_;
};

TEST_F(Preload, LdbReadsAndWritesWithNothingButTheEnvironment) {
  Ended put = run(with_variable("ldb --db=" + db() + " --create_if_missing put apple " + kCanary));
  EXPECT_EQ(put.exit_code, 0) << put.output;
  Ended get = run(with_variable("ldb --db=" + db() + " get apple"));
  EXPECT_THAT(get.output, ::testing::HasSubstr(kCanary));
  work_.expect_no_plaintext("db");
  OpenDb opened = work_.open();
  ASSERT_TRUE(opened);
  std::string value;
  ASSERT_FINE(opened->Get({}, "apple", &value));
  EXPECT_EQ(value, kCanary);
}

TEST_F(Preload, LdbTakesTheFlagAlone) {
  Ended put = run(with_flag("ldb --db=" + db() + " --create_if_missing put apple " + kCanary));
  EXPECT_EQ(put.exit_code, 0) << put.output;
  work_.expect_no_plaintext("db");
  EXPECT_THAT(run(with_flag("ldb --db=" + db() + " get apple")).output, ::testing::HasSubstr(kCanary));
  // Both at once do not encrypt twice.
  EXPECT_THAT(
      run(with_variable("ldb --fs_uri=coffer://" + work_.coffer_directory() + " --db=" + db() + " get apple")).output,
      ::testing::HasSubstr(kCanary));
  EXPECT_THAT(run(with_variable("ldb --db=" + db() + " get apple")).output, ::testing::HasSubstr(kCanary));
}

TEST_F(Preload, DbBenchAndSstDumpWork) {
  Ended bench = run(with_variable("db_bench --db=" + db() +
                                  " --benchmarks=fillrandom,compact,readrandom,readseq "
                                  "--num=2000 --compression_type=none --seed=1"));
  EXPECT_EQ(bench.exit_code, 0) << bench.output;
  EXPECT_THAT(bench.output, ::testing::HasSubstr("readseq"));
  work_.expect_no_plaintext("db");
  Ended dump = run(with_variable("sst_dump --file=" + db() + " --command=verify"));
  EXPECT_THAT(dump.output, ::testing::HasSubstr("The file is ok"));
  EXPECT_THAT(run("sst_dump --file=" + db() + " --command=verify").output,
              ::testing::Not(::testing::HasSubstr("The file is ok")));
}

TEST_F(Preload, WithoutCofferTheDatabaseCannotBeOpened) {
  ASSERT_EQ(run(with_variable("ldb --db=" + db() + " --create_if_missing put a b")).exit_code, 0);
  EXPECT_NE(run("ldb --db=" + db() + " get a").exit_code, 0);
}

TEST_F(Preload, ACofferThatDoesNotOpenEndsTheProgramBeforeItWritesAnything) {
  for (const std::string& uri :
       {std::string("coffer:///no/such/coffer"), "coffer://" + work_.coffer_directory() + "?rot=x",
        std::string("cofer:///x"), std::string("coffer://")}) {
    Ended ended = run("env LD_PRELOAD=" + module() + " COFFER_FS_URI='" + uri + "' ldb --db=" + db() +
                      " --create_if_missing put a b");
    EXPECT_EQ(ended.exit_code, 2) << uri << "\n" << ended.output;
    EXPECT_THAT(ended.output, ::testing::HasSubstr("coffer: "));
    EXPECT_FALSE(std::filesystem::exists(db()));
    // ldb itself does not survive a bad --fs_uri; the reason is on standard error before that.
    ended =
        run("env LD_PRELOAD=" + module() + " ldb --fs_uri='" + uri + "' --db=" + db() + " --create_if_missing put a b");
    EXPECT_NE(ended.exit_code, 0);
    if (uri.starts_with("coffer://")) {
      EXPECT_THAT(ended.output, ::testing::HasSubstr("coffer: ")) << uri;
    }
    EXPECT_FALSE(std::filesystem::exists(db()));
  }
}

TEST_F(Preload, ProgramsWithoutRocksDbAreLeftAlone) {
  EXPECT_EQ(run(with_variable("echo hello")).output, "hello\n");
  EXPECT_EQ(run("env LD_PRELOAD=" + module() + " COFFER_FS_URI=coffer:///no/such echo hello").output, "hello\n");
}

TEST_F(Preload, OnlyTheProcessThatCofferExecNamesOpensTheCofferBeforeItsProgramBegins) {
  const std::string preload = "LD_PRELOAD=" + module() + " COFFER_FS_URI=coffer://";
  const std::string asked = "COFFER_EXEC=\"$$ 1073741824\" ";
  Ended ended = run("sh -c '" + asked + preload + "/no/such exec echo hello'");
  EXPECT_EQ(ended.exit_code, 2);
  EXPECT_THAT(ended.output, ::testing::StartsWith("coffer: /no/such is not a coffer"));
  ended = run("sh -c '" + asked + preload + work_.coffer_directory() + " exec sh -c \"echo [\\$COFFER_EXEC]\"'");
  EXPECT_EQ(ended.output, "[]\n");
  for (const std::string other : {"1 0", "", "x", "1"}) {
    EXPECT_EQ(run("env COFFER_EXEC='" + other + "' " + preload + "/no/such echo hello").output, "hello\n");
  }
}

TEST_F(Preload, NothingOfTheModuleIsConstructedAfterItOpensTheCoffer) {
  Ended listed = run("nm " + module());
  EXPECT_EQ(listed.exit_code, 0);
  EXPECT_THAT(listed.output, ::testing::Not(::testing::HasSubstr("_GLOBAL__sub_I"))) << "its init comes after begin()";
}

}  // namespace
}  // namespace coffer
