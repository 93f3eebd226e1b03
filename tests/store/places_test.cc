// Where files may be, over a disk in memory: random histories against a model, and what fails or crashes in between.
#include <random>
#include <set>

#include "coffer/base/path.h"
#include "coffer/files/file_head.h"
#include "coffer/ops/rewrap.h"
#include "coffer/ops/stores.h"
#include "coffer_fixture.h"
#include "support/fault_disk.h"
#include "support/memory_disk.h"
#include "support/seed.h"

namespace coffer {
namespace {

constexpr const char* kCofferPath = "/coffer";

// A coffer on a disk in memory, and files that are headers only: places need no bodies.
class World {
 public:
  explicit World(const std::string& root_uri) : disk_(std::make_unique<MemoryDisk>()) {
    const Status made = Coffer::create(*disk_, kCofferPath, {.root_uri = root_uri}, open_provider);
    EXPECT_TRUE(made.is_ok()) << made.to_string();
    EXPECT_TRUE(disk_->sync_directory("/").is_ok());
    open();
  }

  MemoryDisk& disk() { return *disk_; }
  Coffer& coffer() { return *coffer_; }
  void open() {
    coffer_.reset();
    auto opened = Coffer::open(*disk_, kCofferPath, {}, open_provider);
    ASSERT_TRUE(opened.is_ok()) << status_text(opened);
    coffer_ = *opened;
  }
  // Goes on with what a crash left.
  void become(std::unique_ptr<MemoryDisk> image) {
    coffer_.reset();
    disk_ = std::move(image);
    open();
  }

  void make_directory(const std::string& path) {
    ASSERT_OK(disk_->make_directory(path, 0700));
    ASSERT_OK(disk_->sync_all("/"));
  }
  // As an engine makes it; says its file id.
  Id make_file(const std::string& path, bool confirms = false) {
    const std::string directory(parent_of(path));
    auto store = coffer_->stores().store_for({.directory = directory, .confirms = confirms});
    EXPECT_TRUE(store.is_ok()) << status_text(store);
    auto file = coffer_->new_file({.kind = Kind::kLog, .store_id = *store});
    EXPECT_TRUE(file.is_ok()) << status_text(file);
    EXPECT_TRUE(replace_file(*disk_, path, file->envelope, 0600).is_ok());
    return file->fields.file_id;
  }
  // As anybody copies it: nothing is told.
  void copy(const std::string& from, const std::string& to) {
    auto bytes = read_file(*disk_, from, kEnvelopeSize);
    ASSERT_OK(bytes);
    ASSERT_OK(replace_file(*disk_, to, *bytes, 0600));
  }
  // As an engine links it.
  Status link(const std::string& from, const std::string& to) {
    auto bytes = read_file(*disk_, from, kEnvelopeSize);
    if (!bytes.is_ok()) return bytes.status();
    COFFER_ASSIGN(OpenedFile opened, coffer_->open_file(*bytes, from));
    COFFER_TRY(coffer_->stores().allow(std::string(parent_of(to)), opened.fields.store_id, kSystemDomain,
                                       LineageHow::kLinked));
    return replace_file(*disk_, to, *bytes, 0600);
  }
  Status rename_directory(const std::string& from, const std::string& to) {
    COFFER_ASSIGN(const std::vector<MovingStore> moving, coffer_->stores().begin_move(from, to));
    const Status renamed = disk_->rename(from, to);
    const Status settled = coffer_->stores().end_move(moving, renamed.is_ok());
    return renamed.is_ok() ? settled : renamed;
  }
  Code verdict(const std::string& path) {
    auto bytes = read_file(*disk_, path, kEnvelopeSize);
    return bytes.is_ok() ? coffer_->open_file(*bytes, path).code() : bytes.code();
  }
  std::vector<std::string> files(const std::string& directory) {
    std::vector<std::string> out;
    auto entries = disk_->list(directory);
    if (!entries.is_ok()) return out;
    for (const DirectoryEntry& entry : *entries) {
      if (entry.name.find(kTemporaryInfix) == std::string::npos) out.push_back(directory + "/" + entry.name);
    }
    return out;
  }
  Id file_id(const std::string& path) {
    auto bytes = read_file(*disk_, path, kEnvelopeSize);
    EXPECT_TRUE(bytes.is_ok()) << path;
    return scan_envelope(*bytes).value().fields.file_id;
  }

 private:
  std::unique_ptr<MemoryDisk> disk_;
  std::shared_ptr<Coffer> coffer_;
};

// What the history knows by itself: each directory's store is a number, each file was made in one, and each store lets
// in the files of some.
class History {
 public:
  History(const std::string& root_uri, uint64_t seed) : world_(root_uri), random_(seed) {
    for (int i = 0; i < 4; ++i) new_store();
  }

  void run(int steps) {
    for (int step = 0; step < steps && !::testing::Test::HasFailure(); ++step) {
      SCOPED_TRACE("step " + std::to_string(step));
      one();
      check(true);
    }
  }
  int served = 0, refused = 0, crashes = 0;

 private:
  uint64_t below(uint64_t count) { return random_() % count; }
  std::string any_store() {
    auto at = stores_.begin();
    std::advance(at, static_cast<long>(below(stores_.size())));
    return at->first;
  }
  std::string fresh() { return "/s" + std::to_string(next_++); }
  std::string any_file(const std::string& directory) {
    const auto files = world_.files(directory);
    return files.empty() ? std::string() : files[below(files.size())];
  }
  bool may_open(const std::string& path) {
    const auto store = stores_.find(std::string(parent_of(path)));
    return store != stores_.end() && registered_.contains(store->first) &&
           lets_in_[store->second].contains(made_in_[world_.file_id(path)]);
  }

  void new_store() {
    const std::string path = fresh();
    world_.make_directory(path);
    stores_[path] = next_;
    lets_in_[next_] = {next_};
    registered_.insert(path);
    made_in_[world_.make_file(path + "/CURRENT", true)] = next_;
  }

  // Something that is made known, and may be cut short by a crash: then it is done again.
  void told(const std::function<Status()>& what) {
    std::unique_ptr<MemoryDisk> image;
    uint64_t left = 0;
    if (below(2) == 0) {
      left = below(12);
      world_.disk().set_observer([&] {
        if (image != nullptr || left-- > 0) return;
        image = world_.disk().crash_image(static_cast<CrashKind>(below(3)), random_());
      });
    }
    const Status done = what();
    world_.disk().set_observer(nullptr);
    EXPECT_TRUE(done.is_ok()) << done.to_string();
    if (image == nullptr) {
      ASSERT_OK(world_.disk().sync_all("/"));
      return;
    }
    ++crashes;
    world_.become(std::move(image));
    check(false);
    const Status again = what();
    EXPECT_TRUE(again.is_ok()) << "after a crash: " << again.to_string();
    ASSERT_OK(world_.disk().sync_all("/"));
  }

  void link(const std::string& from, const std::string& to) {
    if (!may_open(from)) {
      EXPECT_EQ(world_.link(from, to).code(), Code::kForeign) << from;
      return;
    }
    const uint64_t origin = made_in_[world_.file_id(from)];
    told([&] { return world_.link(from, to); });
    lets_in_[stores_[std::string(parent_of(to))]].insert(origin);
  }

  void rename(bool is_told) {
    const std::string from = any_store(), to = fresh();
    if (!registered_.contains(from)) return;
    const uint64_t store = stores_[from];
    if (is_told) {
      moving_ = {from, to};
      told([&] { return world_.disk().info(from).is_ok() ? world_.rename_directory(from, to) : Status::ok(); });
      moving_ = {};
    } else {
      ASSERT_OK(world_.disk().rename(from, to));
      ASSERT_OK(world_.disk().sync_all("/"));
    }
    stores_.erase(from);
    stores_[to] = store;
    registered_.erase(from);
    if (is_told) registered_.insert(to);
    if (!is_told) moved_by_hand_[to] = from;
  }

  void tell_of_move() {
    if (moved_by_hand_.empty()) return;
    const std::string to = moved_by_hand_.begin()->first, from = moved_by_hand_.begin()->second;
    bool first = true;
    told([&] {
      const Status moved = move_store(world_.coffer(), from, to);
      // It may have been done before the crash.
      const bool done_already = !first && moved.code() == Code::kNotFound;
      first = false;
      return done_already ? Status::ok() : moved;
    });
    registered_.insert(to);
    moved_by_hand_.erase(to);
  }

  void adopt_all() {
    const std::string path = any_store();
    if (!registered_.contains(path)) return;
    bool needed = false;
    for (const std::string& file : world_.files(path)) {
      needed |= !may_open(file);
    }
    if (!needed) {
      EXPECT_EQ(adopt(world_.coffer(), path, {}).code(), Code::kInvalidArgument) << path;
      return;
    }
    bool first = true;
    told([&] {
      const Status done = adopt(world_.coffer(), path, {}).status();
      const bool done_already = !first && done.code() == Code::kInvalidArgument;
      first = false;
      return done_already ? Status::ok() : done;
    });
    for (const std::string& file : world_.files(path)) lets_in_[stores_[path]].insert(made_in_[world_.file_id(file)]);
  }

  void checkpoint() {
    const std::string from = any_store(), to = fresh(), building = to + ".tmp";
    const auto files = world_.files(from);
    if (!std::all_of(files.begin(), files.end(), [&](const std::string& file) { return may_open(file); })) return;
    world_.make_directory(building);
    stores_[building] = ++next_;
    lets_in_[next_] = {next_};
    registered_.insert(building);
    for (const std::string& file : files) link(file, building + "/" + std::string(base_name(file)));
    const uint64_t store = stores_[building];
    moving_ = {building, to};
    told([&] { return world_.disk().info(building).is_ok() ? world_.rename_directory(building, to) : Status::ok(); });
    moving_ = {};
    stores_.erase(building);
    registered_.erase(building);
    stores_[to] = store;
    registered_.insert(to);
  }

  void rotate_and_rewrap() {
    told([&] {
      return world_.coffer().live_keyring().update(
          [](Keyring& keyring) { return keyring.rotate_domain(kSystemDomain, 1); });
    });
    auto report = rewrap(world_.coffer(), {"/"}, {}, nullptr);
    ASSERT_OK(report);
    for (const FileProblem& problem : report->problems) {
      EXPECT_EQ(problem.status.code() == Code::kForeign, !may_open(problem.path)) << problem.status.to_string();
    }
  }

  // A backup of one store, by hand, and later its files put back where they were: older headers under older keys.
  void back_up_or_restore() {
    if (backup_.empty()) {
      for (const std::string& path : world_.files(any_store())) {
        auto bytes = read_file(world_.disk(), path, kEnvelopeSize);
        ASSERT_OK(bytes);
        backup_[path] = std::move(*bytes);
      }
      return;
    }
    for (const auto& [path, bytes] : std::exchange(backup_, {})) {
      if (!world_.disk().info(std::string(parent_of(path))).is_ok()) continue;  // moved away meanwhile
      ASSERT_OK(replace_file(world_.disk(), path, bytes, 0600));
    }
  }

  void one() {
    const std::string directory = any_store();
    const std::string file = any_file(directory);
    const std::string target = any_store() + "/f" + std::to_string(next_++);
    switch (below(13)) {
      case 0: return stores_.size() < 9 ? new_store() : void();
      case 1: {
        if (!registered_.contains(directory)) return;
        Id made;
        const std::string path = directory + "/f" + std::to_string(next_++);
        told([&] { return made = world_.make_file(path), Status::ok(); });
        made_in_[made] = stores_[directory];
        return;
      }
      case 2:
      case 3: return file.empty() ? void() : world_.copy(file, target);
      case 4:
        if (file.empty() || !registered_.contains(std::string(parent_of(target)))) return;
        return link(file, target);
      case 5: return rename(true);
      case 6: return rename(false);
      case 7: return tell_of_move();
      case 8: return adopt_all();
      case 9: return stores_.size() < 9 ? checkpoint() : void();
      case 10: return back_up_or_restore();
      case 11: return told([&] { return world_.coffer().live_keyring().rotate_root(""); });
      default: return rotate_and_rewrap();
    }
  }

  // `settled`: nothing is half done. Else what may be opened can be, at either place of what is being moved.
  void check(bool settled) {
    for (const auto& [directory, store] : stores_) {
      std::string here = directory;
      if (!settled && directory == moving_.first && !world_.disk().info(directory).is_ok()) here = moving_.second;
      for (const std::string& path : world_.files(here)) {
        const Id id = world_.file_id(path);
        // Made by what the crash cut short.
        if (!settled && !made_in_.contains(id)) continue;
        const bool may = registered_.contains(directory) && lets_in_[store].contains(made_in_[id]);
        if (!settled && !may) continue;
        (may ? served : refused)++;
        ASSERT_EQ(world_.verdict(path), may ? Code::kOk : Code::kForeign) << path;
      }
    }
  }

  World world_;
  std::mt19937_64 random_;
  uint64_t next_ = 1;
  std::map<std::string, uint64_t> stores_;  // directory → store
  std::map<uint64_t, std::set<uint64_t>> lets_in_;
  std::map<Id, uint64_t> made_in_;                    // file → store
  std::set<std::string> registered_;                  // directories that the keyring has at their place
  std::map<std::string, std::string> moved_by_hand_;  // to → from
  std::pair<std::string, std::string> moving_;
  std::map<std::string, Bytes> backup_;
};

class StorePlaces : public CofferFixture {};

TEST_F(StorePlaces, NoHistoryServesAFileElsewhereOrRefusesOneAtItsPlace) {
  int served = 0, refused = 0, crashes = 0;
  for (uint64_t seed : seeds(24)) {
    SCOPED_TRACE("COFFER_SEED=" + std::to_string(seed));
    History history(key_uri("root.key"), seed);
    history.run(80);
    served += history.served;
    refused += history.refused;
    crashes += history.crashes;
    if (HasFailure()) return;
  }
  EXPECT_GT(served, 0);
  EXPECT_GT(refused, 0);
  RecordProperty("served", served);
  RecordProperty("refused", refused);
  RecordProperty("crashes", crashes);
}

// What operators say of stores, done once from the start: the disk as it was before it, and the command.
struct Saying {
  const char* name;
  void (*prepare)(World&);
  Status (*say)(Coffer&);
};

void prepare_copy(World& world) {
  world.make_directory("/a");
  world.make_directory("/b");
  world.make_file("/a/CURRENT", true);
  world.make_file("/b/CURRENT", true);
  world.copy("/a/CURRENT", "/b/copy");
}

const Saying kSayings[] = {
    {"move",
     [](World& world) {
       prepare_copy(world);
       ASSERT_OK(world.disk().rename("/a", "/c"));
     },
     [](Coffer& coffer) { return move_store(coffer, "/a", "/c"); }},
    {"adopt", prepare_copy, [](Coffer& coffer) { return adopt(coffer, "/b", {}).status(); }},
    {"forget",
     [](World& world) {
       prepare_copy(world);
       ASSERT_OK(world.disk().remove("/a/CURRENT"));
     },
     [](Coffer& coffer) { return forget_store(coffer, find_store(coffer, "/a").value().id); }},
};

TEST_F(StorePlaces, AnEmptyMountPointThatStaysBehindIsNoObstacleToAMove) {
  World world(key_uri("root.key"));
  world.make_directory("/a");
  world.make_file("/a/CURRENT", true);
  ASSERT_OK(world.disk().rename("/a", "/b"));
  world.make_directory("/a");
  ASSERT_OK(world.disk().sync_all("/"));
  world.copy("/b/CURRENT", "/a/left");
  EXPECT_EQ(move_store(world.coffer(), "/a", "/b").code(), Code::kInvalidArgument);
  ASSERT_OK(world.disk().remove("/a/left"));
  ASSERT_OK(move_store(world.coffer(), "/a", "/b"));
  EXPECT_EQ(world.verdict("/b/CURRENT"), Code::kOk);
}

TEST_F(StorePlaces, AFullDiskAtAnyStepLeavesTheOldStateOrTheNew) {
  for (const Saying& saying : kSayings) {
    SCOPED_TRACE(saying.name);
    World world(key_uri("root.key"));
    saying.prepare(world);
    const std::vector<StoreEntry> before = world.coffer().keyring()->stores();
    uint64_t faults = 0;
    for (uint64_t operation = 1;; ++operation) {
      ASSERT_OK(world.disk().sync_all("/"));
      const auto scratch = world.disk().crash_image(CrashKind::kDropped, 1);
      FaultDisk faulty(*scratch);
      auto coffer = Coffer::open(faulty, kCofferPath, {}, open_provider);
      ASSERT_OK(coffer);
      faulty.arm({.operation = operation, .code = Code::kNoSpace});
      const Status said = saying.say(**coffer);
      if (faulty.fault_count() == 0) {
        EXPECT_TRUE(said.is_ok()) << said.to_string();
        EXPECT_NE((*coffer)->keyring()->stores(), before);
        break;
      }
      ++faults;
      auto after = Coffer::open(*scratch, kCofferPath, {}, open_provider);
      ASSERT_OK(after);
      const bool is_old = (*after)->keyring()->stores() == before;
      EXPECT_FALSE(said.is_ok() && is_old) << operation;
      EXPECT_TRUE(!is_old || saying.say(**after).is_ok()) << operation;
    }
    EXPECT_GT(faults, 10u);
  }
}

TEST_F(StorePlaces, ACrashAtAnyStepLeavesTheOldStateOrTheNew) {
  for (const Saying& saying : kSayings) {
    SCOPED_TRACE(saying.name);
    World world(key_uri("root.key"));
    saying.prepare(world);
    ASSERT_OK(world.disk().sync_all("/"));
    const std::vector<StoreEntry> before = world.coffer().keyring()->stores();
    std::vector<std::unique_ptr<MemoryDisk>> images;
    world.disk().set_observer([&] {
      for (CrashKind kind : {CrashKind::kDropped, CrashKind::kTorn, CrashKind::kReordered}) {
        for (uint64_t seed = 1; seed <= 5; ++seed) images.push_back(world.disk().crash_image(kind, seed));
      }
    });
    ASSERT_OK(saying.say(world.coffer()));
    world.disk().set_observer(nullptr);
    const std::vector<StoreEntry> done = world.coffer().keyring()->stores();
    int old_ones = 0, new_ones = 0;
    for (const auto& image : images) {
      auto coffer = Coffer::open(*image, kCofferPath, {}, open_provider);
      ASSERT_OK(coffer);
      const std::vector<StoreEntry>& found = (*coffer)->keyring()->stores();
      (found == before ? old_ones : new_ones)++;
      EXPECT_TRUE(found == before || found == done);
    }
    EXPECT_GT(old_ones, 0);
    EXPECT_GT(new_ones, 0);
  }
}

TEST_F(StorePlaces, ARenameIsWhatItWasWhateverOthersChangeMeanwhile) {
  World world(key_uri("root.key"));
  world.make_directory("/a");
  world.make_file("/a/CURRENT", true);
  auto other = Coffer::open(world.disk(), kCofferPath, {}, open_provider);
  ASSERT_OK(other);
  for (const auto& [from, to, renamed] : {std::tuple("/a", "/b", true), std::tuple("/b", "/c", false)}) {
    auto moving = world.coffer().stores().begin_move(from, to);
    ASSERT_OK(moving);
    ASSERT_OK((*other)->stores().store_for({.directory = std::string("/other") + to}));
    if (renamed) ASSERT_OK(world.disk().rename(from, to));
    ASSERT_OK(world.coffer().stores().end_move(*moving, renamed));
    const std::string now = renamed ? to : from, before = renamed ? from : to;
    EXPECT_EQ(world.verdict(now + "/CURRENT"), Code::kOk);
    EXPECT_EQ(world.coffer().keyring()->store_at(before, ""), nullptr);
  }
}

TEST_F(StorePlaces, ProvisionalStoresThatAreGoneAreForgottenOnceThereAreMany) {
  World world(key_uri("root.key"));
  for (size_t i = 0; i < kGoneStoresMax + 20; ++i) {
    const std::string path = "/staging" + std::to_string(i);
    ASSERT_OK(world.disk().make_directory(path, 0700));
    ASSERT_OK(world.coffer().stores().store_for({.directory = path}));
    ASSERT_OK(world.disk().remove(path));
  }
  EXPECT_LE(world.coffer().keyring()->stores().size(), kGoneStoresMax + 1);
  EXPECT_TRUE(remembered_stores(world.coffer()).empty());
  EXPECT_TRUE(missing_stores(world.coffer()).empty());
  // One whose disk was only away has its id still.
  const std::string last = "/staging" + std::to_string(kGoneStoresMax + 19);
  const Id id = world.coffer().keyring()->store_at(last, "")->id;
  ASSERT_OK(world.disk().make_directory(last, 0700));
  EXPECT_EQ(world.coffer().stores().store_for({.directory = last}).value(), id);
}

TEST_F(StorePlaces, ADatabaseInAnothersDirectoryIsItsOwnAndADataFileThereIsTheOthers) {
  World world(key_uri("root.key"));
  world.make_directory("/db");
  world.make_file("/db/CURRENT", true);
  world.make_directory("/db/cf");
  world.make_directory("/db/inner");
  StoreRegister& stores = world.coffer().stores();
  const Id outer = stores.store_for({.directory = "/db"}).value();
  EXPECT_EQ(stores.store_for({.directory = "/db/cf", .joins_database = true}).value(), outer);
  const Id inner = stores.store_for({.directory = "/db/inner"}).value();
  EXPECT_NE(inner, outer);
  EXPECT_TRUE(find_store(world.coffer(), "/db/inner")->lineage.empty());
  // What was there before becomes no stranger.
  world.copy("/db/CURRENT", "/db/cf/data");
  ASSERT_EQ(world.verdict("/db/cf/data"), Code::kOk);
  EXPECT_NE(stores.store_for({.directory = "/db/cf"}).value(), outer);
  EXPECT_EQ(world.verdict("/db/cf/data"), Code::kOk);
  // Nor is a directory within a staging directory a part of that.
  world.make_directory("/staging");
  world.make_directory("/staging/db");
  const Id staging = stores.store_for({.directory = "/staging"}).value();
  EXPECT_NE(stores.store_for({.directory = "/staging/db", .joins_database = true}).value(), staging);
}

}  // namespace
}  // namespace coffer
