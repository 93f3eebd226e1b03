// Whatever a power failure leaves of a `pages` file: each page that was durable is as it was or as it was written
// since, and so is the size; never an error. Also where it fails again while the first failure is put right.
#include <random>

#include "files/pages_model.h"
#include "support/seed.h"

namespace coffer {
namespace {

constexpr CrashKind kCrashes[] = {CrashKind::kDropped, CrashKind::kTorn, CrashKind::kReordered, CrashKind::kReordered};
constexpr uint64_t kSizeMax = 260 * kModelPage;  // three groups

class PagesCrash : public PagesFixture {
 protected:
  // Has `file` changed at random, and at every change of the disk judges what crashes would leave.
  void live_through(uint64_t seed, int steps);
  static void expect_text(const PagesFile& file, const std::string& text) {
    const auto found = whole_text(file);
    ASSERT_OK(found);
    ASSERT_TRUE(*found == text) << "differs at byte " << std::ranges::mismatch(*found, text).in1 - found->begin();
  }
  // All kinds of crash at this moment.
  void crash(const MemoryDisk& disk, const PagesPast& past);
  void check_image(MemoryDisk& image, const PagesPast& past);
  // Opened for writing, so that it is put right; and crashes meanwhile.
  void crash_in_recovery(MemoryDisk& image, PagesPast past);

  std::mt19937_64 random_;
  uint64_t states_ = 0;
};

void PagesCrash::check_image(MemoryDisk& image, const PagesPast& past) {
  ++states_;
  const auto text = text_of(image);
  ASSERT_OK(text);
  ASSERT_EQ(past.judge(*text), "");
}

void PagesCrash::crash_in_recovery(MemoryDisk& image, PagesPast past) {
  auto file = open(image);
  if (file.code() == Code::kNotFound) return;
  ASSERT_OK(file);
  const auto found = whole_text(**file);
  ASSERT_OK(found);
  const std::string& text = *found;
  PagesPast since = past;
  const PagesStep step{PagesStep::What::kWrite, random_() % (text.size() + 1), 700, std::string(700, 'r')};
  std::string after = text;
  step.run(after);
  since.add(after);
  image.set_observer([&] {
    for (const CrashKind kind : kCrashes) {
      const auto again = image.crash_image(kind, random_());
      check_image(*again, since);
    }
  });
  ASSERT_OK(step.run(**file));
  ASSERT_OK((*file)->sync());
  image.set_observer(nullptr);
  since.durable(after);
  for (const CrashKind kind : kCrashes) check_image(*image.crash_image(kind, random_()), since);
  expect_text(**file, after);
}

void PagesCrash::crash(const MemoryDisk& disk, const PagesPast& past) {
  for (const CrashKind kind : kCrashes) {
    const auto image = disk.crash_image(kind, random_());
    check_image(*image, past);
    if (random_() % 40 == 0) crash_in_recovery(*image, past);
    if (testing::Test::HasFatalFailure()) return;
  }
}

void PagesCrash::live_through(uint64_t seed, int steps) {
  SCOPED_TRACE("COFFER_SEED=" + std::to_string(seed));
  random_.seed(seed);
  MemoryDisk disk;
  auto made = create(disk);
  ASSERT_OK(made);
  ASSERT_OK(disk.sync_directory("/"));
  std::unique_ptr<PagesFile> file = std::move(*made);
  std::string text;
  PagesPast past;
  disk.set_observer([&] {
    if (random_() % 4 == 0 && !testing::Test::HasFatalFailure()) crash(disk, past);
  });
  for (int i = 0; i < steps && !HasFatalFailure(); ++i) {
    SCOPED_TRACE("step " + std::to_string(i));
    const PagesStep step = PagesStep::any(random_, text.size(), kSizeMax);
    step.run(text);
    past.add(text);
    ASSERT_OK(step.run(*file));
    if (step.what == PagesStep::What::kSync) past.durable(text);
    ASSERT_NO_FATAL_FAILURE(expect_text(*file, text));
    if (i % 23 != 22) continue;
    // Closed, or left as a process that was killed leaves it.
    if (random_() % 2 == 0) {
      ASSERT_OK(file->close());
      past.durable(text);
    }
    file.reset();
    auto again = open(disk);
    if (again.code() == Code::kNotFound) {
      ASSERT_EQ(text, "");
      return;
    }
    ASSERT_OK(again);
    file = std::move(*again);
    ASSERT_NO_FATAL_FAILURE(expect_text(*file, text));
  }
  disk.set_observer(nullptr);
}

TEST_F(PagesCrash, EveryPageThatWasDurableReadsAsItWasOrAsItWasWrittenSince) {
  for (const uint64_t seed : seeds(12)) {
    live_through(seed, 70);
    if (HasFatalFailure()) return;
  }
  RecordProperty("states", static_cast<int>(states_));
}

}  // namespace
}  // namespace coffer
