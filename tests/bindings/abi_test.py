#!/usr/bin/python3
"""What libcoffer_c shows is what its version script, its header and tests/bindings/abi.c have, and nothing else; types
and constants abi.c checks when it is compiled.

  abi_test.py LIBRARY
"""

import os
import re
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
BINDING = os.path.join(HERE, "..", "..", "src", "coffer", "bindings", "c")
LIBRARY = sys.argv.pop()
SONAME = "libcoffer_c.so.0.2"
VERSION = "COFFER_C_0.2"


def read(*path):
    with open(os.path.join(*path), encoding="utf-8") as file:
        return file.read()


def declared(text):
    return sorted(re.findall(r"^\w[\w ]*?\*? ?\**(coffer_\w+)\(", text, re.MULTILINE))


def constants(text):
    return sorted(re.findall(r"^(?:  |#define )(COFFER_\w+)(?: =)? (\d+)", text, re.MULTILINE))


def shown():
    """(symbol, version) of all that a program can link with."""
    symbols = subprocess.run(["nm", "--dynamic", "--defined-only", "--with-symbol-versions", LIBRARY], check=True,
                             capture_output=True, text=True).stdout
    return sorted(re.findall(r"^\w+ [^A] ([^@\n]+)@*(\S*)$", symbols, re.MULTILINE))


class Abi(unittest.TestCase):
    header = read(BINDING, "include", "coffer", "coffer_c.h")
    frozen = read(HERE, "abi.c")

    def test_the_library_shows_the_functions_of_its_header_and_nothing_else(self):
        self.assertGreater(len(declared(self.header)), 20)
        self.assertEqual(shown(), [(name, VERSION) for name in declared(self.header)])

    def test_each_function_has_its_line_in_the_version_script_and_in_the_frozen_abi(self):
        script = read(BINDING, "coffer_c.map")
        listed = re.findall(r"^    (coffer_\w+);$", script[script.index(VERSION + " {"):], re.MULTILINE)
        self.assertEqual(listed, declared(self.header))
        self.assertEqual(declared(self.frozen), declared(self.header))

    def test_each_constant_has_its_line_in_the_frozen_abi(self):
        checked = re.findall(r"^EXPECT_SAME\((COFFER_\w+) == (\d+)\);$", self.frozen, re.MULTILINE)
        self.assertGreater(len(checked), 30)
        self.assertEqual(sorted(checked), constants(self.header))

    def test_its_name_says_what_it_is_compatible_with(self):
        said = subprocess.run(["readelf", "--dynamic", LIBRARY], check=True, capture_output=True, text=True).stdout
        self.assertIn(f"[{SONAME}]", said)

    def test_it_needs_no_other_library_of_coffers(self):
        said = subprocess.run(["readelf", "--dynamic", LIBRARY], check=True, capture_output=True, text=True).stdout
        self.assertNotRegex(said, r"NEEDED.*libcoffer")
        self.assertNotRegex(said, r"NEEDED.*(libcurl|libssl|libtss2)")


if __name__ == "__main__":
    unittest.main()
