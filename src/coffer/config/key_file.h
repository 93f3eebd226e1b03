// Files that hold a root key, in the forms that other systems write: docs/keys.md, "Key files".
#pragma once

#include "coffer/base/secret.h"
#include "coffer/io/disk.h"

namespace coffer {

class UriOptions;

inline constexpr size_t kKeyFileSizeMax = 64 * 1024;
inline constexpr size_t kKeyIdSizeMax = 64;

struct KeyFile {
  RootKey key;   // 16, 24 or 32 bytes
  Bytes key_id;  // as the file states it; empty when it states none
};

enum class KeyFileReading {
  kByContents,  // in one of the forms that tell themselves apart
  kYugabyte,    // YugabyteDB's universe key: only where it is asked for, since its sizes are those of other forms
};

// The option `form` of a key file's URI, which leads to a reading: "yugabyte".
Result<KeyFileReading> take_key_file_form(UriOptions& options);
inline constexpr std::string_view kYugabyteForm = "form=yugabyte";

// kInvalidArgument, in words that give nothing of the contents away.
Result<KeyFile> parse_key_file(ByteView contents, KeyFileReading reading = KeyFileReading::kByContents);

// kNotFound; kPermissionDenied for a file that others may read or write, or that somebody else owns; kInvalidArgument
// for what is no regular file or no key; kLimitExceeded above 64 KiB. Every message names the file.
Result<KeyFile> read_key_file(Disk& disk, const std::string& path,
                              KeyFileReading reading = KeyFileReading::kByContents);

enum class KeyFileForm {
  kRaw,  // 32-byte key id ‖ key
  kJwk,  // a JSON Web Key set of one
};

struct KeyFileRequest {
  int bits = 256;  // 128, 192 or 256
  KeyFileForm form = KeyFileForm::kRaw;
  bool overwrite = false;
};

// A new random key with a random id, mode 0600, durable; both forms as CockroachDB reads them. Returns the key id in
// hexadecimal. kAlreadyExists unless asked to overwrite: then the old file stands until the new one is complete.
Result<std::string> generate_key_file(Disk& disk, const std::string& path, const KeyFileRequest& request);

}  // namespace coffer
