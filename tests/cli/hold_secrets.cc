// Comes to a point with a root key and waits there, so that a test can look at the memory of this process or have it
// dump core.
//
//   hold_secrets reveal KEY       prints the root key in hexadecimal and ends
//   hold_secrets held KEY         keeps the root key as Coffer keeps it while it is used
//   hold_secrets leaked KEY       keeps it as nobody may: the control
//   hold_secrets used COFFER      has opened the coffer, and made a file under it
//   hold_secrets released COFFER  … and closed it
//
// KEY: a key file, or keystore:PATH?…
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>

#include "coffer/config/key_file.h"
#include "coffer/crypto/random.h"
#include "coffer/providers/keystore/keystore.h"
#include "coffer/providers/registry.h"
#include "coffer/store/coffer.h"

namespace {

using namespace coffer;

Result<RootKey> root_key_at(const std::string& place) {
  if (!place.starts_with("keystore:")) {
    COFFER_ASSIGN(KeyFile file, read_key_file(Disk::posix(), place));
    return std::move(file.key);
  }
  COFFER_ASSIGN(const ProviderUri uri, parse_provider_uri(place));
  COFFER_ASSIGN(const KeystorePlace keystore, parse_keystore_uri(uri));
  COFFER_ASSIGN(const keystore::Passwords passwords, read_passwords(keystore));
  COFFER_ASSIGN(const SecretBytes contents, read_private_file(keystore.path, keystore::kKeystoreSizeMax));
  keystore::WorkBudget budget;
  COFFER_ASSIGN(keystore::FoundKey found,
                keystore::find_secret_key(contents.reveal(), keystore.alias, passwords, budget));
  return std::move(found.key);
}

Result<std::shared_ptr<Coffer>> use(const std::string& directory) {
  COFFER_ASSIGN(auto coffer, Coffer::open(Disk::posix(), directory, {}, open_provider));
  COFFER_ASSIGN(const Id store_id, random_id());
  COFFER_TRY(coffer->new_file({.chunk_log2 = 12, .store_id = store_id}).status());
  return coffer;
}

void wait_for_signal() {
  std::puts("ready");
  std::fflush(stdout);
  pause();
}

Status run(const std::string& mode, const std::string& place) {
  if (mode == "used" || mode == "released") {
    COFFER_ASSIGN(auto coffer, use(place));
    if (mode == "released") coffer.reset();
    wait_for_signal();
    return Status::ok();
  }
  COFFER_ASSIGN(RootKey key, root_key_at(place));
  Bytes leaked;
  if (mode == "leaked") leaked.assign(key.reveal().begin(), key.reveal().end());
  if (mode == "leaked") key = RootKey();
  if (mode == "reveal") {
    std::puts(to_hex(key.reveal()).c_str());
  } else {
    wait_for_signal();
  }
  return Status::ok();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  rlimit unlimited{};
  getrlimit(RLIMIT_CORE, &unlimited);
  unlimited.rlim_cur = unlimited.rlim_max;
  setrlimit(RLIMIT_CORE, &unlimited);
  const Status status = run(argv[1], argv[2]);
  if (status.is_ok()) return 0;
  std::fprintf(stderr, "hold_secrets: %s\n", status.to_string().c_str());
  return 1;
}
