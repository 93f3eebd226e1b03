// Root keys behind a command of the operator's own, which wraps and unwraps: contract in docs/providers/exec.md.
#include <algorithm>
#include <cstdlib>

#include "coffer/base/text.h"
#include "coffer/config/provider_config.h"
#include "coffer/providers/exec/command_path.h"
#include "coffer/providers/exec/message.h"
#include "coffer/providers/exec/process.h"
#include "coffer/providers/service_root.h"

namespace coffer {
namespace {

using exec::CommandAnswer;
using exec::CommandRequest;
using exec::ProcessResult;

constexpr std::string_view kForm = "exec:/PATH/coffer-exec-NAME/KEY";
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

// Fields: the command's own name of the key.
class ExecRoot final : public ServiceRoot {
 public:
  explicit ExecRoot(ExecSettings settings) : settings_(std::move(settings)) {}

  Result<KeyFields> current() override {
    COFFER_ASSIGN(CommandAnswer answer, ask({.operation = "current", .key = settings_.path.key}));
    return KeyFields{std::move(answer.handle)};
  }

  Result<Bytes> encrypt(const KeyFields& key, const WrapContext& context, const SecretBytes& plaintext) override {
    COFFER_ASSIGN(const CommandAnswer answer, ask({.operation = "wrap",
                                                   .key = settings_.path.key,
                                                   .handle = key[0],
                                                   .context = context,
                                                   .plaintext = plaintext.reveal()}));
    const ByteView bytes = answer.ciphertext.reveal();
    return Bytes(bytes.begin(), bytes.end());
  }

  Result<SecretBytes> decrypt(const KeyFields& key, const WrapContext& context, ByteView ciphertext) override {
    COFFER_ASSIGN(CommandAnswer answer, ask({.operation = "unwrap",
                                             .key = settings_.path.key,
                                             .handle = key[0],
                                             .context = context,
                                             .ciphertext = ciphertext}));
    return std::move(answer.plaintext);
  }

  std::string uri() const override { return settings_.uri; }
  std::string describe() const override {
    const std::string& key = settings_.path.key;
    return "command " + settings_.path.command + (key.empty() ? "" : " (key " + key + ")");
  }
  std::optional<std::string> describe(const KeyFields& key) const override {
    if (key.size() != 1 || !exec::is_handle_text(key[0])) return std::nullopt;
    return "key " + key[0];
  }

 private:
  // The command gets both names, as data, and knows alone what belongs to what: docs/providers/exec.md.
  Status check_within(const KeyFields&) const override { return Status::ok(); }

  // A good answer, or what went wrong.
  Result<CommandAnswer> ask(const CommandRequest& request) const {
    COFFER_TRY(exec::check_command(settings_.path.command));
    exec::ProcessRequest process;
    process.arguments = settings_.arguments;
    process.arguments.insert(process.arguments.begin(), settings_.path.command);
    process.environment = environment();
    process.input = exec::encode_request(request);
    process.time_max = std::chrono::milliseconds(settings_.timeout_millis);
    COFFER_ASSIGN(const ProcessResult result, exec::run_process(process));
    auto answer = exec::decode_answer(result.output.reveal(), request.operation);
    if (answer.is_ok() && answer->error.has_value()) {
      const exec::CommandError& error = *answer->error;
      return {error.meaning, error.code + (error.message.empty() ? "" : ": " + error.message)};
    }
    const bool succeeded = result.signal == 0 && result.exit_code.value_or(0) == 0;
    return succeeded ? std::move(answer) : ended_badly(result);
  }

  static Status ended_badly(const ProcessResult& result) {
    const std::string how = result.signal != 0 ? "was ended by signal " + std::to_string(result.signal)
                                               : "exited with status " + std::to_string(*result.exit_code);
    const std::string said = exec::last_line_for_log(result.error_tail.reveal(), exec::kErrorTailSize);
    return {Code::kProviderUnavailable,
            "it " + how + (said.empty() ? " and said nothing" : "; the last it said: " + said)};
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
  for (int i = 1; i <= kArgumentsMax; ++i) {
    std::optional<std::string> argument = options.take("arg" + std::to_string(i));
    if (!argument.has_value()) continue;
    if (out.size() + 1 < static_cast<size_t>(i)) {
      return {Code::kInvalidArgument,
              "root key URI option arg" + std::to_string(i) + ": arg" + std::to_string(i - 1) + " is missing"};
    }
    out.push_back(std::move(*argument));
  }
  return out;
}

}  // namespace

Result<std::unique_ptr<RootKeyProvider>> open_exec(const ProviderUri& uri, const ProviderConfig&) {
  UriOptions options(uri);
  ExecSettings settings;
  COFFER_TRY(local_path(uri, "command", kForm).status());
  COFFER_ASSIGN(settings.arguments, take_arguments(options));
  COFFER_ASSIGN(settings.variables, split_variables(options.take("env", "")));
  COFFER_ASSIGN(settings.timeout_millis, options.take_number("timeout_millis", kTimeoutDefaultMillis,
                                                             kTimeoutSmallestMillis, kTimeoutLargestMillis));
  COFFER_TRY(options.finish());
  COFFER_ASSIGN(settings.path, exec::split_command_path(uri.path));
  if (settings.path.key.size() > exec::kKeyNameSizeMax || has_control(settings.path.key)) {
    return {Code::kInvalidArgument, "an exec: URI's key name has at most 256 bytes and no control characters"};
  }
  ProviderUri kept = options.kept();
  kept.authority.reset();
  kept.path = settings.path.command + (settings.path.key.empty() ? "" : "/" + settings.path.key);
  settings.uri = format_provider_uri(kept);
  return make_provider("exec", std::make_unique<ExecRoot>(std::move(settings)));
}

}  // namespace coffer
