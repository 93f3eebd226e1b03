// Makes a coffer and looks into its keyring: the library without any engine.
#include <cstdio>

#include "coffer/providers/registry.h"
#include "coffer/store/coffer.h"
#include "coffer/version.h"

// keys DIRECTORY ROOT_KEY_FILE
int main(int argc, char** argv) {
  if (argc != 3) return 2;
  coffer::Coffer::CreateOptions options;
  options.root_uri = argv[2];
  auto status = coffer::Coffer::create(coffer::Disk::posix(), argv[1], options, coffer::open_provider);
  if (!status) {
    std::printf("%s\n", status.to_string().c_str());
    return 1;
  }
  auto opened = coffer::Coffer::open(coffer::Disk::posix(), argv[1], {}, coffer::open_provider);
  if (!opened) {
    std::printf("%s\n", opened.status().to_string().c_str());
    return 1;
  }
  std::printf("coffer %s, keyring version %d\n", coffer::kVersion.data(),
              static_cast<int>((*opened)->keyring()->version()));
  return 0;
}
