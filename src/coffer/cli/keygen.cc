// coffer keygen: a root key in a key file, or in a keystore.
#include <fmt/format.h>

#include <charconv>

#include "coffer/base/path.h"
#include "coffer/cli/commands.h"
#include "coffer/cli/console.h"
#include "coffer/cli/opening.h"
#include "coffer/config/key_file.h"
#include "coffer/providers/keystore/keystore.h"

namespace coffer::cli {
namespace {

int bits_of(const Arguments& arguments) {
  const std::string text = arguments.value("--bits", "256");
  int bits = 0;
  std::from_chars(text.data(), text.data() + text.size(), bits);
  return bits;
}

void advise_copy(Console& console) {
  console.note("keep a copy of it in another place: without it every file it protects is lost");
}

Result<Outcome> make_in_keystore(const ProviderUri& uri, const Arguments& arguments, Console& console) {
  if (arguments.has("--format") || arguments.has("--overwrite")) {
    return {Code::kInvalidArgument,
            "keygen: --format and --overwrite are for key files; a keystore's keys are never "
            "overwritten: choose another alias"};
  }
  COFFER_ASSIGN(const KeystorePlace place, parse_keystore_uri(uri));
  COFFER_ASSIGN(const keystore::Passwords passwords, read_passwords(place));
  const int bits = bits_of(arguments);
  COFFER_TRY(keystore::generate_key_in_keystore(Disk::posix(), place.path, place.alias, bits, passwords));
  console.answer(Json{{"keystore", place.path}, {"alias", place.alias}, {"bits", bits}},
                 fmt::format("made a root key of {} bits in {}\n  alias {}\n", bits, place.path, place.alias));
  advise_copy(console);
  return Outcome::kDone;
}

Result<Outcome> make_key_file(const Arguments& arguments, Console& console) {
  const std::string path = absolute_path(arguments.operand("FILE"));
  const std::string format = arguments.value("--format", "raw");
  KeyFileRequest request;
  request.bits = bits_of(arguments);
  request.form = format == "jwk" ? KeyFileForm::kJwk : KeyFileForm::kRaw;
  request.overwrite = arguments.has("--overwrite");
  auto key_id = generate_key_file(Disk::posix(), path, request);
  if (key_id.code() == Code::kAlreadyExists) {
    return {Code::kAlreadyExists,
            path + " exists; name another file, or use --overwrite if no coffer needs the key in it"};
  }
  if (!key_id.is_ok()) return key_id.status();
  console.answer(Json{{"file", path}, {"bits", request.bits}, {"format", format}, {"key_id", *key_id}},
                 fmt::format("made a root key of {} bits in {}\n  key id {}\n", request.bits, path, *key_id));
  advise_copy(console);
  return Outcome::kDone;
}

Result<Outcome> run_keygen(const Arguments& arguments, Console& console) {
  const std::string& where = arguments.operand("FILE");
  if (!where.starts_with("keystore:")) return make_key_file(arguments, console);
  COFFER_ASSIGN(const ProviderUri uri, parse_provider_uri(where));
  return make_in_keystore(uri, arguments, console);
}

}  // namespace

Command keygen_command() {
  return {
      .name = "keygen",
      .about = "makes a root key in a file that only its owner may read",
      .operands = {{"FILE", "the key file to make, or keystore:PATH?alias=NAME&store_password_file=PATH"}},
      .flags =
          {
              {"--bits", "N", "size of the key (256)", {"128", "192", "256"}},
              {"--format", "NAME", "raw: 32 bytes of key id and the key; jwk: JSON Web Key (raw)", {"raw", "jwk"}},
              {"--overwrite", "", "replace an existing file: every coffer that needs the key in it is lost"},
          },
      .examples = {"keygen /etc/coffer/root.key", "keygen root.jwk --format jwk --bits 128",
                   "keygen 'keystore:/etc/coffer/keys.p12?alias=root&store_password_file=/etc/coffer/keys.password'"},
      .run = run_keygen,
  };
}

}  // namespace coffer::cli
