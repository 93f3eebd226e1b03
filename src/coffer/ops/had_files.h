// What a receiver has of files that are to come: so that the next stream leaves it out. docs/format.md, "Streams",
// "Going on".
#pragma once

#include <map>
#include <string>

#include "coffer/format/file_stream.h"
#include "coffer/io/disk.h"

namespace coffer {

struct HadFile {
  uint64_t bytes = 0;  // of its body, from its beginning
  Sha256 digest{};     // digest_of_body()
  bool operator==(const HadFile&) const = default;
};
using HadFiles = std::map<Id, HadFile>;

// Text, one line a file.
std::string format_had_files(const HadFiles& files);
// kInvalidArgument, naming the line.
Result<HadFiles> parse_had_files(std::string_view text);

// Of the first `bytes` behind the envelope. kTruncated where there are fewer.
Result<Sha256> digest_of_body(const ReadableFile& file, uint64_t bytes);

// Where files arrive that are to be `directory`: beside it.
std::string arrival_of(const std::string& directory);
// What has arrived for `directory`. kNotFound where nothing has.
Result<HadFiles> had_files(Disk& disk, const std::string& directory);

}  // namespace coffer
