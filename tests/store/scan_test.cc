// Secrets that lie where they must not are found, in every form and wherever they begin.
#include "coffer/ops/scan.h"

#include <fcntl.h>
#include <unistd.h>

#include "coffer/base/base64.h"
#include "coffer/crypto/random.h"
#include "coffer/ops/sought_keys.h"
#include "coffer_fixture.h"

namespace coffer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr size_t kBlock = size_t{1} << 20;  // what is read at a time

std::string bytes_from(uint8_t first, size_t size) {
  std::string out(size, '\0');
  for (size_t i = 0; i < size; ++i) out[i] = static_cast<char>(first + i * 37);
  return out;
}

std::string upper_hex(std::string_view bytes) {
  std::string out = to_hex(as_bytes(bytes));
  for (char& c : out) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return out;
}

std::string base64_text(const std::string& bytes, bool url) {
  std::string out(url ? base64url_size(bytes.size()) : base64_size(bytes.size()), '\0');
  const MutableBytes to(reinterpret_cast<uint8_t*>(out.data()), out.size());
  (url ? encode_base64url : encode_base64)(as_bytes(bytes), to);
  return out;
}

std::string words_turned(std::string bytes) {
  for (size_t at = 0; at < bytes.size(); at += 4) std::reverse(bytes.begin() + at, bytes.begin() + at + 4);
  return bytes;
}

class ScanTest : public CofferFixture {
 protected:
  // "path@offset*count what form", for what is found below `paths`.
  std::vector<std::string> found(const std::vector<std::string>& paths) {
    EXPECT_TRUE(sought_.prepare().is_ok());
    report_ = scan(sought_, paths, {});
    std::vector<std::string> out;
    for (const ScanHit& hit : report_.hits) {
      out.push_back(std::filesystem::path(hit.path).filename().string() + "@" + std::to_string(hit.offset) + "*" +
                    std::to_string(hit.count) + " " + sought_.all()[hit.what.secret].name);
    }
    return out;
  }
  void seek_key(const std::string& name, const std::string& key) {
    sought_.add_key({.kind = SoughtKind::kRootKey, .name = name}, as_bytes(key));
  }
  Status seek_canaries(const std::string& lines) {
    return add_canaries(SecretBytes::copy_of(as_bytes(lines)), sought_);
  }

  SoughtSecrets sought_;
  ScanReport report_;
};

TEST_F(ScanTest, AKeyIsFoundInEveryFormWhereverItBeginsAndAcrossWhatIsReadAtATime) {
  const std::string key = bytes_from(3, 32);
  seek_key("k", key);
  std::vector<std::string> forms{key, words_turned(key), to_hex(as_bytes(key)), upper_hex(key)};
  for (size_t before = 0; before < 3; ++before) {
    for (bool url : {false, true}) forms.push_back(base64_text(std::string(before, '\xab') + key + "tail", url));
  }
  ASSERT_OK(sought_.prepare());
  std::string contents(2 * kBlock, '.');
  for (const std::string& form : forms) {
    for (size_t begin = kBlock - form.size() - 9; begin <= kBlock + 9; ++begin) {
      contents.replace(begin, form.size(), form);
      size_t hits = 0;
      // As scan() reads it, without the file.
      const size_t kept = sought_.search().longest() - 1;
      sought_.search().find(as_bytes(contents).first(kBlock), 0, [&](size_t, uint32_t) { ++hits; });
      sought_.search().find(as_bytes(contents).subspan(kBlock - kept), kept, [&](size_t, uint32_t) { ++hits; });
      EXPECT_GE(hits, 1u) << form << " at " << begin;
      contents.replace(begin, form.size(), form.size(), '.');
    }
    contents.replace(kBlock - 20, form.size(), form);
    write(root_ + "/file", contents);
    report_ = scan(sought_, {root_ + "/file"}, {});
    ASSERT_EQ(report_.hits.size(), 1u) << form;
    EXPECT_EQ(report_.hits[0].count, 1u) << form;
    EXPECT_NEAR(static_cast<double>(report_.hits[0].offset), kBlock - 20, 4) << form;
    contents.replace(kBlock - 20, form.size(), form.size(), '.');
  }
}

TEST_F(ScanTest, HalfAKeyIsAKeyAndAnythingLessIsNone) {
  for (const size_t size : {16, 24, 32}) seek_key(std::to_string(size), bytes_from(static_cast<uint8_t>(size), size));
  write(db("a_half"), "x" + bytes_from(32, 32).substr(16));
  write(db("end_of_192"), bytes_from(24, 24).substr(8));
  write(db("less"), bytes_from(32, 32).substr(0, 15) + "-" + bytes_from(32, 32).substr(17));
  write(db("small"), bytes_from(16, 16));
  EXPECT_THAT(found({root_ + "/db"}), ElementsAre("a_half@1*1 32", "end_of_192@0*1 24", "small@0*1 16"));
}

TEST_F(ScanTest, CanariesAreFoundWholeCountedAndNamedByTheirLine) {
  ASSERT_OK(seek_canaries("4929 1234 5678\n\nhex:00ff10800aff7f01\nbase64:AAECAwQFBgcICQ==\n8 bytes!"));
  write(db("text"), "a 4929 1234 5678, 4929 1234 5678;4929 1234 567");
  write(db("bytes"), std::string("\x00\xff\x10\x80\x0a\xff\x7f\x01", 8) + "8 bytes!");
  write(db("digits"), "00FF10800aff7f01 00FF10800AFF7F01");
  write(db("more"), std::string("\0\1\2\3\4\5\6\7\10\11", 10));
  EXPECT_THAT(found({root_ + "/db"}), ElementsAre("bytes@0*1 line 3", "bytes@8*1 line 5", "digits@17*1 line 3",
                                                  "more@0*1 line 4", "text@2*2 line 1"));
}

TEST_F(ScanTest, CanariesThatCannotBeSearchedForAreRefusedByTheirLineAndNotShown) {
  const std::vector<std::pair<std::string, std::string>> refused = {
      {"1234567", "line 1: it has 7 bytes"},
      {"good enough\nhex:00zz000000000000", "line 2: hex: an even number"},
      {"base64:??", "line 1: a character"},
      {"hex:0000000000000000", "line 1: it is the same byte"},
      {std::string(kCanarySizeMax + 1, 'a'), "line 1: it has 4097 bytes"},
      {"\n\n", "nothing in it"}};
  for (const auto& [lines, says] : refused) {
    const Status status = seek_canaries(lines);
    EXPECT_EQ(status.code(), Code::kInvalidArgument) << lines;
    EXPECT_THAT(status.message(), HasSubstr(says));
    EXPECT_THAT(status.message(), ::testing::Not(HasSubstr("zz")));
  }
}

TEST_F(ScanTest, HolesArePassedOverButNotWhatBordersOnThem) {
  ASSERT_OK(seek_canaries("hex:000000000000000000000000a1b2c3d5\nhex:a1b2c3d4e5f6070800000000000000000000000000\n"));
  const int file = open(db("sparse").c_str(), O_CREAT | O_RDWR, 0600);
  ASSERT_GE(file, 0);
  const std::string_view first("\xa1\xb2\xc3\xd5", 4), second("\xa1\xb2\xc3\xd4\xe5\xf6\x07\x08", 8);
  const off_t mib = off_t{1} << 20;
  EXPECT_EQ(pwrite(file, first.data(), 4, 64 * mib), 4);               // zeros of a hole before it
  EXPECT_EQ(pwrite(file, second.data(), 8, 128 * mib + 4096 - 8), 8);  // and behind it
  ASSERT_EQ(ftruncate(file, 200 * mib), 0);
  close(file);
  EXPECT_THAT(found({db("sparse")}), ElementsAre("sparse@67108852*1 line 1", "sparse@134221816*1 line 2"));
  EXPECT_LT(report_.bytes, 40u << 20) << "of 200 MiB";
}

TEST_F(ScanTest, EveryKeyOfACofferIsSoughtAndNoneLiesInIt) {
  write(root_ + "/root.key", bytes_from(200, 32) + bytes_from(1, 32));
  ASSERT_OK(Coffer::create(disk(), root_ + "/c", {.root_uri = key_uri("root.key"), .config = {}}, open_provider));
  auto coffer = Coffer::open(disk(), root_ + "/c", {}, open_provider);
  ASSERT_OK(coffer);
  coffer_ = *coffer;
  ASSERT_OK(coffer_->live_keyring().update([](Keyring& keyring) { return keyring.rotate_domain("system", 1); }));
  write(db("blocks"), sealed_file(Kind::kBlocks, std::string(10000, 'p')));
  write(db("log"), sealed_file(Kind::kLog, std::string(5000, 'p')));
  auto left_out = add_keys_of(*coffer_, open_provider, "", sought_);
  ASSERT_OK(left_out);
  EXPECT_THAT(*left_out, IsEmpty());
  ASSERT_OK(add_file_keys(*coffer_, sought_));
  std::vector<SoughtKind> kinds;
  for (const Sought& secret : sought_.all()) kinds.push_back(secret.kind);
  EXPECT_THAT(
      kinds, ElementsAre(SoughtKind::kDomainKey, SoughtKind::kDomainKey, SoughtKind::kKeyringKey, SoughtKind::kAuditKey,
                         SoughtKind::kRootKey, SoughtKind::kFileKey, SoughtKind::kFileKey));
  EXPECT_THAT(found({root_ + "/db", root_ + "/c"}), IsEmpty());
  EXPECT_GE(report_.files, 4u);
  // The control: each of them, written down.
  const DomainKey old = coffer_->keyring()->find_domain("system")->keys[0].key.open().value();
  write(db("leak"), "key: " + to_hex(old.reveal()));
  const auto opened = coffer_->unlock(as_bytes(read(db("log"))).first(kEnvelopeSize), "log");
  ASSERT_OK(opened);
  write(db("core"), std::string(as_text(opened->file_key.reveal())));
  report_ = scan(sought_, {root_}, {});
  std::vector<std::string> hits;
  for (const ScanHit& hit : report_.hits) hits.push_back(hit.path.substr(root_.size()));
  EXPECT_THAT(hits, ::testing::UnorderedElementsAre("/db/core", "/db/leak", "/root.key"));
}

TEST_F(ScanTest, NothingIsLeftOutSilently) {
  seek_key("k", bytes_from(1, 32));
  std::filesystem::create_directory(root_ + "/out");
  write(root_ + "/out/leak", bytes_from(1, 32));
  std::filesystem::create_symlink(root_ + "/out", db("link"));
  std::filesystem::create_symlink(root_ + "/out/leak", db("file_link"));
  std::filesystem::create_hard_link(root_ + "/out/leak", db("second_name"));
  ASSERT_EQ(mkfifo(db("fifo").c_str(), 0600), 0);
  EXPECT_THAT(found({root_ + "/db", root_ + "/out", root_ + "/out"}), ElementsAre("second_name@0*1 k"));
  EXPECT_EQ(report_.files, 1u) << "with two names";
  EXPECT_EQ(report_.links, 2u);
  EXPECT_EQ(report_.special, 1u);
  EXPECT_THAT(report_.unread, IsEmpty());
  EXPECT_THAT(found({db("file_link"), db("fifo"), db("gone"), "/dev/zero", root_ + "/root.key"}),
              ElementsAre("file_link@0*1 k"));
  std::vector<std::string> unread;
  for (const auto& [path, status] : report_.unread)
    unread.push_back(path + " " + std::string(code_name(status.code())));
  EXPECT_THAT(unread,
              ElementsAre("/dev/zero invalid_argument", db("fifo") + " invalid_argument", db("gone") + " not_found"));
}

}  // namespace
}  // namespace coffer
