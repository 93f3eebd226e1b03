#include "coffer/store/key_usage.h"

#include <nlohmann/json.hpp>

namespace coffer {
namespace {

using UsageJson = nlohmann::json;

constexpr size_t kUsageSizeMax = size_t{64} << 20;

UsageJson counts_json(const CountsByKey& counts) {
  UsageJson out = UsageJson::object();
  for (const auto& [key, count] : counts) out[key.hex()] = {{"bytes", count.bytes}, {"seals", count.seals}};
  return out;
}

bool read_number(const UsageJson& json, const char* name, uint64_t& out) {
  if (!json.contains(name) || !json[name].is_number_unsigned()) return false;
  out = json[name].get<uint64_t>();
  return true;
}

bool read_counts(const UsageJson& json, CountsByKey& out) {
  for (const auto& [name, count] : json.items()) {
    const auto key = Id::parse(name);
    if (!key.is_ok() || !count.is_object() || count.size() != 2) return false;
    KeyCounts& of_key = out[*key];
    if (!read_number(count, "bytes", of_key.bytes) || !read_number(count, "seals", of_key.seals)) return false;
  }
  return true;
}

// No count begins anew by running over.
void add(uint64_t& to, uint64_t more) { to = more > UINT64_MAX - to ? UINT64_MAX : to + more; }

void add(CountsByKey& to, const CountsByKey& more) {
  for (const auto& [key, count] : more) {
    KeyCounts& sum = to[key];
    add(sum.seals, count.seals);
    add(sum.bytes, count.bytes);
  }
}

}  // namespace

KeyUsage::KeyUsage(Disk& disk, const std::string& directory, const LiveKeyring& keyring)
    : keyring_(keyring),
      kept_(KeptFile(disk, directory, "usage"), "keys", "coffer/v1 key usage", kUsageSizeMax, keyring) {}

KeyUsage::~KeyUsage() {
  // Who is going has nobody to tell; what is lost is a count.
  if (process_.is_here()) [[maybe_unused]]
    const Status lost = save();
}

std::shared_ptr<KeyCounter> KeyUsage::counter(const Id& key) {
  std::lock_guard lock(mutex_);
  std::shared_ptr<KeyCounter>& counter = counters_[key];
  if (counter == nullptr) counter = std::make_shared<KeyCounter>(key);
  return counter;
}

Result<CountsByKey> KeyUsage::total() {
  COFFER_ASSIGN(CountsByKey out, load());
  std::lock_guard lock(mutex_);
  for (const auto& [key, counter] : counters_) add(out, {{key, {counter->seals_.load(), counter->bytes_.load()}}});
  return out;
}

Status KeyUsage::save() {
  const CountsByKey taken = take();
  if (taken.empty()) return Status::ok();
  const Status saved = [&]() -> Status {
    COFFER_ASSIGN(auto lock, kept_.file().lock());
    COFFER_ASSIGN(CountsByKey counts, load());
    add(counts, taken);
    return store(counts);
  }();
  if (!saved.is_ok()) give_back(taken);
  return saved.with_context("usage of keys");
}

CountsByKey KeyUsage::take() {
  std::lock_guard lock(mutex_);
  CountsByKey out;
  for (const auto& [key, counter] : counters_) {
    const KeyCounts count{counter->seals_.exchange(0), counter->bytes_.exchange(0)};
    if (count != KeyCounts()) out[key] = count;
  }
  return out;
}

void KeyUsage::give_back(const CountsByKey& taken) {
  for (const auto& [key, count] : taken) {
    const auto back = counter(key);
    back->seals_ += count.seals;
    back->bytes_ += count.bytes;
  }
}

Result<CountsByKey> KeyUsage::load() const {
  CountsByKey out;
  COFFER_ASSIGN(const std::optional<std::string> value, kept_.load());
  if (!value) return out;
  const auto json = UsageJson::parse(*value, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !read_counts(json, out)) return kept_.not_ours();
  return out;
}

Status KeyUsage::store(const CountsByKey& counts) const {
  const auto keyring = keyring_.snapshot();
  CountsByKey kept;
  for (const auto& [key, count] : counts) {
    const DomainKeyEntry* entry = keyring->find_key(key).entry;
    if (entry == nullptr || entry->state != KeyState::kDestroyed) kept[key] = count;
  }
  return kept_.replace(counts_json(kept).dump());
}

}  // namespace coffer
