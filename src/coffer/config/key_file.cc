#include "coffer/config/key_file.h"

#include "coffer/base/base64.h"
#include "coffer/base/codec.h"
#include "coffer/config/secret_source.h"
#include "coffer/crypto/random.h"

namespace coffer {
namespace {

constexpr uint32_t kKeyFileMode = 0600;
constexpr size_t kGeneratedIdSize = 32;

Result<SecretBytes> read_contents(Disk& disk, const std::string& path) {
  auto contents = read_private_file(disk, path, kKeyFileSizeMax);
  if (contents.code() == Code::kNotFound) return {Code::kNotFound, "there is no such file; coffer keygen makes one"};
  return contents;
}

SecretBytes raw_form(ByteView id, const RootKey& key) {
  SecretBytes out(id.size() + key.size());
  Writer writer(out.reveal_mutable());
  writer.bytes(id);
  writer.bytes(key.reveal());
  return out;
}

SecretBytes jwk_form(ByteView id, const RootKey& key, int bits) {
  const std::string start = "{\"keys\":[{\"alg\":\"cockroach-aes-" + std::to_string(bits) + "-ctr-v2\",\"k\":\"";
  const std::string end = "\",\"kid\":\"" + to_hex(id) + "\",\"kty\":\"oct\"}]}\n";
  const size_t key_size = base64url_size(key.size());
  SecretBytes out(start.size() + key_size + end.size());
  MutableBytes rest = out.reveal_mutable();
  Writer writer(rest);
  writer.bytes(as_bytes(start));
  encode_base64url(key.reveal(), rest.subspan(start.size(), key_size));
  Writer(rest.subspan(start.size() + key_size)).bytes(as_bytes(end));
  return out;
}

}  // namespace

Result<KeyFile> read_key_file(Disk& disk, const std::string& path, KeyFileReading reading) {
  const std::string name = "key file " + path;
  auto contents = read_contents(disk, path);
  if (!contents.is_ok()) return contents.status().with_context(name);
  auto parsed = parse_key_file(contents->reveal(), reading);
  if (!parsed.is_ok()) return parsed.status().with_context(name);
  return parsed;
}

Result<std::string> generate_key_file(Disk& disk, const std::string& path, const KeyFileRequest& request) {
  if (request.bits != 128 && request.bits != 192 && request.bits != 256) {
    return {Code::kInvalidArgument, "a root key has 128, 192 or 256 bits, not " + std::to_string(request.bits)};
  }
  COFFER_ASSIGN(RootKey key, random_key<RootRole>(static_cast<size_t>(request.bits) / 8));
  std::array<uint8_t, kGeneratedIdSize> id;
  COFFER_TRY(random_bytes(id));
  const SecretBytes contents = request.form == KeyFileForm::kRaw ? raw_form(id, key) : jwk_form(id, key, request.bits);
  Status status = request.overwrite ? replace_file(disk, path, contents.reveal(), kKeyFileMode, ReplacedMode::kGiven)
                                    : create_file(disk, path, contents.reveal(), kKeyFileMode);
  if (status.code() == Code::kAlreadyExists) {
    return {Code::kAlreadyExists,
            "key file " + path + " exists already; overwriting it would lock every coffer whose root key it holds"};
  }
  if (!status.is_ok()) return status.with_context("key file");
  return to_hex(id);
}

}  // namespace coffer
