// Coffers whose keyring is in a real etcd: nodes that share one, and what they do while it is away.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>

#include "coffer/config/config_edit.h"
#include "coffer/ops/doctor.h"
#include "coffer/ops/nodes.h"
#include "coffer/providers/registry.h"
#include "coffer/store/coffer.h"
#include "io/temporary_directory.h"
#include "support/comes.h"

namespace coffer {
namespace {

using testing::HasSubstr;

// The etcd beside this test stands still meanwhile.
class Stopped {
 public:
  Stopped() { ::kill(pid(), SIGSTOP); }
  ~Stopped() { ::kill(pid(), SIGCONT); }

 private:
  static pid_t pid() { return static_cast<pid_t>(std::strtol(std::getenv("COFFER_TEST_ETCD_PID"), nullptr, 10)); }
};

class EtcdNodesTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NE(std::getenv("COFFER_TEST_ETCD"), nullptr) << "run it by ctest, which starts an etcd beside it";
    ASSERT_TRUE(replace_file(Disk::posix(), directory_ / "root.key", Bytes(64, 0x81), 0600).is_ok());
    static int count = 0;
    prefix_ = "coffers/nodes" + std::to_string(++count);
  }
  std::string uri(const std::string& prefix, const std::string& options = {}) const {
    std::string out = std::getenv("COFFER_TEST_ETCD");
    return out.replace(out.find("coffers/PREFIX"), std::string_view("coffers/PREFIX").size(), prefix) + options;
  }
  // On the first node; `more`: lines of its coffer.yaml.
  void create(const std::string& more = {}, const std::string& options = "&timeout_millis=2000") {
    Coffer::CreateOptions made;
    made.root_uri = "file://" + (directory_ / "root.key");
    made.open_keyring_store = open_keyring_store;
    made.open_anchor = open_anchor;
    Config config;
    config.keyring_store = parse_provider_uri(uri(prefix_, options)).value();
    made.config_text = format_config(config) + more;
    const Status created = Coffer::create(Disk::posix(), directory_ / "c", made, open_provider);
    ASSERT_TRUE(created.is_ok()) << created.to_string();
  }
  Result<std::shared_ptr<Coffer>> try_open() const {
    return Coffer::open(Disk::posix(), directory_ / "c",
                        {.open_anchor = open_anchor,
                         .open_keyring_store = open_keyring_store,
                         .report_interval = std::chrono::milliseconds(50)},
                        open_provider);
  }
  // As one more node's program.
  std::shared_ptr<Coffer> open() const {
    auto opened = try_open();
    EXPECT_TRUE(opened.is_ok()) << opened.status().to_string();
    return opened.is_ok() ? *opened : nullptr;
  }
  static Result<NewFile> new_file(Coffer& coffer) {
    NewFileRequest request;
    request.chunk_log2 = 10;
    return coffer.new_file(request);
  }
  static Status rotate(Coffer& coffer) {
    return coffer.live_keyring().update([](Keyring& keyring) { return keyring.rotate_domain(kSystemDomain, 2); });
  }

  TemporaryDirectory directory_;
  std::string prefix_;
};

TEST_F(EtcdNodesTest, ARotationOnOneNodeIsHeardOnTheOthers) {
  create();
  const auto one = open(), two = open();
  two->watch_keys();
  ASSERT_TRUE(rotate(*one).is_ok());
  EXPECT_TRUE(comes([&] { return two->keyring()->version() == one->keyring()->version(); }));
  auto file = new_file(*two);
  ASSERT_TRUE(file.is_ok()) << file.status().to_string();
  EXPECT_EQ(file->fields.domain_key_id, one->keyring()->find_domain(kSystemDomain)->active()->id);
}

TEST_F(EtcdNodesTest, AFileUnderAKeyThatWasNotHeardOfYetOpensAllTheSame) {
  create();
  const auto one = open(), two = open();
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(rotate(*one).is_ok());
    auto file = new_file(*one);
    ASSERT_TRUE(file.is_ok());
    const auto opened = two->unlock(ByteView(file->envelope), "/f");
    EXPECT_TRUE(opened.is_ok()) << opened.status().to_string();
  }
}

TEST_F(EtcdNodesTest, WhoServesGoesOnWithoutEtcdWaitsForNothingAndCatchesUp) {
  create();
  const auto one = open(), two = open();
  two->watch_keys();
  EXPECT_TRUE(new_file(*two).is_ok());
  ASSERT_TRUE(rotate(*one).is_ok());
  EXPECT_TRUE(comes([&] { return two->keyring()->version() == 2; }));
  {
    const Stopped stopped;
    const auto begun = std::chrono::steady_clock::now();
    EXPECT_TRUE(comes([&] {
      EXPECT_TRUE(new_file(*two).is_ok());
      return two->live_keyring().condition().last_refresh.code() == Code::kProviderUnavailable;
    }));
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(new_file(*two).is_ok());
    EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(40));
    EXPECT_EQ(rotate(*two).code(), Code::kProviderUnavailable);
    EXPECT_EQ(try_open().code(), Code::kProviderUnavailable) << "who starts needs it";
  }
  ASSERT_TRUE(rotate(*one).is_ok());
  EXPECT_TRUE(comes([&] { return two->keyring()->version() == one->keyring()->version(); }));
  EXPECT_TRUE(comes([&] { return two->live_keyring().condition().last_refresh.is_ok(); }));
}

TEST_F(EtcdNodesTest, AStartWithoutEtcdIsByTheNodesCopyWhereThePolicyLetsIt) {
  create("policy:\n  keyring_copy: 1h\n");
  {
    const auto serving = open();
    ASSERT_TRUE(rotate(*serving).is_ok());
    serving->watch_keys();
    EXPECT_TRUE(comes([&] { return Disk::posix().info(directory_ / "c/keyring.copy/kept").is_ok(); }));
  }
  const auto now = open();
  EXPECT_EQ(now->live_keyring().condition().copied, 0u) << "etcd answers";
  const Stopped stopped;
  const auto opened = open();
  ASSERT_NE(opened, nullptr);
  EXPECT_EQ(opened->keyring()->version(), 2u);
  EXPECT_NE(opened->live_keyring().condition().copied, 0u);
  uint64_t seen = 0;
  EXPECT_THAT(opened->live_keyring().news_since(seen), HasSubstr("OPENED BY THIS NODE'S COPY"));
  EXPECT_TRUE(new_file(*opened).is_ok());
  EXPECT_EQ(rotate(*opened).code(), Code::kProviderUnavailable);
  // Nobody but who has the keyring says since when.
  const std::string record = directory_ / "c/keyring.copy/kept";
  Bytes text = read_file(Disk::posix(), record, 4096).value();
  text[12] = text[12] == '9' ? '8' : '9';
  ASSERT_TRUE(replace_file(Disk::posix(), record, text, 0600).is_ok());
  EXPECT_EQ(try_open().code(), Code::kTampered);
}

TEST_F(EtcdNodesTest, ACopyOpensUntilItsTimeIsOver) {
  create("policy:\n  keyring_copy: 1s\n");
  {
    const auto serving = open();
    serving->watch_keys();
    EXPECT_TRUE(comes([&] { return Disk::posix().info(directory_ / "c/keyring.copy/kept").is_ok(); }));
  }
  std::this_thread::sleep_for(std::chrono::seconds(2));
  const Stopped stopped;
  const auto late = try_open();
  EXPECT_EQ(late.code(), Code::kProviderUnavailable);
  EXPECT_THAT(std::string(late.status().message()), HasSubstr("ended at"));
}

TEST_F(EtcdNodesTest, AnOlderKeyringThatSomebodyPutsIntoEtcdIsRolledBack) {
  create("anchor: " + (directory_ / "anchor") + "\n");
  const auto serving = open();
  const auto store = open_keyring_store(parse_provider_uri(uri(prefix_)).value(), {}).value();
  const Bytes older = store->load()->sealed;
  ASSERT_TRUE(rotate(*serving).is_ok());
  const std::string file = directory_ / "older";
  ASSERT_TRUE(replace_file(Disk::posix(), file, older, 0600).is_ok());
  const std::string put = std::string(std::getenv("COFFER_TEST_ETCDCTL")) + " put /" + prefix_ + "/keyring < " + file;
  ASSERT_EQ(std::system((put + " > /dev/null").c_str()), 0);
  EXPECT_EQ(serving->live_keyring().refresh().code(), Code::kRolledBack);
  EXPECT_TRUE(new_file(*serving).is_ok()) << "who serves goes on with the newer one";
  EXPECT_EQ(try_open().code(), Code::kRolledBack);
}

TEST_F(EtcdNodesTest, AnAnchorInEtcdNeverGoesBack) {
  const auto place = [&](uint8_t coffer) {
    AnchorPlace out{uri(prefix_ + "/anchor"), {}, "/"};
    out.coffer_id.bytes.fill(coffer);
    return out;
  };
  const auto anchor = open_anchor(Disk::posix(), place(1)).value();
  EXPECT_EQ(anchor->load().value(), std::nullopt);
  std::vector<std::thread> threads;
  for (uint64_t first = 1; first < 4; ++first) {
    threads.emplace_back([&, first] {
      const auto mine = open_anchor(Disk::posix(), place(1)).value();
      for (uint64_t version = first; version < 10; version += 3) {
        EXPECT_TRUE(mine->advance({version, Sha256{}}).is_ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(anchor->load().value(), (KeyringMark{9, Sha256{}}));
  Sha256 other{};
  other[0] = 1;
  EXPECT_EQ(anchor->advance({9, other}).code(), Code::kDiverged);
  EXPECT_EQ(open_anchor(Disk::posix(), place(2)).value()->load().code(), Code::kInvalidArgument);
}

TEST_F(EtcdNodesTest, TheDoctorSaysWhereDestroyedKeysCanStillBeRead) {
  const auto findings_for = [&](const std::string& store) {
    Config config;
    config.keyring_store = parse_provider_uri(store).value();
    config.anchor = directory_ / "anchor";  // beside nothing: the keyring is elsewhere
    return examine_placement(Disk::posix(), "/etc/hostname", config, directory_ / ".", {});
  };
  EXPECT_EQ(findings_for("etcd://n1/coffers/db").size(), 0u);
  const Findings found = findings_for("etcd://n1/coffers/db?compact=false");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_THAT(found[0].what, HasSubstr("compact is false"));
}

TEST_F(EtcdNodesTest, AnAnchorBesideTheKeyringIsRefused) {
  Config config;
  config.keyring_store = parse_provider_uri("etcd://n1:2379,n2:2379/coffers/db").value();
  config.anchor = "etcd://other,N2:2000/anchor";
  EXPECT_THAT(std::string(parse_config(format_config(config), "coffer.yaml").status().message()),
              HasSubstr("n2 has the keyring, too"));
  config.anchor = "etcd://other,another/anchor";
  EXPECT_TRUE(parse_config(format_config(config), "coffer.yaml").is_ok());
}

TEST_F(EtcdNodesTest, WhoJoinsOnOneNodeIsKnownOnAllAndSaysThroughEtcdWhatItServes) {
  create();
  auto one = open();
  const auto made = NodeIdentity::create("db-1", one->config().coffer_id);
  ASSERT_TRUE(keep_node_identity(*one, *made, "", open_provider).is_ok());
  const auto request = make_join_request(*one, open_provider);
  ASSERT_TRUE(request.is_ok()) << request.status().to_string();
  const auto two = open();
  ASSERT_TRUE(enrol_node(*two, *request, open_provider).is_ok());
  const auto standing = [&] { return node_standings(two->live_keyring()).at(0); };
  EXPECT_FALSE(standing().report.has_value());
  one->watch_keys();
  EXPECT_TRUE(comes([&] { return standing().report.has_value(); }));
  EXPECT_LE(standing().report->keyring_version, two->keyring()->version());
  one.reset();  // it says no more
  // Whoever writes to etcd is not believed for it.
  const auto other = NodeIdentity::create("db-1", two->config().coffer_id);
  ASSERT_TRUE(two->live_keyring().save_report("db-1", as_bytes(*sign_node_report(*other, {1, 99}))).is_ok());
  EXPECT_EQ(standing().doubt.code(), Code::kTampered);
  ASSERT_TRUE(remove_node(*two, "db-1", "", open_provider).is_ok());
  EXPECT_TRUE(two->live_keyring().load_reports()->empty());
  EXPECT_EQ(enrol_node(*two, *request, open_provider).code(), Code::kWrongKey);
}

TEST_F(EtcdNodesTest, ANodeStartsByItsSlotInEtcdOverARotationAndNotOnceItIsRemoved) {
  const std::string own = "file://" + (directory_ / "node.key");
  ASSERT_TRUE(replace_file(Disk::posix(), directory_ / "node.key", Bytes(64, 0x83), 0600).is_ok());
  create("policy:\n  node_slots: 1h\n");
  const auto one = open();
  ASSERT_TRUE(one->edit_config([&](std::string_view yaml) {
                   return with_root(yaml, "node", {.uri = parse_provider_uri(own).value(), .fingerprint = {}}, "c");
                 }).is_ok());
  const auto made = NodeIdentity::create("db-1", one->config().coffer_id);
  ASSERT_TRUE(keep_node_identity(*one, *made, "node", open_provider).is_ok());
  ASSERT_TRUE(enrol_node(*one, *make_join_request(*one, open_provider), open_provider).is_ok());
  const auto start = [&](bool has_root) {
    const std::string key = directory_ / "root.key", away = directory_ / "away.key";
    if (!has_root) {
      EXPECT_TRUE(Disk::posix().rename(key, away).is_ok());
    }
    auto out = Coffer::open(Disk::posix(), directory_ / "c",
                            {.open_anchor = open_anchor, .open_keyring_store = open_keyring_store,
                             .waits_its_turn = true},
                            open_provider);
    if (!has_root) {
      EXPECT_TRUE(Disk::posix().rename(away, key).is_ok());
    }
    return out;
  };
  EXPECT_FALSE(start(false).is_ok()) << "it has not served yet";
  {
    const auto serving = start(true);
    ASSERT_TRUE(serving.is_ok()) << serving.status().to_string();
    (*serving)->watch_keys();
    ASSERT_TRUE(comes([&] { return Disk::posix().info(directory_ / "c" + "/node.pin").is_ok(); }));
  }
  EXPECT_EQ(one->live_keyring().nodes_with_slots().value(), std::set<std::string>{"db-1"});
  const auto serving = start(false);
  ASSERT_TRUE(serving.is_ok()) << serving.status().to_string();
  ASSERT_TRUE(one->live_keyring().rotate_root("", "").is_ok());
  const auto started = start(false);
  ASSERT_TRUE(started.is_ok()) << started.status().to_string();
  EXPECT_EQ((*started)->keyring()->version(), one->keyring()->version());
  // Only what is of the present keyring key is made at another place.
  const auto pin = [&] { return read_file(Disk::posix(), directory_ / "c" + "/node.pin", 1000).value(); };
  const Bytes before = pin();
  (*started)->watch_keys();
  ASSERT_TRUE(comes([&] { return pin() != before; }));
  auto elsewhere = open_keyring_store(parse_provider_uri(uri(prefix_ + "-moved")).value(), {});
  ASSERT_TRUE(elsewhere.is_ok()) << elsewhere.status().to_string();
  ASSERT_TRUE(one->live_keyring().move_to(std::move(*elsewhere), "").is_ok());
  EXPECT_EQ(one->live_keyring().nodes_with_slots().value(), std::set<std::string>{"db-1"}) << "they are made anew";
  ASSERT_TRUE(one->edit_config([&](std::string_view yaml) {
                   std::string text(yaml);
                   return Result<std::string>(text.replace(text.find(prefix_), prefix_.size(), prefix_ + "-moved"));
                 }).is_ok());
  EXPECT_TRUE(start(false).is_ok());
  ASSERT_TRUE(remove_node(*one, "db-1", "", open_provider).is_ok());
  EXPECT_FALSE(start(false).is_ok());
  EXPECT_TRUE(start(true).is_ok());
}

TEST_F(EtcdNodesTest, NodesShareNoKeyringThatAnybodyMayWrite) {
  const auto said_of = [&](const std::string& store) {
    Coffer::CreateOptions made;
    made.root_uri = "file://" + (directory_ / "root.key");
    made.open_keyring_store = open_keyring_store;
    Config config;
    config.keyring_store = parse_provider_uri(store).value();
    made.config_text = format_config(config);
    return Coffer::create(Disk::posix(), directory_ / "d", made, open_provider);
  };
  // An address that is nobody's (RFC 5737): nothing is asked of it.
  const Status refused = said_of("etcd://127.0.0.1:1,192.0.2.1:2379/coffers/db?timeout_millis=100");
  EXPECT_EQ(refused.code(), Code::kPermissionDenied);
  EXPECT_THAT(refused.to_string(), HasSubstr("give it client_cert_file and client_key_file, or user"));
  EXPECT_EQ(said_of("etcd://127.0.0.1:1/coffers/db?timeout_millis=100").code(), Code::kProviderUnavailable)
      << "this machine alone";
  ASSERT_TRUE(replace_file(Disk::posix(), directory_ / "password", as_bytes("p"), 0600).is_ok());
  EXPECT_EQ(said_of("etcd://192.0.2.1/coffers/db?timeout_millis=100&connect_timeout_millis=50&user=u&password_file=" +
                    (directory_ / "password"))
                .code(),
            Code::kProviderUnavailable);
}

}  // namespace
}  // namespace coffer
