// coffer keygen: a root key in a file.
#include <fmt/format.h>

#include <charconv>

#include "coffer/cli/commands.h"
#include "coffer/cli/console.h"
#include "coffer/cli/opening.h"
#include "coffer/providers/key_file/key_file.h"

namespace coffer::cli {
namespace {

Result<Outcome> run_keygen(const Arguments& arguments, Console& console) {
  const std::string path = absolute_path(arguments.operand("FILE"));
  const std::string bits = arguments.value("--bits", "256");
  const std::string format = arguments.value("--format", "raw");
  KeyFileRequest request;
  std::from_chars(bits.data(), bits.data() + bits.size(), request.bits);
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
  console.note("keep a copy of it in another place: without it every file it protects is lost");
  return Outcome::kDone;
}

}  // namespace

Command keygen_command() {
  return {
      .name = "keygen",
      .about = "makes a root key in a key file that only its owner may read",
      .operands = {{"FILE", "the key file to make"}},
      .flags =
          {
              {"--bits", "N", "size of the key (256)", {"128", "192", "256"}},
              {"--format", "NAME", "raw: 32 bytes of key id and the key; jwk: JSON Web Key (raw)", {"raw", "jwk"}},
              {"--overwrite", "", "replace an existing file: every coffer that needs the key in it is lost"},
          },
      .examples = {"keygen /etc/coffer/root.key", "keygen root.jwk --format jwk --bits 128"},
      .run = run_keygen,
  };
}

}  // namespace coffer::cli
