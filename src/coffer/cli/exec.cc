// coffer exec: runs a program whose RocksDB files the coffer protects, by preloading Coffer's RocksDB plug-in into it.
#include "coffer/cli/commands.h"
#include "coffer/cli/console.h"
#include "coffer/cli/launch.h"
#include "coffer/cli/opening.h"
#include "coffer/providers/registry.h"

namespace coffer::cli {
namespace {

Result<std::string> file_system_uri(const Coffer& coffer, const std::string& place, const Arguments& arguments) {
  std::string uri = "coffer://" + percent_encoded(place);
  if (const std::string* root = arguments.find("--root")) {
    // As the provider says it: the program may change its directory before it opens the coffer.
    COFFER_ASSIGN(const ProviderConfig config, coffer.provider_config());
    COFFER_ASSIGN(auto provider, open_provider(*root, config));
    uri += "?root=" + percent_encoded(provider->uri());
  }
  return uri;
}

Result<Outcome> run_exec(const Arguments& arguments, Console& console) {
  if (arguments.has("--keyring")) {
    return {Code::kInvalidArgument,
            "exec: --keyring is for looking at a keyring; a program uses the one that the "
            "configuration names"};
  }
  COFFER_ASSIGN(const Program program, find_preloadable_program(arguments.program().front()));
  // The program would fail as well if the coffer did not open, but not with a message of ours.
  COFFER_ASSIGN(auto coffer, open_coffer(arguments));
  COFFER_ASSIGN(const std::string place, canonical_path(arguments.operand("COFFER")));
  COFFER_ASSIGN(const std::string plug_in, find_plug_in());
  COFFER_ASSIGN(const std::string uri, file_system_uri(*coffer, place, arguments));
  coffer.reset();  // wipes the keys of this process
  COFFER_TRY(console.finish());
  return run_with_plug_in(program, arguments.program(), plug_in, uri);
}

}  // namespace

Command exec_command() {
  return {
      .name = "exec",
      .about = "runs a RocksDB program, unmodified, on files that the coffer protects",
      .operands = {coffer_operand()},
      .flags = {root_flag()},
      .examples = {"exec /var/lib/db.coffer -- ldb --db=/var/lib/db scan",
                   "exec /var/lib/db.coffer -- db_bench --db=/var/lib/db --benchmarks=fillrandom"},
      .run = run_exec,
      .takes_program = true,
  };
}

}  // namespace coffer::cli
