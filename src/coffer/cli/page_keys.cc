// The page's tables of keys and stores.
#include <algorithm>

#include "coffer/cli/opening.h"
#include "coffer/cli/page.h"
#include "coffer/cli/text.h"

namespace coffer::cli {
namespace {

using DomainRef = std::reference_wrapper<const Domain>;

bool has_old_files(const StatusReport& report, const Domain& domain) {
  return active_of(report, domain).files < usage_of(report, domain).files;
}

Markup class_of_state(const DomainKeyEntry& key) {
  switch (key.state) {
    case KeyState::kActive: return "<span class=\"state-good\">";
    case KeyState::kCompromised: return "<span class=\"state-bad\">";
    default: return "<span>";
  }
}

void put_key(HtmlTable& table, const StatusReport& report, const Domain& domain, const DomainKeyEntry& key) {
  const Usage usage = usage_of(report, key.id);
  table.cell().name(domain.name);
  table.cell().number(key.version).text(" (").text(key.id.short_hex()).text(")");
  Html& state = table.cell() << class_of_state(key);
  state.text(key_state_name(key.state)) << "</span>";
  if (domain.locked != 0) state << ", <strong class=\"wrong\">locked</strong>";
  state.text(in_group_text(*report.keyring, domain));
  table.cell().text(age_text(seconds_since(key.created, report.now)));
  table.cell().number(usage.files);
  table.cell().text(size_text(usage.bytes));
  put_share(table.cell(), usage, usage_of(report, domain));
  Html& left = table.cell();
  if (const auto percent = percent_left(report, domain, key)) left.number(*percent) << " %";
}

void put_domain(HtmlTable& table, const StatusReport& report, const Domain& domain) {
  const Usage whole = usage_of(report, domain);
  table.cell().name(domain.name);
  table.cell().number(static_cast<uint64_t>(std::ranges::count_if(
      domain.keys, [&](const DomainKeyEntry& key) { return is_in_use(key, report.inventory); })));
  table.cell().number(whole.files);
  table.cell().text(size_text(whole.bytes));
  put_share(table.cell(), active_of(report, domain), whole);
}

// Says how many there is no room for.
std::vector<DomainRef> shown_domains(Html& out, const StatusReport& report) {
  std::vector<DomainRef> domains = listed(*report.keyring);
  std::stable_partition(domains.begin(), domains.end(),
                        [&](const Domain& domain) { return has_old_files(report, domain); });
  if (domains.size() <= kDomainsShownMax) return domains;
  out << "<p class=\"soft\">";
  out.number(domains.size() - kDomainsShownMax)
      << " more domains are not shown; coffer status has all. Those with files under old keys come first.</p>";
  domains.erase(domains.begin() + kDomainsShownMax, domains.end());
  return domains;
}

void put_store_state(Html& out, const StatusReport& report, const StoreEntry& store) {
  const MissingStore* missing = find_missing(report, store.id);
  if (missing != nullptr) {
    out << "<span class=\"state-bad\">" << (missing->gone ? Markup("missing") : Markup("empty")) << "</span>";
    return;
  }
  for (const StoreInTransition& each : report.transitions) {
    if (each.store != store.id) continue;
    out << "<span class=\"advice\">in transition: ";
    out.text(count_text(each.left.size(), "file")) << " in clear</span>";
    return;
  }
  out << "<span class=\"state-good\">there</span>";
}

void put_mark(Html& out, const StatusReport& report, const StoreEntry& store) {
  const auto mark = report.marks.find(store.id);
  if (mark != report.marks.end()) out.text(age_text(seconds_since(mark->second.at, report.now)));
}

}  // namespace

void put_keys(Html& out, const StatusReport& report) {
  const std::vector<DomainRef> domains = shown_domains(out, report);
  {
    HtmlTable table(out, "domains", "Domains: what is under the active key",
                    {{"Domain"}, {"Keys in use", true}, {"Files", true}, {"Bytes", true}, {"Under the active key"}});
    for (const Domain& domain : domains) put_domain(table, report, domain);
  }
  HtmlTable table(out, "keys", "Keys in use",
                  {{"Domain"}, {"Key"}, {"State"}, {"Age"}, {"Files", true}, {"Bytes", true}, {"Share of its domain"},
                   {"Left by the policy", true}});
  for (const Domain& domain : domains) {
    for (auto key = domain.keys.rbegin(); key != domain.keys.rend(); ++key) {
      if (is_in_use(*key, report.inventory)) put_key(table, report, domain, *key);
    }
  }
}

namespace {

void put_stores_here(Html& out, const StatusReport& report) {
  if (report.stores.empty()) {
    out << "<h2>Stores</h2><p class=\"soft\">None that Coffer encrypts files in.</p>";
    return;
  }
  std::vector<HtmlTable::Column> columns = {{"Store"}, {"State"}, {"Files", true}, {"Bytes", true},
                                            {"Under active keys"}};
  if (report.config.freshness) columns.push_back({"Freshness mark", true});
  HtmlTable table(out, "stores", "Stores", columns);
  for (const StoreEntry& store : report.stores) {
    const StoreUsage usage = usage_of(report, store);
    table.cell().name(store.path);
    put_store_state(table.cell(), report, store);
    table.cell().number(usage.encrypted.files);
    table.cell().text(size_text(usage.encrypted.bytes));
    put_share(table.cell(), usage.active, usage.encrypted);
    if (report.config.freshness) put_mark(table.cell(), report, store);
  }
}

}  // namespace

void put_stores(Html& out, const StatusReport& report) {
  put_stores_here(out, report);
  const std::string elsewhere = elsewhere_text(report);
  if (!elsewhere.empty()) out << "<p class=\"soft\">", out.text(elsewhere) << ".</p>";
}

}  // namespace coffer::cli
