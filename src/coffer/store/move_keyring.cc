#include "coffer/store/move_keyring.h"

#include "coffer/base/path.h"
#include "coffer/config/config_edit.h"
#include "coffer/keys/keyring_move.h"
#include "coffer/keys/slot.h"

namespace coffer {
namespace {

// All that a move is about.
struct Move {
  std::string directory;
  std::shared_ptr<ConfigFile> file;
  Config before, after;
  std::optional<ProviderUri> store;  // of `after`
  std::unique_ptr<KeyringStore> from, to;
};

// Nothing: the coffer's own directory.
Result<std::optional<ProviderUri>> store_named(Disk& disk, const std::string& to, const std::string& directory) {
  if (to.find("://") != std::string::npos) {
    COFFER_ASSIGN(ProviderUri uri, parse_provider_uri(to));
    return std::optional(std::move(uri));
  }
  const auto named = disk.canonical(absolute_path(to)), own = disk.canonical(directory);
  if (named.is_ok() && own.is_ok() && *named == *own) return std::optional<ProviderUri>();
  return {Code::kInvalidArgument, to + ": expected etcd://HOST[,HOST…]/PREFIX?OPTIONS, or the coffer's directory, " +
                                      directory + ", where a keyring in files is"};
}

Result<Move> plan_move(Disk& disk, const std::string& place, const std::string& to,
                       const Coffer::OpenOptions& options) {
  Move move;
  COFFER_ASSIGN(std::string path, config_path_of(disk, place));
  move.file = std::make_shared<ConfigFile>(disk, std::move(path));
  COFFER_ASSIGN(move.before, move.file->read());
  COFFER_TRY(apply_crypto(move.before));
  COFFER_ASSIGN(const KeyringPlace keyring, keyring_place_of(disk, move.file->path(), move.before, options.keyring));
  COFFER_TRY(keyring.at_home);
  move.directory = keyring.directory;
  COFFER_ASSIGN(move.store, store_named(disk, to, move.directory));
  // What cannot be written is found before anything is done.
  COFFER_ASSIGN(const Bytes text, read_file(disk, move.file->path(), kConfigSizeMax));
  COFFER_ASSIGN(const std::string edited, with_keyring_store(as_text(text), move.store, move.file->path()));
  COFFER_ASSIGN(move.after, parse_config(edited, move.file->path()));
  COFFER_ASSIGN(move.from, open_store_of(disk, move.directory, move.before, options.open_keyring_store));
  COFFER_ASSIGN(move.to, open_store_of(disk, move.directory, move.after, options.open_keyring_store));
  if (move.before.keyring_store != move.store) return move;
  return {Code::kAlreadyExists, "the keyring is at " + move.to->name() + " already, as " + move.file->path() + " says"};
}

Result<Keyring> open_arrived(const Move& move, ByteView sealed, const std::string& root_uri, ProviderOpener opener) {
  COFFER_ASSIGN(const KeyringHeader header, KeyringCodec::read_header(sealed));
  const auto open_root = [&](const std::string& name, const std::string& uri_instead) {
    return open_configured_root(name, uri_instead, move.after, opener);
  };
  COFFER_ASSIGN(const UnlockedSlot unlocked, unlock_slots(header, only_of_group(open_root, ""), root_uri));
  const auto shards = [&](const ShardEntry& shard, const Keyring& of) -> Result<std::shared_ptr<const Shard>> {
    COFFER_ASSIGN(const Bytes bytes, move.to->load_shard(shard));
    return ShardCodec::open(bytes, shard, of);
  };
  return KeyringCodec::open(sealed, unlocked.key, shards);
}

// The old place says that the keyring is gone: whoever does that has brought it to the new place before.
Status end_move(const Move& move, ByteView stored, const std::string& root_uri, ProviderOpener opener) {
  COFFER_ASSIGN(const MoveRecord gone, read_move_record(stored).with_context(move.from->name()));
  if (!gone.is_gone()) return moved_keyring(stored, move.from->name());
  COFFER_ASSIGN(const Bytes arrived, find_arrived(*move.to, gone.mark));
  COFFER_ASSIGN(const Keyring keyring, open_arrived(move, arrived, root_uri, opener).with_context(move.to->name()));
  COFFER_TRY(check_gone_record(gone, keyring).with_context(move.from->name()));
  COFFER_ASSIGN(const Bytes there, move.to->load_stored());
  if (!is_move_record(there)) return Status::ok();
  COFFER_ASSIGN(const MoveRecord arrival, read_move_record(there).with_context(move.to->name()));
  return settle_keyring(*move.to, arrival);
}

}  // namespace

Result<MovedKeyring> move_keyring(Disk& disk, const std::string& place, const std::string& to,
                                  const Coffer::OpenOptions& options, ProviderOpener opener) {
  COFFER_ASSIGN(Move move, plan_move(disk, place, to, options));
  MovedKeyring out{move.from->name(), move.to->name(), Status::ok()};
  COFFER_ASSIGN(const Bytes stored, move.from->load_stored());
  if (is_move_record(stored)) {
    COFFER_TRY(end_move(move, stored, options.root_uri, opener));
  } else {
    COFFER_ASSIGN(const auto coffer, Coffer::open(disk, place, options, opener));
    const std::string note = "the keyring moves from " + out.from + " to " + out.to;
    COFFER_TRY(coffer->live_keyring().move_to(std::move(move.to), note));
  }
  // Only now, and still before coffer.yaml: afterwards nobody would know where it was.
  out.removed = move.from->remove_parts();
  if (!out.removed.is_ok() && out.removed.code() != Code::kUnsupported) return out.removed;
  COFFER_TRY(move.file->edit(
      [&](std::string_view yaml) { return with_keyring_store(yaml, move.store, move.file->path()); }));
  return out;
}

}  // namespace coffer
