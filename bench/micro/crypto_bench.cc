// What sealing and opening one message costs, by size and backend (0: OpenSSL, 1: ipsec-mb); and the price of a new
// key.
#include "coffer/crypto/aead.h"
#include "coffer/crypto/counter_mode.h"
#include "coffer/crypto/resting_key.h"
#include "micro.h"

namespace coffer::bench {
namespace {

// Bytes of a WAL frame's plaintext, then chunk sizes.
void sizes_and_backends(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"size", "backend"});
  for (size_t backend = 0; backend < crypto_backends().size(); ++backend) {
    for (int size : {150, 1024, 2048, 4096, 16384, 65536}) benchmark->Args({size, static_cast<int64_t>(backend)});
  }
}

// Null, and the benchmark skipped, where the backend does not serve.
template <class Expanded>
std::unique_ptr<Expanded> expand(benchmark::State& state, Suite suite, size_t key_size, int64_t backend) {
  const FileKey key = expect(random_key<FileRole>(key_size));
  auto expanded = Expanded::create(suite, key.reveal(), crypto_backends()[static_cast<size_t>(backend)]);
  if (!expanded.is_ok()) {
    state.SkipWithError(std::string(expanded.status().message()).c_str());
    return nullptr;
  }
  return std::move(*expanded);
}

void seal(benchmark::State& state) {
  const auto key = expand<AeadKey>(state, Suite::kAes256Gcm, 32, state.range(1));
  if (key == nullptr) return;
  const Bytes plaintext(static_cast<size_t>(state.range(0)), 'p');
  Bytes sealed(plaintext.size() + kTagSize);
  uint64_t index = 0;
  for (auto _ : state) {
    expect(key->seal(Nonce({}, index++), {}, plaintext, sealed.data()));
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(seal)->Apply(sizes_and_backends);

void open(benchmark::State& state) {
  const auto key = expand<AeadKey>(state, Suite::kAes256Gcm, 32, state.range(1));
  if (key == nullptr) return;
  Bytes plaintext(static_cast<size_t>(state.range(0)), 'p');
  Bytes sealed(plaintext.size() + kTagSize);
  expect(key->seal(Nonce({}, 0), {}, plaintext, sealed.data()));
  for (auto _ : state) {
    if (!key->open(Nonce({}, 0), {}, sealed, plaintext.data())) return state.SkipWithError("does not open");
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(open)->Apply(sizes_and_backends);

void counter_mode(benchmark::State& state) {
  const auto mode = expand<CounterMode>(state, Suite::kAes256Ctr, 32 + kNonceSize, state.range(1));
  if (mode == nullptr) return;
  Bytes data(static_cast<size_t>(state.range(0)), 'p');
  uint64_t offset = 0;
  for (auto _ : state) {
    mode->apply(offset % CounterMode::kOffsetMax, data, data.data());
    offset += 1 << 20;
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(counter_mode)->Apply(sizes_and_backends);

void expand_key(benchmark::State& state) {
  for (auto _ : state) {
    auto key = expand<AeadKey>(state, Suite::kAes256Gcm, 32, state.range(0));
    if (key == nullptr) return;
    benchmark::DoNotOptimize(key);
  }
}
BENCHMARK(expand_key)->ArgName("backend")->DenseRange(0, static_cast<int64_t>(crypto_backends().size()) - 1);

// One of many keys after the other, as a database with as many files reads: where locked memory has room for all of
// them expanded, and where it has room for none.
void open_among_many(benchmark::State& state) {
  constexpr size_t kKeys = 500;
  std::vector<SecretBytes> room;
  if (state.range(0) == 1) {
    for (auto next = SecretBytes::where_roomy(1024); !next.empty(); next = SecretBytes::where_roomy(1024)) {
      room.push_back(std::move(next));
    }
  }
  std::vector<std::unique_ptr<AeadKey>> keys;
  std::vector<Bytes> sealed(kKeys, Bytes(1024 + kTagSize));
  Bytes plaintext(1024, 'p');
  for (size_t i = 0; i < kKeys; ++i) {
    const FileKey key = expect(random_key<FileRole>(32));
    keys.push_back(expect(AeadKey::create(Suite::kAes256Gcm, key.reveal(), Expansion::kWhileRoomy)));
    expect(keys[i]->seal(Nonce({}, 0), {}, plaintext, sealed[i].data()));
  }
  size_t i = 0;
  for (auto _ : state) {
    if (!keys[i]->open(Nonce({}, 0), {}, sealed[i], plaintext.data())) return state.SkipWithError("does not open");
    i = (i + 1) % kKeys;
    benchmark::ClobberMemory();
  }
}
BENCHMARK(open_among_many)->ArgName("at_rest")->Arg(0)->Arg(1);

void open_a_key_at_rest(benchmark::State& state) {
  const auto resting = expect(RestingKey<FileRole>::seal(expect(random_key<FileRole>(32))));
  for (auto _ : state) benchmark::DoNotOptimize(resting.open());
}
BENCHMARK(open_a_key_at_rest);

}  // namespace
}  // namespace coffer::bench
