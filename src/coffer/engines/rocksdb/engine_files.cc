#include "coffer/engines/rocksdb/engine_files.h"

#include "coffer/base/path.h"
#include "coffer/engines/rocksdb/file_name.h"

namespace coffer::rocks {
namespace {

// LOCK has no contents. An info log is no file that RocksDB reads, but it is written through Coffer.
bool is_of_rocksdb(std::string_view path) {
  const std::string_view name = base_name(path);
  return role_of(path) != EngineRole::kOther || name == "LOG" || name.starts_with("LOG.old");
}

NewFilePlace place_of_file(const std::string& path) {
  NewFilePlace out;
  out.path = path;
  out.store_directory = store_directory(path);
  out.role = role_of(path);
  out.confirms_store = shows_a_database(path);
  return out;
}

EngineFiles::Turn turn_of_file(std::string_view path) {
  if (base_name(path) == kCurrentName) return EngineFiles::Turn::kFirst;
  return role_of(path) == EngineRole::kMetadata ? EngineFiles::Turn::kSecond : EngineFiles::Turn::kAmong;
}

}  // namespace

const EngineFiles& engine_files() {
  static constexpr EngineFiles instance{is_of_rocksdb, place_of_file, turn_of_file};
  return instance;
}

}  // namespace coffer::rocks
