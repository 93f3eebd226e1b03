#include "coffer/ops/had_files.h"

#include <charconv>

#include "coffer/base/text.h"
#include "coffer/files/file_head.h"

namespace coffer {
namespace {

constexpr std::string_view kHadFirstLine = "coffer have 1";
constexpr std::string_view kArrivalSuffix = ".coffer-receiving";
constexpr int kArrivalDepthMax = 64;

Result<std::pair<Id, HadFile>> parse_had_line(std::string_view line) {
  const size_t first = line.find(' '), second = line.find(' ', first + 1);
  if (first == std::string_view::npos || second == std::string_view::npos) return {Code::kInvalidArgument, "it is cut"};
  COFFER_ASSIGN(const Id id, Id::parse(line.substr(0, first)));
  HadFile file;
  const std::string_view bytes = line.substr(first + 1, second - first - 1);
  const auto [end, error] = std::from_chars(bytes.data(), bytes.data() + bytes.size(), file.bytes);
  if (error != std::errc() || end != bytes.data() + bytes.size() || file.bytes == 0) {
    return {Code::kInvalidArgument, "it has no number of bytes"};
  }
  COFFER_ASSIGN(const Bytes digest, from_hex(line.substr(second + 1)));
  if (digest.size() != file.digest.size()) return {Code::kInvalidArgument, "it has no digest"};
  std::ranges::copy(digest, file.digest.begin());
  return std::pair(id, file);
}

// Files whose header can be read: the others begin anew.
Status add_arrived(Disk& disk, const std::string& directory, int depth, HadFiles& files) {
  COFFER_ASSIGN(const std::vector<DirectoryEntry> entries, disk.list(directory));
  for (const DirectoryEntry& entry : entries) {
    const std::string path = directory + "/" + entry.name;
    if (entry.is_link) continue;
    if (entry.is_directory) {
      if (depth < kArrivalDepthMax) COFFER_TRY(add_arrived(disk, path, depth + 1, files));
      continue;
    }
    COFFER_ASSIGN(const auto file, disk.open_read_itself(path));
    COFFER_ASSIGN(const FileHead head, read_head(*file, path));
    COFFER_ASSIGN(const uint64_t size, file->size());
    if (!head.is(FileHead::What::kCoffer) || size <= kEnvelopeSize) continue;
    HadFile had{size - kEnvelopeSize};
    COFFER_ASSIGN(had.digest, digest_of_body(*file, had.bytes));
    files[head.scan.fields.file_id] = had;
  }
  return Status::ok();
}

}  // namespace

std::string format_had_files(const HadFiles& files) {
  std::string out = std::string(kHadFirstLine) + "\n";
  for (const auto& [id, file] : files) {
    out += id.hex() + " " + std::to_string(file.bytes) + " " + to_hex(file.digest) + "\n";
  }
  return out;
}

Result<HadFiles> parse_had_files(std::string_view text) {
  HadFiles out;
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (number == 1) {
      if (line == kHadFirstLine) continue;
      return {Code::kInvalidArgument, "expected what coffer receive --have writes, and this begins otherwise"};
    }
    const auto file = parse_had_line(line);
    if (!file.is_ok()) return file.status().with_context("line " + std::to_string(number));
    out.insert(*file);
  }
  return out;
}

Result<Sha256> digest_of_body(const ReadableFile& file, uint64_t bytes) {
  DigestOfPieces digest;
  Bytes piece(std::min<uint64_t>(bytes, kFileStreamChunkSize));
  for (uint64_t at = 0; at < bytes; at += piece.size()) {
    piece.resize(std::min<uint64_t>(bytes - at, kFileStreamChunkSize));
    COFFER_ASSIGN(const size_t count, file.read_at(kEnvelopeSize + at, piece));
    if (count < piece.size()) return {Code::kTruncated, "it is shorter than it was"};
    COFFER_TRY(digest.add(piece));
  }
  return digest.finish();
}

std::string arrival_of(const std::string& directory) { return directory + std::string(kArrivalSuffix); }

Result<HadFiles> had_files(Disk& disk, const std::string& directory) {
  HadFiles out;
  COFFER_TRY(add_arrived(disk, arrival_of(directory), 0, out));
  return out;
}

}  // namespace coffer
