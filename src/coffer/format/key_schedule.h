// Every key a file's formats use, derived from its domain key or file key. docs/format.md, "Derivation". The only place
// in format/ that reveals a key, but for blob.cc. All functions are thread-safe.
#pragma once

#include "coffer/crypto/ctr.h"
#include "coffer/crypto/kdf.h"
#include "coffer/crypto/key_wrap.h"
#include "coffer/crypto/siv.h"
#include "coffer/crypto/stream.h"
#include "coffer/crypto/xaes.h"
#include "coffer/format/envelope.h"

namespace coffer {

inline constexpr size_t kCommitmentSize = 32;
using Commitment = std::array<uint8_t, kCommitmentSize>;

// What seals one message or session, and the value that binds it to the file key it was derived from.
struct StreamSchedule {
  StreamKey key;
  Commitment commitment{};
};

// file wrap key, and what it does.
Result<Bytes> wrap_file_key(const DomainKey& domain_key, const Id& store_id, const Id& file_id, Kind kind,
                            const FileKey& file_key);
// kWrongKey as kwp_unwrap().
Result<FileKey> unwrap_file_key(const DomainKey& domain_key, const Id& store_id, const Id& file_id, Kind kind,
                                ByteView wrapped);

// HMAC-SHA-256 under the envelope MAC key.
Result<Sha256> envelope_mac(const FileKey& file_key, const Id& file_id, ByteView authenticated);

// kInvalidArgument when the suite does not authenticate or the file key is not of its size.
Result<StreamSchedule> blocks_schedule(const FileKey& file_key, Suite suite, ByteView salt, ByteView context);
// `header_fields` is bytes 8 to 63 of the session header.
Result<StreamSchedule> log_session_schedule(const FileKey& file_key, Suite suite, const Id& file_id,
                                            ByteView header_fields);

Result<XaesKey> pages_key(const FileKey& file_key, const Id& file_id, int page_log2);
// The key of a SQLite database, its rollback journal or its write-ahead log.
Result<XaesKey> sqlite_body_key(const FileKey& file_key, const Id& file_id);
// What seals the names of a directory.
Result<SivKey> directory_names_key(const FileKey& file_key, const Id& file_id);
Result<CtrKey> ctr_body_key(const FileKey& file_key, Suite suite, const Id& file_id);
Result<Key<Gmac::Role>> ctr_mac_key(const FileKey& file_key, const Id& file_id);

}  // namespace coffer
