// Key files and the URIs that name them: whatever a file holds, it is a key of a known size or an error.
#include "coffer/config/key_file.h"

#include <cstdlib>

#include "coffer/config/uri.h"

namespace {

using namespace coffer;

void require(bool holds) {
  if (!holds) std::abort();
}

void check_file(ByteView bytes, KeyFileReading reading) {
  auto file = parse_key_file(bytes, reading);
  if (file.is_ok()) {
    require(file->key.size() == 16 || file->key.size() == 24 || file->key.size() == 32);
    require(file->key_id.size() <= kKeyIdSizeMax);
  } else {
    require(file.code() == Code::kInvalidArgument && !file.status().message().empty());
  }
}

void check_uri(ByteView bytes) {
  auto uri = parse_provider_uri(std::string(as_text(bytes)));
  if (!uri.is_ok()) {
    require(uri.code() == Code::kInvalidArgument);
    return;
  }
  require(!uri->scheme.empty());
  // The path survives being written as a URI again.
  auto again = parse_provider_uri("x://" + encode_uri_path("/" + uri->path));
  require(again.is_ok() && again->path == "/" + uri->path);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const ByteView rest(data + 1, size - 1);
  if (data[0] % 2 == 0) {
    check_file(rest, KeyFileReading::kByContents);
    check_file(rest, KeyFileReading::kYugabyte);
  } else {
    check_uri(rest);
  }
  return 0;
}
