"""The command line itself: help, version, wrong usage, the operand COFFER from the environment."""

import json
import os
import pty

from harness import CliTest, main

COMMANDS = ("keygen", "init", "exec", "status", "rotate root", "rotate domain", "rewrap", "verify", "cat", "inspect",
            "keyring show", "domain add", "domain list", "domain move", "group remove", "kmip list", "kmip create",
            "kmip expire", "kmip revoke", "kmip destroy", "kmip ping")


class Help(CliTest):
    def test_the_general_help_lists_every_command(self):
        for words in (["--help"], ["-h"], ["help"]):
            run = self.done(*words)
            self.assertEqual(run.err, "")
            for command in COMMANDS:
                self.assertIn(f"coffer {command} ", run.out)

    def test_every_command_has_help_with_examples_and_no_line_too_long_for_a_terminal(self):
        for command in COMMANDS:
            run = self.done(*command.split(), "--help")
            self.assertIn(f"usage: coffer {command} ", run.out)
            self.assertIn("--json", run.out)
            self.assertIn(f"\nexamples:\n  coffer {command} ", run.out)
            self.assertEqual(self.done("help", *command.split()).out, run.out)
            self.assertLess(max(len(line) for line in run.out.splitlines()), 140, command)

    def test_a_groups_help_lists_its_commands(self):
        run = self.done("rotate", "--help")
        self.assertIn("coffer rotate root", run.out)
        self.assertIn("coffer rotate domain", run.out)
        self.assertNotIn("coffer verify", run.out)

    def test_help_works_where_nothing_else_does(self):
        self.assertIn("usage", self.done("status", "/nowhere", "--help").out)

    def test_help_and_version_come_as_json_too(self):
        self.assertIn("usage", json.loads(self.done("status", "--help", "--json").out)["help"])
        self.assertRegex(self.done("--version", "--json").json()["version"], r"^\d+\.\d+\.\d+$")
        self.assertRegex(self.done("--version").out, r"^coffer \d+\.\d+\.\d+ \(cryptography: \S+\)\n$")


class WrongUsage(CliTest):
    def test_unknown_options_and_commands_are_errors_that_suggest_the_right_one(self):
        self.refused(["status", "c.coffer", "--rot", "x"], "invalid_argument", "unknown option --rot",
                     "did you mean --root?")
        self.refused(["status", "c.coffer", "--no-such-option"], "invalid_argument", "unknown option --no-such-option",
                     "coffer status --help")
        self.refused(["staus", "c.coffer"], "invalid_argument", "unknown command staus", "did you mean status?")
        self.refused(["frobnicate"], "invalid_argument", "unknown command frobnicate", "coffer --help")
        self.refused(["--verbose", "status"], "invalid_argument", "unknown option --verbose")
        self.refused(["-x", "status"], "invalid_argument", "unknown option -x")
        self.refused(["status", "c.coffer", "-x"], "invalid_argument", "unknown option -x")

    def test_missing_and_surplus_operands_are_errors(self):
        self.refused([], "invalid_argument", "expected a command", "coffer --help")
        self.refused(["status"], "invalid_argument", "status: expected COFFER [PATH…]")
        self.refused(["rotate", "domain", "c.coffer"], "invalid_argument", "rotate domain: expected COFFER NAME")
        self.refused(["rotate"], "invalid_argument", "rotate: expected root or domain next")
        self.refused(["rotate", "everything"], "invalid_argument", "not everything")
        self.refused(["keygen", "a", "b"], "invalid_argument", "unexpected argument \"b\"")
        self.refused(["status", ""], "invalid_argument", "COFFER is empty")

    def test_options_without_value_given_twice_or_with_a_wrong_value_are_errors(self):
        self.refused(["status", "c.coffer", "--root="], "invalid_argument", "--root: expected one ROOT")
        self.refused(["status", "c.coffer", "--root"], "invalid_argument", "--root: expected")
        self.refused(["status", "c.coffer", "--root", "a", "--root", "b"], "invalid_argument",
                     "--root: expected one ROOT")
        self.refused(["keygen", "root.key", "--overwrite=3"], "invalid_argument", "--overwrite takes no value")
        self.refused(["keygen", "root.key", "--bits", "255"], "invalid_argument",
                     "--bits: expected 128, 192, 256, not \"255\"")
        init = ["init", "c.coffer", "--root", "file:///k"]
        self.refused([*init, "--chunk-size", "1000"], "invalid_argument", "--chunk-size", "16384")
        self.refused([*init, "--cipher", "rot13"], "invalid_argument", "aes-256-gcm", "rot13")
        self.refused(["init", "c.coffer"], "invalid_argument", "--root")
        self.refused(["status", "c.coffer", "--root", ""], "invalid_argument", "--root")

    def test_exec_needs_a_program_behind_two_hyphens(self):
        self.make_coffer()
        self.refused(["exec", "c.coffer"], "invalid_argument", "expected -- and a program")
        self.refused(["exec", "c.coffer", "--"], "invalid_argument", "expected -- and a program")
        self.refused(["exec", "c.coffer", "ls", "-l"], "invalid_argument")

    def test_an_unknown_domain_is_an_error(self):
        self.make_coffer()
        self.refused(["rotate", "domain", "c.coffer", "tenant"], "not_found", "tenant")
        self.refused(["rewrap", "c.coffer", "--domain", "tenant"], "not_found", "tenant")

    def test_a_path_that_does_not_exist_is_an_error(self):
        self.make_coffer()
        for verb in ("status", "rewrap", "verify"):
            self.refused([verb, "c.coffer", "nowhere"], "not_found", "nowhere")
        self.refused(["cat", "c.coffer", "nowhere"], "not_found", "nowhere")
        self.refused(["inspect", "nowhere"], "not_found", "nowhere")
        self.refused(["inspect", "c.coffer"], "invalid_argument", "COFFER/keyring")

    def test_operands_named_like_commands_or_with_a_leading_hyphen_are_operands(self):
        self.make_coffer("rotate")
        self.done("status", "rotate")
        self.make_file("rotate", "store/-dash", b"abc")
        self.assertEqual(self.done("cat", "rotate", "--", "store/-dash").bytes, b"abc")
        self.make_file("rotate", "[a,b]", b"odd")
        self.assertEqual(self.done("cat", "rotate", "[a,b]").bytes, b"odd")

    def test_options_may_stand_anywhere_and_take_either_form(self):
        self.make_coffer()
        root = self.uri("root.key")
        for words in (["--json", "status", "c.coffer"], ["status", "--json", "c.coffer"],
                      ["status", "c.coffer", f"--root={root}", "--json"],
                      ["status", "--root", root, "c.coffer", "--json"]):
            self.assertEqual(self.done(*words).json()["coffer"], self.path("c.coffer"))


class CofferFromTheEnvironment(CliTest):
    def test_it_stands_in_where_the_operand_is_left_out(self):
        self.make_coffer()
        here = {"COFFER": self.path("c.coffer")}
        self.make_store()
        self.done("status", environment=here)
        self.done("rotate", "domain", "system", "--rewrap", environment=here)
        self.done("rotate", "root", environment=here)
        self.done("cat", "store/raw", environment=here)
        self.done("keyring", "show", environment=here)
        self.done("domain", "add", "tenant", environment=here)
        self.done("verify", environment=here)

    def test_an_operand_wins_over_it(self):
        self.make_coffer("a.coffer")
        self.make_coffer("b.coffer")
        answer = self.done("status", "b.coffer", "--json", environment={"COFFER": self.path("a.coffer")}).json()
        self.assertEqual(answer["coffer"], self.path("b.coffer"))

    def test_empty_is_as_unset(self):
        self.refused(["status"], "invalid_argument", "expected COFFER", environment={"COFFER": ""})


class Output(CliTest):
    def on_a_terminal(self, stream, *words):
        """Runs with this stream on a terminal: the outcome, and what the terminal showed."""
        ours, theirs = pty.openpty()
        process = self.start(*words, **{stream: theirs})
        os.close(theirs)
        shown = b""
        try:
            while piece := os.read(ours, 65536):
                shown += piece
        except OSError:
            pass  # how a pseudo-terminal ends
        os.close(ours)
        return self.outcome(process), shown

    def test_an_answer_that_cannot_be_written_is_a_failure(self):
        self.make_coffer()
        self.make_store()
        for words in (["status", "c.coffer"], ["cat", "c.coffer", "store/data.sst"]):
            with open("/dev/full", "wb") as full:
                run = self.outcome(self.start(*words, stdout=full))
            self.assertEqual(run.status, 2, run)
            self.assertIn("cannot write to standard output", run.err)

    def test_decrypted_bytes_do_not_go_to_a_terminal_unasked(self):
        self.make_coffer()
        contents = self.make_file("c.coffer", "store/text", b"plain words", "log")
        run, shown = self.on_a_terminal("stdout", "cat", "c.coffer", "store/text")
        self.assertEqual((run.status, shown), (2, b""), run)
        self.assertIn("--force", run.err)
        run, shown = self.on_a_terminal("stdout", "cat", "c.coffer", "store/text", "--force")
        self.assertEqual((run.status, shown), (0, b"plain words"), (run, contents))

    def test_progress_is_shown_on_a_terminal_and_nowhere_else_and_does_not_stay(self):
        self.make_coffer()
        self.make_store()
        for verb, word in (("verify", "verifying: "), ("rewrap", "rewrapping: ")):
            self.assertEqual(self.done(verb, "c.coffer").err, "")
            run, shown = self.on_a_terminal("stderr", verb, "c.coffer")
            self.assertEqual(run.status, 0, run)
            self.assertIn(word, shown.decode())
            self.assertTrue(shown.endswith(b"\r\x1b[K"), shown)
            self.assertEqual(self.on_a_terminal("stderr", verb, "c.coffer", "--json")[1], b"")

    def test_json_is_one_object_on_one_line_with_nothing_beside_it(self):
        self.make_coffer()
        self.make_store()
        for line in ("keygen new.key", f"init new.coffer --root {self.uri('root.key')}", "status c.coffer",
                     "rotate root c.coffer", "rotate domain c.coffer system --rewrap", "rewrap c.coffer",
                     "verify c.coffer", "cat c.coffer store/raw -o out", "inspect store/data.sst",
                     "inspect c.coffer/keyring", "keyring show c.coffer", "domain add c.coffer one --path one",
                     "domain list c.coffer", "--version", "--help"):
            run = self.done(*line.split(), "--json")
            self.assertEqual((run.err, run.out.count("\n")), ("", 1), f"{line}: {run}")
            self.assertIsInstance(run.json(), dict, line)
            self.assertTrue(run.out.endswith("}\n"), line)


if __name__ == "__main__":
    main()
