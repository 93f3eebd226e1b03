"""Manual pages and what shells complete, by the programs that people read and run them with."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

from harness import COFFER, CliTest, main

DEADLINE_S = 60


class ManualPages(CliTest):
    def pages(self):
        os.mkdir(self.path("man1"))
        self.done("manual", self.path("man1"))
        return sorted(os.listdir(self.path("man1")))

    def test_each_command_has_one_that_says_what_its_help_says(self):
        pages = self.pages()
        commands = re.findall(r"^  coffer ([a-z-]+(?: [a-z-]+)?)  ", self.done("--help").out, re.MULTILINE)
        self.assertEqual(pages, sorted(["coffer.1"] + [f"coffer-{name.replace(' ', '-')}.1" for name in commands]))
        for name in commands:
            page = self.read("man1", f"coffer-{name.replace(' ', '-')}.1").decode().replace("\\-", "-")
            help_text = self.done(*name.split(), "--help").out
            for flag in re.findall(r"^  (?:-\w, )?(--[a-z-]+)", help_text, re.MULTILINE):
                self.assertIn(flag, page, name)
            self.assertIn(help_text.splitlines()[0], page)

    def formatted(self, *pages):
        """As man(1) has it done."""
        words = ["groff", "-k", "-man", "-Tutf8", "-P-c", "-ww", *(self.path("man1", page) for page in pages)]
        run = subprocess.run(words, capture_output=True, check=True, env=os.environ | {"LC_ALL": "C.UTF-8"})
        self.assertEqual(run.stderr, b"")
        return re.sub(".\b", "", run.stdout.decode())

    def test_the_formatter_has_nothing_to_say_against_them(self):
        self.formatted(*self.pages())

    def test_they_read_as_they_should(self):
        self.pages()
        text = self.formatted("coffer-rotate-root.1")
        self.assertIn("coffer rotate root COFFER [OPTION…]", text)
        self.assertIn("coffer rotate root /var/lib/db.coffer --to file:///etc/coffer/root-2.key", text)
        self.assertIn("coffer(1), coffer-rotate-domain(1)", text)

    def test_a_directory_that_is_not_there_is_an_error(self):
        run = self.refused(["manual", self.path("nowhere")], "not_found", self.path("nowhere"))
        self.assertIn(self.path("nowhere"), run.err)
        self.assertFalse(os.path.exists(self.path("nowhere")))


class Completion(CliTest):
    """`complete` is a shell's: what it offers for the last of the words."""

    def setUp(self):
        super().setUp()
        os.mkdir(self.path("shops.coffer"))
        self.write("notes.txt", b"")

    def script(self, shell, name):
        return self.write(name, self.done("completion", shell).bytes)

    def check_what_is_offered(self, complete):
        self.assertEqual(complete("rot"), {"rotate"})
        self.assertEqual(complete("rotate", ""), {"root", "domain"})
        self.assertEqual(complete("rotate", "root", "--t"), {"--to"})
        self.assertLessEqual({"--rewrap", "--root", "--config", "--keyring", "--json", "--help"},
                             complete("rotate", "domain", "--"))
        self.assertEqual(complete("mount", "--names", ""), {"clear", "encrypted"})
        self.assertEqual({name.rstrip("/") for name in complete("status", "sho")}, {"shops.coffer"})
        self.assertEqual(complete("status", "--config", "not"), {"notes.txt"})
        # Nobody but the user knows these.
        self.assertEqual(complete("rotate", "root", "--to", "not"), set())

    def test_bash(self):
        script = self.script("bash", "coffer.bash")
        driver = ("source \"$1\"; shift; compopt() { :; }; COMP_WORDS=(coffer \"$@\"); COMP_CWORD=$#; _coffer; "
                  "printf '%s\\n' \"${COMPREPLY[@]}\"")

        def complete(*words):
            run = subprocess.run(["bash", "--norc", "-c", driver, "bash", script, *words], capture_output=True,
                                 text=True, check=True, cwd=self.directory)
            self.assertEqual(run.stderr, "")
            return set(run.stdout.split())

        self.check_what_is_offered(complete)
        self.assertIn("sleep", complete("exec", "shops.coffer", "--", "slee"))

    def test_fish(self):
        script = self.script("fish", "coffer.fish")

        def complete(*words):
            line = " ".join(("coffer", *words))
            run = subprocess.run(["fish", "--no-config", "-c", f"source {script}; complete -C '{line}'"],
                                 capture_output=True, text=True, check=True, cwd=self.directory)
            self.assertEqual(run.stderr, "")
            return {row.split("\t")[0] for row in run.stdout.splitlines()}

        self.check_what_is_offered(complete)

    def test_zsh(self):
        self.script("zsh", "_coffer")
        shell = Zsh(self.directory)
        try:
            shell.run(f"cd {self.directory}; fpath=({self.directory} $fpath); autoload -Uz compinit; compinit -u -D")
            self.assertIn("gives a domain a fresh key", shell.complete("coffer rotate ", "fresh key: new files"))
            self.assertIn("--rewrap", shell.complete("coffer rotate domain x --re", "--rewrap "))
            listed = shell.complete("coffer mount --names ", "encrypted")
            self.assertIn("clear", listed)
            self.assertIn("shops.coffer", shell.complete("coffer status sho", "shops.coffer"))
            self.assertIn("notes.txt", shell.complete("coffer status --config not", "notes.txt"))
        finally:
            shell.end()

    def test_another_shell_is_an_error(self):
        self.refused(["completion", "tcsh"], "invalid_argument", "expected bash, zsh or fish")


class Zsh:
    """One at a terminal: it completes nowhere else."""

    def __init__(self, directory):
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            environment = os.environ | {"TERM": "xterm", "ZDOTDIR": directory, "LC_ALL": "C.UTF-8",
                                        "PATH": os.path.dirname(COFFER) + ":" + os.environ["PATH"]}
            os.execvpe("zsh", ["zsh", "-f", "-i"], environment)
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 60, 250, 0, 0))
        self.run("unsetopt prompt_cr prompt_sp")

    def until(self, text):
        seen, end = "", time.monotonic() + DEADLINE_S
        while text not in seen:
            if not select.select([self.terminal], [], [], max(0, end - time.monotonic()))[0]:
                raise AssertionError(f"zsh did not show {text!r}, but {seen!r}")
            seen += os.read(self.terminal, 65536).decode("utf-8", "replace")
        return seen

    def run(self, line):
        os.write(self.terminal, line.encode() + b"; echo do''ne\n")
        self.until("done\r\n")

    def complete(self, words, shown):
        os.write(self.terminal, words.encode() + b"\t")
        seen = self.until(shown)
        os.write(self.terminal, b"\x15")  # takes the line back
        self.run("true")
        return seen

    def end(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.terminal)


if __name__ == "__main__":
    main()
