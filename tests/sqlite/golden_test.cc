// Files that an earlier Coffer wrote are read as they were, and no altered byte of them is read as anything else.
#include <coffer_test_paths.h>

#include <sstream>

#include "coffer/crypto/kdf.h"
#include "coffer/files/body.h"
#include "sqlite/workplace.h"

namespace coffer::sqlite {
namespace {

struct Golden {
  std::string name;
  std::string file_key;
  uint64_t size = 0;
  std::string sha256;
};

std::string golden_path(const std::string& name) { return COFFER_SOURCE_DIR "/tests/golden/v1-sqlite/" + name; }

std::vector<Golden> manifest() {
  std::istringstream in(read_bytes(golden_path("manifest")));
  std::vector<Golden> out;
  for (Golden one; in >> one.name >> one.file_key >> one.size >> one.sha256;) out.push_back(one);
  return out;
}

// The plaintext, or what is wrong.
Result<std::string> read_golden(const Golden& golden, const std::string& path) {
  COFFER_ASSIGN(std::shared_ptr<const ReadableFile> file, Disk::posix().open_read(path));
  COFFER_ASSIGN(const uint64_t size, file->size());
  const std::string bytes = read_bytes(path);
  COFFER_ASSIGN(const EnvelopeScan scan, scan_envelope(as_bytes(bytes).first(kEnvelopeSize)));
  COFFER_ASSIGN(const Bytes file_key, from_hex(golden.file_key));
  const OpenedFile opened{scan.fields, FileKey::copy_of(file_key)};
  COFFER_ASSIGN(const OpenBody body, body_of(scan.fields.kind).open(opened, file, size, EngineRole::kOther));
  const auto& sqlite = std::get<OpenSqlite>(body);
  std::string out(sqlite.logical_size(), '\0');
  // In pieces that fit nothing.
  for (uint64_t at = 0; at < out.size(); at += 777) {
    const uint64_t count = std::min<uint64_t>(777, out.size() - at);
    const auto range = sqlite.range(at, count);
    Bytes sealed(range.size);
    COFFER_ASSIGN(const size_t read, file->read_at(range.offset, sealed));
    sealed.resize(read);
    COFFER_TRY(sqlite.open(at, count, sealed, reinterpret_cast<uint8_t*>(&out[at])));
  }
  return out;
}

TEST(SqliteGolden, EachIsReadAsItWasWritten) {
  ASSERT_EQ(manifest().size(), 3U);
  for (const Golden& golden : manifest()) {
    SCOPED_TRACE(golden.name);
    const auto plaintext = read_golden(golden, golden_path(golden.name));
    ASSERT_TRUE(plaintext.is_ok()) << plaintext.status().to_string();
    EXPECT_EQ(plaintext->size(), golden.size);
    EXPECT_EQ(to_hex(*sha256(as_bytes(*plaintext))), golden.sha256);
  }
}

TEST(SqliteGolden, NoAlteredByteIsReadAsAnythingElse) {
  const TemporaryDirectory directory;
  for (const Golden& golden : manifest()) {
    const std::string good = read_bytes(golden_path(golden.name));
    const auto expected = read_golden(golden, golden_path(golden.name));
    ASSERT_TRUE(expected.is_ok());
    for (uint64_t offset = kEnvelopeSize; offset < good.size(); offset += 97) {
      std::string bytes = good;
      bytes[offset] = static_cast<char>(bytes[offset] ^ 0x10);
      write_bytes(directory / "altered", bytes);
      const auto read = read_golden(golden, directory / "altered");
      // Of a journal or log what stands before is still that.
      if (read.is_ok()) {
        EXPECT_TRUE(expected->starts_with(*read)) << golden.name << " at " << offset;
        EXPECT_NE(golden.name, "sqlite.coffer") << offset;
      }
    }
  }
}

}  // namespace
}  // namespace coffer::sqlite
