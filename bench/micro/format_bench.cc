// What a read of one RocksDB block and an append of one WAL record cost in the formats, without any I/O.
#include "coffer/format/blocks.h"
#include "coffer/format/ctr.h"
#include "coffer/format/envelope.h"
#include "coffer/format/log.h"
#include "micro.h"

namespace coffer::bench {
namespace {

constexpr size_t kBodySize = 1 << 20;
constexpr size_t kReadSize = 4096;

struct SealedBody {
  FileKey key;
  BlocksParams params;
  Buffer bytes;  // what stands behind the envelope
};

SealedBody sealed_body(int chunk_log2) {
  SealedBody body{expect(random_key<FileRole>(32)), {.chunk_log2 = chunk_log2, .file_id = expect(random_id())}, {}};
  BlocksSealer sealer = expect(BlocksSealer::create(body.key, body.params));
  expect(sealer.append(Bytes(kBodySize, 'p'), body.bytes));
  expect(sealer.finish(body.bytes));
  return body;
}

// 4 KiB at an offset that is no multiple of a chunk, as a block of an SST stands; the copy stands for the pread.
void blocks_read_4k(benchmark::State& state) {
  const SealedBody body = sealed_body(static_cast<int>(state.range(0)));
  const BlocksOpener opener = expect(BlocksOpener::create(
      body.key, body.params, body.bytes.view().first(kBlocksPrefixSize), kEnvelopeSize + body.bytes.size()));
  Bytes scratch(kBodySize);
  Bytes out(kReadSize);
  uint64_t offset = 0;
  for (auto _ : state) {
    offset = (offset + 4057) % (kBodySize - kReadSize);
    const auto range = opener.range(offset, kReadSize);
    std::memcpy(scratch.data(), body.bytes.data() + range.offset - kEnvelopeSize, range.size);
    expect(opener.open(offset, kReadSize, MutableBytes(scratch).first(range.size), out.data()));
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(kReadSize));
}
BENCHMARK(blocks_read_4k)->ArgName("chunk_log2")->DenseRange(10, 14);

void blocks_append_1m(benchmark::State& state) {
  const FileKey key = expect(random_key<FileRole>(32));
  const BlocksParams params{.chunk_log2 = static_cast<int>(state.range(0)), .file_id = expect(random_id())};
  BlocksSealer sealer = expect(BlocksSealer::create(key, params));
  const Bytes plaintext(kBodySize, 'p');
  Buffer out(kBodySize * 2);
  for (auto _ : state) {
    out.clear();
    expect(sealer.append(plaintext, out));
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(kBodySize));
}
BENCHMARK(blocks_append_1m)->ArgName("chunk_log2")->DenseRange(10, 14);

void ctr_read_4k(benchmark::State& state) {
  const FileKey key = expect(random_key<FileRole>(32));
  const CtrBody body = expect(CtrBody::create(key, Suite::kAes256Ctr, expect(random_id())));
  Bytes data(kReadSize);
  uint64_t offset = 0;
  for (auto _ : state) {
    offset = (offset + 4057) % kBodySize;
    expect(body.apply(offset, data, data.data()));
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(kReadSize));
}
BENCHMARK(ctr_read_4k);

// One frame for each record, as RocksDB appends to its WAL.
void log_append(benchmark::State& state) {
  const FileKey key = expect(random_key<FileRole>(32));
  LogSealer sealer = expect(LogSealer::create(key, {.file_id = expect(random_id())}, {.offset = kEnvelopeSize}));
  const Bytes record(static_cast<size_t>(state.range(0)), 'p');
  Buffer out(kLogFrameSizeMax);
  for (auto _ : state) {
    out.clear();
    expect(sealer.append(record, kEnvelopeSize, out));
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(log_append)->ArgName("size")->Arg(150)->Arg(4096)->Arg(65536);

}  // namespace
}  // namespace coffer::bench
