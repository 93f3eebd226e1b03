// A file over the operating system's calls, and what its Disk needs as well.
#pragma once

#include <sys/stat.h>

#include <cerrno>

#include "coffer/io/descriptor.h"
#include "coffer/io/disk.h"

namespace coffer::posix {

// Call right after the failing system call: reads errno.
Status failure(std::string_view operation, const std::string& path);

template <class Call>
auto retry_interrupted(Call call) {
  decltype(call()) result;
  do {
    result = call();
  } while (result < 0 && errno == EINTR);
  return result;
}

FileInfo info_of(const struct stat& st);

// `path` is for errors.
std::unique_ptr<WritableFile> file_of(Descriptor descriptor, std::string path);

}  // namespace coffer::posix
