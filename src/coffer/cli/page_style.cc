// How the page looks, and how it renews itself.
#include "coffer/cli/page.h"

namespace coffer::cli {

Markup page_style() {
  return R"css(
:root { color-scheme: light dark; --ground: #fff; --ink: #1b1d21; --soft: #5b616b; --line: #d9dce1; --sheet: #f5f6f8;
  --good: #0a6b35; --good-ground: #e6f4ea; --bad: #a8101c; --bad-ground: #fdeaea; --advice: #7a4d00;
  --bar: #1a73b8; --bar-ground: #d3d8df; --link: #0b57a8; }
@media (prefers-color-scheme: dark) { :root { --ground: #14161a; --ink: #e6e8eb; --soft: #a3a9b3; --line: #33373e;
  --sheet: #1c1f24; --good: #7ed9a0; --good-ground: #12291c; --bad: #ff9c9c; --bad-ground: #3a1518; --advice: #f0c36d;
  --bar: #5aa9e6; --bar-ground: #3a3f47; --link: #8cc2f5; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 1rem 1.25rem 3rem; background: var(--ground); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: break-word; }
bdi, code { overflow-wrap: anywhere; }
h1 { font-size: 1.1rem; margin: 0; letter-spacing: .02em; }
h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
header p { margin: 0 0 1rem; color: var(--soft); }
header strong { color: var(--ink); }
a { color: var(--link); }
#stale { background: var(--bad); color: var(--ground); padding: .75rem 1rem; margin-bottom: 1rem; font-weight: 600; }
#verdict > div { border-left-style: solid; border-left-width: .4rem; padding: .75rem 1rem; }
.good { background: var(--good-ground); border-color: var(--good); }
.unknown { background: var(--sheet); border-color: var(--line); }
.bad { background: var(--bad-ground); border-color: var(--bad); }
.sentence { font-size: 1.3rem; font-weight: 600; margin: 0; }
.good .sentence, .state-good { color: var(--good); }
.bad .sentence, .state-bad, .wrong { color: var(--bad); }
.state-bad { font-weight: 600; }
.advice { color: var(--advice); }
.troubles { margin: .75rem 0 0; padding-left: 1.5rem; }
.troubles li + li { margin-top: .75rem; }
.why, .soft { color: var(--soft); }
.wide { overflow-x: auto; }
.wide:focus-visible, a:focus-visible { outline: .15rem solid var(--link); outline-offset: .15rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-size: 1.05rem; font-weight: 700; margin: 2rem 0 .5rem; }
th, td { text-align: left; vertical-align: top; padding: .4rem .75rem .4rem 0; border-bottom: 1px solid var(--line); }
thead th { color: var(--soft); font-weight: 500; font-size: .875rem; }
tbody th { font-weight: 600; min-width: 6rem; }
.n { text-align: right; white-space: nowrap; }
.bar { display: inline-block; width: 6rem; height: .6rem; }
.share { white-space: nowrap; }
.bar .all { fill: var(--bar-ground); } .bar .part { fill: var(--bar); }
code { font: .875rem ui-monospace, monospace; }
dl { display: grid; grid-template-columns: minmax(9rem, max-content) 1fr; gap: .3rem 1.25rem; margin: 0; }
dt { color: var(--soft); } dd { margin: 0; }
footer { margin-top: 2.5rem; color: var(--soft); font-size: .875rem; }
@media (max-width: 46rem) {
  body { padding: .75rem .75rem 2rem; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  table, tbody, caption { display: block; }
  tr { display: block; background: var(--sheet); padding: .5rem .75rem; margin-bottom: .5rem; }
  th, td, .n { display: flex; justify-content: space-between; gap: 1rem; text-align: right; white-space: normal;
    padding: .1rem 0; border: 0; }
  tbody th { justify-content: start; text-align: left; font-size: 1.05rem; }
  td::before { content: attr(data-of); color: var(--soft); text-align: left; flex: none; }
  td:has(> span:empty) { display: none; }
  dl { grid-template-columns: 1fr; } dd { margin-bottom: .4rem; }
}
)css";
}

// What has not changed stays, so that nobody who reads or listens is interrupted. Who does not get an answer has to
// know that what is shown is old.
Markup page_script() {
  return R"js(
(() => {
  const stale = document.getElementById("stale");
  let last = new Date();
  const put = (id, fresh) => {
    const shown = document.getElementById(id), next = fresh.getElementById(id);
    if (!next || shown.innerHTML === next.innerHTML) return;
    const focused = shown.contains(document.activeElement) ? document.activeElement.id : "";
    shown.replaceChildren(...next.childNodes);
    if (focused) document.getElementById(focused)?.focus({preventScroll: true});
  };
  const renew = async () => {
    try {
      const answer = await fetch("/", {cache: "no-store", signal: AbortSignal.timeout(10000)});
      if (!answer.ok) throw new Error(String(answer.status));
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (!fresh.getElementById("facts")) throw new Error("another page");
      for (const id of ["banner", "verdict", "facts"]) put(id, fresh);
      document.title = fresh.title;
      last = new Date();
      stale.hidden = true;
    } catch (error) {
      const since = last.toLocaleTimeString();
      if (stale.hidden) {
        stale.textContent = "The agent does not answer. What is shown is of " + since +
          ". See whether coffer agent runs there.";
      }
      stale.hidden = false;
      document.title = "NO ANSWER (Coffer)";
    }
  };
  setInterval(renew, 15000);
  document.addEventListener("visibilitychange", () => document.hidden || renew());
})();
)js";
}

}  // namespace coffer::cli
