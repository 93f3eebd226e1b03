// Who can change what a path leads to, links on the way there included.
#include "coffer/io/trusted_path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "io/temporary_directory.h"

namespace coffer {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr uid_t kSomebody = 12345;

// safe/file, and open/to-safe, a link to safe.
class TrustedPath : public testing::Test {
 protected:
  TrustedPath() {
    fs::create_directories(safe());
    fs::create_directories(open());
    EXPECT_TRUE(create_file(Disk::posix(), safe() + "/file", {}, 0644).is_ok());
    fs::create_directory_symlink(safe(), open() + "/to-safe");
  }
  std::string safe() const { return directory_ / "safe"; }
  std::string open() const { return directory_ / "open"; }
  std::string through_link() const { return open() + "/to-safe/file"; }
  static Status check(const std::string& path) { return check_only_owner_changes(Disk::posix(), path); }

  TemporaryDirectory directory_;
};

TEST_F(TrustedPath, IsOneThatNobodyElseCanChange) {
  EXPECT_EQ(check(safe() + "/file").to_string(), "ok");
  EXPECT_EQ(check(through_link()).to_string(), "ok");
  EXPECT_EQ(check(open() + "/../open/to-safe/./file").to_string(), "ok");
  ASSERT_EQ(::chmod(safe().c_str(), 0777), 0);
  EXPECT_EQ(check(through_link()).code(), Code::kPermissionDenied);
  EXPECT_EQ(check(safe() + "/nothing").code(), Code::kNotFound);
}

TEST_F(TrustedPath, LeadsThroughNoLinkThatOthersCanReplace) {
  for (const mode_t mode : {0777u, 0775u, 01777u}) {
    ASSERT_EQ(::chmod(open().c_str(), mode), 0);
    const Status status = check(through_link());
    EXPECT_EQ(status.code(), Code::kPermissionDenied) << mode;
    EXPECT_THAT(std::string(status.message()), HasSubstr(open() + "/to-safe is a symbolic link"));
    EXPECT_EQ(check(safe() + "/file").to_string(), "ok") << "without the link";
  }
}

TEST_F(TrustedPath, LeadsThroughNoDirectoryWithALinkThatIsSomebodyElses) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to give a directory away";
  ASSERT_EQ(::chown(open().c_str(), kSomebody, kSomebody), 0);
  EXPECT_EQ(check(through_link()).code(), Code::kPermissionDenied);
  ASSERT_EQ(::chown(open().c_str(), 0, 0), 0);
  EXPECT_EQ(check(through_link()).to_string(), "ok");
}

TEST_F(TrustedPath, IsJudgedByEveryLinkOfAChain) {
  const std::string outer = directory_ / "outer";
  fs::create_directory(outer);
  fs::create_directory_symlink(open() + "/to-safe", outer + "/to-open");
  fs::create_directory_symlink("../open/to-safe", outer + "/relative");
  for (const char* link : {"/to-open", "/relative"}) EXPECT_EQ(check(outer + link + "/file").to_string(), "ok") << link;
  ASSERT_EQ(::chmod(open().c_str(), 0777), 0);
  for (const char* link : {"/to-open", "/relative"}) {
    EXPECT_EQ(check(outer + link + "/file").code(), Code::kPermissionDenied) << link;
  }
}

}  // namespace
}  // namespace coffer
