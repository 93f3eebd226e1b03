// A coffer of its own for a benchmark: a temporary directory with a root key, the coffer, and a folder for files.
#pragma once

#include <filesystem>

#include "coffer/store/coffer.h"
#include "micro.h"

namespace coffer::bench {

class BenchCoffer {
 public:
  // Below `parent`; removed with everything in it when this goes away.
  explicit BenchCoffer(const std::string& parent);
  ~BenchCoffer();
  BenchCoffer(const BenchCoffer&) = delete;
  BenchCoffer& operator=(const BenchCoffer&) = delete;

  Coffer& operator*() { return *coffer_; }
  Coffer* operator->() { return coffer_.get(); }
  std::string files() const { return directory_ / "files"; }
  // As who opens it names it.
  std::string place() const { return directory_ / "coffer"; }
  NewFile new_blocks_file();
  NewFile new_pages_file();

 private:
  std::filesystem::path directory_;
  std::shared_ptr<Coffer> coffer_;
  Id store_id_;
};

}  // namespace coffer::bench
