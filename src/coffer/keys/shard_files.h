// The files in which the shards of a keyring in a directory are kept: `<directory>/keyring.d/NAME`. A file is written
// once, under a name that is the hash of its bytes, and never changed. What is in it is for keyring_shard_codec.h.
#pragma once

#include "coffer/io/disk.h"
#include "coffer/keys/keyring_shard_codec.h"

namespace coffer {

inline constexpr std::string_view kShardDirectoryName = "keyring.d";

std::string shard_path(const std::string& directory, const Sha256& name);
// kNotFound, saying what to do. At most one byte more than it should have.
Result<Bytes> read_shard_file(Disk& disk, const std::string& directory, const ShardEntry& shard);
// Durable when it returns. What fails leaves nothing.
Status write_shard_files(Disk& disk, const std::string& directory, std::span<const SealedShard> shards);
// The paths of all shards that are there, whoever names them; none where they cannot be listed.
std::vector<std::string> list_shard_files(Disk& disk, const std::string& directory);
// As far as that works: what stays is listed again the next time.
void remove_shard_files(Disk& disk, std::span<const std::string> paths);

}  // namespace coffer
