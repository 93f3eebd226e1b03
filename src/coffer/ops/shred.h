// Crypto-shredding: a domain's keys are destroyed so that its files are lost, and a certificate says so.
// docs/operating.md, "Shred a tenant"; docs/format.md, "Certificate of shredding".
#pragma once

#include "coffer/ops/backup_shred.h"
#include "coffer/ops/inventory.h"

namespace coffer {

struct Shredding {
  std::vector<DomainKeyEntry> keys;       // the domain's, all destroyed
  bool was_done = false;                  // already: nothing was changed
  Usage lost;                             // files under these keys, which nobody can read any more
  std::vector<BackupOfShredded> backups;  // that had something of the domain, or may have
  uint64_t keyring_version = 0;
  std::string certificate;  // JSON, two lines: what was done; who signed it
};
// Destroys every key of the domain, at once, and whatever needs them, and takes it out of the backups that the coffer
// lists. On return no keyring of this coffer has the keys; the certificate says which backups were not reached, and
// what copies there may be. Of a domain that was shredded before it says so again, and reaches for the backups again.
// kNotFound; kUnsupported where no certificate can be signed: nothing is changed then.
Result<Shredding> shred(Coffer& coffer, const std::string& domain);
// For whoever keeps the certificate, and cannot.
Status not_certified(const std::string& domain, const Status& why);

struct CheckedCertificate {
  std::string domain;
  uint64_t time = 0;
  uint64_t keyring_version = 0;  // after
  size_t keys = 0;
};
// kTampered unless this coffer signed `certificate`; kRolledBack when the keyring has a key of it again.
Result<CheckedCertificate> check_certificate(Coffer& coffer, ByteView certificate);
inline constexpr size_t kCertificateSizeMax = size_t{16} << 20;

}  // namespace coffer
