#include "coffer/cli/page.h"

#include <fmt/format.h>

#include <algorithm>

#include "coffer/base/base64.h"
#include "coffer/cli/text.h"
#include "coffer/crypto/kdf.h"
#include "coffer/version.h"

namespace coffer::cli {
namespace {

// Looks are no further apart than half of it: what is older is not how things are now.
constexpr uint64_t kOldSeconds = 600;

bool is_old(const Overview& overview, uint64_t now) {
  return overview.at != 0 && seconds_since(overview.at, now) > kOldSeconds;
}

Findings troubles_at(const Overview& overview, uint64_t now) {
  Findings out = troubles_of(overview);
  if (is_old(overview, now)) {
    const std::string age = age_text(seconds_since(overview.at, now));
    out.insert(out.begin(), {true, "what follows is " + age + " old", "the agent does not get to look at its coffer",
                             "see what it says in its log, and whether disks and the place of the keyring answer"});
  }
  return out;
}

// The one sentence that has to be read.
std::string sentence(const Overview& overview, const Findings& troubles) {
  const auto wrong = static_cast<uint64_t>(std::ranges::count_if(troubles, &Finding::wrong));
  if (wrong > 0) return count_text(wrong, "problem") + ", " + (wrong == 1 ? "with" : "each with") + " what to do:";
  if (!overview.report.is_ok()) return "The agent has only just begun to look.";
  const Inventory& files = overview.report->inventory;
  std::string out = "All is well. ";
  if (files.encrypted.files == 0) {
    out += overview.report->config.mariadb_keys.empty() ? "There are no encrypted files yet."
                                                        : "There are no files that Coffer itself encrypts.";
  } else {
    out += fmt::format("{} in {}, {} of it under active keys.", size_text(files.encrypted.bytes),
                       count_text(files.encrypted.files, "file"),
                       percent_text(files.active.bytes, files.encrypted.bytes));
  }
  return out;
}

void put_head(Html& out, const Overview& overview, Markup standing) {
  out << "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
         "<meta name=\"color-scheme\" content=\"light dark\"><title>"
      << standing << ": ";
  out.text(overview.place) << " (Coffer)</title>\n<style>" << page_style()
                           << "</style><noscript><meta http-equiv=\"refresh\" content=\"15\"></noscript></head>\n";
}

void put_banner(Html& out, const Overview& overview, uint64_t now) {
  out << "<header><h1>Coffer</h1><p><strong>";
  out.name(overview.place) << "</strong> on ";
  out.name(overview.machine);
  if (overview.at != 0) {
    out << ", as of <time>";
    out.text(time_text(overview.at)) << "</time>, ";
    out.text(age_text(seconds_since(overview.at, now))) << " ago";
  }
  out << "</p></header>\n";
}

std::string source_of(Markup markup) {
  const Result<Sha256> digest = sha256(as_bytes(markup.text()));
  return digest.is_ok() ? base64_text(*digest) : "";
}

// Of one kind.
void put_troubles(Html& out, const Findings& troubles, bool wrong) {
  out << "<ol class=\"troubles\">";
  for (const Finding& each : troubles) {
    if (each.wrong != wrong) continue;
    out << "<li><strong>";
    out.text(each.what) << "</strong><br><span class=\"why\">Why: ";
    out.text(each.why) << "</span>";
    if (!each.remedy.empty()) out << "<br>Do: ", out.text(each.remedy);
    out << "</li>";
  }
  out << "</ol>";
}

void put_advice(Html& out, const Findings& troubles) {
  if (std::ranges::all_of(troubles, &Finding::wrong)) return;
  out << "<h2>To consider</h2><p class=\"soft\">Nothing of this is wrong: it may be meant so.</p>";
  put_troubles(out, troubles, false);
}

}  // namespace

void put_share(Html& out, const Usage& part, const Usage& whole) {
  if (whole.bytes == 0) return;
  const auto width = static_cast<uint64_t>(100.0 * static_cast<double>(part.bytes) / static_cast<double>(whole.bytes));
  out << "<span class=\"share\">"
         "<svg class=\"bar\" viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\">"
         "<rect class=\"all\" width=\"100\" height=\"10\"/><rect class=\"part\" height=\"10\" width=\"";
  out.number(width) << "\"/></svg> ";
  out.text(percent_text(part.bytes, whole.bytes)) << "</span>";
}

std::string page_text(const Overview& overview, uint64_t now) {
  const Findings troubles = troubles_at(overview, now);
  const bool wrong = std::ranges::any_of(troubles, &Finding::wrong);
  const bool known = overview.opened.is_ok() && overview.report.is_ok();
  Html out;
  put_head(out, overview, wrong ? Markup("NOT WELL") : known ? Markup("Well") : Markup("Not known yet"));
  out << "<body><div id=\"stale\" role=\"alert\" hidden></div><div id=\"banner\">";
  put_banner(out, overview, now);
  out << "</div>\n<section id=\"verdict\" role=\"status\"><div class=\""
      << (wrong   ? Markup("bad\"><p class=\"sentence\"><span aria-hidden=\"true\">&#9888;</span> ")
          : known ? Markup("good\"><p class=\"sentence\"><span aria-hidden=\"true\">&#10003;</span> ")
                  : Markup("unknown\"><p class=\"sentence\">"));
  out.text(sentence(overview, troubles)) << "</p>";
  if (wrong) put_troubles(out, troubles, true);
  out << "</div></section>\n<main id=\"facts\">";
  if (known) {
    put_runs(out, *overview.report, now);
    put_keys(out, *overview.report);
    put_stores(out, *overview.report);
    put_root_keys(out, overview, now);
    put_policy(out, overview, now);
    put_advice(out, troubles);
    put_proofs(out, overview, now);
  }
  out << "</main>\n<footer>Renews itself every 15 seconds. For machines: <a href=\"/metrics\">/metrics</a>, "
         "<a href=\"/status.json\">/status.json</a>. Coffer ";
  out.text(kVersion) << "</footer>\n<script>" << page_script() << "</script></body></html>\n";
  return out.take();
}

Result<std::string> page_policy() {
  const std::string style = source_of(page_style()), script = source_of(page_script());
  if (style.empty() || script.empty()) return {Code::kInternal, "OpenSSL has no SHA-256"};
  return fmt::format(
      "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; connect-src 'self'; base-uri 'none'; "
      "form-action 'none'; frame-ancestors 'none'",
      style, script);
}

}  // namespace coffer::cli
