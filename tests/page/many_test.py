"""A coffer of more domains than a page has room for."""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))

from harness import main  # noqa: E402
from served import Served  # noqa: E402

SHOWN = 300


class Many(Served):
    def test_those_with_files_under_old_keys_are_shown_first(self):
        self.make_coffer()
        for number in range(SHOWN + 20):
            self.done("domain", "add", "c.coffer", f"d{number}")
        # The last one of all, which would have no place by its turn.
        last = f"d{SHOWN + 19}"
        self.make_file("c.coffer", "store/old.sst", b"old", "blocks", "--domain", last)
        self.done("rotate", "domain", "c.coffer", last)
        self.serve()
        self.until(lambda: self.json()["status"])
        page = self.page()
        self.assertIn("21 more domains are not shown", page)
        domains = page[page.index('id="domains"'):page.index('id="keys"')]
        shown = re.findall(r"<bdi>([^<]*)</bdi>", domains)
        self.assertEqual((len(shown), shown[0], shown[1]), (SHOWN, last, "d0"))
        self.assertEqual(len(self.json()["status"]["domains"]), SHOWN + 21)
        self.assertEqual(self.metrics().get("coffer_domains"), SHOWN + 21)


if __name__ == "__main__":
    main()
