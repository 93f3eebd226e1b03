#include "coffer/providers/kmip/key_search.h"

#include <algorithm>
#include <ctime>
#include <thread>

#include "coffer/providers/root.h"

namespace coffer::kmip {
namespace {

// How long somebody else gets to activate the key that he has just made.
constexpr int kWaitsMax = 3;
constexpr std::chrono::milliseconds kWait{150};
constexpr int64_t kJustMadeSeconds = 60;
constexpr size_t kListedMax = 8;
constexpr int kReplacedMax = 64;  // how far back a key's predecessors are looked for

int64_t now_seconds() { return static_cast<int64_t>(std::time(nullptr)); }

// The order in which keys came up. Identifiers that are numbers compare as such; others only decide ties, always alike.
bool older(const KeyAttributes& a, const KeyAttributes& b) {
  const auto rank = [](const KeyAttributes& key) {
    return std::tuple(key.activation_date.value_or(key.initial_date.value_or(0)), key.id.size(),
                      std::string_view(key.id));
  };
  return rank(a) < rank(b);
}

std::string state_text(const KeyAttributes& key) {
  if (!key.state) return "in a state that the server does not tell";
  std::string out = describe(kStates, *key.state);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

bool contains(const std::vector<std::string>& list, const std::string& text) {
  return std::ranges::find(list, text) != list.end();
}

}  // namespace

std::string why_not_to_wrap(const KeyAttributes& key) {
  const int64_t now = now_seconds();
  if (key.state != State::kActive) return "it is " + state_text(key);
  // Not every server changes the state in time.
  if (key.protect_stop_date && *key.protect_stop_date <= now) return "it expired " + date_text(*key.protect_stop_date);
  if (key.deactivation_date && *key.deactivation_date <= now) {
    return "it is deactivated since " + date_text(*key.deactivation_date);
  }
  constexpr int32_t kProtects = kUsageEncrypt | kUsageWrapKey;
  if (key.usage_mask && (*key.usage_mask & kProtects) == 0) return "its usage mask allows neither Encrypt nor Wrap Key";
  return "";
}

bool KeySearch::is_meant(const KeyAttributes& key) const {
  if (key.object_type && key.object_type != ObjectType::kSymmetricKey) return false;
  if (!contains(key.names, settings_.key_name)) return false;
  return key.is_in(settings_.space);
}

bool KeySearch::fits(const KeyAttributes& key) const {
  return key.algorithm == CryptographicAlgorithm::kAes && key.bits == settings_.bits;
}

std::string KeySearch::what_is_wanted() const {
  const std::string space = settings_.space.name.empty() ? "" : " in namespace " + settings_.space.name;
  return "key " + settings_.key_name + space;
}

Result<KeySearch::Keys> KeySearch::candidates() const {
  COFFER_ASSIGN(const std::vector<std::string> ids, client_.locate({settings_.key_name, settings_.space}));
  COFFER_ASSIGN(Keys keys, client_.attributes(ids, settings_.space));
  // Servers ignore parts of a filter that they do not know.
  std::erase_if(keys, [this](const KeyAttributes& key) { return !is_meant(key); });
  std::ranges::sort(keys, older);
  return keys;
}

// From the keys of the name backwards, since what a key says of its successors is up to who owns it.
Result<bool> KeySearch::was_replaced(const std::string& id) const {
  COFFER_ASSIGN(const Keys keys, candidates());
  int left = kReplacedMax;
  for (const KeyAttributes& key : keys) {
    for (std::string at = key.replaces; !at.empty() && left > 0; --left) {
      if (at == id) return true;
      auto before = client_.attributes(at, settings_.space);
      if (before.code() == Code::kNotFound || before.code() == Code::kPermissionDenied) break;
      if (!before) return before.status();
      at = before->replaces;
    }
  }
  return false;
}

Status KeySearch::check_named(const KeyAttributes& key) const {
  if (is_meant(key)) return Status::ok();
  COFFER_ASSIGN(const bool replaced, was_replaced(key.id));
  return replaced ? Status::ok() : outside("keys of the name " + what_is_wanted().substr(4));
}

Result<KeyAttributes> KeySearch::newest_active(const Keys& keys) const {
  const KeyAttributes* unfit = nullptr;
  for (auto key = keys.rbegin(); key != keys.rend(); ++key) {
    if (!why_not_to_wrap(*key).empty()) continue;
    if (fits(*key)) return *key;
    if (unfit == nullptr) unfit = &*key;
  }
  const std::string where = client_.group().settings().describe() + ": " + what_is_wanted();
  if (unfit != nullptr) {
    return {Code::kInvalidArgument, where + " (identifier " + excerpt(unfit->id) + ") is " + unfit->cipher() +
                                        ", but " + settings_.algorithm + "-" + std::to_string(settings_.bits) +
                                        " is asked for; correct the strength, or name another key"};
  }
  std::string list;
  for (const KeyAttributes& key : std::span(keys).last(std::min(keys.size(), kListedMax))) {
    list += ", " + excerpt(key.id) + ": " + why_not_to_wrap(key);
  }
  return {Code::kNotFound, where + ": there is none that is active" + list +
                               "; make one with coffer kmip create, or add create=true to the URI"};
}

Result<KeyAttributes> KeySearch::find() const {
  COFFER_ASSIGN(Keys keys, candidates());
  auto found = newest_active(keys);
  if (found || found.code() != Code::kNotFound || !settings_.create) return found;
  found = find_after_waiting(keys);
  if (found || found.code() != Code::kNotFound) return found;
  return make(keys);
}

// A key of a moment ago that is not active yet is likely to become so: somebody else is making it just now.
Result<KeyAttributes> KeySearch::find_after_waiting(Keys& keys) const {
  for (int i = 0; i < kWaitsMax; ++i) {
    const int64_t now = now_seconds();
    const bool in_the_making = std::ranges::any_of(keys, [&](const KeyAttributes& key) {
      return key.state == State::kPreActive && fits(key) && now - key.initial_date.value_or(now) < kJustMadeSeconds;
    });
    if (!in_the_making) break;
    std::this_thread::sleep_for(kWait);
    COFFER_ASSIGN(keys, candidates());
    auto found = newest_active(keys);
    if (found || found.code() != Code::kNotFound) return found;
  }
  return {Code::kNotFound, ""};
}

Result<KeyAttributes> KeySearch::make(const Keys& known) const {
  NewKey wanted;
  wanted.bits = settings_.bits;
  wanted.name = settings_.key_name;
  wanted.space = settings_.space;
  wanted.operation_policy = settings_.operation_policy;
  COFFER_ASSIGN(const std::string own, client_.create(wanted));

  COFFER_ASSIGN(Keys keys, candidates());
  auto winner = newest_active(keys);
  if (winner.code() == Code::kNotFound) {
    const auto is_contender = [&](const KeyAttributes& key) {
      const bool was_there = std::ranges::any_of(known, [&](const KeyAttributes& k) { return k.id == key.id; });
      return key.state == State::kPreActive && fits(key) && !was_there;
    };
    const auto first = std::ranges::find_if(keys, is_contender);
    winner = activated(first == keys.end() ? own : first->id);
  }
  const bool own_is_unused = std::ranges::any_of(
      keys, [&](const KeyAttributes& key) { return key.id == own && key.state == State::kPreActive; });
  if (winner && winner->id != own && own_is_unused) {
    // Should the server keep it nevertheless, it keeps a key without a use.
    if (const Status destroyed = client_.destroy(own); !destroyed) return winner;
  }
  return winner;
}

Result<KeyAttributes> KeySearch::activated(const std::string& id) const {
  const Status status = client_.activate(id);
  COFFER_ASSIGN(KeyAttributes key, client_.attributes(id));
  if (key.state == State::kActive) return key;  // by whomever
  if (!status) return status;
  return {Code::kProviderUnavailable, client_.group().settings().describe() + ": key " + excerpt(id) +
                                          " was activated, yet " + why_not_to_wrap(key)};
}

}  // namespace coffer::kmip
