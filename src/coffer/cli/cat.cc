// coffer cat: one file, decrypted. Only authenticated bytes leave it.
#include <fmt/format.h>
#include <unistd.h>

#include <functional>

#include "coffer/cli/commands.h"
#include "coffer/cli/opening.h"
#include "coffer/cli/text.h"
#include "coffer/engines/rocksdb/file_name.h"
#include "coffer/files/file_reader.h"

namespace coffer::cli {
namespace {

using Sink = std::function<Status(ByteView)>;

// Reads to the end. `count` says how much went out, whatever happens; the sink may use it as its offset.
Status copy_out(FileReader& reader, const Sink& sink, uint64_t& count) {
  for (;;) {
    COFFER_ASSIGN(ByteView piece, reader.next());
    if (piece.empty()) return Status::ok();
    COFFER_TRY(sink(piece));
    count += piece.size();
  }
}

// All of it, or no file.
Status copy_to_file(FileReader& reader, const std::string& path) {
  Disk& disk = Disk::posix();
  uint64_t count = 0;
  // Plaintext: for its owner only.
  COFFER_ASSIGN(auto out, disk.create(path, 0600));
  Status status = copy_out(
      reader, [&](ByteView piece) { return out->write_at(count, piece); }, count);
  if (status.is_ok()) status = out->sync();
  Status closed = out->close();
  if (status.is_ok()) status = closed;
  if (status.is_ok()) return status;
  const bool removed = disk.remove(path).is_ok();
  return status.with_context(path + (removed ? " not written" : " written in part, and cannot be removed"));
}

Status copy_to_output(FileReader& reader, Console& console) {
  uint64_t count = 0;
  Status status = copy_out(
      reader, [&](ByteView piece) { return console.write(as_text(piece)); }, count);
  if (status.is_ok()) status = console.finish();
  const std::string_view kind = reader.findings().authenticated ? "authenticated " : "";
  return status.with_context(fmt::format("stopped after {} {}bytes", count, kind));
}

Json findings_json(const std::string& path, const FileReader& reader) {
  const FileFindings& findings = reader.findings();
  return {{"file", path},
          {"bytes", findings.logical_size},
          {"closed", findings.closed},
          {"torn_bytes", findings.torn_bytes},
          {"authenticated", findings.authenticated}};
}

Result<Outcome> run_cat(const Arguments& arguments, Console& console) {
  const std::string path = arguments.operand("FILE");
  const std::string* out = arguments.find("--output");
  if (out == nullptr && Console::is_terminal(STDOUT_FILENO) && !arguments.has("--force")) {
    return {Code::kInvalidArgument, "cat: not writing decrypted bytes to a terminal; use -o FILE, a pipe, or --force"};
  }
  COFFER_ASSIGN(auto coffer, open_coffer_for_paths(arguments, {arguments.operand("FILE")}));
  COFFER_ASSIGN(auto reader, FileReader::open(*coffer, path,
                                              {.allow_unauthenticated = arguments.has("--allow-unauthenticated"),
                                               .role = rocks::role_of(path)}));
  COFFER_TRY(out != nullptr ? copy_to_file(*reader, *out) : copy_to_output(*reader, console));
  const FileFindings& findings = reader->findings();
  if (findings.torn_bytes > 0) {
    console.note(fmt::format("{}: {} torn off at its end by a crash", path, size_text(findings.torn_bytes)));
  }
  if (!findings.authenticated) console.note(fmt::format("{}: nothing proves these bytes", path));
  // Standard output belongs to the payload unless that went to a file.
  if (out != nullptr) console.answer(findings_json(path, *reader), "");
  if (out == nullptr && console.json()) console.print_json_aside(findings_json(path, *reader));
  return Outcome::kDone;
}

}  // namespace

Command cat_command() {
  return {
      .name = "cat",
      .about = "writes one file, decrypted and authenticated, to standard output",
      .operands = {coffer_operand(), {"FILE", "a file of one of the coffer's stores"}},
      .flags =
          {
              {"--output", "FILE", "write there instead: a new file that only its owner may read", {}, "-o"},
              {"--force", "", "even if standard output is a terminal"},
              {"--allow-unauthenticated", "", "read a ctr file that was never closed: nothing proves its contents"},
              as_flag(),
              root_flag(),
          },
      .examples = {"cat /var/lib/db.coffer /var/lib/db/OPTIONS-000007",
                   "cat /var/lib/db.coffer /var/lib/db/000012.sst -o plain.sst"},
      .run = run_cat,
  };
}

}  // namespace coffer::cli
