// `pages` files for whoever reads them and does not change them: tools. docs/format.md, "pages".
#pragma once

#include "coffer/files/pages_state.h"

namespace coffer {

class Body;

// As it stands, with what a crash may have left; the file is not changed meanwhile. Thread-safe.
class OpenPages {
 public:
  static Result<OpenPages> open(const OpenedFile& opened, std::shared_ptr<const ReadableFile> file);

  // Fills `out`; fewer bytes only at the end.
  Result<size_t> read(uint64_t offset, MutableBytes out);
  Result<uint64_t> logical_size() const { return state_->size; }
  Status usable() const { return keys_->usable(); }

 private:
  OpenPages(std::shared_ptr<const ReadableFile> file, std::unique_ptr<PagesKeys> keys,
            std::unique_ptr<PagesState> state);

  std::shared_ptr<const ReadableFile> file_;
  std::unique_ptr<PagesKeys> keys_;
  std::unique_ptr<PagesState> state_;
};

const Body& pages_body();

// Whether what Body::measure() says of the file is what opening it finds. Where not, nobody has closed it: which of its
// root, its journal and its pages are whole takes its key to tell.
Result<bool> pages_are_at_rest(const EnvelopeFields& fields, const ReadableFile& file, uint64_t physical_size);

}  // namespace coffer
