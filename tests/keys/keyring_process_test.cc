// Several processes, really: this program starts itself again as the writer.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>

#include "io/temporary_directory.h"
#include "keys/keyring_history.h"
#include "support/own_child.h"
#include "support/random_source.h"

namespace coffer {
namespace {

constexpr const char* kDirectoryVariable = "COFFER_TEST_WRITER_DIRECTORY";
constexpr const char* kCountVariable = "COFFER_TEST_WRITER_COUNT";

// The writer: adds one store after another and reports each version once it is saved. By itself, in a place of its own.
TEST(KeyringProcess, Writer) {
  TemporaryDirectory own;
  const char* directory = std::getenv(kDirectoryVariable);
  auto store = open_file_keyring_store(Disk::posix(), directory != nullptr ? directory : own.path());
  ASSERT_TRUE(directory != nullptr || store->save(KeyringHistory().sealed(1), 0).is_ok());
  const int count = directory != nullptr ? std::stoi(std::getenv(kCountVariable)) : 1;
  for (int i = 0; i < count; ++i) {
    const std::string path = "/" + std::to_string(::getpid()) + "/" + std::to_string(i);
    auto version = update_keyring(*store, [&](Keyring& keyring) { return keyring.add_store(path, 1).status(); });
    ASSERT_TRUE(version.is_ok()) << version.status().to_string();
    const std::string line = "saved " + std::to_string(*version) + "\n";
    ASSERT_EQ(::write(STDOUT_FILENO, line.data(), line.size()), static_cast<ssize_t>(line.size()));
  }
}

class WriterProcess {
 public:
  WriterProcess(const std::string& directory, int count)
      : child_("KeyringProcess.Writer", {{kDirectoryVariable, directory}, {kCountVariable, std::to_string(count)}}) {}

  // The next version it reports; 0 when it ended.
  uint64_t next_saved() {
    for (std::string line = child_.line(); !line.empty(); line = child_.line()) {
      unsigned long version = 0;
      if (std::sscanf(line.c_str(), "saved %lu", &version) == 1) return version;
    }
    return 0;
  }
  void kill() { child_.kill(); }
  // Whether it ended well.
  bool finish() {
    while (next_saved() != 0) {
    }
    return child_.wait() == 0;
  }

 private:
  OwnChild child_;
};

TEST(KeyringProcess, OfSeveralProcessesNoChangeIsLost) {
  constexpr int kProcesses = 3;
  constexpr int kCount = 10;
  TemporaryDirectory directory;
  auto store = open_file_keyring_store(Disk::posix(), directory.path());
  ASSERT_TRUE(store->save(KeyringHistory().sealed(1), 0).is_ok());
  std::vector<std::unique_ptr<WriterProcess>> writers;
  for (int i = 0; i < kProcesses; ++i) writers.push_back(std::make_unique<WriterProcess>(directory.path(), kCount));
  for (auto& writer : writers) EXPECT_TRUE(writer->finish());
  auto loaded = store->load();
  ASSERT_TRUE(loaded.is_ok());
  EXPECT_EQ(loaded->header.version, 1u + kProcesses * kCount);
  EXPECT_EQ(KeyringCodec::open(loaded->sealed, history_key())->stores().size(), size_t{kProcesses * kCount});
}

TEST(KeyringProcess, KillingTheWriterAtAnyInstantLosesNothingItReported) {
  constexpr int kKills = 12;
  RandomSource random;
  SCOPED_TRACE(random.trace());
  TemporaryDirectory directory;
  auto store = open_file_keyring_store(Disk::posix(), directory.path());
  ASSERT_TRUE(store->save(KeyringHistory().sealed(1), 0).is_ok());
  uint64_t reported = 1;
  for (int i = 0; i < kKills; ++i) {
    WriterProcess writer(directory.path(), 100'000);
    reported = std::max(reported, writer.next_saved());
    std::this_thread::sleep_for(std::chrono::microseconds(random.next() % 5000));
    writer.kill();
    while (uint64_t version = writer.next_saved()) reported = version;
    auto loaded = store->load();
    ASSERT_TRUE(loaded.is_ok()) << loaded.status().to_string();
    ASSERT_GE(loaded->header.version, reported);
    ASSERT_LE(loaded->header.version, reported + 1);
    ASSERT_TRUE(KeyringCodec::open(loaded->sealed, history_key()).is_ok());
    // The killed process's lock is free and its leftovers are no obstacle.
    auto next = update_keyring(*store, [](Keyring&) { return Status::ok(); });
    ASSERT_TRUE(next.is_ok()) << next.status().to_string();
    reported = *next;
  }
  EXPECT_LE(Disk::posix().list(directory.path())->size(), 2u) << "keyring and keyring.lock";
}

}  // namespace
}  // namespace coffer
