// Coffers, errors and wrong arguments, by the C library.
#include "bindings/c_fixture.h"

#include "coffer/base/text.h"

namespace coffer {
namespace {

using ::testing::HasSubstr;

TEST(CLibrary, SaysWhatItIs) {
  EXPECT_EQ(coffer_abi_version(), uint32_t{COFFER_C_ABI_VERSION});
  EXPECT_THAT(coffer_version(), testing::MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+"));
  EXPECT_STREQ(coffer_code_name(COFFER_OK), "ok");
  EXPECT_STREQ(coffer_code_name(COFFER_WRONG_KEY), "wrong_key");
  EXPECT_STREQ(coffer_code_name(COFFER_INTERNAL), "internal");
  EXPECT_STREQ(coffer_code_name(COFFER_NO_MEMORY), "no_memory");
  for (const coffer_code_t none : {-1, COFFER_INTERNAL + 1, 999, INT32_MIN, INT32_MAX}) {
    EXPECT_STREQ(coffer_code_name(none), "unknown");
  }
}

TEST(CLibrary, NullIsNoHandleAndFreeingItDoesNothing) {
  EXPECT_EQ(coffer_error_code(nullptr), COFFER_OK);
  EXPECT_STREQ(coffer_error_message(nullptr), "");
  coffer_error_free(nullptr);
  coffer_text_free(nullptr);
  coffer_close(nullptr);
  coffer_file_abandon(nullptr);
  EXPECT_EQ(coffer_keyring_version(nullptr), 0u);
}

// Each call of the header with one null where something is expected.
class NullTest : public CFixture {
 protected:
  void expect_named(const char* name, coffer_code_t code) {
    EXPECT_EQ(code, COFFER_INVALID_ARGUMENT) << name;
    EXPECT_EQ(error_.text(), std::string(name) + " is null");
    EXPECT_EQ(coffer_error_code(error_.error), COFFER_INVALID_ARGUMENT);
  }
  coffer_error_t** error() { return error_.out(); }

  CError error_;
  char room_[200] = {};
};

TEST_F(NullTest, OfCoffersIsAnErrorThatNamesIt) {
  coffer_t* coffer = nullptr;
  expect_named("directory", coffer_create(nullptr, "file:///k", nullptr, error()));
  expect_named("root_uri", coffer_create("/nowhere", nullptr, nullptr, error()));
  expect_named("place", coffer_open(nullptr, nullptr, &coffer, error()));
  expect_named("coffer", coffer_open(coffer_path().c_str(), nullptr, nullptr, error()));
  expect_named("coffer", coffer_refresh(nullptr, error()));
  expect_named("coffer", coffer_rotate_domain(nullptr, "system", error()));
  expect_named("domain", coffer_rotate_domain(c_, nullptr, error()));
  char* json = nullptr;
  expect_named("coffer", coffer_status_json(nullptr, &json, error()));
  expect_named("json", coffer_status_json(c_, nullptr, error()));
}

TEST_F(NullTest, OfBlobsIsAnErrorThatNamesIt) {
  const std::string blob = sealed(c_, "message");
  int32_t outdated = 0;
  expect_named("coffer", coffer_seal(nullptr, "tenant", "c", 1, "m", 1, room_, sizeof room_, error()));
  expect_named("domain", coffer_seal(c_, nullptr, "c", 1, "m", 1, room_, sizeof room_, error()));
  expect_named("context", coffer_seal(c_, "tenant", nullptr, 1, "m", 1, room_, sizeof room_, error()));
  expect_named("message", coffer_seal(c_, "tenant", "c", 1, nullptr, 1, room_, sizeof room_, error()));
  expect_named("blob", coffer_seal(c_, "tenant", "c", 1, "m", 1, nullptr, sizeof room_, error()));
  expect_named("coffer", coffer_unseal(nullptr, "c", 1, blob.data(), blob.size(), room_, sizeof room_, error()));
  expect_named("context", coffer_unseal(c_, nullptr, 1, blob.data(), blob.size(), room_, sizeof room_, error()));
  expect_named("blob", coffer_unseal(c_, "c", 1, nullptr, blob.size(), room_, sizeof room_, error()));
  expect_named("message", coffer_unseal(c_, "c", 1, blob.data(), blob.size(), nullptr, 7, error()));
  expect_named("coffer", coffer_wrap_key(nullptr, "tenant", "c", 1, room_, 16, room_, sizeof room_, error()));
  expect_named("key", coffer_wrap_key(c_, "tenant", "c", 1, nullptr, 16, room_, sizeof room_, error()));
  expect_named("coffer", coffer_unwrap_key(nullptr, "c", 1, blob.data(), blob.size(), room_, sizeof room_, error()));
  expect_named("coffer", coffer_rewrap(nullptr, "c", 1, blob.data(), blob.size(), room_, sizeof room_, error()));
  expect_named("fresh", coffer_rewrap(c_, "c", 1, blob.data(), blob.size(), nullptr, sizeof room_, error()));
  expect_named("blob", coffer_blob_inspect(nullptr, 1, nullptr, nullptr, nullptr, error()));
  expect_named("coffer", coffer_blob_is_outdated(nullptr, blob.data(), blob.size(), &outdated, error()));
  expect_named("is_outdated", coffer_blob_is_outdated(c_, blob.data(), blob.size(), nullptr, error()));
  EXPECT_EQ(coffer_seal(c_, "tenant", nullptr, 0, nullptr, 0, room_, sizeof room_, nullptr), COFFER_OK) << "of size 0";
}

TEST_F(NullTest, OfFilesIsAnErrorThatNamesIt) {
  MemoryFile memory;
  const coffer_io_t io = memory.io();
  coffer_file_t* file = nullptr;
  uint64_t size = 0;
  size_t done = 0;
  const std::string path = db("f");
  expect_named("coffer", coffer_confirm_store(nullptr, "/db", error()));
  expect_named("directory", coffer_confirm_store(c_, nullptr, error()));
  expect_named("coffer", coffer_file_create(nullptr, path.c_str(), COFFER_ROLE_LOG, nullptr, &io, &file, error()));
  expect_named("path", coffer_file_create(c_, nullptr, COFFER_ROLE_LOG, nullptr, &io, &file, error()));
  expect_named("io", coffer_file_create(c_, path.c_str(), COFFER_ROLE_LOG, nullptr, nullptr, &file, error()));
  expect_named("file", coffer_file_create(c_, path.c_str(), COFFER_ROLE_LOG, nullptr, &io, nullptr, error()));
  expect_named("io", coffer_file_open(c_, path.c_str(), COFFER_ROLE_LOG, nullptr, &file, error()));
  expect_named("coffer", coffer_file_reopen(nullptr, path.c_str(), COFFER_ROLE_LOG, &io, &file, error()));
  expect_named("file", coffer_file_append(nullptr, "x", 1, error()));
  expect_named("file", coffer_file_sync(nullptr, error()));
  expect_named("file", coffer_file_close(nullptr, error()));
  expect_named("file", coffer_file_size(nullptr, &size, error()));
  expect_named("file", coffer_file_read_at(nullptr, 0, room_, sizeof room_, &done, error()));
  EXPECT_EQ(memory.calls, 0);

  ASSERT_C_OK(error_, coffer_file_create(c_, path.c_str(), COFFER_ROLE_LOG, nullptr, &io, &file, error()));
  ASSERT_C_OK(error_, coffer_file_append(file, "text", 4, error()));
  EXPECT_EQ(coffer_file_append(file, nullptr, 1, error()), COFFER_INVALID_ARGUMENT);
  EXPECT_THAT(error_.text(), HasSubstr("data is null"));
  ASSERT_C_OK(error_, coffer_file_append(file, nullptr, 0, error()));
  EXPECT_EQ(coffer_file_size(file, nullptr, error()), COFFER_INVALID_ARGUMENT);
  ASSERT_C_OK(error_, coffer_file_close(file, error()));
  ASSERT_C_OK(error_, coffer_file_open(c_, path.c_str(), COFFER_ROLE_LOG, &io, &file, error()));
  EXPECT_EQ(coffer_file_read_at(file, 0, nullptr, 1, &done, error()), COFFER_INVALID_ARGUMENT);
  EXPECT_EQ(coffer_file_read_at(file, 0, room_, 1, nullptr, error()), COFFER_INVALID_ARGUMENT);
  ASSERT_C_OK(error_, coffer_file_close(file, error()));
}

class CCofferTest : public CFixture {};

TEST_F(CCofferTest, IsMadeOnceAndOpenedByItsRootKeyOnly) {
  const std::string made = root_ + "/made";
  CError error;
  ASSERT_C_OK(error, coffer_create(made.c_str(), key_uri("root.key").c_str(), "version: 1\ndata_files: ctr\n",
                                   error.out()));
  EXPECT_THAT(read(made + "/coffer.yaml"), HasSubstr("data_files: ctr"));
  EXPECT_EQ(coffer_create(made.c_str(), key_uri("root.key").c_str(), nullptr, error.out()), COFFER_ALREADY_EXISTS);
  EXPECT_THAT(error.text(), HasSubstr(made));
  coffer_t* coffer = c_;
  EXPECT_EQ(coffer_open(made.c_str(), key_uri("other.key").c_str(), &coffer, error.out()), COFFER_WRONG_KEY);
  EXPECT_EQ(coffer, nullptr);
  EXPECT_EQ(coffer_open((root_ + "/nothing").c_str(), nullptr, &coffer, error.out()), COFFER_NOT_FOUND);
  EXPECT_EQ(coffer_open((root_ + "/nothing").c_str(), nullptr, &coffer, nullptr), COFFER_NOT_FOUND) << "no one asks";
  ASSERT_C_OK(error, coffer_open((made + "/coffer.yaml").c_str(), nullptr, &coffer, error.out()));
  EXPECT_EQ(error.error, nullptr);
  coffer_close(coffer);
}

TEST_F(CCofferTest, TakesUpWhatOthersDoToItsKeyring) {
  const uint64_t before = coffer_keyring_version(c_);
  CError error;
  EXPECT_GT(before, 0u);
  EXPECT_EQ(coffer_rotate_domain(c_, "nobody", error.out()), COFFER_NOT_FOUND);
  ASSERT_C_OK(error, coffer_rotate_domain(c_, "tenant", error.out()));
  EXPECT_EQ(coffer_keyring_version(c_), before + 1);
  ASSERT_OK(coffer_->live_keyring().update([](Keyring& keyring) { return keyring.add_domain("more", now_seconds()); }));
  ASSERT_C_OK(error, coffer_refresh(c_, error.out()));
  EXPECT_EQ(coffer_keyring_version(c_), before + 2);
}

TEST_F(CCofferTest, ACopyIsForeign) {
  std::filesystem::copy(coffer_path(), root_ + "/copy", std::filesystem::copy_options::recursive);
  coffer_t* coffer = nullptr;
  CError error;
  EXPECT_EQ(coffer_open((root_ + "/copy").c_str(), nullptr, &coffer, error.out()), COFFER_FOREIGN);
}

TEST_F(CCofferTest, ItsStatusIsTheCommandsJson) {
  char* json = nullptr;
  CError error;
  ASSERT_C_OK(error, coffer_status_json(c_, &json, error.out()));
  const std::string text = json;
  coffer_text_free(json);
  EXPECT_TRUE(text.starts_with("{\"coffer\":"));
  EXPECT_THAT(text, HasSubstr("\"name\":\"tenant\""));
  EXPECT_THAT(text, HasSubstr("\"root_key_refused\":null"));
}

// What its parent had open it can neither use nor harm.
TEST_F(CCofferTest, InAChildOfForkNothingHasAKeyAndTheChildOpensItAnew) {
  MemoryFile memory;
  const coffer_io_t io = memory.io();
  const std::string blob = sealed(c_, "message"), path = db("log");
  coffer_file_t* file = nullptr;
  CError error;
  ASSERT_C_OK(error, coffer_file_create(c_, path.c_str(), COFFER_ROLE_LOG, nullptr, &io, &file, error.out()));
  ASSERT_C_OK(error, coffer_file_append(file, "before", 6, error.out()));
  in_child([&] {
    alarm(60);
    const int calls = memory.calls;
    CError said;
    char room[200];
    char* json = nullptr;
    EXPECT_EQ(code_of(c_, blob), COFFER_KEY_UNAVAILABLE);
    EXPECT_EQ(coffer_seal(c_, "tenant", "", 0, "m", 1, room, sizeof room, said.out()), COFFER_KEY_UNAVAILABLE);
    EXPECT_THAT(said.text(), HasSubstr("open the coffer and its files anew"));
    EXPECT_EQ(coffer_refresh(c_, nullptr), COFFER_KEY_UNAVAILABLE);
    EXPECT_EQ(coffer_status_json(c_, &json, nullptr), COFFER_KEY_UNAVAILABLE);
    EXPECT_EQ(coffer_file_append(file, "after", 5, nullptr), COFFER_KEY_UNAVAILABLE);
    EXPECT_EQ(coffer_file_close(file, nullptr), COFFER_KEY_UNAVAILABLE);
    EXPECT_EQ(coffer_keyring_version(c_), 0u);
    EXPECT_EQ(memory.calls, calls);
    coffer_close(c_);
    coffer_t* const own = open_c();
    EXPECT_EQ(code_of(own, blob), COFFER_OK);
    coffer_close(own);
  });
  ASSERT_C_OK(error, coffer_file_append(file, " and after", 10, error.out()));
  ASSERT_C_OK(error, coffer_file_close(file, error.out()));
  EXPECT_EQ(code_of(c_, blob), COFFER_OK);
}

}  // namespace
}  // namespace coffer
