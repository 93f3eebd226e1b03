// What KMIP servers, and people, write: no message crashes anything, however it is encoded, and one that is accepted
// comes back the same from each of its encodings.
#include "coffer/config/config.h"
#include "coffer/net/kmip/attributes.h"
#include "coffer/net/kmip/settings.h"
#include "fuzz/input.h"
#include "support/kmip_text/kmip_text.h"

namespace {

using namespace coffer;
using namespace coffer::kmip;

bool same(const Result<SecretBuffer>& read, const Item& item) {
  return read.is_ok() && std::ranges::equal(read->view(), item.encoded());
}

void check_item(ByteView bytes) {
  const auto item = Item::parse(bytes);
  if (!item) {
    fuzz_check(item.code() == Code::kDamaged || item.code() == Code::kLimitExceeded, "a refused message is damaged");
    return;
  }
  fuzz_check(item->encoded().size() == bytes.size(), "the message is all there is");
  fuzz_check(same(from_xml(to_xml(*item, Secrets::kReveal)), *item), "XML comes back the same");
  fuzz_check(same(from_json(to_json(*item, Secrets::kReveal)), *item), "JSON comes back the same");
  fuzz_check(!to_xml(*item).empty() && !to_json(*item).empty(), "it can be shown without its secrets");
}

void check_text(const Result<SecretBuffer>& read) {
  if (read) {
    check_item(read->view());
    fuzz_check(Item::parse(read->view()).is_ok(), "what is read from text is a message");
  } else {
    const bool expected = read.code() == Code::kInvalidArgument || read.code() == Code::kLimitExceeded;
    fuzz_check(expected, "a refused text is an invalid argument");
  }
}

void check_response(ByteView bytes) {
  SecretBuffer copy;
  copy.append(bytes);
  const auto response = Response::parse(std::move(copy));
  if (!response) return;
  for (const OperationResult& result : response->results()) {
    fuzz_check(status_of(result, "it").is_ok() == (result.status == ResultStatus::kSuccess), "a failure is an error");
    fuzz_check(is_utf8(result.message) && result.message.size() <= 300, "a server's words are fit to be shown");
    if (!result.payload) continue;
    KeyAttributes attributes;
    const bool known = read_attributes(*result.payload, attributes).is_ok();
    fuzz_check(!known || !attributes.cipher().empty(), "attributes can be shown");
    const auto versions = read_versions(*result.payload);
    fuzz_check(!versions || versions->size() <= bytes.size(), "versions are no more than the message holds");
  }
}

void check_uri(std::string_view text) {
  const auto read = parse_provider_uri(std::string(text));
  if (!read) return;
  const auto settings = parse_kmip_uri(*read, {});
  if (!settings) return;
  const auto written = parse_provider_uri(settings->uri);
  fuzz_check(written.is_ok(), "what is written is a URI");
  const auto again = parse_kmip_uri(*written, {});
  fuzz_check(again.is_ok() && *again == *settings, "a URI comes back the same");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const ByteView rest(data + 1, size - 1);
  switch (data[0] % 6) {
    case 0: check_item(rest); break;
    case 1: check_text(from_xml(as_text(rest))); break;
    case 2: check_text(from_json(as_text(rest))); break;
    case 3: check_response(rest); break;
    case 4: check_uri(as_text(rest)); break;
    case 5: {
      const auto config = parse_config("version: 1\n" + std::string(as_text(rest)), "coffer.yaml");
      if (!config) break;
      const auto groups = configured_groups(config->providers);
      fuzz_check(groups.is_ok() || groups.status().message().starts_with("coffer.yaml"), "the error names the file");
    }
  }
  return 0;
}
