// One conversation with a TPM 2.0: a connection (TCTI), its errors in the operator's words, and objects that are
// flushed when they go out of scope, since a TPM without a resource manager has room for three.
#pragma once

#include <tss2/tss2_esys.h>

#include <memory>
#include <string>

#include "coffer/base/secret.h"

namespace coffer::tpm {

struct TctiCloser {
  void operator()(TSS2_TCTI_CONTEXT* tcti) const;
};
struct EsysCloser {
  void operator()(ESYS_CONTEXT* esys) const { Esys_Finalize(&esys); }
};
// Memory that TSS allocated. What may hold a secret is wiped by whoever gets it.
struct EsysFree {
  void operator()(void* memory) const { Esys_Free(memory); }
};
template <class T>
using EsysMemory = std::unique_ptr<T, EsysFree>;

class Device {
 public:
  // kProviderUnavailable, naming the TCTI and what to look at.
  static Result<std::unique_ptr<Device>> open(const std::string& tcti);

  ESYS_CONTEXT* esys() const { return esys_.get(); }
  // Whose fault it is by `rc`; the text is the TPM's or the TSS's own.
  Status failed(std::string_view what, TSS2_RC rc) const;

 private:
  explicit Device(std::string tcti) : name_(std::move(tcti)) {}

  const std::string name_;
  std::unique_ptr<TSS2_TCTI_CONTEXT, TctiCloser> tcti_;
  std::unique_ptr<ESYS_CONTEXT, EsysCloser> esys_;  // goes first
};

// A response code of the TPM without the number of the parameter, handle or session that it is about.
TSS2_RC bare_code(TSS2_RC rc);

// An object or session in the TPM.
class Transient {
 public:
  explicit Transient(const Device& device) : device_(device) {}
  ~Transient() {
    if (handle != ESYS_TR_NONE) Esys_FlushContext(device_.esys(), handle);
  }
  Transient(const Transient&) = delete;
  Transient& operator=(const Transient&) = delete;

  ESYS_TR handle = ESYS_TR_NONE;

 private:
  const Device& device_;
};

}  // namespace coffer::tpm
