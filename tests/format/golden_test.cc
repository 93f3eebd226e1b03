// The files that released versions wrote open for ever, and this version writes its own to the byte.
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <set>

#include "coffer_test_paths.h"
#include "format/golden_files.h"
#include "format/whole_file.h"

namespace coffer {
namespace {

const std::string kFolder = std::string(COFFER_SOURCE_DIR "/tests/golden/v1/");

Bytes contents(const std::string& name) { return read_file(Disk::posix(), kFolder + name, size_t{1} << 20).value(); }

std::string error_of(const Result<WholeFile>& file) { return file.is_ok() ? "" : std::string(code_name(file.code())); }

// JSON is YAML; the manifest alone says what to expect.
TEST(Golden, EveryFileOfVersion1Opens) {
  YAML::Node manifest = YAML::LoadFile(kFolder + "manifest.json");
  ASSERT_GT(manifest.size(), 15u);
  for (const YAML::Node& entry : manifest) {
    std::string name = entry["file"].as<std::string>();
    SCOPED_TRACE(name);
    DomainKey key = DomainKey::copy_of(from_hex(entry["domain_key"].as<std::string>()).value());
    Result<WholeFile> file = read_whole_file(contents(name), key);
    ASSERT_EQ(error_of(file), entry["error"].as<std::string>()) << file.status().to_string();
    if (!file.is_ok()) continue;
    EXPECT_EQ(kind_name(file->fields.kind), entry["kind"].as<std::string>());
    EXPECT_EQ(suite_info(file->fields.suite).name, entry["suite"].as<std::string>());
    EXPECT_EQ(file->fields.chunk_log2, entry["chunk_log2"].as<int>());
    EXPECT_EQ(file->fields.sequence, entry["sequence"].as<uint64_t>());
    EXPECT_EQ(file->fields.domain_key_version, entry["domain_key_version"].as<uint32_t>());
    EXPECT_EQ(file->plaintext.size(), entry["size"].as<size_t>());
    EXPECT_EQ(to_hex(sha256(file->plaintext).value()), entry["sha256"].as<std::string>());
    if (file->fields.kind == Kind::kLog) {
      EXPECT_EQ(file->closed, entry["closed"].as<bool>());
      EXPECT_EQ(file->torn_bytes, entry["torn_bytes"].as<uint64_t>());
    }
    if (file->fields.kind == Kind::kCtr) {
      EXPECT_EQ(file->closed, entry["authenticated"].as<bool>());
    }
  }
}

TEST(Golden, ThisVersionWritesTheSameBytes) {
  std::vector<GoldenFile> files = golden_files();
  EXPECT_EQ(as_text(contents("manifest.json")), golden_manifest(files));
  for (const GoldenFile& file : files) EXPECT_TRUE(contents(file.name + ".coffer") == file.bytes) << file.name;
}

TEST(Golden, EveryKindWithEverySuiteIsThere) {
  std::set<std::string> found;
  for (const GoldenFile& file : golden_files()) {
    found.insert(std::string(kind_name(file.fields.kind)) + " " + std::string(suite_info(file.fields.suite).name));
  }
  EXPECT_EQ(found.size(), 4u + 4u + 3u + 1u + 1u);
}

}  // namespace
}  // namespace coffer
