// An encrypted RocksDB in somebody else's program.
#include <coffer/engines/rocksdb/file_system.h>
#include <rocksdb/db.h>

#include <cstdio>
#include <memory>


// database COFFER DB
int main(int argc, char** argv) {
  if (argc != 3) return 2;
  auto env = coffer::open_coffer_env(argv[1]);
  if (!env) {
    std::printf("%s\n", env.status().to_string().c_str());
    return 1;
  }
  rocksdb::Options options;
  options.create_if_missing = true;
  options.env = env->get();
  rocksdb::DB* raw = nullptr;
  rocksdb::Status status = rocksdb::DB::Open(options, argv[2], &raw);
  std::unique_ptr<rocksdb::DB> db(raw);
  std::string value;
  if (status.ok()) status = db->Put({}, "name", "PlaintextCanary");
  if (status.ok()) status = db->Flush({});
  if (status.ok()) status = db->Get({}, "name", &value);
  std::printf("%s\n", status.ok() ? value.c_str() : status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
