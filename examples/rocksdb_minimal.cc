// An encrypted RocksDB in three lines (marked). Before: coffer init db.coffer --root file:///path/to/root.key
#include <rocksdb/db.h>

#include <cstdio>

#include "coffer/engines/rocksdb/file_system.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s COFFER DB\n", argv[0]);
    return 2;
  }
  auto env = coffer::open_coffer_env(argv[1]);  // 1
  if (!env.is_ok()) {
    std::fprintf(stderr, "%s: %s\n", argv[0], env.status().to_string().c_str());
    return 2;
  }
  rocksdb::Options options;
  options.create_if_missing = true;
  options.env = env.value().get();  // 2
  rocksdb::DB* db = nullptr;
  rocksdb::Status status = rocksdb::DB::Open(options, argv[2], &db);  // 3
  std::string value;
  if (status.ok()) status = db->Put({}, "greeting", "hello");
  if (status.ok()) status = db->Get({}, "greeting", &value);
  delete db;
  if (!status.ok()) {
    std::fprintf(stderr, "%s: %s\n", argv[0], status.ToString().c_str());
    return 2;
  }
  std::printf("%s\n", value.c_str());
  return 0;
}
