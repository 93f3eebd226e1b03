// A fleet that is switched on at once, and serves for an hour: what its nodes ask of the key provider. Time and chance
// are the test's own; slots, keys and what a node decides are those of NodeSlotKeeper and look_times.h.
#include <gtest/gtest.h>

#include <queue>
#include <random>

#include "coffer/keys/look_times.h"
#include "coffer/keys/node_slot_keeper.h"
#include "keys/fixtures.h"
#include "support/long.h"
#include "support/memory_disk.h"

namespace coffer {
namespace {

using std::chrono::milliseconds;

constexpr uint64_t kDawn = 1'800'000'000;  // Unix seconds: the fleet is switched on
constexpr uint64_t kNodePeriod = 24 * 3600;
constexpr milliseconds kInterval = std::chrono::minutes(5);
constexpr milliseconds kLatency{50};  // of the provider's

class FleetNode final : public OwnNode {
 public:
  explicit FleetNode(std::string_view name)
      : identity_(std::make_shared<const NodeIdentity>(NodeIdentity::create(name, id_of(0xc0)).value())) {}
  Result<std::optional<uint64_t>> period() override { return std::optional(kNodePeriod); }
  Result<std::shared_ptr<const NodeIdentity>> identity() override { return identity_; }
  Result<NodePin> pin() override {
    if (!pin_) return {Code::kNotFound, "no pin"};
    return *pin_;
  }
  Status keep(const NodePin& pin) override {
    pin_ = pin;
    return Status::ok();
  }

 private:
  const std::shared_ptr<const NodeIdentity> identity_;
  std::optional<NodePin> pin_;
};

// A keyring with its key and its first slot.
struct Generation {
  Keyring keyring;
  KeyringHeader header;
  KeyringKey key;

  KeyringInHand in_hand() const { return {keyring, header, key}; }
};

class NodeFleet : public testing::Test {
 protected:
  NodeFleet() : count_(may_take_long() ? 10'000 : 200) {
    Keyring keyring = Keyring::create(id_of(0xc0), 1).value();
    for (size_t i = 0; i < count_; ++i) {
      auto own = std::make_unique<FleetNode>("node-" + std::to_string(100'000 + i));
      const auto identity = own->identity().value();
      EXPECT_TRUE(keyring.add_node(identity->node(), 5).is_ok());
      nodes_.push_back(std::make_unique<NodeSlotKeeper>(std::move(own)));
    }
    first_.emplace(generation(keyring, 1));
    second_.emplace(generation(keyring, 2));
    // All served until the power went, ten minutes before.
    EXPECT_TRUE(nodes_[0]->note_seen(*store_, first_->in_hand(), kDawn - 600).is_ok());
    for (const auto& node : nodes_) EXPECT_TRUE(node->keep_pin(first_->in_hand(), kDawn - 600).is_ok());
  }
  static Generation generation(const Keyring& keyring, uint8_t number) {
    return {keyring, {id_of(0xc0), number, {slot_of(number)}}, keyring_key_of(number)};
  }
  static uint64_t seconds(milliseconds now) { return kDawn + static_cast<uint64_t>(now.count()) / 1000; }

  // Whether it starts without the provider.
  bool starts(size_t node, const Generation& present, milliseconds now) {
    const auto opened = nodes_[node]->open(*store_, present.header, seconds(now));
    if (!opened.is_ok() || !opened->has_value()) return false;
    return equal_constant_time((*opened)->key.reveal(), present.key.reveal()) &&
           NodeSlotKeeper::confirm(**opened, present.keyring).is_ok();
  }

  struct Served {
    size_t unlocked = 0;
    size_t calls = 0;               // of the provider
    milliseconds last_to_know{0};  // that the root key is revoked
  };
  // From the moment that power is back. The root key is revoked then, if ever, while nobody has noticed.
  Served serve(const Generation& present, milliseconds until, std::optional<milliseconds> revoked, uint32_t seed) {
    std::mt19937_64 random(seed);
    enum class What : uint8_t { kStart, kLook, kAnswer };
    using Event = std::tuple<milliseconds, What, size_t>;
    std::priority_queue<Event, std::vector<Event>, std::greater<>> events;
    for (size_t i = 0; i < count_; ++i) events.emplace(milliseconds(random() % 1000), What::kStart, i);
    Served out;
    const KeyringInHand in = present.in_hand();
    while (!events.empty() && std::get<0>(events.top()) < until) {
      const auto [now, what, node] = events.top();
      events.pop();
      if (what == What::kStart) {
        if (starts(node, present, now)) ++out.unlocked;
        events.emplace(now + first_look_in(kInterval, random()), What::kLook, node);
      } else if (what == What::kLook) {
        const auto age_max = static_cast<uint64_t>(look_stands_for(kInterval) / std::chrono::seconds(1));
        const bool is_seen = nodes_[node]->seen_by_another(*store_, in, seconds(now), age_max).value().has_value();
        out.calls += is_seen ? 0 : 1;
        events.emplace(is_seen ? now + next_look_in(kInterval, random()) : now + kLatency,
                       is_seen ? What::kLook : What::kAnswer, node);
      } else if (revoked && now >= *revoked) {
        EXPECT_TRUE(nodes_[node]->forget_seen(*store_, present.header).is_ok());
        out.last_to_know = now;  // and it looks on, which is nobody's business here
      } else {
        EXPECT_TRUE(nodes_[node]->note_seen(*store_, in, seconds(now)).is_ok());
        events.emplace(now + next_look_in(kInterval, random()), What::kLook, node);
      }
    }
    return out;
  }

  const size_t count_;
  MemoryDisk disk_;
  const std::unique_ptr<KeyringStore> store_ = open_file_keyring_store(disk_, "/");
  std::vector<std::unique_ptr<NodeSlotKeeper>> nodes_;
  std::optional<Generation> first_, second_;
};

TEST_F(NodeFleet, StartsWithoutOneCallAndServesAnHourWithLessThanAHundred) {
  const Served out = serve(*first_, std::chrono::hours(1), {}, 1);
  EXPECT_EQ(out.unlocked, count_);
  EXPECT_GT(out.calls, 10u) << "somebody has to look";
  EXPECT_LE(out.calls, 100u);
}

TEST_F(NodeFleet, StartsByAKeyThatWasMadeWhileItWasOff) {
  ASSERT_TRUE(nodes_[0]->prepare(*store_, first_->in_hand(), second_->in_hand(), kDawn - 60).is_ok());
  ASSERT_TRUE(nodes_[0]->clean(*store_, second_->header).is_ok());
  const Served out = serve(*second_, std::chrono::minutes(20), {}, 2);
  EXPECT_EQ(out.unlocked, count_);
  EXPECT_LE(out.calls, 100u);
  EXPECT_FALSE(starts(0, *first_, milliseconds(1'200'000))) << "those of before are gone";
}

TEST_F(NodeFleet, KnowsOfARevocationWithinOneAndAHalfIntervals) {
  const milliseconds revoked = std::chrono::minutes(20);
  const Served out = serve(*first_, std::chrono::minutes(60), revoked, 3);
  EXPECT_GT(out.calls, count_) << "each looks for itself";
  EXPECT_LE(out.last_to_know, revoked + kInterval + look_stands_for(kInterval) + std::chrono::seconds(1));
  EXPECT_FALSE(starts(1, *first_, out.last_to_know));
}

TEST_F(NodeFleet, ThatWasOffForLongerThanThePolicyHasAsksTheProvider) {
  const milliseconds late = std::chrono::hours(24);
  EXPECT_TRUE(starts(0, *first_, late - std::chrono::seconds(601)));
  for (size_t node = 0; node < 10; ++node) EXPECT_FALSE(starts(node, *first_, late));
}

}  // namespace
}  // namespace coffer
