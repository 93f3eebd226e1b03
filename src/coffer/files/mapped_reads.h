// When data files may be read from mappings of the page cache, and copying out of one ("reads" in coffer.yaml;
// docs/adr/0018). A mapping saves a system call, and has two dangers: a failing disk, or a file that was cut, arrives
// as a signal (SIGBUS), and pages that are not in memory are fetched one fault at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace coffer {

// Why no file at `path` is to be mapped here, as half a sentence; empty where nothing speaks against it: an address
// space of 64 bits, and a local file system, on which a mapped file fails in no other way than by a signal.
std::string_view why_not_mapped(const std::string& path);

// Counts the files that are mapped, and refuses more than a quarter of the mappings that Linux allows a process: the
// program needs some for its memory.
bool take_mapping();
void give_mapping_back();

// The process's handler for SIGBUS, which lets guarded_copy() fail instead of the process. Whatever happens outside of
// guarded_copy() goes on to the handler that was there before, or ends the process as it would have.
//
//            install()                       somebody else takes SIGBUS
//   absent ─────────────▶ standing ◀───────────────────────────────────▶ replaced
//
// Thread-safe.
class BusGuard {
 public:
  // True if it stands. A handler of the program's own is left alone, unless `over_others`: then it comes after ours.
  static bool install(bool over_others);

  // Asked before each mapped read: our handler stands, and the pages are in memory as a rule. Looks anew with every
  // tick of the kernel's clock (1 to 10 ms), so that a handler which the program installs later is noticed, and costs
  // some nanoseconds in between. Where many of a thread's reads had to wait for pages, all keep off mappings for a
  // second: pread reads what is wanted and no more; with `cold_too` they wait for the disk by page faults instead.
  static bool mapped_reads_are_good(bool cold_too);
  // Why they are not, at this moment; empty if they are.
  static std::string_view why_not();
};

// False when the memory at `mapped` could not be read; `out` then holds anything. Without a guard that stands the
// process ends where it would have: ask mapped_reads_are_good() just before.
bool guarded_copy(uint8_t* out, const uint8_t* mapped, size_t size);

}  // namespace coffer
