// What is said between Coffer and a command, as JSON in secret memory: docs/providers/exec.md, "Contract".
#pragma once

#include <optional>
#include <string>

#include "coffer/keys/provider.h"

namespace coffer::exec {

inline constexpr size_t kHandleTextSizeMax = 480;
inline constexpr size_t kKeyNameSizeMax = 256;

// One request, with the line's end. `plaintext` and `ciphertext`: whichever the operation has.
struct CommandRequest {
  std::string_view operation;  // "current", "wrap", "unwrap"
  std::string key;
  std::string handle = {};
  std::optional<WrapContext> context = {};
  ByteView plaintext = {};
  ByteView ciphertext = {};
};
SecretBytes encode_request(const CommandRequest& request);

// What a command says went wrong: one of the documented codes, and its own words, made fit for a log.
struct CommandError {
  std::string code;
  Code meaning = Code::kProviderUnavailable;
  std::string message;
};

struct CommandAnswer {
  std::optional<CommandError> error;
  std::string handle;      // of "current"
  SecretBytes plaintext;   // of "unwrap"
  SecretBytes ciphertext;  // of "wrap"
};
// kInvalidArgument when it is not an answer to `operation`. Messages repeat nothing of it.
Result<CommandAnswer> decode_answer(ByteView text, std::string_view operation);

// 1 to kHandleTextSizeMax printable ASCII characters.
bool is_handle_text(std::string_view text);
// At most 200 printable characters; words that could be a key (43 or more digits of base64 or hexadecimal) are left
// out.
std::string fit_for_log(ByteView text);
// The last line that is not empty, fit for a log.
std::string last_line_for_log(ByteView text, size_t whole_size_max);

}  // namespace coffer::exec
