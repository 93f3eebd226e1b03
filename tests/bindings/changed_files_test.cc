// Files that are changed at any place, by the C library.
#include <random>
#include <thread>

#include "bindings/c_file_fixture.h"
#include "coffer/format/envelope.h"

namespace coffer {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr size_t kPage = 4096;

class CChangedFileTest : public CFileTest {
 protected:
  void write_at(coffer_file_t* file, uint64_t offset, const std::string& text) {
    ASSERT_C_OK(error_, coffer_file_write_at(file, offset, text.data(), text.size(), error_.out()));
  }
  void truncate(coffer_file_t* file, uint64_t size) {
    ASSERT_C_OK(error_, coffer_file_truncate(file, size, error_.out()));
  }
  void punch(coffer_file_t* file, uint64_t offset, uint64_t size) {
    ASSERT_C_OK(error_, coffer_file_punch_hole(file, offset, size, error_.out()));
  }
  void sync(coffer_file_t* file) { ASSERT_C_OK(error_, coffer_file_sync(file, error_.out())); }
  std::string read_reopened(MemoryFile& memory) {
    coffer_file_t* const file = reopen(memory);
    if (file == nullptr) return error_.text();
    const std::string out = read_all(file);
    coffer_file_abandon(file);
    return out;
  }

  // Changes of every sort. Of a file whose callbacks fail: until the first that does.
  struct Step {
    std::function<coffer_code_t(coffer_file_t*)> act;
    std::function<void(std::string&)> expect;
    bool syncs = false;
  };
  std::vector<Step> steps() {
    const auto write = [this](uint64_t offset, const std::string& text) {
      return Step{[=, this](coffer_file_t* file) {
                    return coffer_file_write_at(file, offset, text.data(), text.size(), error_.out());
                  },
                  [=](std::string& model) {
                    model.resize(std::max<size_t>(model.size(), offset + text.size()));
                    model.replace(offset, text.size(), text);
                  }};
    };
    const Step sync{[this](coffer_file_t* file) { return coffer_file_sync(file, error_.out()); }, [](std::string&) {},
                    true};
    return {write(0, text_of(3 * kPage)),
            sync,
            write(kPage - 5, "over two pages"),
            write(500'000, "behind a hole"),
            {[this](coffer_file_t* file) { return coffer_file_append(file, "at the end", 10, error_.out()); },
             [](std::string& model) { model += "at the end"; }},
            sync,
            {[this](coffer_file_t* file) { return coffer_file_punch_hole(file, 100, 2 * kPage, error_.out()); },
             [](std::string& model) { model.replace(100, 2 * kPage, 2 * kPage, '\0'); }},
            {[this](coffer_file_t* file) { return coffer_file_truncate(file, 2 * kPage + 7, error_.out()); },
             [](std::string& model) { model.resize(2 * kPage + 7); }},
            sync,
            {[this](coffer_file_t* file) { return coffer_file_truncate(file, 40'000, error_.out()); },
             [](std::string& model) { model.resize(40'000); }},
            write(10, "x"),
            sync};
  }
};

TEST_P(CChangedFileTest, IsWhatWasWrittenAtEveryStepAndAfterReopening) {
  MemoryFile memory;
  memory.may_have_gaps = true;
  coffer_file_t* file = create(memory);
  ASSERT_NE(file, nullptr) << error_.text();
  std::string model;
  for (const Step& step : steps()) {
    ASSERT_EQ(step.act(file), COFFER_OK) << error_.text();
    step.expect(model);
    EXPECT_EQ(read_all(file), model);
  }
  close(file);
  EXPECT_THAT(memory.bytes, Not(HasSubstr("contents 0")));
  EXPECT_EQ(read_reopened(memory), model);
  file = open(memory);
  ASSERT_NE(file, nullptr) << error_.text();
  EXPECT_EQ(read_all(file), model);
  EXPECT_EQ(coffer_file_write_at(file, 0, "x", 1, error_.out()), COFFER_UNSUPPORTED);
  EXPECT_THAT(error_.text(), HasSubstr("COFFER_ROLE_IN_PLACE"));
  close(file);
  const auto scan = scan_envelope(as_bytes(memory.bytes).first(kEnvelopeSize));
  ASSERT_OK(scan);
  EXPECT_EQ(scan->fields.kind, Kind::kPages);
}

TEST_P(CChangedFileTest, RandomChangesAreAsThoseOfAString) {
  std::mt19937 chance(1);
  const auto any = [&](size_t below) { return chance() % below; };
  MemoryFile memory;
  memory.may_have_gaps = true;
  coffer_file_t* file = create(memory);
  std::string model;
  for (int turn = 0; turn < 400; ++turn) {
    const size_t offset = any(60'000), size = 1 + any(any(4) == 0 ? 20'000 : 300);
    switch (any(10)) {
      case 0:
        truncate(file, offset);
        model.resize(offset);
        break;
      case 1:
        punch(file, offset, size);
        for (size_t at = offset; at < std::min(offset + size, model.size()); ++at) model[at] = '\0';
        break;
      case 2: sync(file); break;
      case 3:
        close(file);
        file = reopen(memory);
        ASSERT_NE(file, nullptr) << error_.text();
        break;
      default: {
        const std::string text(size, static_cast<char>('a' + any(26)));
        write_at(file, offset, text);
        model.resize(std::max(model.size(), offset + size));
        model.replace(offset, size, text);
      }
    }
    if (turn % 20 == 0) {
      ASSERT_EQ(read_all(file), model) << turn;
    }
  }
  EXPECT_EQ(read_all(file), model);
  coffer_file_abandon(file);
  EXPECT_EQ(read_reopened(memory), model) << "what was written is in the program's file";
}

TEST_P(CChangedFileTest, WhicheverCallbackFailsWhatWasSyncedIsThere) {
  for (int calls = 1;; ++calls) {
    SCOPED_TRACE(calls);
    MemoryFile failing;
    failing.may_have_gaps = true;
    failing.calls_left = calls;
    coffer_file_t* const file = create(failing);
    if (file == nullptr) {
      EXPECT_EQ(code_, COFFER_NO_SPACE) << error_.text();
      continue;
    }
    std::string model;
    std::vector<std::string> since_sync = {model};
    coffer_code_t code = COFFER_OK;
    for (const Step& step : steps()) {
      if ((code = step.act(file)) != COFFER_OK) break;
      step.expect(model);
      if (step.syncs) since_sync.clear();
      since_sync.push_back(model);
    }
    if (code != COFFER_OK) {
      coffer_file_abandon(file);
    } else if ((code = coffer_file_close(file, error_.out())) == COFFER_OK) {
      break;
    }
    EXPECT_EQ(code, COFFER_NO_SPACE);
    EXPECT_THAT(error_.text(), HasSubstr("the program's callback"));
    // As if the machine had stopped: nothing is left of what was not synced.
    MemoryFile after;
    after.may_have_gaps = true;
    after.bytes = failing.synced;
    coffer_file_t* const again = reopen(after);
    ASSERT_NE(again, nullptr) << error_.text();
    EXPECT_THAT(since_sync, testing::Contains(read_all(again)));
    write_at(again, 3, "goes on");
    close(again);
    ASSERT_LT(calls, 1000);
  }
}

TEST_P(CChangedFileTest, AReadThatFailsReleasesNothing) {
  MemoryFile memory;
  memory.may_have_gaps = true;
  coffer_file_t* file = create(memory);
  write_at(file, 0, text_of(3 * kPage));
  close(file);
  file = reopen(memory);
  ASSERT_NE(file, nullptr);
  memory.bytes[memory.bytes.size() - 10] = static_cast<char>(memory.bytes[memory.bytes.size() - 10] ^ 1);
  std::string out(3 * kPage, '?');
  size_t done = 7;
  EXPECT_EQ(coffer_file_read_at(file, 0, out.data(), out.size(), &done, error_.out()), COFFER_TAMPERED);
  EXPECT_EQ(out, std::string(3 * kPage, '\0'));
  EXPECT_EQ(done, 0u);
  ASSERT_C_OK(error_, coffer_file_read_at(file, kPage, out.data(), kPage, &done, error_.out()));
  EXPECT_EQ(out.substr(0, kPage), text_of(3 * kPage).substr(kPage, kPage));
  memory.calls_left = 1;
  EXPECT_EQ(coffer_file_read_at(file, kPage, out.data(), kPage, &done, error_.out()), COFFER_NO_SPACE);
  EXPECT_EQ(out.substr(0, kPage), std::string(kPage, '\0'));
  coffer_file_abandon(file);
}

TEST_P(CChangedFileTest, WhatIsLongGoesInPiecesAndWhatIsTooLongNotAtAll) {
  MemoryFile memory;
  memory.may_have_gaps = true;
  coffer_file_t* const file = create(memory);
  const std::string text = text_of((5 << 19) + 3);
  append(file, text);
  EXPECT_EQ(read_all(file), text);
  constexpr uint64_t kTooLong = (uint64_t{1} << 40) + 1;
  EXPECT_EQ(coffer_file_truncate(file, kTooLong, error_.out()), COFFER_LIMIT_EXCEEDED);
  EXPECT_EQ(coffer_file_write_at(file, UINT64_MAX, "x", 1, error_.out()), COFFER_LIMIT_EXCEEDED);
  punch(file, UINT64_MAX, UINT64_MAX);
  punch(file, 5, UINT64_MAX);
  EXPECT_EQ(read_all(file), text.substr(0, 5) + std::string(text.size() - 5, '\0'));
  EXPECT_EQ(coffer_file_write_at(file, 0, nullptr, 1, error_.out()), COFFER_INVALID_ARGUMENT);
  EXPECT_EQ(coffer_file_write_at(nullptr, 0, "x", 1, error_.out()), COFFER_INVALID_ARGUMENT);
  close(file);
}

TEST_P(CChangedFileTest, ReadsAndSyncsGoOnBesideWrites) {
  MemoryFile memory;
  memory.may_have_gaps = true;
  coffer_file_t* const file = create(memory);
  write_at(file, 0, std::string(64 * kPage, '.'));
  std::atomic<int> failed{0};
  std::vector<std::thread> threads;
  for (int number = 0; number < 4; ++number) {
    threads.emplace_back([&, number] {
      for (uint64_t turn = 0; turn < 100; ++turn) {
        char page[kPage];
        size_t done = 0;
        const uint64_t offset = turn * 7 % 64 * kPage;
        std::memset(page, 'a' + number, sizeof page);
        coffer_code_t code = COFFER_OK;
        if (number < 2) code = coffer_file_write_at(file, offset, page, sizeof page, nullptr);
        if (number == 2) code = coffer_file_sync(file, nullptr);
        if (number == 3) {
          code = coffer_file_read_at(file, offset, page, sizeof page, &done, nullptr);
          // Whole, whoever wrote it.
          if (done != kPage || std::string(page, kPage) != std::string(kPage, page[0])) ++failed;
        }
        if (code != COFFER_OK) ++failed;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
  close(file);
}

TEST_P(CChangedFileTest, BelongsToTheDomainThatWasAskedForAndIsLockedWithIt) {
  MemoryFile memory;
  memory.may_have_gaps = true;
  coffer_file_t* const file = create(memory, "tenant");
  ASSERT_NE(file, nullptr) << error_.text();
  write_at(file, 0, "text");
  ASSERT_OK(lock_domain(*coffer_, "tenant"));
  char out[4] = {};
  size_t done = 0;
  ASSERT_TRUE(comes([&] { return coffer_file_read_at(file, 0, out, 4, &done, nullptr) == COFFER_KEY_UNAVAILABLE; }));
  EXPECT_EQ(coffer_file_write_at(file, 0, "x", 1, error_.out()), COFFER_KEY_UNAVAILABLE);
  ASSERT_OK(unlock_domain(*coffer_, "tenant"));
  ASSERT_TRUE(comes([&] { return coffer_file_write_at(file, 0, "T", 1, nullptr) == COFFER_OK; }));
  EXPECT_EQ(read_all(file), "Text");
  close(file);
}

class CNotChangedFileTest : public CFileTest {};

TEST_P(CNotChangedFileTest, IsWrittenFrontToBackOnly) {
  MemoryFile memory;
  coffer_file_t* file = create(memory);
  append(file, "text");
  EXPECT_EQ(coffer_file_write_at(file, 0, "x", 1, error_.out()), COFFER_UNSUPPORTED);
  EXPECT_EQ(coffer_file_truncate(file, 0, error_.out()), COFFER_UNSUPPORTED);
  EXPECT_EQ(coffer_file_punch_hole(file, 0, 1, error_.out()), COFFER_UNSUPPORTED);
  EXPECT_THAT(error_.text(), HasSubstr(path() + ": is not open to be changed in place"));
  close(file);
  file = open(memory);
  EXPECT_EQ(read_all(file), "text");
  close(file);
}

constexpr KindOfFile kPagesFile{"pages", COFFER_ROLE_IN_PLACE, ""};

INSTANTIATE_TEST_SUITE_P(Kinds, CChangedFileTest, testing::Values(kPagesFile), name_of);
INSTANTIATE_TEST_SUITE_P(Kinds, CNotChangedFileTest, testing::Values(kBlocksFile, kLogFile, kCtrFile), name_of);

}  // namespace
}  // namespace coffer
