// Stores of nodes: machines with a disk in memory each, which share a keyring, and have stores of the same path.
#include "coffer/base/path.h"
#include "coffer/ops/inventory.h"
#include "coffer/ops/nodes.h"
#include "coffer/ops/own_store.h"
#include "coffer/ops/stores.h"
#include "coffer/store/node_key.h"
#include "coffer_fixture.h"
#include "support/memory_disk.h"

namespace coffer {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// What stands for etcd. An opener is a plain function.
MemoryDisk* keyring_disk = nullptr;
Result<std::unique_ptr<KeyringStore>> open_common_keyring(const ProviderUri&, const ProviderConfig&) {
  return open_file_keyring_store(*keyring_disk, "/");
}

class Machine {
 public:
  // The first makes the coffer, others have a copy of its configuration.
  explicit Machine(const std::string& root_uri) {
    Coffer::CreateOptions options{.root_uri = root_uri, .open_keyring_store = open_common_keyring};
    options.config.keyring_store = parse_provider_uri("etcd://127.0.0.1:1/c?tls=false").value();
    const Status made = Coffer::create(disk_, "/coffer", options, open_provider);
    EXPECT_TRUE(made.is_ok()) << made.to_string();
    open();
  }
  explicit Machine(Machine& other) {
    EXPECT_TRUE(disk_.make_directory("/coffer", 0700).is_ok());
    put("/coffer/coffer.yaml", other.get("/coffer/coffer.yaml"));
    open();
  }

  Coffer& coffer() { return *coffer_; }
  MemoryDisk& disk() { return disk_; }
  void open() {
    coffer_.reset();
    auto opened = Coffer::open(disk_, "/coffer", {.open_keyring_store = open_common_keyring}, open_provider);
    ASSERT_OK(opened);
    coffer_ = *opened;
  }
  void configure(const std::string& more) {
    put("/coffer/coffer.yaml", get("/coffer/coffer.yaml") + more);
    open();
  }
  // As a node of this name, which may have been listed before.
  void join(const std::string& name) {
    auto identity = NodeIdentity::create(name, coffer_->config().coffer_id);
    ASSERT_OK(keep_node_identity(*coffer_, *identity, "", open_provider));
    const auto request = make_join_request(*coffer_, open_provider);
    ASSERT_OK(request);
    ASSERT_OK(enrol_node(*coffer_, *request, open_provider));
  }
  void look() { ASSERT_OK(coffer_->live_keyring().refresh()); }

  std::string get(const std::string& path) {
    const auto bytes = read_file(disk_, path, size_t{1} << 20);
    EXPECT_TRUE(bytes.is_ok()) << status_text(bytes);
    return bytes.is_ok() ? std::string(as_text(*bytes)) : "";
  }
  void put(const std::string& path, const std::string& text) {
    ASSERT_OK(replace_file(disk_, path, as_bytes(text), 0600));
  }
  // A file of a database, as an engine makes it; says whose it is.
  Id make_file(const std::string& path) {
    const std::string directory(parent_of(path));
    if (disk_.info(directory).code() == Code::kNotFound) {
      EXPECT_TRUE(disk_.make_directory(directory, 0700).is_ok());
    }
    const auto store = coffer_->stores().store_for({.directory = directory, .confirms = true});
    EXPECT_TRUE(store.is_ok()) << status_text(store);
    if (!store.is_ok()) return {};
    const auto file = coffer_->new_file({.kind = Kind::kLog, .store_id = *store});
    EXPECT_TRUE(file.is_ok()) << status_text(file);
    put(path, std::string(as_text(file->envelope)));
    return *store;
  }
  Status opened(const std::string& path) {
    const auto bytes = read_file(disk_, path, kEnvelopeSize);
    return bytes.is_ok() ? coffer_->open_file(*bytes, path).status() : bytes.status();
  }
  // As an engine destroys its database.
  void destroy_database(const std::string& directory) {
    auto entries = disk_.list(directory);
    ASSERT_OK(entries);
    for (const DirectoryEntry& entry : *entries) ASSERT_OK(disk_.remove(directory + "/" + entry.name));
    ASSERT_OK(disk_.remove(directory));
    ASSERT_OK(coffer_->stores().drop(directory));
  }
  Status rename(const std::string& from, const std::string& to) {
    COFFER_ASSIGN(const std::vector<MovingStore> moving, coffer_->stores().begin_move(from, to));
    COFFER_TRY(disk_.rename(from, to));
    return coffer_->stores().end_move(moving, true);
  }
  // What this machine's keyring has of a path.
  const StoreEntry* store(const std::string& path) {
    keyring_ = coffer_->keyring();
    return coffer_->places().of_directory(*keyring_, path).store;
  }
  // Everything that a database has here, to another machine's disk.
  void carry(const std::string& directory, Machine& to) {
    ASSERT_OK(to.disk_.make_directory(directory, 0700));
    auto entries = disk_.list(directory);
    ASSERT_OK(entries);
    for (const DirectoryEntry& entry : *entries) {
      to.put(directory + "/" + entry.name, get(directory + "/" + entry.name));
    }
  }

 private:
  MemoryDisk disk_;
  std::shared_ptr<Coffer> coffer_;
  std::shared_ptr<const Keyring> keyring_;
};

class NodeStores : public CofferFixture {
 protected:
  void SetUp() override {
    CofferFixture::SetUp();
    keyring_disk = &common_;
    one_.emplace(key_uri("root.key"));
    two_.emplace(*one_);
  }
  void join_both() {
    one_->join("db-1");
    two_->join("db-2");
    one_->look();
  }

  MemoryDisk common_;
  std::optional<Machine> one_, two_;
};

TEST_F(NodeStores, OfTheSamePathAreTwo) {
  join_both();
  const Id first = one_->make_file("/db/CURRENT"), second = two_->make_file("/db/CURRENT");
  EXPECT_NE(first, second);
  EXPECT_EQ(two_->make_file("/db/2"), second);
  one_->look();
  EXPECT_EQ(one_->store("/db")->node, "db-1");
  EXPECT_EQ(two_->store("/db")->node, "db-2");
  EXPECT_EQ(one_->opened("/db/CURRENT").code(), Code::kOk);
  EXPECT_EQ(two_->opened("/db/CURRENT").code(), Code::kOk);
  EXPECT_EQ(find_store(one_->coffer(), "/db")->id, first);
  EXPECT_EQ(find_store(two_->coffer(), "/db")->id, second);

  one_->destroy_database("/db");
  EXPECT_EQ(one_->store("/db"), nullptr);
  two_->look();
  EXPECT_EQ(two_->opened("/db/CURRENT").code(), Code::kOk);
  EXPECT_EQ(two_->opened("/db/2").code(), Code::kOk);
  for (Machine* machine : {&*one_, &*two_}) EXPECT_TRUE(missing_stores(machine->coffer()).empty());
}

TEST_F(NodeStores, OfOtherNodesAreMissedByNobody) {
  join_both();
  one_->make_file("/here/CURRENT");
  two_->look();
  EXPECT_TRUE(missing_stores(two_->coffer()).empty());
  EXPECT_TRUE(remembered_stores(two_->coffer()).empty());
  EXPECT_EQ(two_->store("/here"), nullptr);
  const auto found = find_store(two_->coffer(), "/here");
  EXPECT_EQ(found.code(), Code::kNotFound);
  const Id id = one_->store("/here")->id;
  EXPECT_THAT(status_text(found), HasSubstr("node db-1 has one there, of which the id is " + id.hex()));
  // Nobody forgets what another node may need.
  EXPECT_EQ(forget_store(two_->coffer(), id).code(), Code::kBusy);
  EXPECT_EQ(move_store(two_->coffer(), id.hex(), "/there").code(), Code::kForeign);
  ASSERT_OK(remove_node(two_->coffer(), "db-1", "", open_provider));
  ASSERT_OK(forget_store(two_->coffer(), id));
}

TEST_F(NodeStores, AFileOfAnothersAtTheSamePathIsForeignUntilItIsAdopted) {
  join_both();
  const Id first = one_->make_file("/db/CURRENT");
  two_->make_file("/db/CURRENT");
  two_->put("/db/CURRENT", one_->get("/db/CURRENT"));
  const Status found = two_->opened("/db/CURRENT");
  EXPECT_EQ(found.code(), Code::kForeign);
  EXPECT_THAT(found.to_string(), AllOf(HasSubstr("belongs to the store /db of node db-1 and was found in the store "
                                                 "/db of node db-2"),
                                       HasSubstr("this machine is node db-2"), HasSubstr("coffer store adopt"),
                                       Not(HasSubstr("store move"))));
  const auto adopted = adopt(two_->coffer(), "/db", {});
  ASSERT_OK(adopted);
  EXPECT_EQ(adopted->stores.begin()->first, first);
  EXPECT_EQ(two_->opened("/db/CURRENT").code(), Code::kOk);
  // And it is no way back.
  two_->make_file("/db/2");
  one_->look();
  one_->put("/db/2", two_->get("/db/2"));
  EXPECT_EQ(one_->opened("/db/2").code(), Code::kForeign);
}

TEST_F(NodeStores, ADiskThatWasBroughtIsAdopted) {
  join_both();
  one_->make_file("/db/CURRENT");
  one_->make_file("/db/1");
  for (const bool is_gone : {false, true}) {
    SCOPED_TRACE(is_gone);
    if (is_gone) ASSERT_OK(remove_node(two_->coffer(), "db-1", "", open_provider));
    Machine third(*two_);
    third.join(is_gone ? "db-4" : "db-3");
    one_->carry("/db", third);
    EXPECT_EQ(third.opened("/db/1").code(), Code::kForeign);
    ASSERT_OK(adopt(third.coffer(), "/db", {}));
    EXPECT_EQ(third.opened("/db/CURRENT").code(), Code::kOk);
    EXPECT_EQ(third.opened("/db/1").code(), Code::kOk);
    EXPECT_EQ(third.store("/db")->node, is_gone ? "db-4" : "db-3");
    EXPECT_TRUE(third.store("/db")->confirmed);
    EXPECT_TRUE(missing_stores(third.coffer()).empty());
  }
}

TEST_F(NodeStores, RenamesAreOfOneNode) {
  join_both();
  const Id moving = one_->make_file("/db/CURRENT");
  two_->make_file("/db/CURRENT");
  const Id target = two_->make_file("/new/CURRENT");
  one_->look();
  ASSERT_OK(one_->rename("/db", "/new"));
  EXPECT_EQ(one_->opened("/new/CURRENT").code(), Code::kOk);
  EXPECT_EQ(one_->store("/new")->id, moving);
  EXPECT_EQ(one_->store("/db"), nullptr);
  two_->look();
  EXPECT_EQ(two_->opened("/db/CURRENT").code(), Code::kOk);
  EXPECT_EQ(two_->opened("/new/CURRENT").code(), Code::kOk);
  EXPECT_EQ(two_->store("/new")->id, target);
  // By hand, too.
  ASSERT_OK(one_->disk().rename("/new", "/db"));
  ASSERT_OK(move_store(one_->coffer(), "/new", "/db"));
  EXPECT_EQ(one_->opened("/db/CURRENT").code(), Code::kOk);
  two_->look();
  EXPECT_EQ(two_->opened("/new/CURRENT").code(), Code::kOk);
}

TEST_F(NodeStores, ProvisionalOnesAreForgottenByTheirNodeAlone) {
  join_both();
  constexpr size_t kMany = kGoneStoresMax / 2 + 44;
  const auto enter = [](Keyring& keyring) -> Status {
    for (size_t i = 0; i < kMany; ++i) {
      COFFER_TRY(keyring.add_store("/staging/" + std::to_string(i), 1, "db-1").status());
    }
    return Status::ok();
  };
  ASSERT_OK(one_->coffer().live_keyring().update(enter));
  two_->look();
  two_->make_file("/db/CURRENT");
  EXPECT_EQ(two_->coffer().keyring()->stores().size(), kMany + 1);
  EXPECT_FALSE(matters_elsewhere(*two_->coffer().keyring(), two_->coffer().keyring()->stores().front()));
  one_->look();
  one_->make_file("/db/CURRENT");
  EXPECT_EQ(one_->coffer().keyring()->stores().size(), kGoneStoresMax / 2 + 2) << "half of what is kept is each's";
  ASSERT_OK(remove_node(two_->coffer(), "db-1", "", open_provider));
  EXPECT_TRUE(matters_elsewhere(*two_->coffer().keyring(), two_->coffer().keyring()->stores().front()));
}

TEST_F(NodeStores, ThatWereThereBeforeTheNodesAreEverybodys) {
  const Id shared = one_->make_file("/db/CURRENT");
  two_->look();
  EXPECT_EQ(two_->make_file("/db/CURRENT"), shared);
  join_both();
  EXPECT_EQ(one_->make_file("/db/2"), shared);
  EXPECT_EQ(one_->store("/db")->node, "");

  const auto own = own_store(one_->coffer(), "/db");
  ASSERT_OK(own);
  EXPECT_EQ(own->node, "db-1");
  EXPECT_EQ(own_store(one_->coffer(), "/db").code(), Code::kAlreadyExists);
  EXPECT_EQ(own_store(one_->coffer(), shared.hex()).code(), Code::kAlreadyExists);
  EXPECT_EQ(one_->coffer().places().stores(*one_->coffer().keyring()).size(), 1u);
  EXPECT_EQ(one_->make_file("/db/3"), own->id);
  for (const char* name : {"/db/CURRENT", "/db/2", "/db/3"}) EXPECT_EQ(one_->opened(name).code(), Code::kOk);
  two_->look();
  EXPECT_EQ(two_->opened("/db/CURRENT").code(), Code::kOk);
  two_->put("/db/3", one_->get("/db/3"));
  EXPECT_EQ(two_->opened("/db/3").code(), Code::kForeign);
  // Once everybody has its own, nobody needs the one that was shared.
  EXPECT_EQ(forget_store(two_->coffer(), shared).code(), Code::kInvalidArgument);
  ASSERT_OK(own_store(two_->coffer(), "/db"));
  ASSERT_OK(forget_store(two_->coffer(), shared));
  EXPECT_EQ(two_->opened("/db/CURRENT").code(), Code::kOk);
  one_->destroy_database("/db");
  two_->look();
  EXPECT_EQ(two_->opened("/db/CURRENT").code(), Code::kOk);
}

TEST_F(NodeStores, OnlyANodeThatIsListedHasItsOwn) {
  one_->make_file("/db/CURRENT");
  EXPECT_EQ(own_store(one_->coffer(), "/db").code(), Code::kInvalidArgument);
  auto identity = NodeIdentity::create("db-1", one_->coffer().config().coffer_id);
  ASSERT_OK(keep_node_identity(one_->coffer(), *identity, "", open_provider));
  one_->open();
  one_->make_file("/other/CURRENT");
  EXPECT_EQ(one_->store("/other")->node, "") << "keys of its own are enough for streams, not for this";
  two_->join("db-2");
  one_->look();
  one_->make_file("/third/CURRENT");
  EXPECT_EQ(one_->store("/third")->node, "");
}

TEST_F(NodeStores, WhereADiskGoesFromNodeToNodeTheyAreEverybodys) {
  join_both();
  for (Machine* machine : {&*one_, &*two_}) {
    machine->configure("stores:\n  - path: /mnt/san\n    shared: true\n");
  }
  const Id shared = one_->make_file("/mnt/CURRENT");
  EXPECT_EQ(one_->store("/mnt")->node, "db-1");
  ASSERT_OK(one_->disk().make_directory("/mnt/san", 0700));
  const Id moving = one_->make_file("/mnt/san/CURRENT");
  EXPECT_NE(moving, shared);
  EXPECT_EQ(one_->store("/mnt/san")->node, "");
  EXPECT_EQ(own_store(one_->coffer(), "/mnt/san").code(), Code::kInvalidArgument);
  two_->look();
  ASSERT_OK(two_->disk().make_directory("/mnt", 0700));
  one_->carry("/mnt/san", *two_);
  EXPECT_EQ(two_->opened("/mnt/san/CURRENT").code(), Code::kOk);
  EXPECT_EQ(two_->make_file("/mnt/san/2"), moving);
}

TEST_F(NodeStores, ANodeThatComesBackUnderItsNameHasThemAgain) {
  join_both();
  one_->make_file("/db/CURRENT");
  ASSERT_OK(remove_node(two_->coffer(), "db-1", "", open_provider));
  one_->look();
  EXPECT_EQ(one_->opened("/db/CURRENT").code(), Code::kOk) << "its files are its own, listed or not";
  ASSERT_OK(one_->disk().remove("/coffer/node.key"));
  one_->open();
  EXPECT_EQ(one_->opened("/db/CURRENT").code(), Code::kForeign);
  one_->join("db-1");
  EXPECT_EQ(one_->opened("/db/CURRENT").code(), Code::kOk);
}

TEST_F(NodeStores, KeysOfANodeThatCannotBeReadMakeNoStoreThatIsEverybodys) {
  join_both();
  one_->make_file("/db/CURRENT");
  const std::string right = one_->get("/coffer/node.key");
  one_->put("/coffer/node.key", "no key\n");
  two_->make_file("/db/CURRENT");
  one_->look();
  EXPECT_EQ(one_->opened("/db/CURRENT").code(), Code::kOk) << "a program that runs goes on";
  one_->open();
  const Status found = one_->opened("/db/CURRENT");
  EXPECT_EQ(found.code(), Code::kForeign);
  EXPECT_THAT(found.to_string(), AllOf(HasSubstr("which node this machine is cannot be read"), HasSubstr("node.key")));
  EXPECT_EQ(one_->coffer().stores().store_for({.directory = "/db"}).code(), Code::kDamaged);
  one_->put("/coffer/node.key", right);
  one_->open();
  EXPECT_EQ(one_->opened("/db/CURRENT").code(), Code::kOk);
}

}  // namespace
}  // namespace coffer
