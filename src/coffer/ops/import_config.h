// The configuration of another system, said in Coffer's words, and what cannot be kept of it. Nothing is opened, read
// or written here. docs/operating.md, "From another system".
#pragma once

#include <functional>

#include "coffer/config/config.h"

namespace coffer {

// Something that is not, or not so, in the configuration that came of it.
struct ImportNote {
  std::string what;    // in the other system's words
  std::string why;     // what becomes of it
  std::string remedy;  // what to do; empty: nothing
};

struct Imported {
  Config config;
  // Of domains that the keyring has to get first: lines that are commented out.
  CiphersOfDomains domains;
  std::vector<ImportNote> notes;

  // coffer.yaml; parse_config() makes `config` of it.
  std::string text() const;
};

// How long a root key in a file is, in bits.
using BitsOfKeyFile = std::function<Result<int>(const std::string& path)>;

// CockroachDB's "path=P,key=F,old-key=F[,rotation-period=D]", of --enterprise-encryption or --store. kInvalidArgument
// for what CockroachDB refuses as well, each by its own words; for stores with different keys; and for `plain`, which
// no coffer can be.
Status import_cockroach_store(const std::string& spec, const BitsOfKeyFile& bits_of, Imported& out);

// dse.yaml or hcd.yaml: system_info_encryption, kmip_hosts and what stands around them. Passwords are left out.
// kInvalidArgument for a word that it does not know in these sections, or outside if it speaks of keys.
Status import_hcd_config(std::string_view yaml, const std::string& name_for_errors, Imported& out);

// A table's options in HCD's words, "{'class': 'Encryptor', …}": of data files in general, or of those of a domain.
// After the configuration file whose kmip_hosts it names.
Status import_hcd_table(const std::string& domain, const std::string& options, Imported& out);

}  // namespace coffer
