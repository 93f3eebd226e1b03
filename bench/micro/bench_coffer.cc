#include "bench_coffer.h"

#include "coffer/config/key_file.h"
#include "coffer/providers/registry.h"

namespace coffer::bench {

BenchCoffer::BenchCoffer(const std::string& parent)
    : directory_(parent + "/coffer-bench-" + expect(random_id()).short_hex()) {
  std::filesystem::create_directories(directory_ / "files");
  const std::string key = directory_ / "root.key";
  expect(generate_key_file(Disk::posix(), key, {}).status());
  expect(Coffer::create(Disk::posix(), place(), {.root_uri = "file://" + key, .config = {}}, open_provider));
  coffer_ = expect(Coffer::open(Disk::posix(), place(), {}, open_provider));
  store_id_ = expect(coffer_->stores().store_for({.directory = files(), .confirms = true}));
}

BenchCoffer::~BenchCoffer() {
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

NewFile BenchCoffer::new_blocks_file() {
  return expect(coffer_->new_file({.kind = Kind::kBlocks, .chunk_log2 = 12, .store_id = store_id_}));
}

NewFile BenchCoffer::new_pages_file() {
  return expect(coffer_->new_file(
      {.kind = Kind::kPages, .suite = Suite::kXaes256Gcm, .chunk_log2 = 12, .store_id = store_id_}));
}

}  // namespace coffer::bench
