// Making Coffer file systems: what all ways to open one share.
#pragma once

#include "coffer/engines/rocksdb/coffer_file_system.h"

namespace coffer::rocks {

// Upon `base`, or upon what it wraps if it is one of Coffer's; null: the default one.
Result<std::unique_ptr<CofferFileSystem>> wrap(std::shared_ptr<Coffer> coffer,
                                               std::shared_ptr<::rocksdb::FileSystem> base);

// `body` without exceptions: memory may run out, and RocksDB expects none.
template <class T, class Body>
Result<T> no_throw(const Body& body) noexcept {
  try {
    return body();
  } catch (const std::exception& e) {
    return {Code::kInternal, e.what()};
  } catch (...) {
    return {Code::kInternal, "unknown exception"};
  }
}

}  // namespace coffer::rocks
