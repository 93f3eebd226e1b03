#include "coffer/config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace coffer {
namespace {

using ::testing::HasSubstr;

TEST(Config, AnEmptyFileIsTheDefaults) {
  auto config = parse_config("", "coffer.yaml");
  ASSERT_TRUE(config.is_ok());
  EXPECT_EQ(config->suite, Suite::kAes256Gcm);
  EXPECT_EQ(config->data_kind, Kind::kBlocks);
  EXPECT_EQ(config->domain_of("/db/000001.sst"), "system");
}

TEST(Config, WhatIsWrittenIsReadBack) {
  Config config;
  config.suite = Suite::kChaCha20Poly1305;
  config.ctr_suite = Suite::kAes128Ctr;
  config.chunk_log2 = 14;
  config.data_kind = Kind::kCtr;
  config.log_kind = Kind::kCtr;
  config.read_mode = ReadMode::kMapping;
  config.anchor = "/var/lib/anchor";
  config.domains = {{"tenant-a", "/db/a b\"c"}, {"tenant-b", "/db/b"}};
  auto read = parse_config(format_config(config), "coffer.yaml");
  ASSERT_TRUE(read.is_ok()) << read.status().to_string();
  EXPECT_EQ(format_config(*read), format_config(config));
  EXPECT_EQ(read->domains[0].path, "/db/a b\"c");
}

TEST(Config, TheLongestPathDecidesTheDomain) {
  auto config = parse_config("domains: [{name: a, path: /db}, {name: b, path: /db/hot/}]", "coffer.yaml");
  ASSERT_TRUE(config.is_ok()) << config.status().to_string();
  EXPECT_EQ(config->domain_of("/db/000001.sst"), "a");
  EXPECT_EQ(config->domain_of("/db/hot/000001.sst"), "b");
  EXPECT_EQ(config->domain_of("/db/hotter/000001.sst"), "a");
  EXPECT_EQ(config->domain_of("/dbx/000001.sst"), "system");
}

struct BadConfig {
  const char* yaml;
  const char* message;
};

class BadConfigTest : public ::testing::TestWithParam<BadConfig> {};

TEST_P(BadConfigTest, IsRefusedNamingFileLineAndOption) {
  auto config = parse_config(GetParam().yaml, "/c/coffer.yaml");
  ASSERT_EQ(config.code(), Code::kInvalidArgument) << GetParam().yaml;
  EXPECT_THAT(std::string(config.status().message()), HasSubstr(GetParam().message));
  EXPECT_THAT(std::string(config.status().message()), HasSubstr("/c/coffer.yaml:"));
}

INSTANTIATE_TEST_SUITE_P(
    All, BadConfigTest,
    ::testing::Values(BadConfig{"\ncypher: aes-256-gcm", ":2: unknown option \"cypher\""},
                      BadConfig{"cipher: aes-256-ctr", "cipher: expected"},
                      BadConfig{"ctr_cipher: aes-256-gcm", "ctr_cipher: expected"},
                      BadConfig{"cipher: [1]", "cipher: expected"}, BadConfig{"version: 2", "version 1 only"},
                      BadConfig{"chunk_size: 1000", "power of two"}, BadConfig{"chunk_size: 512", "power of two"},
                      BadConfig{"chunk_size: 2097152", "power of two"}, BadConfig{"chunk_size: 4096x", "power of two"},
                      BadConfig{"chunk_size: -4096", "power of two"}, BadConfig{"data_files: log", "blocks or ctr"},
                      BadConfig{"log_files: blocks", "log or ctr"}, BadConfig{"reads: mmap", "pread or mapping"},
                      BadConfig{"anchor: here", "absolute"}, BadConfig{"sealing_key: here", "absolute"},
                      BadConfig{"domains: x", "list of"}, BadConfig{"domains: [{name: a}]", "both needed"},
                      BadConfig{"domains: [{name: a, path: b}]", "absolute"},
                      BadConfig{"domains: [{name: a, path: /b, x: 1}]", "unknown option \"x\""},
                      BadConfig{"domains: [{name: a, path: /b}, {name: c, path: /b}]", "listed twice"},
                      BadConfig{"- a", "mapping"}, BadConfig{"a: [", "not valid YAML"}));

}  // namespace
}  // namespace coffer
