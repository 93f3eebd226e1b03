// A backup target that a command of the operator's reaches.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstdlib>

#include "coffer/base/text.h"
#include "coffer/ops/backup_target.h"
#include "coffer/providers/exec/command_path.h"
#include "coffer/providers/exec/streamed.h"

namespace coffer {
namespace {

constexpr int kNothingThere = 3;
constexpr size_t kNumberSizeMax = 32;
constexpr size_t kListSizeMax = size_t{256} << 20;

class CommandTarget final : public BackupTarget {
 public:
  CommandTarget(std::vector<std::string> command, std::string scratch, std::chrono::milliseconds stall_max)
      : command_(std::move(command)), scratch_(std::move(scratch)), stall_max_(stall_max) {}

  Result<std::optional<uint64_t>> size_of(const std::string& name) override {
    COFFER_TRY(check_name(name));
    std::string text;
    COFFER_ASSIGN(const bool found, run("size", name, {}, keep_text(text, kNumberSizeMax)));
    if (!found) return std::optional<uint64_t>();
    const std::string_view digits = trimmed(text);
    uint64_t size = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), size);
    if (error != std::errc() || end != digits.data() + digits.size()) {
      return {Code::kProviderUnavailable, failed("size", name) + "it printed no size: " + excerpt(text)};
    }
    return std::optional(size);
  }

  Status get(const std::string& name, const Sink& sink) override {
    COFFER_TRY(check_name(name));
    COFFER_ASSIGN(const bool found, run("get", name, {}, sink));
    if (found) return Status::ok();
    return {Code::kNotFound, describe() + " has no " + name};
  }

  Status put(const std::string& name, const Source& source) override {
    COFFER_TRY(check_name(name));
    return run_all("put", name, source, {});
  }

  Result<std::vector<std::string>> list(const std::string& prefix) override {
    if (!prefix.empty()) COFFER_TRY(check_name(prefix + "x"));
    std::string text;
    COFFER_TRY(run_all("list", prefix, {}, keep_text(text, kListSizeMax)));
    std::vector<std::string> out;
    for (size_t start = 0; start < text.size();) {
      const size_t end = std::min(text.find('\n', start), text.size());
      std::string name = text.substr(start, end - start);
      if (valid_backup_name(name) && name.starts_with(prefix)) out.push_back(std::move(name));
      start = end + 1;
    }
    std::ranges::sort(out);
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out;
  }

  Status remove(const std::string& name) override {
    COFFER_TRY(check_name(name));
    return run_all("remove", name, {}, {});
  }

  Result<std::shared_ptr<ReadableFile>> open(const std::string& name, uint64_t size_max) override {
    COFFER_ASSIGN(std::shared_ptr<WritableFile> file, unnamed_file());
    uint64_t size = 0;
    const Sink keep = [&](ByteView piece) -> Status {
      if (piece.size() > size_max - size) return too_large(name, size_max);
      COFFER_TRY(file->write_at(size, piece));
      size += piece.size();
      return Status::ok();
    };
    COFFER_TRY(get(name, keep));
    return std::shared_ptr<ReadableFile>(std::move(file));
  }

  std::string describe() const override { return "backup target " + command_.front(); }

 private:
  std::string failed(std::string_view verb, const std::string& name) const {
    return describe() + ": " + std::string(verb) + " " + name + ": ";
  }

  Sink keep_text(std::string& out, size_t size_max) const {
    return [this, &out, size_max](ByteView piece) -> Status {
      if (piece.size() > size_max - out.size()) {
        return {Code::kLimitExceeded, describe() + " printed more than " + std::to_string(size_max) + " bytes"};
      }
      out += as_text(piece);
      return Status::ok();
    };
  }

  // The default search path and nothing that a secret may stand in; more says the command: /usr/bin/env A=B PROGRAM.
  static std::vector<std::string> environment() {
    std::vector<std::string> out = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                                    "LC_ALL=C.UTF-8"};
    if (const char* home = std::getenv("HOME")) out.push_back(std::string("HOME=") + home);
    return out;
  }

  // Whether there is something under the name.
  Result<bool> run(std::string_view verb, const std::string& name, const Source& source, const Sink& sink) const {
    COFFER_TRY(exec::check_command(command_.front()));
    std::vector<std::string> arguments = command_;
    arguments.emplace_back(verb);
    arguments.push_back(name);
    const auto end = exec::run_streamed({std::move(arguments), environment(), source, sink, stall_max_});
    if (!end.is_ok()) return end.status().with_context(describe() + ": " + std::string(verb) + " " + name);
    if (end->exit_code == 0) return true;
    if (end->exit_code == kNothingThere) return false;
    const std::string how = end->signal != 0 ? "it was ended by signal " + std::to_string(end->signal)
                            : end->exit_code ? "it exited with status " + std::to_string(*end->exit_code)
                                             : std::string("how it ended is not known, as SIGCHLD is ignored");
    return {Code::kProviderUnavailable,
            failed(verb, name) + how + (end->said.empty() ? " and said nothing" : ": " + end->said)};
  }

  // For what needs nothing under the name.
  Status run_all(std::string_view verb, const std::string& name, const Source& source, const Sink& sink) const {
    COFFER_ASSIGN(const bool done, run(verb, name, source, sink));
    if (done) return Status::ok();
    return {Code::kProviderUnavailable, failed(verb, name) + "it exited with status 3, which says nothing of this"};
  }

  Result<std::shared_ptr<WritableFile>> unnamed_file() const {
    static std::atomic<uint64_t> next{0};
    Disk& disk = Disk::posix();
    while (true) {
      const std::string path =
          scratch_ + "/.coffer-" + std::to_string(::getpid()) + "-" + std::to_string(next++);
      auto file = disk.create(path, 0600);
      if (file.code() == Code::kAlreadyExists) continue;
      if (!file.is_ok()) return file.status();
      COFFER_TRY(disk.remove(path));
      return std::shared_ptr<WritableFile>(std::move(*file));
    }
  }

  const std::vector<std::string> command_;
  const std::string scratch_;
  const std::chrono::milliseconds stall_max_;
};

}  // namespace

std::unique_ptr<BackupTarget> command_target(std::vector<std::string> command, std::string scratch_directory,
                                             std::chrono::milliseconds stall_max) {
  COFFER_REQUIRE(!command.empty(), "a command has a program");
  return std::make_unique<CommandTarget>(std::move(command), std::move(scratch_directory), stall_max);
}

}  // namespace coffer
