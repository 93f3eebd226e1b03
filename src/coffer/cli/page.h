// The status page: an overview, for people. One HTML document that needs nothing else. docs/monitoring.md.
#pragma once

#include "coffer/cli/html.h"
#include "coffer/ops/overview.h"

namespace coffer::cli {

// Ages are as of `now` (Unix seconds).
std::string page_text(const Overview& overview, uint64_t now);

// What a browser may do with the page: run its own script, which asks this server for the page anew, and nothing else.
Result<std::string> page_policy();

// Domains that a page has room for; of more, those first that have files under old keys.
inline constexpr size_t kDomainsShownMax = 300;

// The page's parts, in files of their own.
Markup page_style();
Markup page_script();
void put_keys(Html& out, const StatusReport& report);
void put_stores(Html& out, const StatusReport& report);
void put_root_keys(Html& out, const Overview& overview, uint64_t now);
void put_runs(Html& out, const StatusReport& report, uint64_t now);
void put_policy(Html& out, const Overview& overview, uint64_t now);
void put_proofs(Html& out, const Overview& overview, uint64_t now);
// A bar, and the same in words: "98.6 %".
void put_share(Html& out, const Usage& part, const Usage& whole);

}  // namespace coffer::cli
