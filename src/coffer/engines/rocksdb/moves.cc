// Files and directories that get another place: links, renames, and the end of a store.
#include "coffer/base/path.h"
#include "coffer/engines/rocksdb/coffer_file_system.h"

namespace coffer::rocks {

IOStatus CofferFileSystem::let_in(const std::string& from, const std::string& to, const IOOptions& options,
                                  IODebugContext* dbg) {
  const std::string source = absolute_path(from), target = absolute_path(to);
  if (parent_of(source) == parent_of(target)) return IOStatus::OK();
  Coffer& coffer = *context_.coffer;
  const std::shared_ptr<const Keyring> keys = coffer.keyring();
  const Place in = coffer.places().of_directory(*keys, store_directory(target));
  const Place out = coffer.places().of_directory(*keys, store_directory(source));
  const bool same_store = in.store != nullptr && in.store == out.store;
  if (same_store && coffer.places().domain_of(source) == coffer.places().domain_of(target)) return IOStatus::OK();

  ::rocksdb::FileOptions file_options;
  file_options.io_options = options;
  ExistingFile file;
  COFFER_IO_TRY(look_at_existing(context_, from, file_options, &file, dbg));
  // It would be refused there: what cannot be linked is copied, and the copy is encrypted.
  if (file.head.is(FileHead::What::kPlaintext) && is_accepted_plaintext(context_, from, file_options, dbg)) {
    return IOStatus::NotSupported(from, "is still plaintext, and is accepted at its place only");
  }
  // Whatever else it is, it can be opened there no better than here.
  if (!file.head.is(FileHead::What::kCoffer)) return IOStatus::OK();
  auto opened = coffer.open_file(file.head.scan, source);
  if (!opened.is_ok()) return to_io_status(opened.status(), distrust_of(from));
  const Domain* domain = coffer.keyring()->find_key(opened->fields.domain_key_id).domain;
  const bool configured = domain == nullptr || coffer.places().domain_of(target) == domain->name;
  const Status allowed =
      coffer.stores().allow(store_directory(target), opened->fields.store_id,
                            configured ? kSystemDomain : std::string_view(domain->name), LineageHow::kLinked);
  if (allowed.code() == Code::kLimitExceeded) return IOStatus::NotSupported(to, allowed.to_string());
  return to_io_status(allowed, distrust_of(to));
}

IOStatus CofferFileSystem::LinkFile(const std::string& from, const std::string& to, const IOOptions& options,
                                    IODebugContext* dbg) {
  return guarded([&] {
    COFFER_IO_TRY(let_in(from, to, options, dbg));
    COFFER_IO_TRY(context_.base->LinkFile(from, to, options, dbg));
    count_move("", to, counted_at(from, options, dbg), std::nullopt);
    return IOStatus::OK();
  });
}

IOStatus CofferFileSystem::RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                                      IODebugContext* dbg) {
  return guarded([&] {
    bool is_directory = false;
    if (context_.base->IsDirectory(from, options, &is_directory, dbg).ok() && is_directory) {
      return rename_directory(from, to, options, dbg);
    }
    COFFER_IO_TRY(let_in(from, to, options, dbg));
    COFFER_IO_TRY(let_go(from));
    const auto replaced = counted_at(to, options, dbg);
    const auto moved = parent_of(from) == parent_of(to) ? std::nullopt : counted_at(from, options, dbg);
    if (base_name(to) == kCurrentName) {
      COFFER_IO_TRY(rename_to_current(from, to, options, dbg));
    } else {
      COFFER_IO_TRY(let_go_if_there(to, options, dbg));
      std::shared_lock moving(successions());
      COFFER_IO_TRY(context_.base->RenameFile(from, to, options, dbg));
    }
    count_move(from, to, moved, replaced);
    const std::string target = absolute_path(to);
    context_.plaintext->gone(absolute_path(from));
    context_.plaintext->gone(target);
    if (!shows_a_database(target)) return IOStatus::OK();
    return to_io_status(context_.coffer->stores().confirm(store_directory(target)), distrust_of(to));
  });
}

IOStatus CofferFileSystem::rename_directory(const std::string& from, const std::string& to, const IOOptions& options,
                                            IODebugContext* dbg) {
  StoreRegister& stores = context_.coffer->stores();
  auto moving = stores.begin_move(absolute_path(from), absolute_path(to));
  if (!moving.is_ok()) return to_io_status(moving.status().with_context(from), distrust_of(from));
  const IOStatus renamed = context_.base->RenameFile(from, to, options, dbg);
  const Status settled = stores.end_move(*moving, renamed.ok());
  // Both places are the store's until somebody settles it: nothing is lost by that.
  return renamed.ok() ? to_io_status(settled, distrust_of(to)) : renamed;
}

IOStatus CofferFileSystem::DeleteDir(const std::string& directory, const IOOptions& options, IODebugContext* dbg) {
  return guarded([&] {
    COFFER_IO_TRY(context_.base->DeleteDir(directory, options, dbg));
    return to_io_status(context_.coffer->stores().drop(absolute_path(directory)), distrust_of(directory));
  });
}

::rocksdb::Status CofferFileSystem::RegisterDbPaths(const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    const IOStatus confirmed = guarded(
        [&] { return to_io_status(context_.coffer->stores().confirm(absolute_path(path)), Distrust::kIoError); });
    if (!confirmed.ok()) return confirmed;
  }
  return context_.base->RegisterDbPaths(paths);
}

}  // namespace coffer::rocks
