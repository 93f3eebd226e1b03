#include "coffer/store/runs.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>

#include "coffer/base/clock.h"
#include "coffer/base/text.h"
#include "coffer/crypto/random.h"

namespace coffer {
namespace {

constexpr std::string_view kRunsHeading = "coffer runs 1\n";
constexpr size_t kRunsFileSizeMax = size_t{1} << 20;
constexpr size_t kRunFieldSizeMax = 1000;
constexpr std::array<std::string_view, 6> kRunStates{"running", "done", "left", "stopped", "failed", "interrupted"};

std::string first_word_of(const char* path) {
  std::string out;
  std::ifstream(path) >> out;
  return out;
}

// Process numbers mean the same where this is the same.
std::string process_space() {
  char space[64] = {};
  const ssize_t size = ::readlink("/proc/self/ns/pid", space, sizeof space - 1);
  return first_word_of("/proc/sys/kernel/random/boot_id") + " " + std::string(space, size > 0 ? size : 0);
}

// In the clock's ticks since the machine began; 0: there is no such process.
uint64_t beginning_of(uint64_t process) {
  std::string line;
  std::getline(std::ifstream("/proc/" + std::to_string(process) + "/stat"), line);
  const size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return 0;
  // It is the 22nd field, and the name the 2nd.
  size_t at = name_end;
  for (int field = 2; field < 22 && at != std::string::npos; ++field) at = line.find(' ', at + 1);
  uint64_t out = 0;
  if (at != std::string::npos) std::from_chars(line.data() + at + 1, line.data() + line.size(), out);
  return out;
}

std::string field_of(std::string_view text) {
  return printable(text.substr(0, kRunFieldSizeMax));  // tabs and line feeds are written as \x09, \x0a
}

std::string line_of(const RunRecord& run) {
  std::string out = field_of(run.id) + "\t" + field_of(run.what) + "\t" + field_of(run.about) + "\t" +
                    std::string(run_state_name(run.state));
  for (const uint64_t number : {run.begun, run.updated, run.files_to_do, run.files, run.files_left, run.bytes_to_do,
                                run.bytes, run.process, run.process_begun}) {
    out += "\t" + std::to_string(number);
  }
  return out + "\t" + field_of(run.machine) + "\t" + field_of(run.said) + "\n";
}

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> out;
  for (;;) {
    const size_t end = text.find(at);
    out.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return out;
    text.remove_prefix(end + 1);
  }
}

bool parse_run(std::string_view line, RunRecord& out) {
  const std::vector<std::string_view> fields = split(line, '\t');
  if (fields.size() != 15) return false;
  out.id = fields[0];
  out.what = fields[1];
  out.about = fields[2];
  const auto state = std::ranges::find(kRunStates, fields[3]);
  if (state == kRunStates.end()) return false;
  out.state = static_cast<RunRecord::State>(state - kRunStates.begin());
  size_t next = 4;
  for (uint64_t* number : {&out.begun, &out.updated, &out.files_to_do, &out.files, &out.files_left, &out.bytes_to_do,
                           &out.bytes, &out.process, &out.process_begun}) {
    const std::string_view text = fields[next++];
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
    if (error != std::errc() || end != text.data() + text.size()) return false;
  }
  out.machine = fields[13];
  out.said = fields[14];
  return std::ranges::none_of(fields, has_control);
}

Result<std::vector<RunRecord>> read_as_written(Disk& disk, const std::string& directory) {
  std::vector<RunRecord> out;
  auto contents = read_file(disk, directory + "/" + std::string(kRunsFileName), kRunsFileSizeMax);
  if (contents.code() == Code::kNotFound || contents.code() == Code::kLimitExceeded) return out;
  COFFER_TRY(contents.status());
  std::string_view text = as_text(*contents);
  if (!text.starts_with(kRunsHeading)) return out;
  for (const std::string_view line : split(text.substr(kRunsHeading.size()), '\n')) {
    RunRecord run;
    if (parse_run(line, run)) out.push_back(std::move(run));
  }
  return out;
}

}  // namespace

std::string_view run_state_name(RunRecord::State state) { return kRunStates.at(static_cast<size_t>(state)); }

uint64_t RunRecord::bytes_per_second() const { return updated > begun ? bytes / (updated - begun) : 0; }

uint64_t RunRecord::seconds_left() const {
  const uint64_t speed = bytes_per_second();
  return speed == 0 || bytes >= bytes_to_do ? 0 : (bytes_to_do - bytes) / speed;
}

Result<std::vector<RunRecord>> read_runs(Disk& disk, const std::string& directory) {
  COFFER_ASSIGN(std::vector<RunRecord> out, read_as_written(disk, directory));
  const std::string here = process_space();
  // Of a process that cannot be looked at: it tells of itself every few seconds, unless it stands still.
  constexpr uint64_t kSilenceMax = 600;
  for (RunRecord& run : out) {
    if (run.state != RunRecord::State::kRunning) continue;
    const bool alive = run.machine == here ? beginning_of(run.process) == run.process_begun
                                           : now_seconds() < run.updated + kSilenceMax;
    if (!alive) run.state = RunRecord::State::kInterrupted;
  }
  return out;
}

Run::Run(Disk& disk, std::string directory, std::string what, std::string about)
    : directory_(std::move(directory)), kept_(disk, directory_, kRunsFileName) {
  const auto id = random_id();
  record_.id = id.is_ok() ? id->short_hex() : "";
  record_.what = std::move(what);
  record_.about = std::move(about);
  record_.begun = record_.updated = now_seconds();
  record_.process = static_cast<uint64_t>(::getpid());
  record_.process_begun = beginning_of(record_.process);
  record_.machine = process_space();
}

Run::~Run() {
  if (is_written_ && record_.state == RunRecord::State::kRunning) end_as(RunRecord::State::kFailed);
}

void Run::take(const Progress& progress) {
  record_.files_to_do = progress.files_to_do;
  record_.files = progress.files;
  record_.bytes_to_do = progress.bytes_to_do;
  record_.bytes = progress.bytes;
}

void Run::tell(const Progress& so_far) {
  take(so_far);
  const auto now = std::chrono::steady_clock::now();
  if (is_written_ && now - written_ < kTellInterval) return;
  record_.updated = now_seconds();
  write();
}

void Run::end(const Progress& at_last, uint64_t files_left, bool stopped) {
  take(at_last);
  record_.files_left = files_left;
  const RunRecord::State ended = files_left == 0 ? RunRecord::State::kDone : RunRecord::State::kLeft;
  end_as(stopped ? RunRecord::State::kStopped : ended);
}

void Run::fail(const Status& why) {
  if (!is_written_) return;
  record_.said = why.to_string();
  end_as(RunRecord::State::kFailed);
}

void Run::end_as(RunRecord::State state) {
  record_.state = state;
  record_.updated = now_seconds();
  write();
}

void Run::write() {
  written_ = std::chrono::steady_clock::now();
  is_written_ = true;
  auto lock = kept_.lock();
  if (!lock.is_ok()) return;
  auto read = read_as_written(kept_.disk(), directory_);
  if (!read.is_ok()) return;
  std::vector<RunRecord> runs = std::move(*read);
  const auto known = std::ranges::find(runs, record_.id, &RunRecord::id);
  if (known != runs.end()) {
    *known = record_;
  } else {
    runs.push_back(record_);
  }
  if (runs.size() > kRunsMax) runs.erase(runs.begin(), runs.end() - kRunsMax);
  std::string text(kRunsHeading);
  for (const RunRecord& run : runs) text += line_of(run);
  // For people only: where it cannot be written there is none.
  [[maybe_unused]] const Status written = kept_.replace(as_bytes(text));
}

}  // namespace coffer
