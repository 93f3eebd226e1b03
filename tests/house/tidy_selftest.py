#!/usr/bin/python3
"""Shows tidy.py a tree that breaks each rule, and a tidy one that breaks none."""

import sys
import unittest

sys.dont_write_bytecode = True

import tidy  # noqa: E402
from cpp_source import functions, strip_comments, words_of  # noqa: E402

ROOT = "/data/trees/coffer"  # where the trees below stand
WIDE = "word " * 20 + "x"  # 101 columns of prose
HEADER = "// A thing.\n#pragma once\n"
SOUND = {
    "README.md": "# Coffer\nSee [the design](docs/design.md#what-it-is).\n",
    "docs/design.md": "# Design\n## What it is\n",
    "src/coffer/base/thing.h": HEADER,
    "src/coffer/base/thing.cc": '#include "coffer/base/thing.h"\n',
    "src/coffer/base/layer.cmake": "coffer_layer(coffer base thing.cc)\n",
}


def body_of(lines):
    return "int f() {\n" + "  g();\n" * (lines - 2) + "}\n"


# rule → files that break it when added to the sound tree.
BREAKING = {
    "layer_order": [
        {"src/coffer/io/a.h": HEADER + '#include "coffer/crypto/kdf.h"\n'},
        {"src/coffer/format/a.h": HEADER + '#include "coffer/keys/keyring.h"\n'},
        {"src/coffer/keys/a.h": HEADER + '#include "coffer/format/envelope.h"\n'},
        {"src/coffer/format/a.h": HEADER + '#include "coffer/io/disk.h"\n'},
        {"src/coffer/providers/a.h": HEADER + '#include "coffer/store/coffer.h"\n'},
        {"src/coffer/store/a.h": HEADER + '#include "coffer/providers/key_file.h"\n'},
        {"src/coffer/engines/rocksdb/a.h": HEADER + '#include "coffer/engines/sqlite/vfs.h"\n'},
        {"src/coffer/base/a.h": HEADER + '#include "thing.h"\n'},
        {"src/coffer/tricks/a.h": HEADER},
    ],
    "crypto_headers": [{"src/coffer/store/a.h": HEADER + "#include <openssl/evp.h>\n"},
                       {"src/coffer/base/a.h": HEADER + "#include <intel-ipsec-mb.h>\n"}],
    "engine_headers": [{"src/coffer/store/a.h": HEADER + "#include <rocksdb/env.h>\n"}],
    "reveals": [{"src/coffer/cli/a.cc": "void f(const FileKey& k) { print(k.reveal()); }\n"},
                {"src/coffer/engines/rocksdb/a.cc": "void f(SecretBytes& k) { k.reveal_mutable ()[0] = 1; }\n"}],
    "kept_counts": [{"src/coffer/ops/a.cc": "bool f(Coffer& c) { return kept_inventory(c)->has_value(); }\n"},
                    {"src/coffer/ops/a.cc": "void f(Coffer& c) { (void)c.file_counts().load(); }\n"}],
    "banned_words": [{"src/coffer/base/a.h": HEADER + "class KeyManager;\n"},
                     {"src/coffer/base/a.h": HEADER + "int string_util;\n"},
                     {"src/coffer/base/a.h": HEADER + "struct HelperImpl;\n"},
                     {"src/coffer/base/utils.h": HEADER}],
    "banned_calls": [{"src/coffer/base/a.h": HEADER + "inline void f(char* p) { sprintf(p, \"\"); }\n"},
                     {"src/coffer/base/a.h": HEADER + "inline void f(char* p) { std::strcpy(p, q); }\n"},
                     {"tests/base/a.cc": "int f() { return rand(); }\n"},
                     {"tests/base/a.cc": "using namespace std;\n"}],
    "snapshots_held": [{"src/coffer/ops/a.cc": "void f(C& c) { for (const S& s : c.keyring()->stores()) g(s); }\n"},
                       {"tests/keys/a.cc": "void f(C& c) {\n  for (const S& s : c.live().header()->slots) g(s);\n}\n"}],
    "failure_dialect": [{"src/coffer/base/a.cc": "Status f() { return Status(Code::kIo, \"a\"); }\n"},
                        {"tests/base/a.cc": "auto f = [] { return Status{}; };\n"}],
    "unfinished_marks": [{"src/coffer/base/a.h": HEADER + "// TO" + "DO: later\n"}, {"setup": "# FIX" + "ME\n"}],
    "machine_paths": [{"docs/a.md": "see /ho" + "me/ada/notes\n"}, {"tools/a.py": "open('/ro" + "ot/key')\n"},
                      {"src/coffer/base/a.h": HEADER + "// file:///Us" + "ers/ada/key\n"},
                      {"docs/a.md": f"see {ROOT}/build\n"}, {"docs/a.md": "see /data/trees/other/build\n"}],
    "function_length": [{"src/coffer/base/a.cc": body_of(61)}, {"tools/a.py": "def f():\n" + "    g()\n" * 60}],
    "file_length": [{"src/coffer/base/a.h": HEADER + "\n" * 499}, {"tests/base/a_test.cc": "\n" * 701}],
    "file_size": [{"tests/golden/big.bin": "x" * ((1 << 20) + 1)}],
    "line_length": [{"src/coffer/base/a.h": HEADER + "//" + "x" * 119 + "\n"}, {"test": "#!/bin/bash\n\techo\n"},
                    {"src/coffer/base/a.h": HEADER + "int a; \n"}],
    "prose_width": [{"docs/a.md": WIDE + "\n"}, {"README.md": "A\n" + WIDE}, {"docs/adr/a.md": "- " + WIDE},
                    {"docs/a.md": "- a\n\n    " + WIDE}, {"docs/a.md": "- a\n    " + WIDE}, {"docs/a.md": "> " + WIDE},
                    {"docs/a.md": "```\na\n```\n" + WIDE}, {"docs/a.md": "~~~\n```\n~~~\n" + WIDE},
                    {"docs/a.md": "    a\n" + WIDE}, {"docs/a.md": "| a |\n\n" + WIDE},
                    {"docs/a.md": "See [a](https://example.org/" + "x" * 100 + ")"}],
    "header_form": [{"src/coffer/base/a.h": "#pragma once\n"}, {"src/coffer/base/a.h": "// A thing.\n"}],
    "sources_built": [{"src/coffer/base/lost.cc": ""}, {"src/coffer/base/lost.h": HEADER},
                      {"tests/base/lost_test.cc": "",
                       "tests/base/CMakeLists.txt": "coffer_test(base SOURCES not_lost_test.cc)"}],
    "documents": [{"docs/lost.md": "# Lost\n"}, {"docs/a.md": "[x](nowhere.md) [self](a.md)\n"},
                  {"README.md": "[d](docs/design.md) [x](docs/design.md#no-such-heading)\n"}],
}

# What looks like a breach and is none: rule → files that must not make it fire.
HARMLESS = {
    "layer_order": {"src/coffer/store/a.h": HEADER + '#include "coffer/keys/keyring.h"\n',
                    "src/coffer/providers/a.h": HEADER + '#include "coffer/keys/provider.h"\n',
                    "src/coffer/engines/rocksdb/a.h": HEADER + '#include "coffer/engines/rocksdb/b.h"\n'},
    "crypto_headers": {"src/coffer/crypto/a.h": HEADER + "#include <openssl/evp.h>\n"},
    "reveals": {"src/coffer/crypto/a.h": HEADER + "inline auto f(const FileKey& k) { return k.reveal(); }\n",
                "src/coffer/cli/a.h": HEADER + "// no reveal() here\ninline auto s = \"k.reveal()\";\n"},
    "banned_words": {"src/coffer/base/a.h": HEADER + "int utility, simple, implicit; // a Helper\n"},
    "banned_calls": {"src/coffer/base/a.h": HEADER + "int f() { return snprintf(p, 1, q) + operand() + x.gets(); }\n"},
    "snapshots_held": {"src/coffer/ops/a.cc": "void f(C& c) { for (auto k = c.keyring(); S& s : k->a()) g(s); }\n"},
    "failure_dialect": {"src/coffer/base/a.h": HEADER + "Status f() { return {Code::kIo, \"a\"}; }  // return Status(\n"
                        "inline auto g = [] { return StatusOf(Status::ok()); };\n"},
    "function_length": {"src/coffer/base/a.h": HEADER + body_of(60) + "namespace x {\n" + "int a;\n" * 70 + "}\n"},
    "line_length": {"src/coffer/base/a.h": HEADER + "//" + "\u2016" * 118 + "\n", "docs/a.md": "x" * 500},
    "machine_paths": {"docs/a.md": "~/root/a $X/root/b /keys/root/c /etc/coffer/root.key /home/\n"
                                   "/data/trees2 x/data/trees\n"},
    "prose_width": {"docs/a.md": "\n".join([
        WIDE[:100], "\u2016 " * 50, "", "# " + WIDE, "    " + WIDE, "", "    " + WIDE, "", "- a", "",
        "      " + WIDE, "",
        "| " + WIDE + " |", "", "```text", WIDE, "~~~", WIDE, "```", "", "~~~", WIDE, "~~~", "", "[a]: " + WIDE, "",
        "x" * 101, "https://example.org/" + "x" * 99, "- [two words](" + "x" * 99 + "),"])},
    "sources_built": {"src/coffer/base/sub/a.cc": "",
                      "src/coffer/base/layer.cmake": "coffer_layer(coffer base thing.cc sub/a.cc)\n"},
    "documents": {"README.md": "[d](docs/design.md) `[x](no.md)` [w](https://example.org/)\n```\n[y](no.md)\n```\n"},
}


class Rules(unittest.TestCase):
    def findings(self, files):
        texts = {**SOUND, **files}
        sizes = {path: len(text) for path, text in texts.items()}
        return tidy.check(tidy.Tree(texts, sizes, ROOT))

    def test_a_sound_tree_has_no_findings(self):
        self.assertEqual(self.findings({}), [])

    def test_each_rule_fires(self):
        for rule, cases in BREAKING.items():
            for files in cases:
                with self.subTest(rule=rule, files=list(files)):
                    self.assertIn(rule, {finding[2] for finding in self.findings(files)})

    def test_no_rule_fires_on_what_only_looks_like_a_breach(self):
        for rule, files in HARMLESS.items():
            with self.subTest(rule=rule):
                self.assertEqual([finding for finding in self.findings(files) if finding[2] == rule], [])

    def test_a_checkout_in_a_folder_of_every_machine_is_known_by_its_own_name(self):
        for root, folder in (("/data/trees/coffer", "/data/trees"), ("/coffer", "/coffer"),
                             ("/tmp/coffer", "/tmp/coffer"), ("/var/lib/ci/coffer", "/var/lib/ci/coffer")):
            self.assertEqual(tidy.checkout_folder(root), folder)

    def test_a_checkout_in_a_folder_that_the_tree_has_too_forbids_no_path_in_the_tree(self):
        files = {**SOUND, "tests/a.py": "open(ROOT + '/src/coffer')\n"}
        self.assertEqual(list(tidy.machine_paths(tidy.Tree(files, root="/src/coffer"))), [])

    def test_every_rule_has_a_case(self):
        self.assertEqual({rule.__name__ for rule in tidy.RULES}, set(BREAKING))


class CppSource(unittest.TestCase):
    def names(self, code):
        return [(name, last - first + 1) for name, first, last in functions(strip_comments(code))]

    def test_functions_are_found_in_every_shape(self):
        self.assertEqual(self.names("""
namespace a {
struct S : T {
  S() : a_{1}, b_(2), c_{3} {
    x();
  }
  ~S() override = default;
  Result<int> get(int n = 3) const noexcept override { return {n}; }
  bool operator==(const S&) const { return true; }
  int field = 3;
  int list[2] = {1, 2};
};
template <class T>
auto g(T t) -> std::vector<T> {
  if (t) { for (;;) { } }
  auto l = [&](int x) { return x; };
  return {};
}
const std::map<int, int> kTable = {{1, 2}, {3, 4}};
enum class E { kA, kB };
TEST(Suite, Case) { EXPECT_EQ(1, 1); }
}
"""), [("S", 3), ("get", 1), ("operator==", 1), ("g", 6), ("TEST", 1)])

    def test_braces_in_literals_and_comments_do_not_count(self):
        self.assertEqual(self.names("void f() {\n  char c = '{'; // {\n  s = \"{\"; /* { */ r = R\"x({)\" )x\";\n"
                                    "  int n = 1'000'000;\n}\nvoid g() { }\n"), [("f", 5), ("g", 1)])

    def test_stripping_keeps_line_numbers(self):
        text = "a /* 1\n2 */ b\n// c\nR\"(\n)\" d\n"
        self.assertEqual(strip_comments(text).count("\n"), text.count("\n"))
        self.assertEqual(strip_comments(text).split("\n")[4].split()[-1], "d")

    def test_names_are_taken_apart(self):
        self.assertEqual(words_of("kHTTPServerImpl_v2"), ["k", "HTTP", "Server", "Impl", "v", "2"])


if __name__ == "__main__":
    unittest.main()
