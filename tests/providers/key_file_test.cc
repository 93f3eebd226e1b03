// Key files on a disk: who may read them, what is refused, what is made.
#include "coffer/config/key_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "coffer/crypto/kdf.h"
#include "coffer/providers/key_file/key_file_provider.h"
#include "coffer/providers/registry.h"
#include "io/temporary_directory.h"
#include "support/fault_disk.h"
#include "support/memory_disk.h"

namespace coffer {
namespace {

using testing::HasSubstr;

void write(const std::string& path, std::string_view contents, mode_t mode = 0600) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << contents;
  ASSERT_EQ(::chmod(path.c_str(), mode), 0);
}

std::string contents_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(KeyFile, OthersMustNotReadOrWriteIt) {
  TemporaryDirectory directory;
  const std::string path = directory / "root.key";
  write(path, std::string(48, '\xaa'));
  for (mode_t mode : {0600, 0400, 0700, 0711}) {
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
    EXPECT_TRUE(read_key_file(Disk::posix(), path).is_ok()) << std::oct << mode;
  }
  for (mode_t mode : {0640, 0604, 0620, 0602, 0644, 0666, 0777}) {
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
    auto file = read_key_file(Disk::posix(), path);
    EXPECT_EQ(file.code(), Code::kPermissionDenied) << std::oct << mode;
    EXPECT_THAT(std::string(file.status().message()), HasSubstr("chmod 600 " + path));
  }
  ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
  EXPECT_THAT(std::string(read_key_file(Disk::posix(), path).status().message()), HasSubstr("(mode 0640)"));
}

TEST(KeyFile, SomebodyElseMustNotOwnIt) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  TemporaryDirectory directory;
  const std::string path = directory / "root.key";
  write(path, std::string(48, '\xaa'));
  ASSERT_EQ(::chown(path.c_str(), 65534, 65534), 0);
  auto file = read_key_file(Disk::posix(), path);
  EXPECT_EQ(file.code(), Code::kPermissionDenied);
  EXPECT_THAT(std::string(file.status().message()), HasSubstr("belongs to user 65534"));
}

TEST(KeyFile, OnlyARegularFileOfReasonableSizeIsRead) {
  TemporaryDirectory directory;
  auto missing = read_key_file(Disk::posix(), directory / "none");
  EXPECT_EQ(missing.code(), Code::kNotFound);
  EXPECT_THAT(std::string(missing.status().message()), HasSubstr("key file " + (directory / "none")));
  EXPECT_EQ(read_key_file(Disk::posix(), directory.path()).code(), Code::kInvalidArgument);
  ASSERT_EQ(::mkfifo((directory / "fifo").c_str(), 0600), 0);
  EXPECT_EQ(read_key_file(Disk::posix(), directory / "fifo").code(), Code::kInvalidArgument);
  EXPECT_EQ(read_key_file(Disk::posix(), "/dev/zero").code(), Code::kInvalidArgument);

  write(directory / "big", std::string(65536, '\xaa'));
  EXPECT_EQ(read_key_file(Disk::posix(), directory / "big").code(), Code::kInvalidArgument);
  write(directory / "bigger", std::string(65537, '\xaa'));
  EXPECT_EQ(read_key_file(Disk::posix(), directory / "bigger").code(), Code::kLimitExceeded);
  write(directory / "empty", "");
  auto empty = read_key_file(Disk::posix(), directory / "empty");
  EXPECT_EQ(empty.status().to_string(), "invalid_argument: key file " + (directory / "empty") + ": it is empty");
}

TEST(KeyFile, ALinkLeadsToTheKey) {
  TemporaryDirectory directory;
  write(directory / "root.key", std::string(48, '\xaa'));
  std::filesystem::create_symlink("root.key", directory / "link");
  EXPECT_TRUE(read_key_file(Disk::posix(), directory / "link").is_ok());
}

// openssl(1) and dd as the maker: what people do without coffer keygen.
TEST(KeyFile, FilesMadeByOpensslAreRead) {
  TemporaryDirectory directory;
  for (size_t size : {16u, 24u, 32u, 48u, 56u, 64u}) {
    const std::string path = directory / std::to_string(size);
    const std::string command = "umask 077 && openssl rand -out " + path + " " + std::to_string(size);
    ASSERT_EQ(std::system(command.c_str()), 0);
    auto file = read_key_file(Disk::posix(), path);
    ASSERT_TRUE(file.is_ok()) << file.status().to_string();
    const std::string contents = contents_of(path);
    const size_t id_size = size > 32 ? 32 : 0;
    EXPECT_EQ(as_text(file->key_id), contents.substr(0, id_size));
    EXPECT_TRUE(equal_constant_time(file->key.reveal(), as_bytes(contents).subspan(id_size)));
  }
  const std::string path = directory / "line";
  const std::string command =
      "umask 077 && printf 'AES/CBC/PKCS5Padding:256:%s\\n' \"$(openssl rand -base64 32)\" > " + path;
  ASSERT_EQ(std::system(command.c_str()), 0);
  auto file = read_key_file(Disk::posix(), path);
  ASSERT_TRUE(file.is_ok()) << file.status().to_string();
  EXPECT_EQ(file->key.size(), 32u);
}

TEST(KeyFile, OpensslsHexadecimalOutputIsRefused) {
  TemporaryDirectory directory;
  const std::string path = directory / "hex";
  ASSERT_EQ(std::system(("umask 077 && openssl rand -hex 32 | tr -d '\\n' > " + path).c_str()), 0);
  EXPECT_EQ(contents_of(path).size(), 64u) << "the size of a raw key";
  EXPECT_EQ(read_key_file(Disk::posix(), path).code(), Code::kInvalidArgument);
}

TEST(KeyFile, EveryGeneratedFormIsReadBack) {
  TemporaryDirectory directory;
  for (KeyFileForm form : {KeyFileForm::kRaw, KeyFileForm::kJwk}) {
    for (int bits : {128, 192, 256}) {
      const std::string path = directory / ("key" + std::to_string(bits) + (form == KeyFileForm::kRaw ? "raw" : "jwk"));
      mode_t old = ::umask(0);
      auto key_id = generate_key_file(Disk::posix(), path, {bits, form, false});
      ::umask(old);
      ASSERT_TRUE(key_id.is_ok()) << key_id.status().to_string();
      EXPECT_EQ(Disk::posix().info(path)->mode, 0600u);
      auto file = read_key_file(Disk::posix(), path);
      ASSERT_TRUE(file.is_ok()) << file.status().to_string();
      EXPECT_EQ(file->key.size() * 8, static_cast<size_t>(bits));
      EXPECT_EQ(to_hex(file->key_id), *key_id);
      EXPECT_EQ(file->key_id.size(), 32u);
      EXPECT_TRUE(form == KeyFileForm::kJwk || contents_of(path).size() == 32 + static_cast<size_t>(bits) / 8);
    }
  }
  for (int bits : {0, 127, 512}) {
    EXPECT_EQ(generate_key_file(Disk::posix(), directory / "none", {bits, KeyFileForm::kRaw, false}).code(),
              Code::kInvalidArgument);
  }
}

// Python's json and base64 as the other reader of what we write.
TEST(KeyFile, AGeneratedJsonWebKeyIsJson) {
  TemporaryDirectory directory;
  const std::string path = directory / "root.jwk";
  auto key_id = generate_key_file(Disk::posix(), path, {256, KeyFileForm::kJwk, false});
  ASSERT_TRUE(key_id.is_ok());
  std::ofstream(directory / "check.py") << "import base64, json, sys\n"
                                           "keys = json.load(open(sys.argv[1]))['keys']\n"
                                           "assert len(keys) == 1 and sorted(keys[0]) == ['alg', 'k', 'kid', 'kty']\n"
                                           "assert keys[0]['kty'] == 'oct' and keys[0]['kid'] == sys.argv[2]\n"
                                           "assert keys[0]['alg'] == 'cockroach-aes-256-ctr-v2'\n"
                                           "assert len(base64.urlsafe_b64decode(keys[0]['k'] + '=')) == 32\n";
  EXPECT_EQ(std::system(("/usr/bin/python3 " + (directory / "check.py") + " " + path + " " + *key_id).c_str()), 0);
}

TEST(KeyFile, GeneratingNeverOverwritesUnasked) {
  TemporaryDirectory directory;
  const std::string path = directory / "root.key";
  auto first = generate_key_file(Disk::posix(), path, {});
  ASSERT_TRUE(first.is_ok());
  const std::string contents = contents_of(path);
  auto second = generate_key_file(Disk::posix(), path, {});
  EXPECT_EQ(second.code(), Code::kAlreadyExists);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(path));
  EXPECT_EQ(contents_of(path), contents);
  KeyFileRequest overwrite;
  overwrite.overwrite = true;
  auto third = generate_key_file(Disk::posix(), path, overwrite);
  ASSERT_TRUE(third.is_ok());
  EXPECT_NE(*third, *first);
  EXPECT_EQ(to_hex(read_key_file(Disk::posix(), path)->key_id), *third);
}

TEST(KeyFile, AFailedGenerationLeavesNothingOrTheOldKey) {
  for (bool overwrite : {false, true}) {
    int injected = 0;
    for (uint64_t operation = 1;; ++operation) {
      MemoryDisk memory;
      ASSERT_TRUE(!overwrite || generate_key_file(memory, "/root.key", {}).is_ok());
      auto before = read_file(memory, "/root.key", 100);
      FaultDisk disk(memory);
      disk.arm({operation, false, true, Code::kNoSpace});
      auto made = generate_key_file(disk, "/root.key", {256, KeyFileForm::kRaw, overwrite});
      if (disk.fault_count() == 0) {
        EXPECT_TRUE(made.is_ok());
        break;
      }
      ++injected;
      EXPECT_EQ(made.code(), Code::kNoSpace);
      auto after = read_file(memory, "/root.key", 100);
      if (!overwrite) {
        EXPECT_EQ(after.code(), Code::kNotFound) << operation;
      } else if (made.status().message().find("may still undo") == std::string_view::npos) {
        EXPECT_EQ(*after, *before) << operation;
      }
      EXPECT_EQ(memory.list("/")->size(), overwrite ? 1u : 0u);
    }
    EXPECT_GE(injected, 5);
  }
}

TEST(KeyFile, ReadingSurvivesEveryFailingOperation) {
  MemoryDisk memory;
  ASSERT_TRUE(generate_key_file(memory, "/root.key", {}).is_ok());
  FaultDisk disk(memory);
  uint64_t operation = 1;
  for (;; ++operation) {
    disk.arm({operation, false, false, Code::kIo});
    auto file = read_key_file(disk, "/root.key");
    if (disk.fault_count() == 0) {
      EXPECT_TRUE(file.is_ok());
      break;
    }
    EXPECT_EQ(file.code(), Code::kIo);
    EXPECT_THAT(std::string(file.status().message()), HasSubstr("/root.key"));
  }
  EXPECT_EQ(operation, 4u) << "open, stat, read";
}

class KeyFileProviderTest : public testing::Test {
 protected:
  void SetUp() override {
    write(path_, raw('\x91', '\xa1'));
    provider_ = make_key_file_provider(Disk::posix(), path_);
    handle_ = provider_->current().value();
    wrapped_ = provider_->wrap(handle_, context_, key_).value();
  }
  // A raw key file: id and key bytes all alike.
  static std::string raw(char id, char key) { return std::string(32, id) + std::string(32, key); }
  std::string failure() {
    auto key = provider_->unwrap(handle_, context_, wrapped_);
    EXPECT_EQ(key.code(), Code::kWrongKey);
    return std::string(key.status().message());
  }

  TemporaryDirectory directory_;
  std::string path_ = directory_ / "root.key";
  std::unique_ptr<RootKeyProvider> provider_;
  WrapContext context_;
  KeyringKey key_ = KeyringKey::copy_of(Bytes(32, 7));
  RootKeyHandle handle_;
  WrappedKeyringKey wrapped_;
};

TEST_F(KeyFileProviderTest, TheHandleIsSchemeFingerprintAndKeyId) {
  // docs/format.md, section 7, computed here from its own words.
  std::array<uint8_t, 16> fingerprint;
  const Bytes root(32, 0xa1);
  ASSERT_TRUE(hkdf_sha256(root, {}, as_bytes(std::string("coffer/v1 root fingerprint\0", 27)), fingerprint).is_ok());
  Bytes expected = {4, 'f', 'i', 'l', 'e', 16, 0};
  expected.insert(expected.end(), fingerprint.begin(), fingerprint.end());
  const size_t without_id = expected.size();
  expected.insert(expected.end(), {32, 0});
  expected.insert(expected.end(), 32, 0x91);
  EXPECT_EQ(handle_.bytes, expected);
  EXPECT_EQ(provider_->describe(handle_),
            "key id " + to_hex(Bytes(32, 0x91)) + " (fingerprint " + to_hex(fingerprint) + ")");
  EXPECT_EQ(provider_->describe(), "key file " + path_);

  write(path_, std::string(32, '\xa1'));
  expected.resize(without_id);
  EXPECT_EQ(provider_->current()->bytes, expected);
  EXPECT_EQ(provider_->describe(*provider_->current()), "key fingerprint " + to_hex(fingerprint));
}

TEST_F(KeyFileProviderTest, TheThreeWaysOfBeingWrongAreToldApart) {
  write(path_, raw('\x92', '\xa2'));
  const RootKeyHandle other = provider_->current().value();
  EXPECT_EQ(failure(), "key file " + path_ + ": the slot wants " + provider_->describe(handle_) + ": there is " +
                           provider_->describe(other));
  write(path_, raw('\x91', '\xa2'));
  EXPECT_THAT(failure(), HasSubstr("another key under the same name"));
  write(path_, raw('\x91', '\xa1'));
  wrapped_.bytes[3] ^= 1;
  EXPECT_THAT(failure(), HasSubstr("does not open the slot's keyring key"));
}

TEST_F(KeyFileProviderTest, TheSameKeyInAnotherFormOpensTheSlot) {
  for (const std::string& contents : {std::string(32, '\xa1'), raw('\x99', '\xa1')}) {
    write(path_, contents);
    auto key = provider_->unwrap(handle_, context_, wrapped_);
    ASSERT_TRUE(key.is_ok()) << key.status().to_string();
    EXPECT_TRUE(equal_constant_time(key->reveal(), key_.reveal()));
  }
}

TEST_F(KeyFileProviderTest, AWeakKeyWrapsOnlyIfThatIsMeantAndOpensAllTheSame) {
  for (const size_t size : {16, 24}) {
    write(path_, std::string(size, '\xa3'));
    const RootKeyHandle handle = provider_->current().value();
    const Status refused = provider_->wrap(handle, context_, key_).status();
    EXPECT_EQ(refused.code(), Code::kInvalidArgument);
    EXPECT_THAT(std::string(refused.message()),
                testing::AllOf(HasSubstr(std::to_string(8 * size) + " bits"), HasSubstr("allow_weak_root=true")));
    const auto consenting = open_provider("file://" + path_ + "?allow_weak_root=true").value();
    EXPECT_EQ(consenting->uri(), "file://" + path_ + "?allow_weak_root=true");
    const auto wrapped = consenting->wrap(handle, context_, key_);
    ASSERT_TRUE(wrapped.is_ok()) << wrapped.status().to_string();
    EXPECT_TRUE(provider_->unwrap(handle, context_, *wrapped).is_ok()) << "what there is stays readable";
    EXPECT_TRUE(provider_->check(handle).is_ok());
  }
  EXPECT_EQ(open_provider("file://" + path_ + "?allow_weak_root=yes").code(), Code::kInvalidArgument);
}

TEST_F(KeyFileProviderTest, AUniverseKeyIsReadAsOneOnlyByItsForm) {
  // As `openssl rand` and YugabyteDB make it; 48 bytes are a key with an id, too.
  write(path_, std::string(12, '\x01') + std::string(4, '\x02') + std::string(32, '\xa1'));
  const auto asked = open_provider("file://" + path_ + "?form=yugabyte").value();
  EXPECT_EQ(asked->uri(), "file://" + path_ + "?form=yugabyte");
  EXPECT_EQ(asked->describe(), "key file " + path_);
  auto key = asked->unwrap(handle_, context_, wrapped_);
  ASSERT_TRUE(key.is_ok()) << key.status().to_string();
  EXPECT_TRUE(equal_constant_time(key->reveal(), key_.reveal()));
  EXPECT_EQ(provider_->unwrap(handle_, context_, wrapped_).code(), Code::kWrongKey);
  write(path_, raw('\x91', '\xa1'));
  EXPECT_THAT(std::string(asked->current().status().message()), HasSubstr("it has 64 bytes; a universe key"));
  EXPECT_EQ(open_provider("file://" + path_ + "?form=yugabytedb").code(), Code::kInvalidArgument);
  write(path_, std::string(16, '\x01') + std::string(16, '\xa1'));
  const auto weak = open_provider("file://" + path_ + "?allow_weak_root=true&form=yugabyte").value();
  EXPECT_EQ(weak->uri(), "file://" + path_ + "?form=yugabyte&allow_weak_root=true");
  EXPECT_TRUE(weak->wrap(weak->current().value(), context_, key_).is_ok());
  EXPECT_EQ(asked->wrap(asked->current().value(), context_, key_).code(), Code::kInvalidArgument);
}

TEST_F(KeyFileProviderTest, AServiceWrappedKeyIsNotUnwrappedHere) {
  wrapped_.algorithm = 2;
  EXPECT_EQ(provider_->unwrap(handle_, context_, wrapped_).code(), Code::kUnsupported);
}

TEST_F(KeyFileProviderTest, AFileMadeReadableMeanwhileIsRefused) {
  ASSERT_EQ(::chmod(path_.c_str(), 0644), 0);
  EXPECT_EQ(provider_->unwrap(handle_, context_, wrapped_).code(), Code::kPermissionDenied);
}

}  // namespace
}  // namespace coffer
