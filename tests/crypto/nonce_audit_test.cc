#include "coffer/crypto/nonce_audit.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <thread>

#include "coffer/crypto/random.h"
#include "coffer/crypto/stream.h"
#include "coffer_test_paths.h"

#ifdef COFFER_NONCE_AUDIT

namespace coffer {
namespace {

// Each case runs in a process of its own, which records to a folder of its own and may die as it likes.
class NonceAuditTest : public testing::Test {
 protected:
  NonceAuditTest() {
    testing::FLAGS_gtest_death_test_style = "threadsafe";
    folder_ = std::filesystem::path(testing::TempDir()) / ("nonce_audit." + std::to_string(getpid()));
  }

  // In the child: before anything is sealed.
  void record_here() const {
    std::filesystem::create_directories(folder_);
    setenv("COFFER_NONCE_AUDIT_DIR", folder_.c_str(), 1);
  }

  // What tools/nonce_audit.py says of the folder: its exit code. Removes the folder.
  int verdict() const {
    std::string command = std::string("python3 ") + COFFER_SOURCE_DIR + "/tools/nonce_audit.py " + folder_.string();
    int status = std::system((command + " >&2").c_str());
    std::filesystem::remove_all(folder_);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  std::filesystem::path folder_;
};

StreamKey fixed_key() { return StreamKey::copy_of(Bytes(44, 7)); }

void seal_one(const StreamKey& key, uint64_t index, uint8_t byte) {
  StreamSealer sealer = StreamSealer::create(Suite::kAes256Gcm, key).value();
  uint8_t out[1 + kTagSize];
  if (!sealer.seal(index, {}, {&byte, 1}, out)) std::abort();
}

TEST_F(NonceAuditTest, DistinctNoncesAndRepeatedMessagesAreFine) {
  EXPECT_EXIT(
      {
        record_here();
        for (uint64_t index = 0; index < 100; ++index) seal_one(fixed_key(), index, 1);
        seal_one(fixed_key(), 5, 1);
        seal_one(random_key<StreamRole>(44).value(), 5, 2);
        std::exit(verdict());
      },
      testing::ExitedWithCode(0), "102 seals by 1 processes, 101 .* pairs, 0 of them");
}

TEST_F(NonceAuditTest, ANonceUsedForTwoMessagesIsFound) {
  EXPECT_EXIT(
      {
        record_here();
        seal_one(fixed_key(), 5, 1);
        seal_one(fixed_key(), 5, 2);
        std::exit(verdict());
      },
      testing::ExitedWithCode(1), "2 seals .* 1 of them");
}

TEST_F(NonceAuditTest, AnEmptyFolderIsAFailure) {
  EXPECT_EXIT(
      {
        record_here();
        std::exit(verdict());
      },
      testing::ExitedWithCode(1), "nothing was recorded");
}

TEST_F(NonceAuditTest, RecordsOfThreadsForksAndKilledProcessesCount) {
  EXPECT_EXIT(
      {
        record_here();
        seal_one(fixed_key(), 1, 1);
        std::vector<std::thread> threads;
        for (uint64_t number = 0; number < 4; ++number) {
          threads.emplace_back([number] {
            // Together more than one window of the file.
            StreamSealer sealer = StreamSealer::create(Suite::kAes256Gcm, random_key<StreamRole>(44).value()).value();
            uint8_t out[kTagSize];
            for (uint64_t i = 0; i < 10000; ++i) {
              if (!sealer.seal(i, {}, {}, out)) std::abort();
            }
          });
        }
        for (std::thread& thread : threads) thread.join();
        if (fork() == 0) {
          seal_one(fixed_key(), 1, 2);
          raise(SIGKILL);
        }
        int status = 0;
        wait(&status);
        seal_one(fixed_key(), 2, 1);
        std::exit(verdict());
      },
      testing::ExitedWithCode(1), "40003 seals by 2 processes, 40002 .* 1 of them");
}

}  // namespace
}  // namespace coffer

#endif
