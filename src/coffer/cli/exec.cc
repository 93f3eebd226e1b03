// coffer exec: runs a program whose RocksDB files the coffer protects, by preloading Coffer's RocksDB plug-in into it;
// or any program, in a mount of its own (mounted_exec.cc).
#include "coffer/base/text.h"
#include "coffer/cli/commands.h"
#include "coffer/cli/console.h"
#include "coffer/cli/launch.h"
#include "coffer/cli/mount_module.h"
#include "coffer/cli/opening.h"
#include "coffer/cli/plaintext_trace.h"
#include "coffer/cli/watching.h"
#include "coffer/providers/registry.h"

namespace coffer::cli {
namespace {

Result<std::string> file_system_uri(const Coffer& coffer, const std::string& place, const Arguments& arguments) {
  std::string uri = "coffer://" + percent_encoded(place);
  if (const std::string* root = arguments.find("--root")) {
    // As the provider says it: the program may change its directory before it opens the coffer.
    COFFER_ASSIGN(const ProviderConfig config, coffer.provider_config());
    COFFER_ASSIGN(const auto named, named_root(*root, config));
    COFFER_ASSIGN(const auto provider,
                  named.has_value() ? open_provider(named->uri, config) : open_provider(*root, config));
    uri += "?root=" + percent_encoded(provider->uri());
  }
  return uri;
}

// What came of the plug-in while the program ran. A problem if a database was written in clear.
Outcome tell(bool reported, const std::vector<std::string>& in_clear, const std::string& program, Console& console) {
  if (console.json()) {
    if (!reported || !in_clear.empty()) {
      console.print_json_aside({{"plug_in_reported", reported}, {"written_in_clear", in_clear}});
    }
    return in_clear.empty() ? Outcome::kDone : Outcome::kProblemsFound;
  }
  for (const std::string& place : in_clear) {
    console.note("PLAINTEXT: " + printable(place) + ": RocksDB wrote here without Coffer while " + printable(program) +
                 " ran");
  }
  if (!reported) {
    console.note("the plug-in opened the coffer nowhere in " + printable(program) + " and what it started");
  }
  if (!in_clear.empty()) {
    console.note(
        "hint: something between drops LD_PRELOAD (env -i, sudo, unset) or has RocksDB linked in statically; "
        "have coffer exec start the RocksDB program itself");
  } else if (!reported) {
    console.note("hint: nothing is wrong if no RocksDB was to run; else its files are not encrypted");
  }
  return in_clear.empty() ? Outcome::kDone : Outcome::kProblemsFound;
}

Result<Outcome> run_exec(const Arguments& arguments, Console& console) {
  if (arguments.has("--mount")) return call_mount_module("coffer_exec_mounted", arguments, console);
  if (arguments.has("--keyring")) {
    return {Code::kInvalidArgument,
            "exec: --keyring is for looking at a keyring; a program uses the one that the "
            "configuration names"};
  }
  COFFER_ASSIGN(const Program program, find_preloadable_program(arguments.program().front()));
  // The program would fail as well if the coffer did not open, but not with a message of ours.
  COFFER_ASSIGN(auto coffer, open_coffer(arguments, {.waits_its_turn = true}));
  COFFER_ASSIGN(const std::string place, canonical_path(arguments.operand("COFFER")));
  COFFER_ASSIGN(const std::string plug_in, find_plug_in());
  COFFER_ASSIGN(const std::string uri, file_system_uri(*coffer, place, arguments));
  const std::vector<std::string> places = places_of_program(*coffer, arguments.program());
  coffer.reset();  // wipes the keys of this process
  COFFER_TRY(preload_plug_in(plug_in, uri));
  COFFER_ASSIGN(const Reports reports, Reports::open());
  const int64_t begun = file_clock_ns();
  COFFER_ASSIGN(const int ended, run_to_its_end(program, arguments.program()));
  const Outcome found =
      tell(reports.any(), written_in_clear(Disk::posix(), places, begun), arguments.program().front(), console);
  COFFER_TRY(console.finish());
  const int status = end_as(ended);
  return status == 0 ? found : static_cast<Outcome>(status);
}

}  // namespace

Command exec_command() {
  return {
      .name = "exec",
      .about = "runs a RocksDB program, or any other with --mount, on files that the coffer protects",
      .operands = {coffer_operand()},
      .flags = {{"--mount", "STORE[:DIR]",
                 "any program: it alone sees the files of STORE in clear, there or at DIR, as long as it runs"},
                root_flag()},
      .examples = {"exec /var/lib/db.coffer -- ldb --db=/var/lib/db scan",
                   "exec /var/lib/db.coffer -- db_bench --db=/var/lib/db --benchmarks=fillrandom",
                   "exec /var/lib/db.coffer --mount /var/lib/notes -- sqlite3 /var/lib/notes/notes.db"},
      .run = run_exec,
      .takes_program = true,
  };
}

}  // namespace coffer::cli
