// A directory of its own with a root key, a coffer and databases: what tests of the RocksDB adapter begin with.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rocksdb/db.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <random>

#include "coffer/config/key_file.h"
#include "coffer/engines/rocksdb/file_system.h"
#include "coffer/providers/registry.h"
#include "coffer/store/coffer.h"
#include "io/temporary_directory.h"

namespace coffer {

inline std::string text_of(const rocksdb::Status& status) { return status.ToString(); }
inline std::string text_of(const Status& status) { return status.to_string(); }
template <class T>
std::string text_of(const Result<T>& result) {
  return result.status().to_string();
}
inline bool is_fine(const rocksdb::Status& status) { return status.ok(); }
inline bool is_fine(const Status& status) { return status.is_ok(); }
template <class T>
bool is_fine(const Result<T>& result) {
  return result.is_ok();
}

#define ASSERT_FINE(expr)                                        \
  do {                                                           \
    const auto& fine_checked = (expr);                           \
    ASSERT_TRUE(is_fine(fine_checked)) << text_of(fine_checked); \
  } while (false)
#define EXPECT_FINE(expr)                                        \
  do {                                                           \
    const auto& fine_checked = (expr);                           \
    EXPECT_TRUE(is_fine(fine_checked)) << text_of(fine_checked); \
  } while (false)

// Stands in everything that tests write, so that a search of the files finds what was not encrypted.
inline constexpr char kCanary[] = "PlaintextCanary";

inline std::string read_bytes(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
inline void write_bytes(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}
inline void flip_byte(const std::string& path, uint64_t offset) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekg(static_cast<std::streamoff>(offset));
  const int byte = file.get();
  file.seekp(static_cast<std::streamoff>(offset));
  file.put(static_cast<char>(byte ^ 1));
}
// Regular files below a directory, sorted, whose names end so.
inline std::vector<std::string> files_below(const std::string& directory, const std::string& ending = "") {
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file() && entry.path().string().ends_with(ending)) out.push_back(entry.path().string());
  }
  std::sort(out.begin(), out.end());
  return out;
}

// A database that closes with its scope.
class OpenDb {
 public:
  OpenDb() = default;
  explicit OpenDb(rocksdb::DB* db) : db_(db) {}
  OpenDb(OpenDb&&) = default;
  OpenDb& operator=(OpenDb&&) = default;

  rocksdb::DB* operator->() const { return db_.get(); }
  rocksdb::DB* get() const { return db_.get(); }
  explicit operator bool() const { return db_ != nullptr; }
  void close() { db_.reset(); }

 private:
  std::unique_ptr<rocksdb::DB> db_;
};

// Everything in the default column family.
inline std::map<std::string, std::string> contents_of(rocksdb::DB* db) {
  std::map<std::string, std::string> out;
  std::unique_ptr<rocksdb::Iterator> it(db->NewIterator(rocksdb::ReadOptions()));
  for (it->SeekToFirst(); it->Valid(); it->Next()) out[it->key().ToString()] = it->value().ToString();
  EXPECT_TRUE(it->status().ok()) << it->status().ToString();
  return out;
}

class Workplace {
 public:
  explicit Workplace(const Config& config = {}) {
    KeyFileRequest request;
    EXPECT_FINE(generate_key_file(Disk::posix(), path("root.key"), request));
    Coffer::CreateOptions options;
    options.root_uri = "file://" + path("root.key");
    options.config = config;
    EXPECT_FINE(Coffer::create(Disk::posix(), coffer_directory(), options, open_provider));
    reopen();
  }

  std::string path(const std::string& name) const { return directory_ / name; }
  std::string coffer_directory() const { return path("coffer"); }

  // Opens the coffer anew, as another process would, over `base` (null: the real file system).
  void reopen(std::shared_ptr<rocksdb::FileSystem> base = nullptr) {
    auto coffer = Coffer::open(Disk::posix(), coffer_directory(), {}, open_provider);
    ASSERT_FINE(coffer);
    coffer_ = *coffer;
    auto file_system = make_coffer_file_system(coffer_, std::move(base));
    ASSERT_FINE(file_system);
    file_system_ = *file_system;
    env_ = rocksdb::NewCompositeEnv(file_system_);
  }

  Coffer& coffer() const { return *coffer_; }
  const std::shared_ptr<Coffer>& shared() const { return coffer_; }
  const std::shared_ptr<rocksdb::FileSystem>& file_system() const { return file_system_; }
  rocksdb::Env* env() const { return env_.get(); }

  rocksdb::Options options() const {
    rocksdb::Options options;
    options.env = env();
    options.create_if_missing = true;
    options.compression = rocksdb::kNoCompression;
    options.max_background_jobs = 2;
    return options;
  }

  OpenDb open(const rocksdb::Options& options, const std::string& name = "db") const {
    rocksdb::DB* db = nullptr;
    rocksdb::Status status = rocksdb::DB::Open(options, path(name), &db);
    EXPECT_TRUE(status.ok()) << status.ToString();
    return OpenDb(db);
  }
  OpenDb open(const std::string& name = "db") const { return open(options(), name); }
  rocksdb::Status try_open(const rocksdb::Options& options, const std::string& name = "db") const {
    rocksdb::DB* db = nullptr;
    rocksdb::Status status = rocksdb::DB::Open(options, path(name), &db);
    delete db;
    return status;
  }

  void expect_no_plaintext(const std::string& name) const {
    for (const std::string& file : files_below(path(name))) {
      const std::string bytes = read_bytes(file);
      EXPECT_EQ(bytes.find(kCanary), std::string::npos) << file;
      EXPECT_EQ(bytes.find("rocksdb"), std::string::npos) << file;
      EXPECT_EQ(bytes.find("MANIFEST"), std::string::npos) << file;
    }
  }

 private:
  TemporaryDirectory directory_;
  std::shared_ptr<Coffer> coffer_;
  std::shared_ptr<rocksdb::FileSystem> file_system_;
  std::unique_ptr<rocksdb::Env> env_;
};

inline Config config_of(Kind data_kind, Kind log_kind) {
  Config config;
  config.data_kind = data_kind;
  config.log_kind = log_kind;
  return config;
}

// Data files of every kind that coffer.yaml may choose, and logs of the other kind than the default.
inline std::vector<std::pair<Kind, Kind>> kinds_of_files() {
  std::vector<std::pair<Kind, Kind>> out;
  for (Kind kind : kDataKinds) out.emplace_back(kind, kLogKinds.front());
  out.emplace_back(Kind::kCtr, Kind::kCtr);
  return out;
}

inline std::string key_of(int i) {
  char text[16];
  std::snprintf(text, sizeof text, "key%08d", i);
  return text;
}
inline std::string value_of(int i, size_t size = 100) {
  std::string value = std::string(kCanary) + std::to_string(i) + ":";
  std::mt19937 random(static_cast<unsigned>(i));
  while (value.size() < size) value.push_back(static_cast<char>('a' + random() % 26));
  return value;
}

}  // namespace coffer
