// Where backups are kept: directories and commands owe the same, and each more that the other cannot do wrong.
#include "coffer/ops/backup_target.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "io/temporary_directory.h"
#include "store/coffer_fixture.h"
#include "support/comes.h"
#include "support/fault_disk.h"
#include "support/memory_disk.h"

namespace coffer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// As an operator would write it, over a directory.
constexpr std::string_view kStoreScript = R"SH(
case "$1" in
size) [ -f "$STORE/$2" ] || exit 3; exec stat -c %s "$STORE/$2";;
get) [ -f "$STORE/$2" ] || exit 3; exec cat "$STORE/$2";;
put) mkdir -p "$(dirname "$STORE/$2")" && cat > "$STORE/.new" && exec mv "$STORE/.new" "$STORE/$2";;
list) cd "$STORE" && find . -type f ! -name '.*' | sed 's|^\./||' | grep "^$2"; exit 0;;
remove) exec rm -f "$STORE/$2";;
esac
exit 9
)SH";

class Place {
 public:
  std::string command(const std::string& script) const {
    const std::string path = directory_ / "store-program";
    const std::string text = "#!/bin/sh\nSTORE='" + stored() + "'\nmkdir -p \"$STORE\"\n" + script;
    EXPECT_TRUE(replace_file(Disk::posix(), path, as_bytes(text), 0700, ReplacedMode::kGiven).is_ok());
    return path;
  }
  std::unique_ptr<BackupTarget> by(const std::string& script,
                                   std::chrono::milliseconds stall_max = std::chrono::hours(1)) const {
    std::filesystem::create_directory(directory_ / "scratch");
    return command_target({command(script)}, directory_ / "scratch", stall_max);
  }
  std::string stored() const { return directory_ / "stored"; }
  std::string operator/(const std::string& name) const { return directory_ / name; }

 private:
  TemporaryDirectory directory_;
};

std::string pattern(size_t size, uint64_t seed) {
  std::string out(size, '\0');
  for (size_t i = 0; i < size; ++i) out[i] = static_cast<char>(seed * 31 + i * 7 + i / 251);
  return out;
}

Status put(BackupTarget& target, const std::string& name, const std::string& text) {
  return target.put_small(name, as_bytes(text));
}

std::string get(BackupTarget& target, const std::string& name) {
  const auto bytes = target.get_small(name, size_t{64} << 20);
  return bytes.is_ok() ? std::string(as_text(*bytes)) : bytes.status().to_string();
}

class BackupTargetContract : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const bool is_directory = std::string_view(GetParam()) == "Directory";
    target_ = is_directory ? directory_target(Disk::posix(), place_.stored()) : place_.by(std::string(kStoreScript));
  }
  BackupTarget& target() { return *target_; }

  Place place_;
  std::unique_ptr<BackupTarget> target_;
};
INSTANTIATE_TEST_SUITE_P(Each, BackupTargetContract, ::testing::Values("Directory", "Command"),
                         [](const auto& param) { return std::string(param.param); });

TEST_P(BackupTargetContract, WhatWasPutIsThereWholeUntilItIsRemoved) {
  EXPECT_EQ(target().get_small("objects/aa/b", 10).status().code(), Code::kNotFound);
  EXPECT_FALSE(*target().has("objects/aa/b"));
  EXPECT_THAT(*target().list(""), IsEmpty());
  EXPECT_THAT(*target().list("backups/"), IsEmpty());
  const std::string large = pattern((size_t{3} << 20) + 17, 5);
  ASSERT_OK(put(target(), "objects/aa/b", large));
  ASSERT_OK(put(target(), "objects/aa/empty", ""));
  ASSERT_OK(put(target(), "objects/ab/c", "small"));
  ASSERT_OK(put(target(), "coffer-backups", "marker"));
  EXPECT_TRUE(get(target(), "objects/aa/b") == large);
  EXPECT_EQ(**target().size_of("objects/aa/b"), large.size());
  EXPECT_EQ(**target().size_of("objects/aa/empty"), 0u);
  EXPECT_EQ(get(target(), "objects/aa/empty"), "");
  EXPECT_THAT(*target().list("objects/"), ElementsAre("objects/aa/b", "objects/aa/empty", "objects/ab/c"));
  EXPECT_THAT(*target().list("objects/ab/"), ElementsAre("objects/ab/c"));
  EXPECT_EQ(target().list("")->size(), 4u);
  ASSERT_OK(put(target(), "objects/ab/c", "another"));
  EXPECT_EQ(get(target(), "objects/ab/c"), "another");
  ASSERT_OK(target().remove("objects/ab/c"));
  ASSERT_OK(target().remove("objects/ab/c"));
  ASSERT_OK(target().remove("nothing/of/this"));
  EXPECT_FALSE(*target().has("objects/ab/c"));
}

TEST_P(BackupTargetContract, BytesAreReadAtRandomAndNoMoreOfThemThanThereShouldBe) {
  const std::string text = pattern(300'000, 3);
  ASSERT_OK(put(target(), "backups/a/index", text));
  const auto file = target().open("backups/a/index", text.size());
  ASSERT_OK(file);
  Bytes piece(1000);
  EXPECT_EQ(*(*file)->read_at(299'500, piece), 500u);
  EXPECT_EQ(as_text(ByteView(piece).first(500)), text.substr(299'500));
  EXPECT_EQ(target().open("backups/a/index", text.size() - 1).status().code(), Code::kLimitExceeded);
  EXPECT_EQ(target().get_small("backups/a/index", text.size() - 1).status().code(), Code::kLimitExceeded);
  EXPECT_EQ(target().open("backups/a/none", 1).status().code(), Code::kNotFound);
}

TEST_P(BackupTargetContract, NoNameLeadsOutOfIt) {
  ASSERT_OK(put(target(), "a", "there"));
  for (const std::string name : {"", "/a", "../a", "a/../b", "a//b", "a/", ".a", "a/.b", "a b", "a\n", "a\\b", "-/..",
                                 "\xc3\xa4"}) {
    EXPECT_EQ(put(target(), name, "x").code(), Code::kInvalidArgument) << name;
    EXPECT_EQ(target().get_small(name, 9).status().code(), Code::kInvalidArgument) << name;
    EXPECT_EQ(target().size_of(name).status().code(), Code::kInvalidArgument) << name;
    EXPECT_EQ(target().remove(name).code(), Code::kInvalidArgument) << name;
    EXPECT_EQ(target().open(name, 9).status().code(), Code::kInvalidArgument) << name;
  }
  EXPECT_EQ(put(target(), std::string(256, 'a'), "x").code(), Code::kInvalidArgument);
  EXPECT_EQ(target().list("../").status().code(), Code::kInvalidArgument);
  EXPECT_THAT(*target().list(""), ElementsAre("a"));
}

TEST_P(BackupTargetContract, ASourceThatFailsLeavesWhatWasThere) {
  ASSERT_OK(put(target(), "objects/aa/b", "before"));
  for (const std::string name : {"objects/aa/b", "objects/aa/c"}) {
    int pieces = 0;
    const Status failed = target().put(name, [&](MutableBytes out) -> Result<size_t> {
      if (++pieces == 4) return {Code::kConflict, "the file has changed"};
      return out.size();
    });
    EXPECT_EQ(failed.code(), Code::kConflict) << failed.to_string();
  }
  EXPECT_EQ(get(target(), "objects/aa/b"), "before");
  EXPECT_THAT(*target().list(""), ElementsAre("objects/aa/b"));
}

TEST_P(BackupTargetContract, AReaderMayStopInTheMiddle) {
  ASSERT_OK(put(target(), "objects/aa/b", pattern(size_t{3} << 20, 1)));
  const Status stopped = target().get("objects/aa/b", [](ByteView) -> Status { return {Code::kTampered, "enough"}; });
  EXPECT_EQ(stopped.code(), Code::kTampered);
  EXPECT_THAT(stopped.to_string(), HasSubstr("enough"));
}

TEST(BackupDirectory, IsForItsOwnerAloneAndLinksInItAreNotFollowed) {
  const Place place;
  const auto target = directory_target(Disk::posix(), place.stored());
  ASSERT_OK(put(*target, "objects/aa/b", "body"));
  const auto mode_of = [&](const std::string& name) { return Disk::posix().info(place.stored() + name)->mode; };
  EXPECT_EQ(mode_of(""), 0700u);
  EXPECT_EQ(mode_of("/objects/aa"), 0700u);
  EXPECT_EQ(mode_of("/objects/aa/b"), 0600u);
  std::filesystem::create_directory(place / "elsewhere");
  std::ofstream(place / "elsewhere/b") << "not of the target";
  std::filesystem::create_directory_symlink(place / "elsewhere", place.stored() + "/objects/ab");
  std::filesystem::create_symlink(place / "elsewhere/b", place.stored() + "/objects/aa/c");
  EXPECT_EQ(put(*target, "objects/ab/new", "x").code(), Code::kInvalidArgument);
  EXPECT_EQ(target->get_small("objects/ab/b", 99).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(target->remove("objects/ab/b").code(), Code::kInvalidArgument);
  EXPECT_EQ(target->get_small("objects/aa/c", 99).status().code(), Code::kInvalidArgument);
  EXPECT_THAT(*target->list(""), ElementsAre("objects/aa/b"));
  EXPECT_TRUE(std::filesystem::exists(place / "elsewhere/b"));
  EXPECT_FALSE(std::filesystem::exists(place / "elsewhere/new"));
  ASSERT_OK(put(*target, "objects/aa/c", "a file of its own"));
  EXPECT_EQ(get(*target, "objects/aa/c"), "a file of its own") << "in the link's place";
}

TEST(BackupDirectory, WhateverFailsANameHasAllBytesOrThoseOfBefore) {
  const std::string before = pattern(3000, 1), after = pattern((size_t{1} << 20) + 99, 2);
  for (const bool for_good : {false, true}) {
    for (uint64_t operation = 1;; ++operation) {
      MemoryDisk memory;
      ASSERT_OK(put(*directory_target(memory, "/t"), "objects/aa/b", before));
      FaultDisk disk(memory);
      const auto target = directory_target(disk, "/t");
      disk.arm({operation, for_good, /*short_write=*/true, Code::kNoSpace});
      const Status status = put(*target, "objects/aa/b", after);
      const bool met = disk.fault_count() > 0;
      const auto clean = directory_target(memory, "/t");
      const std::string now = get(*clean, "objects/aa/b");
      EXPECT_TRUE(now == before || now == after) << operation;
      if (status.is_ok()) {
        EXPECT_TRUE(now == after) << operation;
      } else {
        EXPECT_EQ(status.code(), Code::kNoSpace) << operation << status.to_string();
      }
      EXPECT_THAT(*clean->list(""), ElementsAre("objects/aa/b"));
      ASSERT_OK(clean->remove_leftovers());
      EXPECT_EQ(memory.list("/t/objects/aa")->size(), 1u) << operation;
      if (met) continue;
      ASSERT_OK(status);
      EXPECT_GT(operation, 8u);
      break;
    }
  }
}

TEST(BackupDirectory, WhatIsPutSurvivesAPowerFailureFromThenOnAndIsNeverHalf) {
  MemoryDisk memory;
  const auto target = directory_target(memory, "/t");
  const std::string body = pattern((size_t{1} << 20) + 99, 2);
  uint64_t seed = 1;
  const auto look = [&](bool must_be_there) {
    for (const CrashKind kind : {CrashKind::kDropped, CrashKind::kTorn, CrashKind::kReordered}) {
      const auto image = memory.crash_image(kind, seed++);
      const auto found = directory_target(*image, "/t")->get_small("objects/aa/b", body.size());
      const Code otherwise = must_be_there ? Code::kOk : Code::kNotFound;
      EXPECT_TRUE(found.is_ok() ? as_text(*found) == body : found.status().code() == otherwise) << status_text(found);
    }
  };
  memory.set_observer([&] { look(false); });
  ASSERT_OK(put(*target, "objects/aa/b", body));
  memory.set_observer({});
  look(true);
  ASSERT_OK(target->remove("objects/aa/b"));
  EXPECT_EQ(directory_target(*memory.crash_image(CrashKind::kDropped, 1), "/t")->size_of("objects/aa/b")->has_value(),
            false);
}

TEST(BackupCommand, OneThatDiesInTheMiddleGivesAnErrorAndNothingWhole) {
  const Place place;
  const auto dies = place.by("[ $1 = get ] && head -c 5000 /dev/zero\n[ $1 = put ] && head -c 5000 >/dev/null\n"
                             "echo 'the line was cut' >&2; echo more >&2; kill -9 $$");
  const auto code_and_text = [](const Status& status) { return status.to_string(); };
  const Status got = dies->get("a", [](ByteView) { return Status::ok(); });
  EXPECT_EQ(got.code(), Code::kProviderUnavailable);
  EXPECT_THAT(code_and_text(got), HasSubstr("store-program: get a: it was ended by signal 9: the line was cut"));
  EXPECT_EQ(dies->open("a", 1 << 20).status().code(), Code::kProviderUnavailable);
  EXPECT_TRUE(std::filesystem::is_empty(place / "scratch"));
  EXPECT_EQ(put(*dies, "a", pattern(1 << 20, 1)).code(), Code::kProviderUnavailable);
  EXPECT_EQ(dies->size_of("a").status().code(), Code::kProviderUnavailable);
  EXPECT_EQ(dies->list("").status().code(), Code::kProviderUnavailable);
  EXPECT_EQ(dies->remove("a").code(), Code::kProviderUnavailable);
}

TEST(BackupCommand, SaysHowItEndedAndTheFirstLineOfWhatItSaid) {
  const Place place;
  const auto fails = place.by("printf 'no bucket\\033[2J here\\nsecond line\\n' >&2; exit 7");
  EXPECT_THAT(put(*fails, "a", "x").to_string(), HasSubstr("put a: it exited with status 7: no bucket"));
  EXPECT_THAT(put(*fails, "a", "x").to_string(), ::testing::Not(HasSubstr("second line")));
  EXPECT_THAT(put(*fails, "a", "x").to_string(), ::testing::Not(HasSubstr("\033")));
  const auto silent = place.by("exit 3");
  EXPECT_EQ(put(*silent, "a", "x").code(), Code::kProviderUnavailable) << "3 is no answer to that";
  EXPECT_EQ(silent->list("").status().code(), Code::kProviderUnavailable);
  const auto hasty = place.by("exit 0");
  EXPECT_EQ(put(*hasty, "a", pattern(1 << 20, 1)).code(), Code::kIo) << "it has not taken all";
  EXPECT_EQ(hasty->size_of("a").status().code(), Code::kProviderUnavailable) << "no size";
}

TEST(BackupCommand, NamesItListsThatNoneMayBeAreLeftOut) {
  const Place place;
  const auto target =
      place.by("printf '../etc/passwd\\nobjects/aa/b\\n/x\\nbackups/a/index\\nobjects/aa/b\\n.hidden\\n'");
  EXPECT_THAT(*target->list(""), ElementsAre("backups/a/index", "objects/aa/b"));
  EXPECT_THAT(*target->list("objects/"), ElementsAre("objects/aa/b"));
}

TEST(BackupCommand, OneThatHangsIsEndedWithWhatItStarted) {
  const Place place;
  const auto target = place.by("sleep 600 & echo $! > " + (place / "pid") + "; wait", std::chrono::milliseconds(200));
  EXPECT_EQ(target->get("a", [](ByteView) { return Status::ok(); }).code(), Code::kProviderUnavailable);
  std::string left;
  std::getline(std::ifstream(place / "pid"), left);
  ASSERT_NE(left, "");
  EXPECT_TRUE(comes([&] {
    std::string stat;
    std::getline(std::ifstream("/proc/" + left + "/stat"), stat);
    return stat.empty() || stat.find(") Z") != std::string::npos;
  })) << "its child runs on";
}

TEST(BackupCommand, IsRunOnlyIfNobodyElseCouldHavePutItThere) {
  const Place place;
  const auto target = place.by("exit 0");
  ASSERT_EQ(::chmod((place / "store-program").c_str(), 0722), 0);
  EXPECT_EQ(target->remove("a").code(), Code::kPermissionDenied);
  ASSERT_EQ(::chmod((place / "store-program").c_str(), 0600), 0);
  EXPECT_EQ(target->remove("a").code(), Code::kPermissionDenied);
  EXPECT_EQ(command_target({place / "none"}, place / "scratch")->remove("a").code(), Code::kProviderUnavailable);
}

class BackupTargetName : public CofferFixture {};

TEST_F(BackupTargetName, OnePlaceHasOneName) {
  std::filesystem::create_directory(root_ + "/nas");
  std::filesystem::create_directory_symlink(root_ + "/nas", root_ + "/link");
  ASSERT_OK(coffer_->edit_config([&](std::string_view yaml) -> Result<std::string> {
    return std::string(yaml) + "backup_targets:\n  nas: {directory: " + root_ + "/nas}\n  s3: {command: [" + root_ +
           "/none], scratch: " + root_ + "}\n";
  }));
  const auto name_of = [&](const std::string& given) {
    const auto target = open_backup_target(*coffer_, given);
    return target.is_ok() ? target->name : target.status().to_string();
  };
  EXPECT_EQ(name_of("nas"), "nas");
  EXPECT_EQ(name_of(root_ + "/nas/"), "nas");
  EXPECT_EQ(name_of(root_ + "/link"), "nas");
  EXPECT_EQ(name_of("s3"), "s3");
  EXPECT_EQ(name_of(root_ + "/new"), root_ + "/new");
  EXPECT_THAT(name_of("none"), HasSubstr("no backup target \"none\" in " + coffer_->config_path()));
  EXPECT_THAT(open_backup_target(*coffer_, "s3")->target->describe(), HasSubstr(root_ + "/none"));
}

}  // namespace
}  // namespace coffer
