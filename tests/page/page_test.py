"""The status page as a real browser shows it: dark and light, on a phone and on a desk, in good and bad times."""

import os
import re
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from browser import Browser, Tab  # noqa: E402
from scenes import Scenes  # noqa: E402

from harness import main  # noqa: E402

PHONE, DESK = 390, 1280
CONTRAST_MIN = 4.5  # WCAG 2.1, 1.4.3
HOSTILE = ["<script>document.title='caught'</script>", "<img src=x onerror=alert(1)>", "\"><svg onload=alert(1)>",
           "‮gpj.exe", "a" * 200, "&lt;b&gt;", "{{7*7}}", "' style='display:none"]
# Of each text that is seen: its colour and what is behind it.
COLOURS = """(() => {
  const out = [];
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const colour = getComputedStyle(each).backgroundColor;
      if (colour !== "rgba(0, 0, 0, 0)") return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.getClientRects().length || element.tagName === "SCRIPT") continue;
    out.push([walker.currentNode.data.trim(), getComputedStyle(element).color, behind(element)]);
  }
  return out;
})()"""


def luminance(colour):
    channels = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [each / 12.92 if each <= 0.03928 else ((each + 0.055) / 1.055) ** 2.4 for each in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    brighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


class Page(Scenes):
    @classmethod
    def setUpClass(cls):
        cls.profile = tempfile.mkdtemp(prefix="coffer-browser-")
        cls.addClassCleanup(shutil.rmtree, cls.profile, ignore_errors=True)
        cls.browser = Browser(cls.profile)
        cls.addClassCleanup(cls.browser.end)

    def tab(self, url, width=DESK, **options):
        tab = Tab(self.browser, width, **options)
        self.addCleanup(tab.close)
        tab.open(url)
        return tab

    def check(self, tab, url):
        """What holds of the page at any time."""
        self.assertEqual(tab.complaints(), [])
        self.assertEqual({address for address in tab.asked() if address != url}, set())
        self.assertLessEqual(tab.evaluate("document.documentElement.scrollWidth"), tab.width, "it is wider than it is")
        colours = tab.evaluate(COLOURS)
        self.assertGreater(len(colours), 20)
        for text, ink, ground in colours:
            self.assertGreaterEqual(contrast(ink, ground), CONTRAST_MIN, (text, ink, ground))
        return tab.evaluate("document.body.innerText")

    def seen_everywhere(self, url, *says):
        grounds = set()
        for dark in (False, True):
            for width in (PHONE, DESK):
                tab = self.tab(url, width, dark=dark)
                text = self.check(tab, url)
                for each in says:
                    self.assertIn(each, text)
                grounds.add((dark, tab.evaluate("getComputedStyle(document.body).backgroundColor")))
        self.assertEqual(len(grounds), 2, "dark and light differ, and nothing else does")

    def test_when_all_is_well_it_says_so(self):
        url = self.serve_page()
        self.seen_everywhere(url, "All is well.", "orders", "tenant.acme", "100 %", self.path("acme"))
        self.assertNotIn("arg1", self.page() + str(self.json()), "options of URIs are nobody's business")
        self.assertIs(self.json()["well"], True)

    def test_an_outage_is_said_where_the_page_is_open_already(self):
        url = self.serve_page()
        tab = self.tab(url)
        self.begin_outage()
        tab.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        self.until(lambda: "the root key is" in tab.evaluate("document.getElementById('verdict').innerText"))
        self.assertTrue(tab.evaluate("document.title").startswith("NOT WELL"))
        self.seen_everywhere(url, "1 problem, with what to do", "the root key is unreachable since",
                             "bring the key provider back")
        self.end_outage()
        tab.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        self.until(lambda: "All is well" in tab.evaluate("document.getElementById('verdict').innerText"))
        self.check(tab, url)

    def test_a_revoked_root_key_is_said(self):
        with open(self.path("db.coffer", "coffer.yaml"), "a", encoding="utf-8") as file:
            file.write("policy:\n  on_revoked: fence\n")
        url = self.serve_page()
        self.revoke()
        self.seen_everywhere(url, "the root key is revoked since", "then as on_revoked: fence", "let the key back in")

    def test_what_is_rewritten_is_seen_with_the_time_that_it_needs(self):
        url = self.serve_page()
        self.begin_rewriting()
        self.seen_everywhere(url, "reencrypt (", "running", "KiB/s", "deactivated")

    def test_hostile_names_do_nothing(self):
        for name in HOSTILE:
            self.make_file("db.coffer", f"{name.replace('/', '|')}/data.sst", b"x")
        url = self.serve_page()
        for width in (PHONE, DESK):
            tab = self.tab(url, width)
            text = self.check(tab, url)
            for name in HOSTILE:
                self.assertIn(name.replace("/", "|").replace("‮", "\\u{202e}"), text)
            self.assertEqual(tab.evaluate("document.querySelectorAll('script, img, iframe, object').length"), 1)
            self.assertEqual(tab.evaluate("document.querySelectorAll('[onerror], [onload], [style]').length"), 0)
            self.assertIn("(Coffer)", tab.evaluate("document.title"))

    def test_when_the_agent_is_gone_the_page_does_not_look_new(self):
        tab = self.tab(self.serve_page())
        self.end()
        tab.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        self.wait_for(lambda: tab.evaluate("!document.getElementById('stale').hidden"))
        self.assertIn("does not answer", tab.evaluate("document.body.innerText"))
        self.assertTrue(tab.evaluate("document.title").startswith("NO ANSWER"))

    def wait_for(self, is_so):
        for _ in range(1000):
            if is_so():
                return
        self.fail("it does not come to that")

    def test_it_is_read_aloud_by_headings_tables_and_regions(self):
        tab = self.tab(self.serve_page())
        roles = tab.roles()
        self.assertTrue(any(role == "status" for role, _ in roles), roles)
        self.assertTrue(any(role == "heading" and name == "Coffer" for role, name in roles))
        tables = [name for role, name in roles if role == "table"]
        self.assertIn("Keys in use", tables)
        self.assertTrue(all(tables), "each table has a name")
        self.assertIn(("columnheader", "Under the active key"), roles)
        self.assertIn(("rowheader", "orders"), roles)
        # By the keyboard alone each table is reached, to be moved sideways, and each link.
        reached = tab.evaluate("[...document.querySelectorAll('[tabindex=\"0\"], a[href]')].length")
        self.assertGreaterEqual(reached, len(tables) + 2)

    def test_it_is_whole_without_its_script(self):
        url = self.serve_page()
        tab = self.tab(url, script=False)
        document = tab.call("DOM.getDocument")["root"]["nodeId"]
        html = tab.call("DOM.getOuterHTML", nodeId=document)["outerHTML"]
        self.assertIn("All is well.", html)
        self.assertIn('http-equiv="refresh"', html)


if __name__ == "__main__":
    main()
