#include "coffer/config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coffer/crypto/random.h"
#include "support/configured.h"

namespace coffer {
namespace {

using ::testing::HasSubstr;

TEST(ConfigDeathTest, NothingIsWrittenThatWouldNotReadBack) {
  Config config;
  config.anchor = "/a\nb";
  EXPECT_DEATH((void)format_config(config), "required: what is written as YAML holds no control character");
}

TEST(Config, WhatIsNotSaidIsTheDefault) {
  auto config = parse_config("version: 1\n", "coffer.yaml");
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
  config.domains = {{"tenant-a", "/db/a b\"c"}, {"tenant-b", "/db/b\\ # \xff\xc3\xa9: x"}};
  config.anchor = "/var/lib/\"anchor\" # not a comment";
  config.providers = configured(
      "sealing_key: '/k \"1\"'\n"
      "key_providers:\n  a: {uri: 'vault://v:8200/tr%41nsit?x=%20%22', y: 'a: b'}\n  b: {uri: ' a\\b'}\n"
      "  c: {uri: //etc/keys, z: ''}\n  d: {uri: 'pkcs11:id=%00%01;token=a'}\n"
      "kmip_hosts:\n  prod: {hosts: [hsm1, 'hsm2:5697'], cert: /c, ca: /ca, cipher_suites: [A, B]}\n");
  auto read = parse_config(format_config(config), "coffer.yaml");
  ASSERT_TRUE(read.is_ok()) << read.status().to_string();
  EXPECT_EQ(*read, config);
  EXPECT_EQ(format_config(*read), format_config(config));
  EXPECT_EQ(read->domains[0].path, "/db/a b\"c");
  EXPECT_EQ(read->providers.kmip_hosts.at("prod").authority, "hsm1,hsm2:5697");
}

TEST(Config, PeersAreReadBackAndASlipInOneIsNoticed) {
  const std::string a = format_node_public(NodeIdentity::create("n1", *random_id())->node());
  const std::string b = format_node_public(NodeIdentity::create("n1", *random_id())->node());
  const auto config = parse_config("version: 1\npeers:\n  east-1: " + a + "\n  west: " + b + "\n", "coffer.yaml");
  ASSERT_TRUE(config.is_ok()) << config.status().to_string();
  EXPECT_EQ(format_node_public(config->peers.at("east-1")), a);
  EXPECT_EQ(*parse_config(format_config(*config), "coffer.yaml"), *config);
  const auto error_of = [](const std::string& peers) {
    const auto read = parse_config("version: 1\npeers:\n" + peers, "coffer.yaml");
    return read.is_ok() ? "none" : read.status().to_string();
  };
  EXPECT_THAT(error_of("  e: " + a + "\n  w: " + a + "\n"),
              HasSubstr("coffer.yaml:4: peers: w: it is the same node as e"));
  EXPECT_THAT(error_of("  e: " + a.substr(0, 40) + "\n"), HasSubstr("coffer.yaml:3: peers: e: node n1 is not whole"));
  EXPECT_THAT(error_of("  e e: " + a + "\n"), HasSubstr("peers: expected a name"));
  EXPECT_THAT(error_of("  e: n1\n"), HasSubstr("peers: e: it is no node"));
}

TEST(Config, BackupTargetsAreReadBackAndASlipInOneIsNoticed) {
  const auto config = parse_config(
      "version: 1\nbackup_targets:\n  nas: {directory: /mnt/nas/}\n"
      "  s3: {command: [/usr/local/bin/store, 'a \"b\"', ''], scratch: /var/tmp}\n",
      "coffer.yaml");
  ASSERT_TRUE(config.is_ok()) << config.status().to_string();
  EXPECT_EQ(config->backup_targets.at("nas").directory, "/mnt/nas");
  EXPECT_EQ(config->backup_targets.at("s3").command,
            (std::vector<std::string>{"/usr/local/bin/store", "a \"b\"", ""}));
  EXPECT_EQ(*parse_config(format_config(*config), "coffer.yaml"), *config);
  const auto error_of = [](const std::string& targets) {
    const auto read = parse_config("version: 1\nbackup_targets:\n" + targets, "coffer.yaml");
    return read.is_ok() ? "none" : read.status().to_string();
  };
  EXPECT_THAT(error_of("  a b: {directory: /d}\n"), HasSubstr("coffer.yaml:3: backup_targets: expected a name"));
  EXPECT_THAT(error_of("  a: {}\n"), HasSubstr("backup_targets: a: expected either directory or command"));
  EXPECT_THAT(error_of("  a: {directory: /d, command: [/c], scratch: /t}\n"), HasSubstr("either directory or command"));
  EXPECT_THAT(error_of("  a: {directory: d}\n"), HasSubstr("backup_targets: a: directory"));
  EXPECT_THAT(error_of("  a: {directory: /d, scratch: /t}\n"), HasSubstr("scratch goes with command"));
  EXPECT_THAT(error_of("  a: {command: [/c]}\n"), HasSubstr("scratch is missing"));
  EXPECT_THAT(error_of("  a: {command: /c, scratch: /t}\n"), HasSubstr("command: expected a list"));
  EXPECT_THAT(error_of("  a: {command: [c], scratch: /t}\n"), HasSubstr("backup_targets: a: command"));
  EXPECT_THAT(error_of("  a: {path: /d}\n"), HasSubstr("unknown option \"path\""));
  EXPECT_THAT(error_of("  a: {directory: /d}\n  b: {directory: /d}\n"), HasSubstr("b: it is the same directory as a"));
}

TEST(Config, APolicyIsReadBackAndWhatADomainDoesNotSayIsAsForAll) {
  auto config = parse_config(
      "version: 1\npolicy:\n  domains:\n    t.7: {old_files: rewrap, old_files_after: 0s, max_bytes: off, "
      "destroy_after: 90d, "
      "cipher: aes-128-gcm, chunk_size: "
      "4096}\n    off: "
      "{rotation_period: off}\n"
      "  rotation_period: 30d\n  old_files: reencrypt\n  old_files_after: 2w\n  reencrypt_rate: 0.25MB/s\n  max_seals: "
      "1000\n  max_bytes: 64GiB\n  on_revoked: fence\n"
      "  on_outage: stop\n  outage_grace: 1h\n  unlock_spread: 12s\n  canary_pause: 90m\n  node_slots: 24h\n"
      "  local_unlock: {key: 'tpm:/etc/unlock.tpm?create=true'}\n",
      "coffer.yaml");
  ASSERT_TRUE(config.is_ok()) << config.status().to_string();
  constexpr uint64_t kDay = 86400;
  EXPECT_EQ(config->policy.root,
            (RootPolicy{.on_revoked = Reaction::kFence, .on_outage = Reaction::kFence, .outage_grace = 3600}));
  EXPECT_EQ(config->policy.of("system"),
            (KeyPolicy{30 * kDay, OldFiles::kReencrypt, 14 * kDay, std::nullopt, 1000, uint64_t{64} << 30}));
  EXPECT_EQ(config->policy.of("t.7"), (KeyPolicy{30 * kDay, OldFiles::kRewrap, 0, 90 * kDay, 1000}));
  EXPECT_EQ(config->policy.reencrypt_rate, 250'000u);
  EXPECT_EQ(config->policy.unlock_spread, 12u);
  EXPECT_EQ(config->policy.canary_pause, 5400u);
  EXPECT_EQ(config->policy.node_slots, 86400u);
  EXPECT_EQ(config->policy.of("off"),
            (KeyPolicy{std::nullopt, OldFiles::kReencrypt, 14 * kDay, std::nullopt, 1000, uint64_t{64} << 30}));
  EXPECT_EQ(config->local_unlock->directory, "/var/lib/coffer/unlock");
  auto read = parse_config(format_config(*config), "coffer.yaml");
  ASSERT_TRUE(read.is_ok()) << read.status().to_string();
  EXPECT_EQ(*read, *config);
  EXPECT_EQ(config->suite_of(Kind::kBlocks, "t.7"), Suite::kAes128Gcm);
  EXPECT_EQ(config->suite_of(Kind::kCtr, "t.7"), Suite::kAes256Ctr);
  EXPECT_EQ(config->chunk_log2_of(Kind::kBlocks, "t.7"), 12);
  EXPECT_EQ(config->chunk_log2_of(Kind::kLog, "t.7"), 0);
  EXPECT_EQ(config->suite_of(Kind::kBlocks, "off"), Suite::kAes256Gcm);
  EXPECT_EQ(config->chunk_log2_of(Kind::kBlocks), 10);
  EXPECT_EQ(parse_config("version: 1\n", "coffer.yaml")->policy, Policy());
}

TEST(Config, APolicyThatIsWrongIsAnErrorWithItsPlace) {
  for (const auto& [text, says] :
       {std::pair("policy: 7d", "policy"),
        std::pair("policy: {rotation_period: 0s}", "at least 1s"),
        std::pair("policy: {rotation_period: 7}", "rotation_period: expected a time"),
        std::pair("policy: {old_files: never}", "old_files: expected lazy, rewrap or reencrypt"),
        std::pair("policy: {old_files: [lazy]}", "old_files: expected lazy, rewrap or reencrypt"),
        std::pair("policy: {old_files_after: off}", "expected a time; for never, old_files: lazy"),
        std::pair("policy: {reencrypt_rate: 50}", "reencrypt_rate: expected more than 0 MB a second, as 50MB/s"),
        std::pair("policy: {reencrypt_rate: 0MB/s}", "reencrypt_rate: expected more than 0 MB"),
        std::pair("policy: {reencrypt_rate: -1MB/s}", "reencrypt_rate: expected more than 0 MB"),
        std::pair("policy: {domains: {a: {reencrypt_rate: 1MB/s}}}", "unknown option \"reencrypt_rate\""),
        std::pair("policy: {max_seals: 1KiB}", "max_seals: expected a number"),
        std::pair("policy: {max_seals: 0}", "max_seals: expected a number"),
        std::pair("policy: {max_bytes: 1GB}", "max_bytes: expected a size"),
        std::pair("policy: {max_bytes: 16384PiB}", "max_bytes: expected a size"),
        std::pair("policy: {rewrap: lazy}", "unknown option \"rewrap\"; known are rotation_period"),
        std::pair("policy: {on_revoked: stop}", "on_revoked: expected warn, read_only or fence"),
        std::pair("policy: {local_unlock: true}", "local_unlock: expected off, or a key and a directory"),
        std::pair("policy: {local_unlock: {directory: /x}}", "local_unlock: key is missing"),
        std::pair("policy: {local_unlock: {key: 'file:///k', copies: 2}}", "known are key and directory"),
        std::pair("policy: {local_unlock: {key: 'file:///k', directory: here}}",
                  "directory: expected an absolute path"),
        std::pair("policy: {local_unlock: {key: 'aws-kms://eu/k'}}", "expected a key of this machine"),
        std::pair("policy: {local_unlock: {key: 'file:///k'}}\nroots: {r: {uri: 'file:///k'}}", "the key of root r"),
        std::pair("policy: {local_unlock: {key: 'file:///k', directory: /c/u}}\nkeyring: /c",
                  "is in the coffer's own directory"),
        std::pair("policy: {on_outage: fence}", "on_outage: expected warn, read_only or stop"),
        std::pair("policy: {on_outage: [warn]}", "on_outage: expected warn, read_only or stop"),
        std::pair("policy: {unlock_spread: 0s}", "unlock_spread: expected a time of at least 1s"),
        std::pair("policy: {unlock_spread: 11m}", "unlock_spread: expected at most 10m"),
        std::pair("policy: {canary_pause: 0s}", "canary_pause: expected a time of at least 1s"),
        std::pair("policy: {node_slots: 0s}", "node_slots: expected a time of at least 1s"),
        std::pair("policy: {node_slots: 1h}\ncrypto: fips", "node_slots: under crypto: fips nodes have no keys"),
        std::pair("policy: {outage_grace: off}", "outage_grace: expected a time"),
        std::pair("policy: {domains: {a: {on_outage: warn}}}", "a: unknown option"),
        std::pair("policy: {domains: {A: {}}}", "expected a domain's name"),
        std::pair("policy: {domains: {a: {reads: auto}}}", "a: unknown option \"reads\""),
        std::pair("policy: {domains: {a: {cipher: aes-256-ctr}}}", "a: cipher: expected aes-128-gcm"),
        std::pair("policy: {domains: {a: {chunk_size: 1000}}}", "a: chunk_size: expected a power of two"),
        std::pair("policy: {domains: {a: 7d}}", "policy: domains: a"),
        std::pair("policy: {domains: [a]}", "policy: domains")}) {
    const auto config = parse_config(std::string("version: 1\n") + text + "\n", "coffer.yaml");
    EXPECT_EQ(config.code(), Code::kInvalidArgument) << text;
    EXPECT_THAT(std::string(config.status().message()), testing::HasSubstr(says)) << text;
    EXPECT_THAT(std::string(config.status().message()), testing::HasSubstr("coffer.yaml:2")) << text;
  }
}

TEST(Config, FreshnessIsReadBackWithItsAnchor) {
  Config config;
  config.anchor = "/var/lib/anchor";
  config.freshness = true;
  config.fips = true;
  auto read = parse_config(format_config(config), "coffer.yaml");
  ASSERT_TRUE(read.is_ok()) << read.status().to_string();
  EXPECT_TRUE(read->freshness);
  EXPECT_EQ(format_config(*read), format_config(config));
  auto off = parse_config("version: 1\nfreshness: off\n", "coffer.yaml");
  ASSERT_TRUE(off.is_ok()) << off.status().to_string();
  EXPECT_FALSE(off->freshness);
}

TEST(Config, EveryKindThatMayBeChosenIsReadBackAndHasItsSuiteAndChunkSize) {
  for (Kind data : kDataKinds) {
    for (Kind log : kLogKinds) {
      Config config;
      config.data_kind = data;
      config.log_kind = log;
      auto read = parse_config(format_config(config), "coffer.yaml");
      ASSERT_TRUE(read.is_ok()) << read.status().to_string();
      EXPECT_EQ(*read, config);
    }
  }
  Config config;
  config.suite = Suite::kAes128Gcm;
  config.ctr_suite = Suite::kAes192Ctr;
  config.chunk_log2 = 14;
  for (Kind kind : {Kind::kBlocks, Kind::kLog}) EXPECT_EQ(config.suite_of(kind), Suite::kAes128Gcm);
  EXPECT_EQ(config.suite_of(Kind::kCtr), Suite::kAes192Ctr);
  EXPECT_EQ(config.chunk_log2_of(Kind::kBlocks), 14);
  for (Kind kind : {Kind::kLog, Kind::kCtr}) EXPECT_EQ(config.chunk_log2_of(kind), 0);
}

TEST(Config, TheLongestPathDecidesTheDomain) {
  auto config = parse_config("version: 1\ndomains: [{name: a, path: /db}, {name: b, path: /db/hot/}]", "coffer.yaml");
  ASSERT_TRUE(config.is_ok()) << config.status().to_string();
  EXPECT_EQ(config->domain_of("/db/000001.sst"), "a");
  EXPECT_EQ(config->domain_of("/db/hot/000001.sst"), "b");
  EXPECT_EQ(config->domain_of("/db/hotter/000001.sst"), "a");
  EXPECT_EQ(config->domain_of("/dbx/000001.sst"), "system");
}

TEST(Config, OneRuleGivesEveryTenantsDirectoryItsDomain) {
  auto config = parse_config(
      "version: 1\ndomains: [{name: '*', path: /srv/tenants}, {name: archive, path: /srv/tenants/old}, "
      "{name: '*', path: /}, {name: shared, path: /srv}]",
      "coffer.yaml");
  ASSERT_TRUE(config.is_ok()) << config.status().to_string();
  EXPECT_EQ(config->domain_of("/srv/tenants/t-1/000001.sst"), "t-1");
  EXPECT_EQ(config->domain_of("/srv/tenants/t-2/hot/000001.sst"), "t-2");
  EXPECT_EQ(config->domain_of("/srv/tenants/old/000001.sst"), "archive");
  EXPECT_EQ(config->domain_of("/srv/tenants/000001.sst"), "shared") << "it is in no tenant's directory";
  EXPECT_EQ(config->domain_of("/srv/000001.sst"), "shared");
  EXPECT_EQ(config->domain_of("/t-3/000001.sst"), "t-3");
  EXPECT_EQ(config->domain_of("/000001.sst"), "system");
  EXPECT_THAT(config->paths_of("t-1"), testing::ElementsAre("/srv/tenants/t-1", "/t-1"));
  EXPECT_THAT(config->paths_of("archive"),
              testing::ElementsAre("/srv/tenants/archive", "/srv/tenants/old", "/archive"));
  EXPECT_THAT(config->paths_of("old"), testing::ElementsAre("/old")) << "that directory is another domain's";
  auto again = parse_config(format_config(*config), "coffer.yaml");
  ASSERT_TRUE(again.is_ok()) << again.status().to_string();
  EXPECT_EQ(*again, *config);

  auto wrong = parse_config("version: 1\ndomains: [{name: 't-*', path: /srv}]", "coffer.yaml");
  EXPECT_EQ(wrong.code(), Code::kInvalidArgument);
  EXPECT_THAT(wrong.status().to_string(),
              testing::HasSubstr("coffer.yaml:2: domains: name: expected a domain, or \"*\""));
}

struct BadConfig {
  const char* yaml;
  const char* message;
};

class BadConfigTest : public ::testing::TestWithParam<BadConfig> {};

TEST_P(BadConfigTest, IsRefusedNamingFileLineAndOption) {
  const std::string yaml = GetParam().yaml;
  auto config = parse_config(yaml.starts_with('-') || yaml.empty() ? yaml : "version: 1\n" + yaml, "/c/coffer.yaml");
  ASSERT_EQ(config.code(), Code::kInvalidArgument) << GetParam().yaml;
  EXPECT_THAT(std::string(config.status().message()), HasSubstr(GetParam().message));
  EXPECT_THAT(std::string(config.status().message()), HasSubstr("/c/coffer.yaml:"));
}

INSTANTIATE_TEST_SUITE_P(
    All, BadConfigTest,
    ::testing::Values(BadConfig{"\ncypher: aes-256-gcm", ":3: unknown option \"cypher\""},
                      BadConfig{"cipher: aes-256-ctr", "cipher: expected"},
                      BadConfig{"ctr_cipher: aes-256-gcm", "ctr_cipher: expected"},
                      BadConfig{"cipher: [1]", "cipher: expected"},
                      BadConfig{"cipher: aes-128-gcm\ncipher: aes-256-gcm", ":3: cipher is there twice"},
                      BadConfig{"domains: [{name: a, name: b, path: /b}]", "name is there twice"},
                      BadConfig{"kmip_hosts: {a: {hosts: h}, a: {hosts: i}}", ":2: kmip_hosts: a is there twice"},
                      BadConfig{"key_providers: {a: {uri: k, x: 1, x: 2}}", "a: x is there twice"},
                      BadConfig{"key_providers: {a: {uri: 'x:y?uri=z'}}", "uri is there twice"},
                      BadConfig{"version: 1", ":2: version is there twice"}, BadConfig{"", ":1: it is empty"},
                      BadConfig{"---", ":1: it is empty"}, BadConfig{"--- {cipher: aes-128-gcm}", "version is missing"},
                      BadConfig{"--- {version: 2}", "version 1 only"}, BadConfig{"--- a", "expected a mapping"},
                      BadConfig{"...\n---\ncipher: aes-256-gcm", "something follows the end"},
                      BadConfig{"--- , :", "coffer.yaml:1: "}, BadConfig{"--- {version: 1}\n} x", ":2: not valid YAML"},
                      BadConfig{"anchor: \"/a\\0b\"", ":2: anchor: holds a control character"},
                      BadConfig{"sealing_key: \"/a\\x7f\"", "sealing_key: holds a control character"},
                      BadConfig{"domains: [{name: \"a\\n\", path: /b}]", "domains: name: holds a control character"},
                      BadConfig{"key_providers: {a: {uri: \"/k\\e\"}}", "a: uri: holds a control character"},
                      BadConfig{"key_providers: {a: {uri: 'file:/k%0a'}}", "holds a control character"},
                      BadConfig{"kmip_hosts: {a: {hosts: h, \"b\\t\": 1}}", "holds a control character"},
                      BadConfig{"chunk_size: 1000", "power of two"}, BadConfig{"chunk_size: 512", "power of two"},
                      BadConfig{"chunk_size: 2097152", "power of two"}, BadConfig{"chunk_size: 4096x", "power of two"},
                      BadConfig{"chunk_size: -4096", "power of two"}, BadConfig{"data_files: log", "blocks or ctr"},
                      BadConfig{"log_files: blocks", "log or ctr"}, BadConfig{"reads: mmap", "pread or mapping"},
                      BadConfig{"crypto: fast", "crypto: expected fips"},
                      BadConfig{"crypto: fips\ncipher: chacha20-poly1305", ":2: crypto: fips has no chacha20"},
                      BadConfig{"freshness: yes", "expected on or off"},
                      BadConfig{"freshness: on", ":2: freshness: it is kept beside the anchor"},
                      BadConfig{"anchor: 'tpm:0x1500016'\nfreshness: on", "the anchor must be a file"},
                      BadConfig{"anchor: /a\nlog_files: ctr\nfreshness: on", "log_files must be log"},
                      BadConfig{"anchor: here", "absolute"}, BadConfig{"sealing_key: here", "absolute"},
                      BadConfig{"domains: x", "list of"}, BadConfig{"domains: [{name: a}]", "both needed"},
                      BadConfig{"domains: [{name: a, path: b}]", "absolute"},
                      BadConfig{"domains: [{name: a, path: /b, x: 1}]", "unknown option \"x\""},
                      BadConfig{"domains: [{name: a, path: /b}, {name: c, path: /b}]", "listed twice"},
                      BadConfig{"mariadb: {keys: {100: a}}", "mariadb: keys: 1 is missing"},
                      BadConfig{"mariadb: {}", "mariadb: keys: 1 is missing"},
                      BadConfig{"mariadb: {keys: {1: a, x: a}}", "\"x\" is no key id: expected a number from 1 to"},
                      BadConfig{"mariadb: {keys: {1: a, 0: a}}", "\"0\" is no key id"},
                      BadConfig{"mariadb: {keys: {1: a, 4294967296: a}}", "\"4294967296\" is no key id"},
                      BadConfig{"mariadb: {keys: {1: a, 01: a}}", "mariadb: keys: 1 is there twice"},
                      BadConfig{"mariadb: {keys: {1: [a]}}", "mariadb: keys: 1"},
                      BadConfig{"mariadb: {ids: {1: a}}", "mariadb: unknown option \"ids\"; known is keys"},
                      BadConfig{"mounted_files: {a: b}", "mounted_files: expected a list of {match, kind}"},
                      BadConfig{"mounted_files: [{match: a}]", "mounted_files: match and kind are both needed"},
                      BadConfig{"mounted_files: [{kind: log}]", "mounted_files: match and kind are both needed"},
                      BadConfig{"mounted_files: [{match: a, kind: ctr}]",
                                "mounted_files: kind: \"ctr\" is none; expected pages, blocks or log"},
                      BadConfig{"mounted_files: [{glob: a, kind: log}]",
                                "mounted_files: unknown option \"glob\"; known are match and kind"},
                      BadConfig{"mounted_files: [{match: /a, kind: log}]", "paths begin at the store"},
                      BadConfig{"mounted_files:\n- {match: a, kind: log}\n- {match: a, kind: log}",
                                ":4: mounted_files: \"a\" is listed twice"},
                      BadConfig{"- a", "mapping"}, BadConfig{"[a]: 1", ":2: the name of an option: expected one value"},
                      BadConfig{"a: [", "not valid YAML"}));

TEST(Config, EveryKeyGroupThatThereMayBeHasARoot) {
  const auto roots = [](size_t count) {
    std::string out = "version: 1\nroots:\n";
    for (size_t i = 0; i < count; ++i) {
      const std::string number = std::to_string(i);
      out += "  r" + number + ": {uri: 'file:///k" + number + "', key_group: g" + number + "}\n";
    }
    return parse_config(out, "c.yaml");
  };
  const auto most = roots(kKeyGroupCountMax + 64);
  ASSERT_TRUE(most.is_ok()) << most.status().to_string();
  EXPECT_EQ(most->providers.roots.size(), kKeyGroupCountMax + 64);
  const auto more = roots(kKeyGroupCountMax + 65);
  EXPECT_EQ(more.code(), Code::kInvalidArgument);
  EXPECT_THAT(std::string(more.status().message()), HasSubstr("c.yaml:4163: roots: more than 4160 names"));
}

TEST(Config, TheFirstRuleForMountedFilesThatMatchesGivesTheKind) {
  const auto config = parse_config(
      "version: 1\nmounted_files:\n- {match: '*.sst', kind: blocks}\n- {match: 'wal/*', kind: log}\n"
      "- {match: 'a/*/[0-9]*', kind: blocks}\n- {match: 'wal/x', kind: blocks}\n",
      "c.yaml");
  ASSERT_TRUE(config.is_ok()) << config.status().to_string();
  for (const auto& [path, kind] : std::vector<std::pair<std::string, Kind>>{{"1.sst", Kind::kBlocks},
                                                                            {"deep/er/1.sst", Kind::kBlocks},
                                                                            {"wal/1.sst", Kind::kBlocks},
                                                                            {"wal/x", Kind::kLog},
                                                                            {"wal/deep/x", Kind::kPages},
                                                                            {"deep/wal/x", Kind::kPages},
                                                                            {"a/b/0x", Kind::kBlocks},
                                                                            {"a/b/c/0", Kind::kPages},
                                                                            {"sst", Kind::kPages}}) {
    EXPECT_EQ(mounted_kind(config->mounted_files, path), kind) << path;
  }
  EXPECT_EQ(mounted_kind({}, "1.sst"), Kind::kPages);
  const auto read = parse_config(format_config(*config), "c.yaml");
  ASSERT_TRUE(read.is_ok()) << read.status().to_string();
  EXPECT_EQ(*read, *config);
}

TEST(Config, KeyIdsOfMariadbAreReadBack) {
  const auto config =
      parse_config("version: 1\nmariadb: {keys: {100: tenant.a, 1: system, 4294967295: system}}\n", "c.yaml");
  ASSERT_TRUE(config.is_ok()) << config.status().to_string();
  EXPECT_EQ(config->mariadb_keys, (MariadbKeys{{1, "system"}, {100, "tenant.a"}, {4294967295, "system"}}));
  EXPECT_EQ(mariadb_key_of(config->mariadb_keys, "system"), 1u);
  EXPECT_EQ(mariadb_key_of(config->mariadb_keys, "other"), 0u);
  const auto read = parse_config(format_config(*config), "c.yaml");
  ASSERT_TRUE(read.is_ok()) << read.status().to_string();
  EXPECT_EQ(*read, *config);
  const Status status = check_domains(*config, Keyring::create(random_id().value(), 1).value());
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("mariadb: keys: 100: the keyring has no domain \"tenant.a\""));
}

TEST(Config, ADomainThatTheKeyringDoesNotHaveIsNamedWithWhatToDo) {
  auto config = parse_config("version: 1\ndomains:\n  - {name: system, path: /a}\n  - {name: b, path: /b}\n", "c.yaml");
  ASSERT_TRUE(config.is_ok()) << config.status().to_string();
  Keyring keyring = Keyring::create(random_id().value(), 1).value();
  const Status status = check_domains(*config, keyring);
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("c.yaml:4: domains: the keyring has no domain \"b\""));
  EXPECT_THAT(std::string(status.message()), HasSubstr("coffer domain add"));
  ASSERT_TRUE(keyring.add_domain("b", 2).is_ok());
  EXPECT_TRUE(check_domains(*config, keyring).is_ok());
}

}  // namespace
}  // namespace coffer
