#include "coffer/providers/exec/exec_provider.h"

#include <algorithm>
#include <cstdlib>

#include "coffer/base/text.h"
#include "coffer/providers/exec/command_path.h"
#include "coffer/providers/exec/message.h"
#include "coffer/providers/exec/process.h"
#include "coffer/providers/service_wrap.h"

namespace coffer {
namespace {

using exec::CommandAnswer;
using exec::CommandRequest;
using exec::ProcessResult;

constexpr uint8_t kHandleType = 1;
constexpr size_t kWrappedSizeMax = 1024;
constexpr int kArgumentsMax = 8;
constexpr size_t kVariablesMax = 16;
constexpr uint64_t kTimeoutDefaultMillis = 10'000;
constexpr uint64_t kTimeoutSmallestMillis = 100;
constexpr uint64_t kTimeoutLargestMillis = 120'000;

struct ExecSettings {
  exec::CommandPath path;
  std::vector<std::string> arguments;
  std::vector<std::string> variables;  // names to pass on
  uint64_t timeout_millis = kTimeoutDefaultMillis;
  std::string uri;
};

std::optional<std::string> decode_handle(const RootKeyHandle& handle) {
  if (handle.bytes.empty() || handle.bytes.front() != kHandleType) return std::nullopt;
  std::string text(as_text(ByteView(handle.bytes).subspan(1)));
  if (!exec::is_handle_text(text)) return std::nullopt;
  return text;
}

// The code of an error that the command reports for an operation on one key, or (current) on what the URI names.
Code code_of(std::string_view command_code, bool is_current) {
  if (command_code == "not_found") return is_current ? Code::kNotFound : Code::kKeyUnavailable;
  if (command_code == "key_unavailable") return Code::kKeyUnavailable;
  if (command_code == "permission_denied") return Code::kPermissionDenied;
  if (command_code == "wrong_key") return Code::kWrongKey;
  if (command_code == "unsupported") return Code::kUnsupported;
  if (command_code == "invalid_argument") return Code::kInvalidArgument;
  return Code::kProviderUnavailable;
}

class ExecProvider final : public RootKeyProvider {
 public:
  explicit ExecProvider(ExecSettings settings) : settings_(std::move(settings)) {}

  Result<RootKeyHandle> current() override {
    COFFER_ASSIGN(const CommandAnswer answer, ask(request("current"), nullptr));
    RootKeyHandle handle;
    handle.bytes.push_back(kHandleType);
    handle.bytes.insert(handle.bytes.end(), answer.handle.begin(), answer.handle.end());
    return handle;
  }

  Result<WrappedKeyringKey> wrap(const RootKeyHandle& handle, const WrapContext& context,
                                 const KeyringKey& key) override {
    COFFER_ASSIGN(CommandRequest wanted, request("wrap", handle, context));
    COFFER_ASSIGN(const SecretBytes plaintext, service_plaintext(context, key));
    wanted.plaintext = plaintext.reveal();
    COFFER_ASSIGN(const CommandAnswer answer, ask(wanted, &handle));
    if (answer.ciphertext.size() > kWrappedSizeMax) {
      return {Code::kLimitExceeded, describe() + ": it wraps 64 bytes into more than 1024"};
    }
    const ByteView bytes = answer.ciphertext.reveal();
    return WrappedKeyringKey{kWrapAlgorithmService, Bytes(bytes.begin(), bytes.end())};
  }

  Result<KeyringKey> unwrap(const RootKeyHandle& handle, const WrapContext& context,
                            const WrappedKeyringKey& wrapped) override {
    if (wrapped.algorithm != kWrapAlgorithmService) {
      return {Code::kUnsupported,
              describe() + ": the keyring key was wrapped under a root key at hand, not by a command"};
    }
    COFFER_ASSIGN(CommandRequest wanted, request("unwrap", handle, context));
    if (wrapped.bytes.empty() || wrapped.bytes.size() > kWrappedSizeMax) {
      return {Code::kTampered, describe() + ": what the slot holds is no wrapped keyring key, by its size"};
    }
    wanted.ciphertext = wrapped.bytes;
    COFFER_ASSIGN(const CommandAnswer answer, ask(wanted, &handle));
    auto key = keyring_key_of(context, answer.plaintext);
    if (!key.is_ok()) return key.status().with_context(describe());
    return key;
  }

  std::string uri() const override { return settings_.uri; }

  std::string describe() const override {
    const std::string& key = settings_.path.key;
    return "command " + settings_.path.command + (key.empty() ? "" : " (key " + key + ")");
  }

  std::string describe(const RootKeyHandle& handle) const override {
    const std::optional<std::string> text = decode_handle(handle);
    return text.has_value() ? "key " + *text : "a handle that is no command's";
  }

 private:
  CommandRequest request(std::string_view operation) const {
    CommandRequest out;
    out.operation = operation;
    out.key = settings_.path.key;
    return out;
  }

  Result<CommandRequest> request(std::string_view operation, const RootKeyHandle& handle,
                                 const WrapContext& context) const {
    const std::optional<std::string> text = decode_handle(handle);
    if (!text.has_value()) {
      return {Code::kWrongKey, describe() + " cannot have the key that the slot wants: " + describe(handle)};
    }
    CommandRequest out = request(operation);
    out.handle = *text;
    out.context = context;
    return out;
  }

  // A good answer, or what went wrong. `handle` is the key it was about, if about one.
  Result<CommandAnswer> ask(const CommandRequest& request, const RootKeyHandle* handle) const {
    COFFER_TRY(exec::check_command(settings_.path.command));
    exec::ProcessRequest process;
    process.command = settings_.path.command;
    process.arguments = settings_.arguments;
    process.environment = environment();
    process.input = exec::encode_request(request);
    process.time_max = std::chrono::milliseconds(settings_.timeout_millis);
    auto result = exec::run_process(process);
    if (!result.is_ok()) return result.status().with_context(describe());
    auto answer = exec::decode_answer(result->output.reveal(), request.operation);
    if (answer.is_ok() && answer->error.has_value()) return refusal(*answer->error, handle);
    const bool succeeded = result->signal == 0 && result->exit_code.value_or(0) == 0;
    if (!succeeded) return ended_badly(*result);
    if (!answer.is_ok()) return answer.status().with_context(describe());
    return answer;
  }

  Status refusal(const exec::CommandError& error, const RootKeyHandle* handle) const {
    const std::string about = handle == nullptr ? "" : ": the slot wants " + describe(*handle);
    return {code_of(error.code, handle == nullptr),
            describe() + about + ": " + error.code + (error.message.empty() ? "" : ": " + error.message)};
  }

  Status ended_badly(const ProcessResult& result) const {
    const std::string how = result.signal != 0 ? "was ended by signal " + std::to_string(result.signal)
                                               : "exited with status " + std::to_string(*result.exit_code);
    const std::string said = exec::last_line_for_log(result.error_tail.reveal(), exec::kErrorTailSize);
    return {Code::kProviderUnavailable,
            describe() + " " + how + (said.empty() ? " and said nothing" : "; the last it said: " + said)};
  }

  std::vector<std::string> environment() const {
    std::vector<std::string> out = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                                    "LC_ALL=C.UTF-8"};
    std::vector<std::string> names = settings_.variables;
    names.emplace_back("HOME");
    for (const std::string& name : names) {
      if (const char* value = std::getenv(name.c_str())) out.push_back(name + "=" + value);
    }
    return out;
  }

  const ExecSettings settings_;
};

Result<std::vector<std::string>> split_variables(const std::string& list) {
  constexpr std::string_view kCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";
  std::vector<std::string> out;
  for (size_t start = 0; start < list.size();) {
    const size_t end = std::min(list.find(',', start), list.size());
    const std::string name = list.substr(start, end - start);
    if (name.empty() || name.find_first_not_of(kCharacters) != std::string::npos || name.starts_with("LD_") ||
        name == "PATH" || name == "HOME" || name == "LC_ALL" || out.size() == kVariablesMax) {
      return {Code::kInvalidArgument,
              "root key URI option env: expected at most 16 names of variables to pass on, with "
              "commas between them; not PATH, HOME, LC_ALL (always there) or LD_…"};
    }
    out.push_back(name);
    start = end + 1;
  }
  return out;
}

Result<std::vector<std::string>> take_arguments(UriOptions& options) {
  std::vector<std::string> out;
  bool gap = false;
  for (int i = 1; i <= kArgumentsMax; ++i) {
    std::optional<std::string> argument = options.take("arg" + std::to_string(i));
    if (argument.has_value() && gap) {
      return {Code::kInvalidArgument,
              "root key URI option arg" + std::to_string(i) + ": arg" + std::to_string(i - 1) + " is missing"};
    }
    gap = !argument.has_value();
    if (argument.has_value()) out.push_back(std::move(*argument));
  }
  return out;
}

}  // namespace

Result<std::unique_ptr<RootKeyProvider>> open_exec(const ProviderUri& uri, const ProviderConfig&) {
  if (uri.authority.has_value() && !uri.authority->empty() && *uri.authority != "localhost") {
    return {Code::kInvalidArgument,
            "a command is on this machine, not on \"" + *uri.authority + "\"; write exec:/PATH/coffer-exec-NAME/KEY"};
  }
  UriOptions options(uri);
  ExecSettings settings;
  COFFER_ASSIGN(settings.arguments, take_arguments(options));
  COFFER_ASSIGN(settings.variables, split_variables(options.take("env", "")));
  COFFER_ASSIGN(settings.timeout_millis, options.take_number("timeout_millis", kTimeoutDefaultMillis,
                                                             kTimeoutSmallestMillis, kTimeoutLargestMillis));
  COFFER_TRY(options.finish());
  COFFER_ASSIGN(settings.path, exec::split_command_path(uri.path));
  if (settings.path.key.size() > exec::kKeyNameSizeMax || has_control(settings.path.key)) {
    return {Code::kInvalidArgument, "an exec: URI's key name has at most 256 bytes and no control characters"};
  }
  ProviderUri whole = uri;
  whole.authority.reset();
  whole.path = settings.path.command + (settings.path.key.empty() ? "" : "/" + settings.path.key);
  settings.uri = format_provider_uri(whole);
  return std::unique_ptr<RootKeyProvider>(std::make_unique<ExecProvider>(std::move(settings)));
}

}  // namespace coffer
