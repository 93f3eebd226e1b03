#include "coffer/providers/secret_source.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "coffer/io/disk.h"

namespace coffer {
namespace {

constexpr size_t kSecretSizeMax = size_t{64} << 10;
constexpr uint32_t kOthersReadOrWrite = 0066;

Result<SecretBytes> read_whole(const SecretSource& source) {
  if (!source.file.empty()) return read_private_file(source.file, kSecretSizeMax);
  if (source.environment.empty()) return SecretBytes();
  const char* value = std::getenv(source.environment.c_str());
  if (value == nullptr) {
    return {Code::kNotFound,
            "the environment variable " + source.environment + ", which is to hold a secret, is not set"};
  }
  return SecretBytes::copy_of(as_bytes(value));
}

Result<SecretBytes> read_first_line(const SecretSource& source, size_t room_behind) {
  COFFER_ASSIGN(const SecretBytes whole, read_whole(source));
  const ByteView all = whole.reveal();
  const auto end = std::find_if(all.begin(), all.end(), [](uint8_t c) { return c == '\n' || c == '\r' || c == 0; });
  SecretBytes out(static_cast<size_t>(end - all.begin()) + room_behind);
  std::copy(all.begin(), end, out.reveal_mutable().begin());
  return out;
}

}  // namespace

Result<SecretBytes> read_secret(const SecretSource& source) { return read_first_line(source, 0); }

Result<SecretBytes> read_secret_text(const SecretSource& source) { return read_first_line(source, 1); }

Result<SecretBytes> read_private_file(const std::string& path, size_t size_max) {
  COFFER_ASSIGN(const auto file, Disk::posix().open_read(path));
  COFFER_ASSIGN(const FileInfo info, file->info());
  if ((info.mode & kOthersReadOrWrite) != 0) {
    return {Code::kPermissionDenied, path + ": others may read or write it; run chmod 600 " + path};
  }
  if (info.owner != ::geteuid() && info.owner != 0) {
    return {Code::kPermissionDenied, path + ": it must belong to root or to the user who runs this"};
  }
  if (info.size > size_max) {
    return {Code::kLimitExceeded, path + ": larger than " + std::to_string(size_max) + " bytes"};
  }
  SecretBytes out(static_cast<size_t>(info.size));
  COFFER_ASSIGN(const size_t size, file->read_at(0, out.reveal_mutable()));
  return SecretBytes::copy_of(out.reveal().first(size));
}

}  // namespace coffer
