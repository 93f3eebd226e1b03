// coffer import-config: the coffer.yaml that means what another system's configuration says.
#include "coffer/ops/import_config.h"

#include <fmt/format.h>

#include "coffer/base/path.h"
#include "coffer/cli/commands.h"
#include "coffer/cli/console.h"
#include "coffer/cli/text.h"
#include "coffer/config/key_file.h"

namespace coffer::cli {
namespace {

Result<int> bits_of_key_file(const std::string& path) {
  COFFER_ASSIGN(const KeyFile file, read_key_file(Disk::posix(), path));
  return static_cast<int>(file.key.size()) * 8;
}

bool is_cockroach_store(const std::string& word) {
  return word.starts_with("path=") || word.starts_with("key=") || word.starts_with("old-key=") ||
         word.starts_with("rotation-period=");
}

// "{…}" or "NAME={…}".
bool is_table(const std::string& word) { return word.starts_with('{') || word.find("={") != std::string::npos; }

Status import_table(const std::string& word, Imported& out) {
  const size_t brace = word.find('{');
  return import_hcd_table(brace == 0 ? "" : word.substr(0, brace - 1), word.substr(brace), out);
}

Status import_file(const std::string& path, Imported& out) {
  COFFER_ASSIGN(const Bytes text, read_file(Disk::posix(), path, kConfigSizeMax));
  return import_hcd_config(as_text(text), path, out);
}

// Files first: what else is said refers to them.
Result<Imported> import_all(const Arguments& arguments) {
  Imported out;
  std::vector<std::string> stores, tables;
  for (const char* flag : {"--store", "--enterprise-encryption"}) {
    if (const std::string* spec = arguments.find(flag)) stores.push_back(*spec);
  }
  size_t files = 0;
  for (const std::string& word : arguments.list("SOURCE")) {
    if (is_cockroach_store(word)) {
      stores.push_back(word);
    } else if (is_table(word)) {
      tables.push_back(word);
    } else {
      COFFER_TRY(import_file(word, out));
      ++files;
    }
  }
  if (!stores.empty() && (files > 0 || !tables.empty())) {
    return {Code::kInvalidArgument, "import-config: CockroachDB's words and HCD's at once; import them apart"};
  }
  if (stores.empty() && files == 0 && tables.empty()) {
    return {Code::kInvalidArgument, "import-config: nothing to import; give a dse.yaml, a table's options, or --store"};
  }
  for (const std::string& spec : stores) COFFER_TRY(import_cockroach_store(spec, bits_of_key_file, out));
  for (const std::string& word : tables) COFFER_TRY(import_table(word, out));
  return out;
}

Result<Outcome> run_import_config(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(const Imported imported, import_all(arguments));
  const std::string yaml = imported.text();
  // What is printed is what Coffer reads, or nothing is printed.
  COFFER_TRY(parse_config(yaml, "coffer.yaml").status());
  Json notes = Json::array();
  for (const ImportNote& note : imported.notes) {
    notes.push_back({{"what", note.what}, {"why", note.why}, {"remedy", note.remedy}});
    console.note(printable(note.what + ": " + note.why + (note.remedy.empty() ? "" : "; " + note.remedy)));
  }
  const bool has_root = !imported.config.providers.roots.empty();
  console.note(fmt::format("put it into a file, and begin with coffer init COFFER --template FILE --root {}",
                           has_root ? "root-1" : "URI"));
  console.answer(Json{{"config", yaml}, {"notes", std::move(notes)}}, yaml);
  return Outcome::kDone;
}

}  // namespace

Command import_config_command() {
  return {
      .name = "import-config",
      .about = "prints the coffer.yaml that means what CockroachDB's flags or HCD's and DSE's configuration say",
      .operands = {{"SOURCE",
                    "a dse.yaml or hcd.yaml; a table's options, as \"{'class': 'Encryptor', …}\" or \"DOMAIN={…}\"; or "
                    "a further store in CockroachDB's words",
                    true}},
      .flags = {{"--store", "SPEC", "CockroachDB's path=PATH,key=FILE,old-key=FILE[,rotation-period=DURATION]"},
                {"--enterprise-encryption", "SPEC", "the same, by CockroachDB's own flag"}},
      .examples = {"import-config --store path=/mnt/db,key=/etc/keys/aes-256.key,old-key=plain,rotation-period=168h",
                   "import-config /etc/dse/dse.yaml \"orders={'class': 'Encryptor', 'cipher_algorithm': "
                   "'AES/ECB/PKCS5Padding', 'secret_key_strength': 256}\""},
      .run = run_import_config,
  };
}

}  // namespace coffer::cli
