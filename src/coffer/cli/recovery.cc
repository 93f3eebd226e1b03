#include "coffer/cli/recovery.h"

#include <unistd.h>

#include "coffer/config/prompt.h"
#include "coffer/config/secret_source.h"
#include "coffer/crypto/scrypt.h"
#include "coffer/io/disk.h"
#ifdef COFFER_WITH_RECIPIENT
#include "coffer/providers/recipient/new_recipient.h"
#include "coffer/providers/recipient/settings.h"
#endif

namespace coffer::cli {

#ifdef COFFER_WITH_RECIPIENT
namespace {

constexpr size_t kPemSizeMax = size_t{16} << 10;

Result<SecretBytes> read_new_passphrase() {
  constexpr size_t kSizeMax = recipient::kPassphraseSizeMax;
  if (!Console::is_terminal(STDIN_FILENO)) return read_secret_from(STDIN_FILENO, kSizeMax);
  COFFER_ASSIGN(SecretBytes first, ask_secret(STDIN_FILENO, STDERR_FILENO, "new passphrase: ", kSizeMax));
  COFFER_ASSIGN(const SecretBytes second, ask_secret(STDIN_FILENO, STDERR_FILENO, "the same again: ", kSizeMax));
  if (recipient::is_same(first, second)) return first;
  return {Code::kInvalidArgument, "the two passphrases differ; nothing was changed"};
}

// "M/N"; what they may be, the provider says.
Result<Recovery> make_shares(const std::string& text) {
  const size_t slash = std::min(text.find('/'), text.size());
  const std::string_view needed = std::string_view(text).substr(0, slash);
  const std::string_view count = slash < text.size() ? std::string_view(text).substr(slash + 1) : "";
  for (const std::string_view number : {needed, count}) {
    const bool is_number = number.find_first_not_of("0123456789") == std::string_view::npos;
    if (number.empty() || number.size() > 2 || !is_number) {
      return {Code::kInvalidArgument, "--shares: expected M/N, such as 3/5: any three of five shares"};
    }
  }
  auto made = recipient::uri_for_shares(std::stoi(std::string(needed)), std::stoi(std::string(count)));
  if (!made.is_ok()) return made.status().with_context("--shares");
  return Recovery{std::move(made->uri), std::move(made->shares)};
}

Result<Recovery> make_for_public_key(const std::string& path) {
  COFFER_ASSIGN(const Bytes pem, read_file(Disk::posix(), path, kPemSizeMax));
  auto uri = recipient::uri_for_public_key(pem);
  if (!uri.is_ok()) return uri.status().with_context(path);
  return Recovery{std::move(*uri), {}};
}

}  // namespace

Result<Recovery> make_recovery(const Arguments& arguments) {
  if (const std::string* shares = arguments.find("--shares")) return make_shares(*shares);
  if (const std::string* path = arguments.find("--public-key")) return make_for_public_key(*path);
  COFFER_ASSIGN(const SecretBytes passphrase, read_new_passphrase());
  const int cost = std::stoi(arguments.value("--scrypt", std::to_string(kScryptLog2Default)));
  COFFER_ASSIGN(std::string uri, recipient::uri_for_passphrase(passphrase, cost));
  return Recovery{std::move(uri), {}};
}

Status show_shares(const std::vector<SecretBytes>& shares) { return recipient::show(shares, STDOUT_FILENO); }
#else
Status show_shares(const std::vector<SecretBytes>&) { return Status::ok(); }

Result<Recovery> make_recovery(const Arguments&) {
  return {Code::kUnsupported, "this build has no recipient: provider; build it with COFFER_PROVIDERS=…;recipient"};
}
#endif

}  // namespace coffer::cli
