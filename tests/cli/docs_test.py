"""What the pages say of the command line is what it does: commands, options of coffer.yaml, codes of errors."""

import os
import re

from harness import CliTest, main

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def page(name):
    with open(os.path.join(ROOT, name), encoding="utf-8") as file:
        return file.read()


def section(text, heading):
    """From this heading to the next one of its level."""
    return re.search(rf"^## {re.escape(heading)}$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)[1]


def first_column(text):
    return re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)


class OperatingPage(CliTest):
    def test_it_lists_exactly_the_codes_that_there_are(self):
        names = set(re.findall(r'return "([a-z_]+)";', page("src/coffer/base/status.cc"))) - {"ok", "unknown"}
        self.assertEqual(set(first_column(section(page("docs/operating.md"), "What an error means"))), names)

    def test_it_lists_exactly_the_kinds_of_problem_that_verify_names(self):
        kinds = set(re.findall(r'return "([a-z ]+)";', page("src/coffer/cli/problem.cc")))
        table = section(page("docs/operating.md"), "Check that everything is as written")
        self.assertEqual(set(first_column(table)), kinds)

    def test_it_lists_exactly_the_options_of_coffer_yaml(self):
        self.make_coffer()
        self.write("c.coffer/coffer.yaml", b"no_such_option: 1\n")
        said = self.refused(["status", "c.coffer"], "invalid_argument", "known are").err
        known = set(re.findall(r"\w+", said.split("known are")[1])) - {"and"}
        self.assertEqual(set(first_column(section(page("docs/operating.md"), "coffer.yaml"))), known)

    def test_the_configuration_that_init_writes_shows_every_default_it_claims(self):
        self.make_coffer()
        written = dict(re.findall(r"^(\w+): (\S+)", self.read("c.coffer/coffer.yaml").decode(), re.MULTILINE))
        table = section(page("docs/operating.md"), "coffer.yaml")
        claimed = dict(re.findall(r"^\| `(\w+)` \| `([^`]+)`", table, re.MULTILINE))
        # These are the coffer's own.
        self.assertEqual({written.pop("coffer")[:1], written.pop("keyring")[:1]}, {'"'})
        self.assertEqual(written, claimed)

    def test_every_command_line_on_the_pages_is_one_that_is_understood(self):
        commands = re.findall(r"^  coffer (\S.*?)  ", self.done("--help").out, re.MULTILINE)
        seen = set()
        for name in ("README.md", "docs/operating.md", "docs/keys.md", "docs/threat-model.md",
                     "docs/c-api.md", "docs/providers/kmip.md", "docs/backup-targets.md", "docs/backups.md"):
            # In code spans, and in blocks at the begin of a line or behind a prompt.
            for words in re.findall(r"(?:`|^ {4}|^\$ )coffer ([a-z-]+(?: [a-z][a-z-]*)?)", page(name), re.MULTILINE):
                command = next((known for known in commands if known == words or known == words.split()[0]), None)
                self.assertIsNotNone(command, f"{name}: coffer {words}")
                seen.add(command)
        self.assertEqual(seen, set(commands), "commands that no page shows")


class ThreatModelPage(CliTest):
    def test_every_test_that_it_names_is_there(self):
        sources = "".join(page(os.path.relpath(os.path.join(folder, name), ROOT))
                          for folder, _, names in os.walk(os.path.join(ROOT, "tests"))
                          for name in names if name.endswith((".cc", ".h", ".py")))
        known = {f"{suite}.{case}" for suite, case in re.findall(r"^TEST(?:_F|_P)?\((\w+),\s*(\w+)\)", sources,
                                                                 re.MULTILINE)}
        known |= set(re.findall(r"def (test_\w+)", sources))
        named = set(re.findall(r"`(\w+\.[A-Z]\w+|test_\w+)`", page("docs/threat-model.md")))
        self.assertGreater(len(named), 40)
        self.assertEqual(named - known, set())


class ProviderPages(CliTest):
    def test_every_kind_of_root_key_has_its_line_and_the_fields_of_its_handle(self):
        schemes = {scheme["scheme"] for scheme in self.done("provider", "list", "--json").json()["schemes"]}
        lines = re.findall(r"^\| `([a-z0-9-]+):", page("docs/providers.md"), re.MULTILINE)
        self.assertEqual(set(lines), schemes)
        handles = re.findall(r"^\| `([a-z0-9-]+)` \| [123] \|", page("docs/format.md"), re.MULTILINE)
        self.assertEqual(set(handles), schemes)


if __name__ == "__main__":
    main()
