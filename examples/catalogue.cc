// The catalogue: a small program on RocksDB whose files lie in a coffer.
//
//   catalogue COFFER DATABASE load FILE       stores each stanza of a Debian package list under its package's name
//   catalogue COFFER DATABASE serve SECONDS   reads and writes that long (or until SIGTERM), checking all that it reads
//
// What makes it an encrypted database is open_coffer_env() in open_database(). Everything else is plain RocksDB.
#include <coffer/engines/rocksdb/file_system.h>
#include <rocksdb/db.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace {

// The Env goes last: the database stands on it.
struct Database {
  std::shared_ptr<rocksdb::Env> env;
  std::unique_ptr<rocksdb::DB> db;
};

// Empty, or what went wrong.
std::string open_database(const std::string& coffer, const std::string& path, Database& out) {
  auto env = coffer::open_coffer_env(coffer);
  if (!env.is_ok()) return env.status().to_string();
  out.env = *env;

  rocksdb::Options options;
  options.env = out.env.get();
  options.create_if_missing = true;
  // An authenticated MANIFEST that knows its logs notices a missing one.
  options.track_and_verify_wals_in_manifest = true;
  // So that the quickstart's search for plaintext cannot succeed because of compression.
  options.compression = rocksdb::kNoCompression;
  options.write_buffer_size = 4 << 20;
  options.target_file_size_base = 4 << 20;
  rocksdb::DB* db = nullptr;
  rocksdb::Status status = rocksdb::DB::Open(options, path, &db);
  out.db.reset(db);
  return status.ok() ? "" : status.ToString();
}

std::string_view package_of(std::string_view stanza) {
  constexpr std::string_view kField = "Package: ";
  if (!stanza.starts_with(kField)) return {};
  return stanza.substr(kField.size(), stanza.find('\n') - kField.size());
}

int fail(const std::string& what) {
  std::cerr << "catalogue: " << what << "\n";
  return 2;
}

int load(rocksdb::DB& db, const std::string& file) {
  std::ifstream in(file);
  if (!in) return fail("cannot read " + file);
  size_t count = 0, bytes = 0;
  std::string stanza, line;
  for (bool more = true; more;) {
    more = static_cast<bool>(std::getline(in, line));
    if (more && !line.empty()) {
      stanza += line + "\n";
      continue;
    }
    const std::string_view package = package_of(stanza);
    if (!package.empty()) {
      rocksdb::Status status = db.Put({}, rocksdb::Slice(package.data(), package.size()), stanza);
      if (!status.ok()) return fail(status.ToString());
      ++count;
      bytes += stanza.size();
    }
    stanza.clear();
  }
  rocksdb::Status status = db.Flush({});
  if (!status.ok()) return fail(status.ToString());
  std::cout << "loaded " << count << " packages, " << (bytes >> 20) << " MiB\n";
  return 0;
}

volatile std::sig_atomic_t g_stop = 0;

int serve(rocksdb::DB& db, int seconds) {
  std::vector<std::string> packages;
  std::unique_ptr<rocksdb::Iterator> all(db.NewIterator({}));
  for (all->SeekToFirst(); all->Valid(); all->Next()) {
    if (!package_of(all->value().ToStringView()).empty()) packages.push_back(all->key().ToString());
  }
  if (!all->status().ok() || packages.empty()) return fail("nothing to serve: " + all->status().ToString());
  all.reset();

  std::signal(SIGTERM, [](int) { g_stop = 1; });
  std::mt19937_64 random(std::random_device{}());
  std::map<std::string, std::string> written;  // what a note must read
  uint64_t reads = 0, writes = 0, errors = 0;
  const auto check = [&](const rocksdb::Status& status, bool right, const std::string& key) {
    if (status.ok() && right) return;
    if (++errors <= 10)
      std::cerr << "catalogue: " << key << ": " << (status.ok() ? "wrong value" : status.ToString()) << "\n";
  };
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  while (g_stop == 0 && std::chrono::steady_clock::now() < end) {
    const std::string& package = packages[random() % packages.size()];
    std::string value;
    rocksdb::Status status = db.Get({}, package, &value);
    check(status, package_of(value) == package, package);
    ++reads;
    if (reads % 16 != 0) continue;
    const std::string note = "note/" + package;
    if (auto before = written.find(note); before != written.end()) {
      status = db.Get({}, note, &value);
      check(status, value == before->second, note);
      ++reads;
    }
    written[note] = package + " was looked up by reader " + std::to_string(reads) + std::string(random() % 2000, '.');
    check(db.Put({}, note, written[note]), true, note);
    ++writes;
  }
  std::cout << "served " << packages.size() << " packages: " << reads << " reads, " << writes << " writes, " << errors
            << " errors\n";
  return errors == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view verb = argc == 5 ? argv[3] : "";
  if (verb != "load" && verb != "serve") {
    std::cerr << "usage: catalogue COFFER DATABASE load FILE | serve SECONDS\n";
    return 2;
  }
  Database database;
  if (std::string error = open_database(argv[1], argv[2], database); !error.empty()) return fail(error);
  return verb == "load" ? load(*database.db, argv[4]) : serve(*database.db, std::stoi(argv[4]));
}
