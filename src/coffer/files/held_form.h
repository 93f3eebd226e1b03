// What a reader keeps of a file key: a form of it that opens ranges. Taken back by the domain's gate, and got again
// from the file's header when it is needed (store/key_gate.h).
#pragma once

#include <functional>

#include "coffer/io/disk.h"
#include "coffer/store/coffer.h"

namespace coffer {

// The header as it stands in the file now.
Result<EnvelopeScan> scan_again(const ReadableFile& file);

// `Form` has drop_key() and take_key(), as BlocksOpener. What it knows without a key may be asked at any time.
template <class Form>
class HeldForm final : public KeyHolder {
 public:
  using Make = std::function<Result<Form>(const FileKey& file_key)>;

  // `make` makes another one of the same file; it may fail as the first did.
  HeldForm(const OpenedFile& opened, std::shared_ptr<const ReadableFile> file, Form form, Make make)
      : KeyHolder(opened.lease, opened.fields), file_(std::move(file)), make_(std::move(make)), form_(std::move(form)) {
    enroll();
  }
  ~HeldForm() override { leave(); }

  const Form& form() const { return form_; }
  // `use` is given the form with its key, and computes.
  template <class Use>
  Status with_form(const Use& use) {
    return with_key([&] { return use(static_cast<const Form&>(form_)); });
  }

 private:
  Result<FileKey> unlock_again() override {
    COFFER_ASSIGN(const EnvelopeScan scan, scan_again(*file_));
    return unlock(scan);
  }
  Status restore_keys(const FileKey& file_key) override {
    COFFER_ASSIGN(Form same, make_(file_key));
    form_.take_key(std::move(same));
    return Status::ok();
  }
  void drop_keys() override { form_.drop_key(); }

  const std::shared_ptr<const ReadableFile> file_;
  const Make make_;
  Form form_;
};

}  // namespace coffer
