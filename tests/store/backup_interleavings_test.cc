// Backups and restores between which, and in the middle of which, keys are rotated, rewrapped and destroyed, tenants
// shredded and backups forgotten: none that has to work fails, and what is restored is what was backed up.
#include <random>

#include "coffer/ops/backup_create.h"
#include "coffer/ops/backup_forget.h"
#include "coffer/ops/backup_restore.h"
#include "coffer/ops/keys.h"
#include "coffer/ops/rewrap.h"
#include "coffer/ops/shred.h"
#include "coffer/ops/slots.h"
#include "store/stream_fixture.h"
#include "support/long.h"
#include "support/seed.h"

namespace coffer {
namespace {

// 10,000 in `./test all`: a hundred worlds, one after the other, of a hundred each.
constexpr int kStepsOfAWorld = 100;

// A target that does something else before each of its operations.
class InterruptedTarget final : public BackupTarget {
 public:
  InterruptedTarget(std::unique_ptr<BackupTarget> target, std::function<void()> between)
      : target_(std::move(target)), between_(std::move(between)) {}

  Result<std::optional<uint64_t>> size_of(const std::string& name) override {
    return between_(), target_->size_of(name);
  }
  Status get(const std::string& name, const Sink& sink) override { return between_(), target_->get(name, sink); }
  Status put(const std::string& name, const Source& source) override {
    return between_(), target_->put(name, source);
  }
  Result<std::vector<std::string>> list(const std::string& prefix) override {
    return between_(), target_->list(prefix);
  }
  Status remove(const std::string& name) override { return between_(), target_->remove(name); }
  Result<std::shared_ptr<ReadableFile>> open(const std::string& name, uint64_t size_max) override {
    return between_(), target_->open(name, size_max);
  }
  std::string describe() const override { return target_->describe(); }

 private:
  const std::unique_ptr<BackupTarget> target_;
  const std::function<void()> between_;
};

struct BackedUpFile {
  std::string domain;
  std::string contents;
};
using Contents = std::map<std::string, BackedUpFile>;  // by their names

// A small store, its backups, and what has to be true of them.
class World {
 public:
  World(std::string root, uint64_t seed, std::function<std::string(const std::string&, const std::string&)> sealed,
        std::shared_ptr<Coffer> coffer, std::vector<std::string> roots)
      : root_(std::move(root)),
        random_(seed),
        sealed_(std::move(sealed)),
        coffer_(std::move(coffer)),
        roots_(std::move(roots)) {
    for (const char* domain : {"system", "tenant-a", "tenant-b"}) add_file(domain);
  }

  // One of the things that are done with a coffer that has backups, with others in between.
  void step() {
    interruptions_ = 2;
    switch (below(10)) {
      case 0: case 1: case 2: back_up(); break;
      case 3: case 4: case 5: restore_any(); break;
      default: interrupt(); break;
    }
  }

  uint64_t whole() const { return made_; }
  uint64_t restored() const { return restored_; }

 private:
  uint64_t below(uint64_t limit) { return random_() % limit; }
  NamedBackupTarget target() {
    NamedBackupTarget at = open_backup_target(*coffer_, root_ + "/target").value();
    at.target = std::make_unique<InterruptedTarget>(std::move(at.target), [this] {
      if (interruptions_ == 0 || below(8) != 0) return;
      --interruptions_;
      interrupt();
    });
    return at;
  }

  // What needs no other backup or restore to end.
  void interrupt() {
    switch (below(13)) {
      case 0: case 1: rotate_domain(); break;
      case 2: EXPECT_TRUE(rotate_root(*coffer_, "", open_provider).is_ok()); break;
      case 3: case 4: rewrap_all(); break;
      case 5: case 6: case 7: destroy_unneeded(); break;
      case 8: case 9: forget_any(); break;
      case 10: shred_any(); break;
      default: change_files(); break;
    }
  }

  void add_file(const std::string& domain) {
    const std::string name = "file-" + std::to_string(++number_);
    const std::string contents(100 + below(9000), static_cast<char>('a' + below(26)));
    std::ofstream(root_ + "/db/" + name, std::ios::binary) << sealed_(contents, domain);
    files_[name] = {domain, contents};
    changed_ = true;
  }

  void change_files() {
    const std::string domain = std::vector<std::string>{"system", "tenant-a", "tenant-b"}[below(3)];
    if (!shredded_.contains(domain)) add_file(domain);
    if (files_.size() < 6) return;
    const auto gone = std::next(files_.begin(), static_cast<ptrdiff_t>(below(files_.size())));
    std::filesystem::remove(root_ + "/db/" + gone->first);
    files_.erase(gone);
  }

  void rotate_domain() {
    const std::string domain = std::vector<std::string>{"system", "tenant-a", "tenant-b"}[below(3)];
    if (shredded_.contains(domain)) return;
    const Status done =
        coffer_->live_keyring().update([&](Keyring& keys) { return keys.rotate_domain(domain, 1'900'000'000); });
    EXPECT_TRUE(done.is_ok()) << done.to_string();
  }

  void rewrap_all() {
    const auto done = rewrap(*coffer_, {root_ + "/db"}, {}, {});
    EXPECT_TRUE(done.is_ok() && done->problems.empty()) << status_text(done);
    if (done->rewrapped > 0) changed_ = true;
  }

  // Of the store's files alone: no backup counts.
  void destroy_unneeded() {
    const auto keys = coffer_->keyring();
    for (const Domain& domain : keys->domains()) {
      for (const DomainKeyEntry& key : domain.keys) {
        if (key.state != KeyState::kDeactivated) continue;
        const Code code = destroy_key(*coffer_, key.id.hex()).code();
        EXPECT_TRUE(code == Code::kOk || code == Code::kBusy) << code_name(code);
      }
    }
  }

  void forget_any() {
    if (backups_.empty()) return;
    const auto chosen = std::next(backups_.begin(), static_cast<ptrdiff_t>(below(backups_.size())));
    const auto done = forget_backup(*coffer_, chosen->first, IfTargetIsGone::kRefuse);
    // Before the keyring lists the one that is being made, and once that has failed, nothing stands against it.
    EXPECT_TRUE(done.is_ok() || (is_making_ && done.code() == Code::kBusy)) << status_text(done);
    if (done.is_ok()) backups_.erase(chosen);
  }

  void shred_any() {
    const std::string domain = below(2) == 0 ? "tenant-a" : "tenant-b";
    if (below(4) != 0 || shredded_.contains(domain)) return;
    const auto done = shred(*coffer_, domain);
    EXPECT_TRUE(done.is_ok()) << status_text(done);
    shredded_.insert(domain);
    std::erase_if(files_, [&](const auto& file) {
      if (file.second.domain != domain) return false;
      std::filesystem::remove(root_ + "/db/" + file.first);
      return true;
    });
    if (files_.empty()) add_file("system");
    changed_ = true;
  }

  void back_up() {
    const Contents before = files_;
    const NamedBackupTarget at = target();
    changed_ = false;
    is_making_ = true;
    const auto done = create_backup(*coffer_, open_provider, at, {root_ + "/db"}, {.recipients = roots_});
    is_making_ = false;
    if (done.is_ok()) {
      backups_[done->id] = before;
      ++made_;
    } else {
      EXPECT_TRUE(changed_) << status_text(done);
    }
  }

  void restore_any() {
    if (backups_.empty()) return;
    const auto chosen = std::next(backups_.begin(), static_cast<ptrdiff_t>(below(backups_.size())));
    const auto [id, expected] = *chosen;
    const std::set<std::string> before = shredded_;
    const std::string directory = root_ + "/restored";
    const auto done = restore_backup(*coffer_, open_provider, *target().target, id, directory, {});
    const bool lost = !backups_.contains(id) || shredded_ != before;  // while it was restored
    const bool has_any = std::ranges::any_of(
        expected, [&](const auto& file) { return !shredded_.contains(file.second.domain); });
    if (done.is_ok()) {
      ++restored_;
      check(expected, directory);
    } else {
      EXPECT_TRUE(lost || !has_any) << status_text(done);
    }
    for (const std::string& each : {directory, directory + ".coffer-receiving"}) std::filesystem::remove_all(each);
    EXPECT_TRUE(coffer_->stores().drop(directory).is_ok());
  }

  void check(const Contents& expected, const std::string& directory) {
    for (const auto& [name, file] : expected) {
      const std::string found = plaintext(*coffer_, directory + "/" + name);
      EXPECT_EQ(found == file.contents, !shredded_.contains(file.domain)) << name << ": " << found.substr(0, 100);
    }
  }

  const std::string root_;
  std::mt19937_64 random_;
  const std::function<std::string(const std::string&, const std::string&)> sealed_;
  const std::shared_ptr<Coffer> coffer_;
  const std::vector<std::string> roots_;
  Contents files_;
  std::map<Id, Contents> backups_;
  std::set<std::string> shredded_;
  uint64_t number_ = 0, made_ = 0, restored_ = 0;
  int interruptions_ = 0;
  bool is_making_ = false;
  bool changed_ = false;  // files, or their keys, while one is made
};

class BackupInterleavings : public CofferFixture {};

TEST_F(BackupInterleavings, NoneFailsThatHasToWork) {
  const uint64_t worlds = may_take_long() ? 100 : 2;
  uint64_t whole = 0, restored = 0;
  for (const uint64_t seed : seeds(worlds)) {
    SCOPED_TRACE("COFFER_SEED=" + std::to_string(seed));
    TearDown();
    SetUp();
    for (const char* tenant : {"tenant-a", "tenant-b"}) {
      ASSERT_OK(coffer_->live_keyring().update([&](Keyring& keys) { return keys.add_domain(tenant, 1); }));
    }
    World world(
        root_, seed, [&](const std::string& text, const std::string& domain) {
          return sealed_file(Kind::kBlocks, text, domain);
        },
        coffer_, {key_uri("root.key"), key_uri("other.key")});
    for (int step = 0; step < kStepsOfAWorld && !HasFailure(); ++step) world.step();
    whole += world.whole();
    restored += world.restored();
    if (HasFailure()) return;
  }
  EXPECT_GT(whole, 5 * worlds);
  EXPECT_GT(restored, 5 * worlds);
}

}  // namespace
}  // namespace coffer
