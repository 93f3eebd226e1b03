#include "coffer/engines/rocksdb/uri.h"

#include <rocksdb/convenience.h>

#include "rocksdb/store_fixture.h"

namespace coffer {
namespace {

TEST(CofferUri, NamesADirectoryAndOptions) {
  auto uri = rocks::parse_uri("coffer:///var/lib/db.coffer?base=posix%3A%2F%2F&root=file:///etc/root.key");
  ASSERT_FINE(uri);
  EXPECT_EQ(uri->directory, "/var/lib/db.coffer");
  EXPECT_EQ(uri->base, "posix://");
  EXPECT_EQ(uri->root_uri, "file:///etc/root.key");
  EXPECT_EQ(rocks::parse_uri("coffer://relative/path")->directory, "relative/path");
  EXPECT_EQ(rocks::parse_uri("coffer:///with%20space%3f")->directory, "/with space?");
}

TEST(CofferUri, SaysWhatIsWrong) {
  for (const auto& [uri, what] : std::map<std::string, std::string>{{"posix:///x", "coffer://"},
                                                                    {"coffer://", "names no coffer"},
                                                                    {"coffer://?base=x", "names no coffer"},
                                                                    {"coffer:///x?color=red", "\"color\""},
                                                                    {"coffer:///x?base=", "base"},
                                                                    {"coffer:///x?base=a&base=b", "twice"},
                                                                    {"coffer:///x%2", "%"}}) {
    auto parsed = rocks::parse_uri(uri);
    EXPECT_EQ(parsed.code(), Code::kInvalidArgument) << uri;
    EXPECT_THAT(std::string(parsed.status().message()), ::testing::HasSubstr(what)) << uri;
  }
}

TEST(CofferUri, OpensThroughTheRegistryUponANamedBase) {
  register_coffer();
  Workplace work;
  for (const char* query : {"", "?base=posix://"}) {
    std::shared_ptr<rocksdb::FileSystem> file_system;
    ASSERT_FINE(rocksdb::FileSystem::CreateFromString({}, "coffer://" + work.coffer_directory() + query, &file_system));
    ASSERT_FINE(rocksdb::WriteStringToFile(file_system.get(), kCanary, work.path("file"), true));
    EXPECT_EQ(read_bytes(work.path("file")).find(kCanary), std::string::npos);
    std::string contents;
    ASSERT_FINE(rocksdb::ReadFileToString(work.env(), work.path("file"), &contents));
    EXPECT_EQ(contents, kCanary);
  }
  std::shared_ptr<rocksdb::FileSystem> none;
  EXPECT_FALSE(rocksdb::FileSystem::CreateFromString({}, "coffer:///no/such/coffer", &none).ok());
  EXPECT_EQ(none, nullptr);
}

TEST(CofferUri, ACofferUponACofferEncryptsOnce) {
  Workplace work;
  auto again = open_coffer_file_system(work.coffer_directory(), work.file_system());
  ASSERT_FINE(again);
  ASSERT_FINE(rocksdb::WriteStringToFile(again->get(), kCanary, work.path("file"), true));
  std::string contents;
  ASSERT_FINE(rocksdb::ReadFileToString(work.env(), work.path("file"), &contents));
  EXPECT_EQ(contents, kCanary);
}

}  // namespace
}  // namespace coffer
