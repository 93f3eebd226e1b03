// What a file counts as where it is: for who makes, moves and removes files of a store beside `coffer status`.
#pragma once

#include "coffer/files/file_head.h"
#include "coffer/store/coffer.h"

namespace coffer {

FileClass class_of(const FileHead& head);
// Reads its head, where counts are kept; nullopt else, and for a file that cannot be looked at. For
// FileCounts::changed().
std::optional<CountedFile> counted_at(Coffer& coffer, const std::string& path);

// A file of the coffer's disk loses a name, gets another one, replacing what is there, or one more. Counted so, if
// nobody who tells of it has what goes open. Errors as the Disk's.
Status remove_counted(Coffer& coffer, const std::string& path);
Status rename_counted(Coffer& coffer, const std::string& from, const std::string& to);
Status link_counted(Coffer& coffer, const std::string& existing, const std::string& path);

}  // namespace coffer
