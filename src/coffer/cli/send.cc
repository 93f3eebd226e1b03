// coffer send and receive: files of stores between coffers, as they lie.
#include <fmt/format.h>
#include <unistd.h>

#include "coffer/base/clock.h"
#include "coffer/base/path.h"
#include "coffer/base/period.h"
#include "coffer/cli/commands.h"
#include "coffer/cli/engines.h"
#include "coffer/cli/opening.h"
#include "coffer/cli/pipes.h"
#include "coffer/cli/progress.h"
#include "coffer/cli/text.h"
#include "coffer/ops/stream_nodes.h"
#include "coffer/providers/registry.h"

namespace coffer::cli {
namespace {

constexpr size_t kHaveSizeMax = size_t{64} << 20;

Json counts_json(const StreamCounts& counts) {
  return {{"files", counts.files}, {"bytes", counts.bytes}, {"left_out", counts.left_out}};
}

std::string counts_text(const StreamCounts& counts) {
  std::string out = fmt::format("{} in {}", size_text(counts.bytes), count_text(counts.files, "file"));
  if (counts.left_out > 0) out += fmt::format(", {} were there already", size_text(counts.left_out));
  return out;
}

StreamProgress shown_in(Progress& progress, std::string_view what) {
  if (!progress.enabled()) return {};
  return [&progress, what](const StreamCounts& counts) {
    progress.show(what, counts.bytes, counts.to_do, size_text(counts.bytes));
  };
}

Result<Outcome> run_send(const Arguments& arguments, Console& console) {
  const std::string* to = arguments.find("--to");
  if (to == nullptr) {
    return {Code::kInvalidArgument, "send: expected --to NODE, a peer in coffer.yaml or a node of the coffer"};
  }
  if (arguments.list("PATH").empty()) return {Code::kInvalidArgument, "send: expected a PATH: what is to be sent"};
  if (Console::is_terminal(STDOUT_FILENO)) {
    return {Code::kInvalidArgument, "send: not writing a stream to a terminal; redirect it to a file or a pipe"};
  }
  SendOptions options{.records = &engine_records()};
  if (const std::string* list = arguments.find("--resume")) {
    COFFER_ASSIGN(const Bytes text, read_file(Disk::posix(), *list, kHaveSizeMax));
    COFFER_ASSIGN(options.had, parse_had_files(as_text(text)).with_context(*list));
  }
  COFFER_ASSIGN(auto coffer, open_coffer(arguments));
  COFFER_ASSIGN(const X25519Public receiver, stream_receiver(*coffer, *to));
  COFFER_ASSIGN(NodeIdentity identity, open_node_identity(*coffer, open_provider));
  std::vector<std::string> paths;
  for (const std::string& path : arguments.list("PATH")) paths.push_back(absolute_path(path));
  Progress progress(!console.json());
  options.progress = shown_in(progress, "sending");
  COFFER_ASSIGN(const StreamCounts counts,
                send_files(*coffer, paths, StreamingNode(std::move(identity)), receiver, options,
                           *to_output()));
  progress.erase();
  if (console.json()) {
    Json answer = counts_json(counts);
    answer["to"] = *to;
    console.print_json_aside(answer);
  }
  console.note(fmt::format("sent {} to {}", counts_text(counts), *to));
  return Outcome::kDone;
}

Result<Outcome> tell_what_is_here(const std::string& directory, Console& console) {
  const auto had = had_files(Disk::posix(), directory);
  if (!had.is_ok() && had.code() != Code::kNotFound) return had.status();
  COFFER_TRY(console.write(format_had_files(had.is_ok() ? *had : HadFiles())));
  return Outcome::kDone;
}

// A stream may be kept, and be given to its receiver again.
Status check_age(const FileStreamHead& head, uint64_t age_max) {
  const uint64_t now = now_seconds();
  if (now <= head.made || now - head.made <= age_max) return Status::ok();
  return {Code::kRolledBack, fmt::format("the stream was made {}, longer ago than --max-age allows",
                                         time_text(head.made))};
}

Result<Outcome> run_receive(const Arguments& arguments, Console& console) {
  const std::string directory = absolute_path(arguments.operand("DIR"));
  if (arguments.has("--have")) return tell_what_is_here(directory, console);
  if (Console::is_terminal(STDIN_FILENO)) {
    return {Code::kInvalidArgument, "receive: expected a stream on standard input, from a file or a pipe"};
  }
  uint64_t age_max = ~uint64_t{0};
  if (const std::string* text = arguments.find("--max-age")) {
    const std::optional<uint64_t> period = parse_period(*text);
    if (!period) return {Code::kInvalidArgument, "--max-age: expected a period such as 12h or 7d"};
    age_max = *period;
  }
  COFFER_ASSIGN(auto coffer, open_coffer(arguments));
  COFFER_ASSIGN(NodeIdentity identity, open_node_identity(*coffer, open_provider));
  std::string from;
  uint64_t made = 0;
  const TrustSender known = trust_known_nodes(*coffer, from);
  ReceiveOptions options{.trusts = [&](const FileStreamHead& head) -> Status {
                           made = head.made;
                           COFFER_TRY(known(head));
                           return check_age(head, age_max);
                         },
                         .domain = arguments.value("--domain", "")};
  Progress progress(!console.json());
  options.progress = shown_in(progress, "receiving");
  COFFER_ASSIGN(const StreamCounts counts,
                receive_files(*coffer, directory, StreamingNode(std::move(identity)), options, from_input()));
  progress.erase();
  Json answer = counts_json(counts);
  answer["from"] = from;
  answer["made"] = made;
  console.answer(answer, fmt::format("received {} from {}, of {}\n", counts_text(counts), from, time_text(made)));
  return Outcome::kDone;
}

}  // namespace

Command send_command() {
  return {
      .name = "send",
      .about = "writes files at rest, as they lie, for a node of another coffer to standard output",
      .operands = {coffer_operand(), {"PATH", "directories or files; of one directory alone, what is in it", true}},
      .flags = {{"--to", "NODE", "who receives them: a peer in coffer.yaml, or a node of the coffer"},
                {"--resume", "FILE", "leave out what it has: what coffer receive --have wrote"},
                root_flag()},
      .examples = {"send /var/lib/db.coffer /var/lib/db/snapshot --to east-1 > stream"},
      .run = run_send,
  };
}

Command receive_command() {
  return {
      .name = "receive",
      .about = "makes a new store of the stream on standard input, which was sent to this node",
      .operands = {coffer_operand(), {"DIR", "the new store's directory: not there yet, or empty"}},
      .flags = {{"--domain", "NAME", "whose keys protect the files (that of coffer.yaml for their paths)"},
                {"--have", "", "write what has arrived so far, for coffer send --resume, and receive nothing"},
                {"--max-age", "PERIOD", "refuse a stream that was made longer ago: \"1h\", \"7d\""},
                root_flag()},
      .examples = {"receive /var/lib/db.coffer /var/lib/db < stream",
                   "receive /var/lib/db.coffer /var/lib/db --have > have"},
      .run = run_receive,
  };
}

}  // namespace coffer::cli
