#include "coffer/config/secret_source.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "coffer/config/key_file.h"
#include "coffer/io/disk.h"

namespace coffer {
namespace {

constexpr size_t kSecretSizeMax = size_t{64} << 10;
constexpr uint32_t kOthersReadOrWrite = 0066;

std::string octal(uint32_t mode) {
  std::string out = "0000";
  for (int i = 3; i >= 0; --i, mode >>= 3) out[static_cast<size_t>(i)] = static_cast<char>('0' + (mode & 7));
  return out;
}

Status check_private(const FileInfo& info, const std::string& path) {
  if ((info.mode & kOthersReadOrWrite) != 0) {
    return {Code::kPermissionDenied,
            "others may read or write it (mode " + octal(info.mode) + "); run chmod 600 " + path};
  }
  if (info.owner != ::geteuid() && info.owner != 0) {
    return {Code::kPermissionDenied, "it belongs to user " + std::to_string(info.owner) +
                                         ", who could change it; it must belong to user " +
                                         std::to_string(::geteuid()) + " or root"};
  }
  return {};
}

Result<SecretBytes> open_sealed(const SecretSource& source) {
  std::string path = source.sealing_key;
  if (const char* named = std::getenv("COFFER_SEALING_KEY"); path.empty() && named != nullptr) path = named;
  if (path.empty()) {
    return {Code::kInvalidArgument, "option " + source.sealed_for.option +
                                        "_sealed: no key that opens sealed values is known; set sealing_key in "
                                        "coffer.yaml or the environment variable COFFER_SEALING_KEY to its path"};
  }
  auto key = read_key_file(Disk::posix(), path);
  if (!key.is_ok()) return key.status().with_context("the key of sealed values");
  auto value = open_sealed_value(key->key, source.sealed_for, source.sealed);
  if (!value.is_ok()) return value.status().with_context("option " + source.sealed_for.option + "_sealed");
  return value;
}

Result<SecretBytes> read_whole(const SecretSource& source) {
  if (!source.file.empty()) return read_private_file(source.file, kSecretSizeMax);
  if (!source.sealed.empty()) return open_sealed(source);
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

Result<SecretBytes> read_secret_from(int descriptor, size_t size_max) {
  SecretBytes out(size_max + 2);  // an end of line, and one byte more to notice that there is more
  size_t size = 0;
  for (ssize_t count = 1; count > 0 && size < out.size();) {
    count = ::read(descriptor, out.reveal_mutable().data() + size, out.size() - size);
    if (count < 0 && errno == EINTR) {
      count = 1;
    } else if (count < 0) {
      return {Code::kIo, std::string("reading the secret: ") + std::strerror(errno)};
    } else {
      size += static_cast<size_t>(count);
    }
  }
  const ByteView all = out.reveal().first(size);
  const bool ends = !all.empty() && all.back() == '\n';
  const ByteView line = all.first(all.size() - (ends ? 1 : 0));
  if (line.size() > size_max)
    return {Code::kLimitExceeded, "the secret has more than " + std::to_string(size_max) + " bytes"};
  if (std::find(line.begin(), line.end(), '\n') != line.end()) {
    return {Code::kInvalidArgument, "the secret has several lines; give one"};
  }
  return SecretBytes::copy_of(line);
}

Result<SecretBytes> read_private_file(Disk& disk, const std::string& path, size_t size_max) {
  COFFER_ASSIGN(const auto file, disk.open_read(path));
  COFFER_ASSIGN(const FileInfo info, file->info());
  COFFER_TRY(check_private(info, path));
  if (info.size > size_max) {
    return {Code::kLimitExceeded,
            "it has " + std::to_string(info.size) + " bytes; at most " + std::to_string(size_max) + " are read"};
  }
  SecretBytes out(static_cast<size_t>(info.size));
  COFFER_ASSIGN(const size_t size, file->read_at(0, out.reveal_mutable()));
  if (size != out.size()) return {Code::kIo, "it shrank while it was read"};
  return out;
}

Result<SecretBytes> read_private_file(const std::string& path, size_t size_max) {
  auto contents = read_private_file(Disk::posix(), path, size_max);
  if (!contents.is_ok()) return contents.status().with_context(path);
  return contents;
}

}  // namespace coffer
