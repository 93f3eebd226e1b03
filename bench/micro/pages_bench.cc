// A file that is changed in place, without a mount, beside the same calls of a plain file: in $TMPDIR, else /tmp.
#include <random>

#include "bench_coffer.h"
#include "coffer/files/pages_file.h"

namespace coffer::bench {
namespace {

constexpr size_t kPage = 4096;
constexpr uint64_t kPages = 16384;  // of a file that is there

class PlainFile {
 public:
  PlainFile(BenchCoffer& coffer, const std::string& name)
      : file_(expect(Disk::posix().create(coffer.files() + "/" + name, 0600))) {}

  void write(uint64_t offset, ByteView bytes) { expect(file_->write_at(offset, bytes)); }
  void read(uint64_t offset, MutableBytes out) { expect(file_->read_at(offset, out)); }
  void sync() { expect(file_->sync()); }

 private:
  std::unique_ptr<WritableFile> file_;
};

class SealedFile {
 public:
  SealedFile(BenchCoffer& coffer, const std::string& name)
      : file_(expect(PagesFile::create(coffer.new_pages_file(),
                                       expect(Disk::posix().create(coffer.files() + "/" + name, 0600))))) {}

  void write(uint64_t offset, ByteView bytes) { expect(file_->write(offset, bytes)); }
  void read(uint64_t offset, MutableBytes out) { expect(file_->read(offset, out)); }
  void sync() { expect(file_->sync()); }

 private:
  std::unique_ptr<PagesFile> file_;
};

template <class F>
std::unique_ptr<F> full_file(BenchCoffer& coffer) {
  auto out = std::make_unique<F>(coffer, "full");
  const Bytes piece(size_t{1} << 20, 'p');
  for (uint64_t offset = 0; offset < kPages * kPage; offset += piece.size()) out->write(offset, piece);
  out->sync();
  return out;
}

uint64_t any_page(std::mt19937& chance) { return chance() % kPages * kPage; }

std::string place() { return std::filesystem::temp_directory_path(); }

// From front to back, without a sync.
template <class F>
void file_write_1m(benchmark::State& state) {
  BenchCoffer coffer(place());
  const Bytes piece(size_t{1} << 20, 'p');
  std::unique_ptr<F> file;
  uint64_t offset = 0, files = 0;
  for (auto _ : state) {
    if (offset % (256 * piece.size()) == 0) {
      state.PauseTiming();
      file = std::make_unique<F>(coffer, std::to_string(files));
      if (files++ > 0) std::filesystem::remove(coffer.files() + "/" + std::to_string(files - 2));
      offset = 0;
      state.ResumeTiming();
    }
    file->write(offset, piece);
    offset += piece.size();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(piece.size()));
}
BENCHMARK(file_write_1m<PlainFile>)->UseRealTime();
BENCHMARK(file_write_1m<SealedFile>)->UseRealTime();

// As a database commits: some pages anywhere, then a sync.
template <class F>
void file_overwrite_and_sync(benchmark::State& state) {
  BenchCoffer coffer(place());
  const auto file = full_file<F>(coffer);
  const Bytes page(kPage, 'q');
  std::mt19937 chance(1);
  for (auto _ : state) {
    for (int64_t i = 0; i < state.range(0); ++i) file->write(any_page(chance), page);
    file->sync();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(file_overwrite_and_sync<PlainFile>)->ArgName("pages")->Arg(1)->Arg(32)->UseRealTime();
BENCHMARK(file_overwrite_and_sync<SealedFile>)->ArgName("pages")->Arg(1)->Arg(32)->UseRealTime();

template <class F>
void file_read_4k(benchmark::State& state) {
  BenchCoffer coffer(place());
  const auto file = full_file<F>(coffer);
  Bytes page(kPage);
  std::mt19937 chance(1);
  for (auto _ : state) {
    file->read(any_page(chance), page);
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(kPage));
}
BENCHMARK(file_read_4k<PlainFile>);
BENCHMARK(file_read_4k<SealedFile>);

}  // namespace
}  // namespace coffer::bench
