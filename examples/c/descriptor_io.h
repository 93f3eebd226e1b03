// The callbacks of a file that is open in this process: pread, pwrite, fsync, ftruncate and fstat of its descriptor.
#pragma once

#include <coffer/coffer_c.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

static coffer_code_t failed_call(void) { return errno == ENOSPC || errno == EDQUOT ? COFFER_NO_SPACE : COFFER_IO; }

static int descriptor_of(void* user) { return *(const int*)user; }

static coffer_code_t read_file(void* user, uint64_t offset, void* out, size_t size, size_t* done) {
  for (*done = 0; *done < size;) {
    const ssize_t count = pread(descriptor_of(user), (char*)out + *done, size - *done, (off_t)(offset + *done));
    if (count < 0 && errno != EINTR) return failed_call();
    if (count == 0) break;
    if (count > 0) *done += (size_t)count;
  }
  return COFFER_OK;
}

static coffer_code_t write_file(void* user, uint64_t offset, const void* data, size_t size) {
  for (size_t done = 0; done < size;) {
    const ssize_t count = pwrite(descriptor_of(user), (const char*)data + done, size - done, (off_t)(offset + done));
    if (count < 0 && errno != EINTR) return failed_call();
    if (count > 0) done += (size_t)count;
  }
  return COFFER_OK;
}

static coffer_code_t sync_file(void* user) { return fsync(descriptor_of(user)) == 0 ? COFFER_OK : failed_call(); }

static coffer_code_t truncate_file(void* user, uint64_t size) {
  return ftruncate(descriptor_of(user), (off_t)size) == 0 ? COFFER_OK : failed_call();
}

static coffer_code_t size_of_file(void* user, uint64_t* size) {
  struct stat info;
  if (fstat(descriptor_of(user), &info) != 0) return failed_call();
  *size = (uint64_t)info.st_size;
  return COFFER_OK;
}

// `descriptor` stays as long as the file.
static coffer_io_t io_of(int* descriptor) {
  const coffer_io_t io = {sizeof io, descriptor, read_file, write_file, sync_file, truncate_file, size_of_file};
  return io;
}
