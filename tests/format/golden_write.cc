// Writes the golden files and their manifest into a folder: golden_write FOLDER. For a new version of the format; what
// released versions wrote is never written again.
#include <cstdio>
#include <fstream>

#include "format/golden_files.h"

namespace {

bool write(const std::string& path, std::string_view contents) {
  std::ofstream out(path, std::ios::binary);
  out.write(contents.data(), static_cast<std::streamsize>(contents.size()));
  out.close();
  if (!out) std::fprintf(stderr, "golden_write: cannot write %s\n", path.c_str());
  return static_cast<bool>(out);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: golden_write FOLDER\n");
    return 2;
  }
  std::string folder = argv[1];
  std::vector<coffer::GoldenFile> files = coffer::golden_files();
  bool good = write(folder + "/manifest.json", coffer::golden_manifest(files));
  for (const coffer::GoldenFile& file : files) {
    good = write(folder + "/" + file.name + ".coffer", coffer::as_text(file.bytes)) && good;
  }
  return good ? 0 : 2;
}
