// Coffers, as C has them.
#include <cstdlib>
#include <cstring>
#include <memory>

#include "coffer/bindings/c/handles.h"
#include "coffer/embedding/coffer.h"
#include "coffer/ops/status_report.h"
#include "coffer/providers/registry.h"

namespace coffer::bindings {
namespace {

// For coffer_text_free().
char* copy_of_text(const std::string& text) {
  auto* const out = static_cast<char*>(std::malloc(text.size() + 1));
  if (out == nullptr) throw std::bad_alloc();
  std::memcpy(out, text.c_str(), text.size() + 1);
  return out;
}

}  // namespace

coffer_t* new_handle(std::shared_ptr<Coffer> coffer) {
  auto handle = std::make_unique<coffer_handle>(std::move(coffer));
  handle->coffer->policy().enable();  // it may want the root key to be watched more closely
  handle->coffer->watch_keys();
  return handle.release();
}

}  // namespace coffer::bindings

using coffer::Coffer;
using coffer::Status;
using coffer::bindings::check_given;
using coffer::bindings::guarded;
using coffer::bindings::opened;

coffer_code_t coffer_create(const char* directory, const char* root_uri, const char* configuration,
                            coffer_error_t** error) {
  return guarded(error, [&]() -> Status {
    COFFER_TRY(check_given(directory, "directory"));
    COFFER_TRY(check_given(root_uri, "root_uri"));
    return coffer::create_coffer(directory, {root_uri, configuration != nullptr ? configuration : ""});
  });
}

coffer_code_t coffer_open(const char* place, const char* root_uri, coffer_t** handle, coffer_error_t** error) {
  if (handle != nullptr) *handle = nullptr;
  return guarded(error, [&]() -> Status {
    COFFER_TRY(check_given(handle, "coffer"));
    COFFER_TRY(check_given(place, "place"));
    const std::string root = root_uri != nullptr ? root_uri : "";
    COFFER_ASSIGN(auto coffer, Coffer::open(coffer::Disk::posix(), place,
                                            {.root_uri = root,
                                             .open_anchor = coffer::open_anchor,
                                             .open_keyring_store = coffer::open_keyring_store,
                                             .waits_its_turn = true},
                                            coffer::open_provider));
    *handle = coffer::bindings::new_handle(std::move(coffer));
    return Status::ok();
  });
}

void coffer_close(coffer_t* handle) {
  // In a child it stays where it is: what the parent's threads had locked at the fork is locked there for good.
  if (handle != nullptr && handle->process.is_here()) delete handle;
}

uint64_t coffer_keyring_version(const coffer_t* handle) {
  return handle != nullptr && handle->process.is_here() ? handle->coffer->keyring()->version() : 0;
}

coffer_code_t coffer_refresh(coffer_t* handle, coffer_error_t** error) {
  return guarded(error, [&]() -> Status {
    COFFER_ASSIGN(Coffer* const coffer, opened(handle));
    return coffer->live_keyring().refresh();
  });
}

coffer_code_t coffer_rotate_domain(coffer_t* handle, const char* domain, coffer_error_t** error) {
  return guarded(error, [&]() -> Status {
    COFFER_ASSIGN(Coffer* const coffer, opened(handle));
    COFFER_TRY(check_given(domain, "domain"));
    return coffer::rotate_domain_key(*coffer, domain);
  });
}

coffer_code_t coffer_status_json(coffer_t* handle, char** json, coffer_error_t** error) {
  if (json != nullptr) *json = nullptr;
  return guarded(error, [&]() -> Status {
    COFFER_ASSIGN(Coffer* const coffer, opened(handle));
    COFFER_TRY(check_given(json, "json"));
    COFFER_ASSIGN(const coffer::StatusReport report, coffer::make_status_report(*coffer, {}));
    *json = coffer::bindings::copy_of_text(coffer::json_text(coffer::status_json(report)));
    return Status::ok();
  });
}
