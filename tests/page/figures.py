#!/usr/bin/python3
"""Draws the figures of the status page anew, as root, with the environment that ctest gives page.page:

    COFFER_BINARY=build/dev/coffer WRITE_STORE_FILE=build/dev/tests/cli/write_store_file tests/page/figures.py
"""

import os
import subprocess
import sys
from unittest import mock

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

FIGURES = os.path.join(HERE, "..", "..", "docs", "figures")
IN_NAMESPACE = "COFFER_FIGURES_IN_NAMESPACE"
HEIGHT_MAX = 1100

if IN_NAMESPACE not in os.environ:
    # With the names of a machine that could be: what is mounted there is so for this program alone.
    for variable in ("COFFER_BINARY", "WRITE_STORE_FILE"):
        os.environ[variable] = os.path.abspath(os.environ[variable])
    os.environ[IN_NAMESPACE] = "1"
    os.execvp("unshare", ["unshare", "--mount", "--uts", "sh", "-c",
                          "for at in /srv /mnt; do mount -t tmpfs -o mode=755 tmpfs $at; done; hostname db1\n"
                          'exec "$@"', "-", sys.executable, "-B", os.path.abspath(__file__)])

from browser import Browser, Tab  # noqa: E402
from scenes import Scenes  # noqa: E402

from harness import main  # noqa: E402


class Figures(Scenes):
    def setUp(self):
        with mock.patch("tempfile.mkdtemp", return_value="/srv"):
            super().setUp()
        with open(self.path("db.coffer", "coffer.yaml"), "a", encoding="utf-8") as file:
            file.write("anchor: /mnt/db\n")
        self.browser = Browser(self.directory)
        self.addCleanup(self.browser.end)

    def draw(self, name, url, width, dark):
        tab = Tab(self.browser, width, dark=dark)
        tab.open(url)
        picture = tab.picture(HEIGHT_MAX)
        small = subprocess.run(["pngquant", "--quality=60-90", "--speed=1", "--strip", "-"], input=picture,
                               capture_output=True, check=True).stdout
        with open(os.path.join(FIGURES, f"{name}.png"), "wb") as file:
            file.write(small)
        print(f"{name}: {len(small)} bytes", file=sys.stderr)

    def test_all(self):
        url = self.serve_page()
        self.draw("status-well", url, 1000, dark=False)
        self.begin_outage()
        self.draw("status-outage", url, 1000, dark=True)
        self.end_outage()
        self.begin_rewriting()
        self.draw("status-phone", url, 390, dark=True)


if __name__ == "__main__":
    main()
