#include "coffer/format/key_schedule.h"

#include <algorithm>
#include <string>

namespace coffer {
namespace {

constexpr std::string_view kBlocksLabel = "c2sp.org/chunked-encryption@v1+";

Result<WrapKey> file_wrap_key(const DomainKey& domain_key, const Id& store_id, const Id& file_id, Kind kind) {
  std::array<uint8_t, 33> context;
  std::ranges::copy(store_id.bytes, context.begin());
  std::ranges::copy(file_id.bytes, context.begin() + 16);
  context[32] = static_cast<uint8_t>(kind);
  COFFER_ASSIGN(SecretBytes key, derive(domain_key.reveal(), "file wrap", context, 32));
  return WrapKey(std::move(key));
}

Status check_file_key(const FileKey& file_key, Suite suite) {
  const SuiteInfo& info = suite_info(suite);
  if (file_key.size() == info.key_size) return Status::ok();
  return {Code::kInvalidArgument, "a file key of " + std::string(info.name) + " has " + std::to_string(info.key_size) +
                                      " bytes, not " + std::to_string(file_key.size())};
}

Status check_authenticated(Suite suite) {
  if (suite_info(suite).mode == CipherMode::kAead) return Status::ok();
  return {Code::kInvalidArgument,
          "suite " + std::string(suite_info(suite).name) + " does not authenticate: it is for ctr files only"};
}

// key ‖ base nonce ‖ commitment
StreamSchedule split_schedule(const SecretBytes& derived) {
  StreamSchedule out;
  size_t key_size = derived.size() - kCommitmentSize;
  out.key = StreamKey::copy_of(derived.reveal().first(key_size));
  std::ranges::copy(derived.reveal().subspan(key_size), out.commitment.begin());
  return out;
}

}  // namespace

Result<Bytes> wrap_file_key(const DomainKey& domain_key, const Id& store_id, const Id& file_id, Kind kind,
                            const FileKey& file_key) {
  COFFER_ASSIGN(WrapKey wrap_key, file_wrap_key(domain_key, store_id, file_id, kind));
  return kwp_wrap(wrap_key, file_key.reveal());
}

Result<FileKey> unwrap_file_key(const DomainKey& domain_key, const Id& store_id, const Id& file_id, Kind kind,
                                ByteView wrapped) {
  COFFER_ASSIGN(WrapKey wrap_key, file_wrap_key(domain_key, store_id, file_id, kind));
  COFFER_ASSIGN(SecretBytes key, kwp_unwrap(wrap_key, wrapped));
  return FileKey(std::move(key));
}

Result<Sha256> envelope_mac(const FileKey& file_key, const Id& file_id, ByteView authenticated) {
  COFFER_ASSIGN(SecretBytes key, derive(file_key.reveal(), "envelope mac", file_id.bytes, 32));
  return hmac_sha256(key.reveal(), authenticated);
}

Result<StreamSchedule> blocks_schedule(const FileKey& file_key, Suite suite, ByteView salt, ByteView context) {
  COFFER_TRY(check_authenticated(suite));
  COFFER_TRY(check_file_key(file_key, suite));
  std::string_view aead = suite_info(suite).iana_name;
  Bytes info;
  info.reserve(kBlocksLabel.size() + aead.size() + 1 + salt.size() + context.size());
  info.insert(info.end(), kBlocksLabel.begin(), kBlocksLabel.end());
  info.insert(info.end(), aead.begin(), aead.end());
  info.push_back(0);
  info.insert(info.end(), salt.begin(), salt.end());
  info.insert(info.end(), context.begin(), context.end());
  SecretBytes derived(stream_key_size(suite) + kCommitmentSize);
  COFFER_TRY(hkdf_expand_sha512(file_key.reveal(), info, derived.reveal_mutable()));
  return split_schedule(derived);
}

Result<StreamSchedule> log_session_schedule(const FileKey& file_key, Suite suite, const Id& file_id,
                                            ByteView header_fields) {
  COFFER_TRY(check_authenticated(suite));
  COFFER_TRY(check_file_key(file_key, suite));
  std::array<uint8_t, 16 + 56> context;
  if (header_fields.size() != 56) return {Code::kInternal, "a log session's key needs 56 bytes of its header"};
  std::ranges::copy(file_id.bytes, context.begin());
  std::ranges::copy(header_fields, context.begin() + 16);
  COFFER_ASSIGN(SecretBytes derived,
                derive(file_key.reveal(), "log session", context, stream_key_size(suite) + kCommitmentSize));
  return split_schedule(derived);
}

Result<XaesKey> pages_key(const FileKey& file_key, const Id& file_id, int page_log2) {
  COFFER_TRY(check_file_key(file_key, Suite::kXaes256Gcm));
  std::array<uint8_t, 17> context;
  std::ranges::copy(file_id.bytes, context.begin());
  context[16] = static_cast<uint8_t>(page_log2);
  COFFER_ASSIGN(SecretBytes key, derive(file_key.reveal(), "pages body", context, 32));
  return XaesKey(std::move(key));
}

Result<XaesKey> sqlite_body_key(const FileKey& file_key, const Id& file_id) {
  COFFER_TRY(check_file_key(file_key, Suite::kXaes256Gcm));
  COFFER_ASSIGN(SecretBytes key, derive(file_key.reveal(), "sqlite body", file_id.bytes, file_key.size()));
  return XaesKey(std::move(key));
}

Result<SivKey> directory_names_key(const FileKey& file_key, const Id& file_id) {
  COFFER_ASSIGN(SecretBytes key, derive(file_key.reveal(), "directory names", file_id.bytes, AesSiv::kKeySize));
  return SivKey(std::move(key));
}

Result<CtrKey> ctr_body_key(const FileKey& file_key, Suite suite, const Id& file_id) {
  COFFER_TRY(check_file_key(file_key, suite));
  COFFER_ASSIGN(SecretBytes key, derive(file_key.reveal(), "ctr body", file_id.bytes, ctr_key_size(suite)));
  return CtrKey(std::move(key));
}

Result<Key<Gmac::Role>> ctr_mac_key(const FileKey& file_key, const Id& file_id) {
  COFFER_ASSIGN(SecretBytes key, derive(file_key.reveal(), "ctr mac", file_id.bytes, Gmac::kKeySize));
  return Key<Gmac::Role>(std::move(key));
}

}  // namespace coffer
