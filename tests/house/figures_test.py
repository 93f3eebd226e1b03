#!/usr/bin/python3
"""Each figure of the pages is what the script beside it draws, and can be read where it is shown: 800 columns wide at
most, on a ground of its own, and its words within it."""

import glob
import os
import subprocess
import sys
import unittest
import xml.etree.ElementTree as ElementTree

FIGURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "figures")
SVG = "{http://www.w3.org/2000/svg}"
WIDTH_MAX = 800
LETTER_WIDTH = 0.55  # of its size: what a wide font has on average
FONT_SIZE_MIN = 12


class Figures(unittest.TestCase):
    def figures(self):
        scripts = sorted(glob.glob(os.path.join(FIGURES, "*.py")))
        self.assertTrue(scripts)
        for script in scripts:
            with open(script[:-3] + ".svg", encoding="utf-8") as file:
                yield script, file.read()

    def test_each_is_what_its_script_draws(self):
        for script, shown in self.figures():
            drawn = subprocess.run([sys.executable, script], check=True, capture_output=True, text=True).stdout
            name = os.path.relpath(script, os.path.join(FIGURES, "..", ".."))
            self.assertTrue(drawn == shown, f"python3 {name} > {name[:-3]}.svg")

    def test_each_can_be_read(self):
        for script, shown in self.figures():
            root = ElementTree.fromstring(shown)
            width = int(root.get("width"))
            self.assertLessEqual(width, WIDTH_MAX)
            self.assertTrue(root.find(SVG + "title").text, "a figure says what it shows to who cannot see it")
            ground = root.find(SVG + "rect")
            self.assertEqual(ground.get("width"), root.get("width"), "without a ground it is dark on dark")
            for words in root.iter(SVG + "text"):
                size, x = int(words.get("font-size")), int(words.get("x"))
                self.assertGreaterEqual(size, FONT_SIZE_MIN)
                length = len(words.text) * size * LETTER_WIDTH
                begin = x - length / 2 if words.get("text-anchor") == "middle" else x
                self.assertTrue(0 <= begin and begin + length <= width, f"{script}: {words.text}")


if __name__ == "__main__":
    unittest.main()
