// The same random operations on Coffer's file system and on RocksDB's own: every answer must be the same, whatever is
// below. Sizes are those at which something begins or ends.
#include <random>

#include "rocksdb/store_fixture.h"
#include "support/seed.h"

namespace coffer {
namespace {

using rocksdb::FileOptions;
using rocksdb::FileSystem;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

constexpr size_t kChunk = 1024;
constexpr size_t kSizes[] = {0,    1,    2,    15,   16,   17,   31,   100,  kChunk - 1, kChunk, kChunk + 1, 2047,
                             2048, 2049, 4095, 4096, 4097, 5000, 8191, 8192, 8193,       65536,  70000};
constexpr int kSteps = 120;

// One of the two: a file system and the directory in it.
struct Side {
  FileSystem* fs;
  std::string directory;

  std::string path(const std::string& name) const { return directory + "/" + name; }
};

struct Read {
  uint64_t offset;
  size_t size;
};

// What an operation came to: compared as text, which a failing test shows.
std::string outcome_of(const IOStatus& status) {
  if (status.ok()) return "ok";
  if (status.IsNotFound() || status.IsPathNotFound()) return "not found";
  return "code " + std::to_string(status.code());
}

// RocksDB's own file answers a read of no bytes with an error; nobody asks for that.
size_t at_least_one(size_t size) { return std::max<size_t>(size, 1); }

std::string digest_of(const std::string& bytes) {
  return std::to_string(bytes.size()) + " bytes, hash " + std::to_string(std::hash<std::string>()(bytes));
}

class Operations {
 public:
  explicit Operations(const Side& side) : side_(side) {}

  std::string write(const std::string& name, const std::vector<std::string>& pieces, bool again, bool sync_between) {
    std::unique_ptr<rocksdb::FSWritableFile> file;
    IOStatus status = again ? side_.fs->ReopenWritableFile(side_.path(name), FileOptions(), &file, nullptr)
                            : side_.fs->NewWritableFile(side_.path(name), FileOptions(), &file, nullptr);
    if (!status.ok()) return outcome_of(status);
    // RocksDB's own file forgets what was in it before, and counts from 0.
    const uint64_t before = again ? file->GetFileSize(IOOptions(), nullptr) : 0;
    return fill(*file, before, pieces, sync_between);
  }

  std::string reuse(const std::string& name, const std::string& old_name, const std::vector<std::string>& pieces) {
    std::unique_ptr<rocksdb::FSWritableFile> file;
    IOStatus status =
        side_.fs->ReuseWritableFile(side_.path(name), side_.path(old_name), FileOptions(), &file, nullptr);
    if (!status.ok()) return outcome_of(status);
    // The rest of the file's earlier life stays behind a recycled log, in plain RocksDB as well: what is compared is
    // its beginning.
    return fill(*file, 0, pieces, false);
  }

  std::string read_forward(const std::string& name, const std::vector<size_t>& steps) {
    std::unique_ptr<rocksdb::FSSequentialFile> file;
    IOStatus status = side_.fs->NewSequentialFile(side_.path(name), FileOptions(), &file, nullptr);
    if (!status.ok()) return outcome_of(status);
    std::string out;
    bool skip = false;
    for (size_t step : steps) {
      std::string scratch(step, '\0');
      Slice got;
      status = skip ? file->Skip(step) : file->Read(step, IOOptions(), &got, scratch.data(), nullptr);
      if (!status.ok()) return outcome_of(status);
      out += got.ToString();
      skip = !skip && step % 2 == 1;
    }
    return digest_of(out);
  }

  std::string read_at(const std::string& name, const std::vector<Read>& reads) {
    std::unique_ptr<rocksdb::FSRandomAccessFile> file;
    IOStatus status = side_.fs->NewRandomAccessFile(side_.path(name), FileOptions(), &file, nullptr);
    if (!status.ok()) return outcome_of(status);
    std::string out;
    for (const Read& read : reads) {
      std::string scratch(read.size, '\0');
      Slice got;
      status = file->Read(read.offset, read.size, IOOptions(), &got, scratch.data(), nullptr);
      out += outcome_of(status) + " " + digest_of(got.ToString()) + "; ";
    }
    return out + read_many(*file, reads);
  }

  std::string size(const std::string& name) {
    uint64_t bytes = 0;
    IOStatus status = side_.fs->GetFileSize(side_.path(name), IOOptions(), &bytes, nullptr);
    return outcome_of(status) + " " + std::to_string(bytes);
  }
  std::string exists(const std::string& name) {
    return outcome_of(side_.fs->FileExists(side_.path(name), IOOptions(), nullptr));
  }
  std::string rename(const std::string& from, const std::string& to) {
    return outcome_of(side_.fs->RenameFile(side_.path(from), side_.path(to), IOOptions(), nullptr));
  }
  std::string link(const std::string& from, const std::string& to) {
    return outcome_of(side_.fs->LinkFile(side_.path(from), side_.path(to), IOOptions(), nullptr));
  }
  std::string remove(const std::string& name) {
    return outcome_of(side_.fs->DeleteFile(side_.path(name), IOOptions(), nullptr));
  }
  std::string list() {
    std::vector<rocksdb::FileAttributes> children;
    IOStatus status = side_.fs->GetChildrenFileAttributes(side_.directory, IOOptions(), &children, nullptr);
    std::set<std::string> lines;
    for (const auto& child : children) lines.insert(child.name + ":" + std::to_string(child.size_bytes));
    std::string out = outcome_of(status);
    for (const std::string& line : lines) out += " " + line;
    return out;
  }

 private:
  static std::string fill(rocksdb::FSWritableFile& file, uint64_t before, const std::vector<std::string>& pieces,
                          bool sync_between) {
    std::string out;
    for (const std::string& piece : pieces) {
      out += outcome_of(file.Append(piece, IOOptions(), nullptr)) + " ";
      out += std::to_string(file.GetFileSize(IOOptions(), nullptr) - before) + " ";
      if (sync_between) out += outcome_of(file.Sync(IOOptions(), nullptr)) + " ";
    }
    out += outcome_of(file.Fsync(IOOptions(), nullptr)) + " ";
    return out + outcome_of(file.Close(IOOptions(), nullptr));
  }

  static std::string read_many(rocksdb::FSRandomAccessFile& file, const std::vector<Read>& reads) {
    std::vector<rocksdb::FSReadRequest> requests(reads.size());
    std::vector<std::string> scratch(reads.size());
    for (size_t i = 0; i < reads.size(); ++i) {
      scratch[i].resize(reads[i].size);
      requests[i].offset = reads[i].offset;
      requests[i].len = reads[i].size;
      requests[i].scratch = scratch[i].data();
    }
    std::string out = outcome_of(file.MultiRead(requests.data(), requests.size(), IOOptions(), nullptr)) + ": ";
    for (const auto& request : requests) {
      out += outcome_of(request.status) + " " + digest_of(request.result.ToString()) + "; ";
    }
    return out;
  }

  const Side side_;
};

class PosixContract : public ::testing::TestWithParam<Kind> {
 protected:
  PosixContract() : work_(config()) {
    std::filesystem::create_directories(work_.path("plain"));
    std::filesystem::create_directories(work_.path("coffer-db"));
  }

  static Config config() {
    Config config = config_of(GetParam(), GetParam() == Kind::kCtr ? Kind::kCtr : Kind::kLog);
    config.chunk_log2 = 10;
    return config;
  }

  // Runs one operation on both sides.
  template <class Operation>
  void both(const std::string& what, const Operation& operation) {
    EXPECT_EQ(operation(coffer_), operation(plain_)) << what;
  }

  size_t a_size() { return kSizes[random_() % std::size(kSizes)]; }
  std::vector<std::string> pieces(size_t count) {
    std::vector<std::string> out(count);
    for (std::string& piece : out) {
      piece.resize(a_size());
      for (char& c : piece) c = static_cast<char>(random_());
    }
    return out;
  }
  std::string a_data_file() { return "00000" + std::to_string(random_() % 5) + ".sst"; }
  std::string a_log() { return "00000" + std::to_string(5 + random_() % 5) + ".log"; }
  std::string a_file() { return random_() % 2 == 0 ? a_data_file() : a_log(); }
  std::vector<Read> reads() {
    std::vector<Read> out(1 + random_() % 6);
    uint64_t at = 0;
    for (Read& read : out) {
      read = {at + a_size(), at_least_one(a_size())};
      at = random_() % 3 == 0 ? 0 : read.offset + read.size;
    }
    return out;
  }
  void step();
  void write_step();
  void name_step();

  std::mt19937_64 random_;
  Workplace work_;
  Operations coffer_{{work_.file_system().get(), work_.path("coffer-db")}};
  Operations plain_{{FileSystem::Default().get(), work_.path("plain")}};
};

void PosixContract::write_step() {
  if (random_() % 2 == 0) {
    const std::string name = a_data_file();
    const auto data = pieces(random_() % 4);
    both("write " + name, [&](Operations& side) { return side.write(name, data, false, false); });
    return;
  }
  const std::string name = a_log();
  // A ctr file is written once: appended to again it would meet the same key stream.
  const bool again = GetParam() != Kind::kCtr && random_() % 2 == 0;
  const bool sync_between = random_() % 2 == 0;
  const auto data = pieces(random_() % 5);
  both((again ? "append to " : "write ") + name,
       [&](Operations& side) { return side.write(name, data, again, sync_between); });
}

void PosixContract::name_step() {
  const bool data = random_() % 2 == 0;
  const std::string from = data ? a_data_file() : a_log(), to = data ? a_data_file() : a_log();
  switch (random_() % 3) {
    case 0: return both("rename " + from + " " + to, [&](Operations& side) { return side.rename(from, to); });
    case 1: return both("link " + from + " " + to, [&](Operations& side) { return side.link(from, to); });
    default: return both("remove " + from, [&](Operations& side) { return side.remove(from); });
  }
}

void PosixContract::step() {
  const std::string name = a_file();
  switch (random_() % 8) {
    case 0:
    case 1: return write_step();
    case 2: return name_step();
    case 3: return both("size of " + name, [&](Operations& side) { return side.size(name); });
    case 4: return both("is there " + name, [&](Operations& side) { return side.exists(name); });
    case 5: return both("list", [](Operations& side) { return side.list(); });
    case 6: {
      std::vector<size_t> steps(1 + random_() % 8);
      for (size_t& size : steps) size = at_least_one(a_size());
      return both("read forward " + name, [&](Operations& side) { return side.read_forward(name, steps); });
    }
    default: {
      const std::vector<Read> wanted = reads();
      return both("read " + name, [&](Operations& side) { return side.read_at(name, wanted); });
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, PosixContract, ::testing::ValuesIn(kDataKinds),
                         [](const auto& param) { return std::string(kind_name(param.param)); });

TEST_P(PosixContract, AnswersAsPlainFilesDo) {
  for (uint64_t seed : seeds(12)) {
    SCOPED_TRACE("COFFER_SEED=" + std::to_string(seed));
    random_.seed(seed);
    for (int i = 0; i < kSteps && !HasFailure(); ++i) {
      SCOPED_TRACE("step " + std::to_string(i));
      step();
    }
    if (HasFailure()) return;
  }
}

TEST_P(PosixContract, EverySizeIsReadBackFromEveryOffset) {
  for (size_t size : kSizes) {
    for (const std::string& name : {std::string("000001.sst"), std::string("000002.log")}) {
      std::vector<std::string> data = pieces(1);
      data[0].resize(size, 'x');
      both("write", [&](Operations& side) { return side.write(name, data, false, false); });
      std::vector<Read> wanted;
      for (size_t offset : kSizes) {
        for (size_t length : {size_t{1}, size_t{17}, kChunk, size_t{100000}}) wanted.push_back({offset, length});
      }
      both(name + " of " + std::to_string(size), [&](Operations& side) { return side.read_at(name, wanted); });
      both("size", [&](Operations& side) { return side.size(name); });
    }
  }
}

TEST_P(PosixContract, ARecycledLogBeginsWithWhatWasWrittenToItLast) {
  const auto first = pieces(3), second = pieces(2);
  both("write", [&](Operations& side) { return side.write("000005.log", first, false, true); });
  EXPECT_EQ(coffer_.reuse("000006.log", "000005.log", second), plain_.reuse("000006.log", "000005.log", second));
  both("old name", [](Operations& side) { return side.exists("000005.log"); });
  both("beginning",
       [&](Operations& side) { return side.read_forward("000006.log", {second[0].size() + second[1].size()}); });
}

}  // namespace
}  // namespace coffer
