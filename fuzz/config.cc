// coffer.yaml: whatever the text is, it is a configuration or an error that names the file; and what is accepted comes
// back the same.
#include "coffer/config/config.h"

#include "fuzz/input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace coffer;
  auto config = parse_config(as_text({data, size}), "coffer.yaml");
  if (!config.is_ok()) {
    fuzz_check(config.code() == Code::kInvalidArgument, "a refused configuration is an invalid argument");
    fuzz_check(config.status().message().starts_with("coffer.yaml"), "the error names the file");
    return 0;
  }
  const std::string text = format_config(*config);
  auto again = parse_config(text, "coffer.yaml");
  fuzz_check(again.is_ok() && *again == *config && format_config(*again) == text, "what is written is read back");
  return 0;
}
