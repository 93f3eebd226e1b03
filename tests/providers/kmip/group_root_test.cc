// A tenant whose root key is at a KMIP server of his, and his RocksDB beside another tenant's in one program: what he
// takes away, what an outage does not, and what a restart in one finds.
#include <rocksdb/table.h>

#include <ctime>

#include "coffer/ops/slots.h"
#include "providers/kmip/servers.h"
#include "rocksdb/store_fixture.h"
#include "support/comes.h"

namespace coffer::kmip {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// A program that serves: as another process would open the coffer, but it looks at root keys more often.
class TenantServer {
 public:
  explicit TenantServer(const Workplace& place) : place_(place) {
    coffer_ = Coffer::open(Disk::posix(), place.coffer_directory(), {}, open_provider).value();
    coffer_->live_keyring().look_at_least_every(std::chrono::milliseconds(100));
    env_ = rocksdb::NewCompositeEnv(make_coffer_file_system(coffer_).value());
  }
  rocksdb::Options options() const {
    rocksdb::Options options = place_.options();
    options.env = env_.get();
    rocksdb::BlockBasedTableOptions table;
    table.no_block_cache = true;  // what is read is read from the file
    options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
    return options;
  }
  OpenDb open(const std::string& tenant) const { return place_.open(options(), "tenants/" + tenant); }
  rocksdb::Status try_open(const std::string& tenant) const { return place_.try_open(options(), "tenants/" + tenant); }
  // What is found of the root key of the one group.
  Code root_key() const { return coffer_->live_keyring().groups().conditions().at(0).root_key.code(); }

 private:
  const Workplace& place_;
  std::shared_ptr<Coffer> coffer_;
  std::unique_ptr<rocksdb::Env> env_;
};

rocksdb::Status read_row(const OpenDb& db, int i) {
  std::string value;
  const rocksdb::Status status = db->Get({}, key_of(i), &value);
  if (status.ok()) {
    EXPECT_EQ(value, value_of(i));
  }
  return status;
}

// Into a new file.
rocksdb::Status write_row(const OpenDb& db, int i) {
  const rocksdb::Status status = db->Put({}, key_of(i), value_of(i));
  return status.ok() ? db->Flush({}) : status;
}

class KmipGroupRoot : public testing::Test {
 protected:
  void SetUp() override {
    acme_key_ = make_key("acme");
    write_bytes(config_path(), read_bytes(config_path()) +
                                   "domains:\n  - {name: \"*\", path: " + place_.path("tenants") +
                                   "}\npolicy: {on_revoked: fence, on_outage: stop, outage_grace: 1h}\n");
    std::filesystem::create_directory(place_.path("tenants"));
    const auto coffer = command();
    ASSERT_FINE(add_group(*coffer, "acme", uri_of("acme"), open_provider));
    ASSERT_FINE(coffer->live_keyring().update([](Keyring& keyring) {
      COFFER_TRY(keyring.add_domain("acme-orders", 1, "acme"));
      return keyring.add_domain("others", 1);
    }));
    serving_.emplace(place_);
    theirs_ = serving_->open("acme-orders");
    others_ = serving_->open("others");
    for (const OpenDb* db : {&theirs_, &others_}) {
      ASSERT_TRUE(*db);
      ASSERT_FINE(write_row(*db, 1));
      ASSERT_FINE(read_row(*db, 1));
    }
  }

  std::string config_path() const { return place_.coffer_directory() + "/coffer.yaml"; }
  std::string uri_of(const std::string& key) const {
    return loopback_uri(port_, key, "client", "key_cache_millis=0&timeout_millis=2000&use=get");
  }
  // A coffer as a command opens it.
  std::shared_ptr<Coffer> command() const {
    return Coffer::open(Disk::posix(), place_.coffer_directory(), {}, open_provider).value();
  }
  std::string make_key(const std::string& name) const {
    NewKey wanted;
    wanted.name = name;
    wanted.bits = 256;
    const std::string id = by_hand_.create(wanted).value();
    EXPECT_TRUE(by_hand_.activate(id));
    return id;
  }
  void revoke(const std::string& key) const {
    ASSERT_FINE(by_hand_.revoke(key, RevocationReason::kCessation, "test", std::time(nullptr)));
  }
  void restart_program() {
    theirs_.close();
    others_.close();
    serving_.emplace(place_);
  }
  void expect_others_serve(int row) const {
    EXPECT_FINE(read_row(others_, 1));
    EXPECT_FINE(write_row(others_, row));
    EXPECT_FINE(read_row(others_, row));
  }
  void expect_fenced() const {
    ASSERT_TRUE(comes([&] { return !read_row(theirs_, 1).ok(); }));
    expect_refused(read_row(theirs_, 1));
  }
  static void expect_refused(const rocksdb::Status& refused) {
    EXPECT_TRUE(refused.IsIOError()) << refused.ToString();
    EXPECT_THAT(refused.ToString(), AllOf(HasSubstr("key group \"acme\""), HasSubstr("on_revoked is fence")));
  }

  const Workplace place_;
  const ServerDirectory directory_;
  std::unique_ptr<ServerProcess> server_ = start_pykmip(directory_.path());
  const int port_ = server_->port();
  const Client by_hand_ = loopback_client(port_);
  std::string acme_key_;
  std::optional<TenantServer> serving_;
  OpenDb theirs_, others_;
};

TEST_F(KmipGroupRoot, ARevokedKeyStopsItsTenantAloneUntilTheGroupHasAnotherRoot) {
  revoke(acme_key_);
  expect_fenced();
  expect_refused(write_row(theirs_, 2));
  expect_others_serve(2);

  const std::string next = make_key("next");
  const auto rotated = rotate_group(*command(), "acme", uri_of("next"), open_provider);
  ASSERT_FINE(rotated);
  EXPECT_EQ(rotated->removed.size(), 1u);
  EXPECT_TRUE(comes([&] { return read_row(theirs_, 1).ok(); })) << read_row(theirs_, 1).ToString();
  EXPECT_TRUE(comes([&] { return write_row(theirs_, 3).ok(); })) << "RocksDB goes on as soon as it tries again";
  EXPECT_FINE(read_row(theirs_, 3));

  revoke(next);
  ASSERT_FINE(by_hand_.destroy(next));
  expect_fenced();  // and nothing is written: RocksDB 7.8 may wait for ever when it is closed while a flush fails
  restart_program();
  const rocksdb::Status gone = serving_->try_open("acme-orders");
  EXPECT_FALSE(gone.IsCorruption());
  EXPECT_THAT(gone.ToString(), AllOf(HasSubstr("key group \"acme\""), HasSubstr("127.0.0.1")));
  others_ = serving_->open("others");
  expect_others_serve(4);
}

TEST_F(KmipGroupRoot, AnOutageStopsNobodyWithinTheGraceAndARestartInItStopsTheTenantAlone) {
  server_.reset();
  ASSERT_TRUE(comes([&] { return serving_->root_key() == Code::kProviderUnavailable; }));
  for (const OpenDb* db : {&theirs_, &others_}) {
    EXPECT_FINE(read_row(*db, 1));
    EXPECT_FINE(write_row(*db, 2));
    EXPECT_FINE(read_row(*db, 2));
  }

  restart_program();
  others_ = serving_->open("others");
  expect_others_serve(3);
  const rocksdb::Status away = serving_->try_open("acme-orders");
  EXPECT_TRUE(away.IsIOError()) << away.ToString();
  EXPECT_THAT(away.ToString(), AllOf(HasSubstr("key group \"acme\""), HasSubstr("127.0.0.1:" + std::to_string(port_))));

  server_ = start_pykmip(directory_.path(), port_);
  ASSERT_TRUE(comes([&] { return serving_->try_open("acme-orders").ok(); })) << "nothing has to be restarted";
  theirs_ = serving_->open("acme-orders");
  EXPECT_FINE(read_row(theirs_, 2));
}

}  // namespace
}  // namespace coffer::kmip
