"""Running the `coffer` command line against real directories: the vocabulary of the tests beside this file."""

import base64
import contextlib
import hashlib
import json
import os
import random
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True

COFFER = os.environ["COFFER_BINARY"]  # ctest sets both
WRITE_STORE_FILE = os.environ["WRITE_STORE_FILE"]
IN_NAMESPACE = "COFFER_TEST_IN_NAMESPACE"  # CliTest.in_mount_namespace()
BODY_OFFSET = 8192  # where the envelope ends
RECORD_SIZE = 512  # of a slot, before its zeros
SLOT_SIZE = 4096
# Locks a file as an engine does that has its database open.
HOLD = ("import fcntl, sys; file = open(sys.argv[1], 'r+'); fcntl.lockf(file, fcntl.LOCK_EX); "
        "print(flush=True); sys.stdin.read()")
CHUNKS_OFFSET = BODY_OFFSET + 56  # of a blocks file


class Run:
    """What one run of a program left: exit status, standard output, standard error."""

    def __init__(self, status, out, err):
        self.status = status
        self.bytes = out
        self.out = out.decode("utf-8", "replace")
        self.err = err.decode("utf-8", "replace")

    def json(self):
        return json.loads(self.out)

    def error(self):
        """The error object of a --json run."""
        return json.loads(self.err)["error"]

    def __repr__(self):
        return f"exit {self.status}\n--- stdout\n{self.out}--- stderr\n{self.err}"


def seed():
    """The same chance in every run, or that of COFFER_SEED."""
    value = int(os.environ.get("COFFER_SEED", "1"))
    print(f"COFFER_SEED={value}", file=sys.stderr)
    return random.Random(value)


class CliTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.secrets = set()
        self.directory = tempfile.mkdtemp(prefix="coffer-cli-")
        os.chmod(self.directory, 0o755)
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)

    # --- files

    def path(self, *names):
        return os.path.join(self.directory, *names)

    def read(self, *names):
        with open(self.path(*names), "rb") as file:
            return file.read()

    def write(self, name, data, mode=0o644):
        with open(self.path(name), "wb") as file:
            file.write(data)
        os.chmod(self.path(name), mode)
        return self.path(name)

    def edit(self, name, old, new):
        """As with an editor."""
        text = self.read(name).decode()
        self.assertIn(old, text)
        self.write(name, text.replace(old, new).encode())

    def set_byte(self, name, offset, change=lambda byte: byte ^ 1):
        with open(self.path(name), "r+b") as file:
            file.seek(offset)
            byte = file.read(1)[0]
            file.seek(offset)
            file.write(bytes([change(byte)]))

    def shrink(self, name, size):
        os.truncate(self.path(name), size)

    def tree(self):
        """Everything that is on disk: names, modes and contents."""
        found = {}
        for folder, folders, names in os.walk(self.directory):
            for name in folders + names:
                path = os.path.join(folder, name)
                mode = os.lstat(path).st_mode
                if stat.S_ISSOCK(mode):
                    continue  # a mount's, which comes and goes with it
                with open(path, "rb") if name in names else open(os.devnull, "rb") as file:
                    found[os.path.relpath(path, self.directory)] = (mode, hashlib.sha256(file.read()).hexdigest())
        # A lock file may appear: it is empty and says nothing.
        return {path: what for path, what in found.items() if not path.endswith(".lock")}

    def uri(self, name):
        """Of a key file, as --root takes it."""
        return f"file://{self.path(name)}"

    def in_mount_namespace(self):
        """Whether this run of the test may mount: in a namespace of its own, so that what it mounts vanishes with it.

        The first run starts that one, and has nothing else to do."""
        if IN_NAMESPACE in os.environ:
            return True
        if subprocess.run(["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True,
                          check=False).returncode != 0:
            self.skipTest("needs the right to mount")
        inner = subprocess.run(["unshare", "--mount", sys.executable, sys.argv[0],
                                f"{type(self).__name__}.{self._testMethodName}"],
                               env={**os.environ, IN_NAMESPACE: "1"}, capture_output=True, text=True, check=False)
        self.assertEqual(inner.returncode, 0, inner.stderr)
        return False

    # --- running

    def run_program(self, words, stdin=b"", environment=None, **options):
        variables = {name: value for name, value in os.environ.items() if not name.startswith("COFFER")}
        variables.update(environment or {})
        done = subprocess.run(words, input=stdin, capture_output=True, cwd=self.directory, env=variables,
                              timeout=300, check=False, **options)
        run = Run(done.returncode, done.stdout, done.stderr)
        self.assert_no_secret(run)
        return run

    def coffer(self, *words, **options):
        return self.run_program([COFFER, *words], **options)

    def start(self, *words, **streams):
        """The command in the background."""
        return subprocess.Popen([COFFER, *words], cwd=self.directory,
                                **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE,
                                   **streams})

    @contextlib.contextmanager
    def held_by_an_engine(self, name):
        with subprocess.Popen([sys.executable, "-c", HOLD, self.path(name)], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE) as engine:
            engine.stdout.readline()
            yield
            engine.stdin.close()

    def outcome(self, process):
        out, err = process.communicate(timeout=300)
        return Run(process.returncode, out or b"", err or b"")

    def done(self, *words, **options):
        """A run that has to succeed."""
        run = self.coffer(*words, **options)
        self.assertEqual(run.status, 0, run)
        return run

    def problems(self, *words, **options):
        """A run that has to find problems."""
        run = self.coffer(*words, **options)
        self.assertEqual(run.status, 1, run)
        return run

    def refused(self, words, code, *says, **options):
        """A run that has to fail with this code and these words, in both forms, and to leave no trace."""
        before = self.tree()
        run = self.coffer(*words, **options)
        self.assertEqual(run.status, 2, run)
        self.assertEqual(run.out, "", run)
        lines = run.err.splitlines()
        self.assertTrue(lines and all(line.startswith("coffer: ") for line in lines), run)
        self.assertFalse(any(line.endswith(".") for line in lines), run)
        for part in says:
            self.assertIn(part, run.err, run)
        asked = list(words[:words.index("--")]) + ["--json"] + list(words[words.index("--"):]) if "--" in words \
            else [*words, "--json"]
        as_json = self.coffer(*asked, **options)
        self.assertEqual(as_json.status, 2, as_json)
        self.assertEqual(as_json.error()["code"], code, as_json)
        self.assertTrue(as_json.error()["message"], as_json)
        self.assertEqual(self.tree(), before, f"{words} changed something on disk")
        return run

    def assert_no_secret(self, run):
        for secret in self.secrets:
            for form in (secret, secret.hex().encode(), secret.hex().upper().encode(), base64.b64encode(secret),
                         base64.urlsafe_b64encode(secret).rstrip(b"=")):
                self.assertNotIn(form, run.bytes, "a secret on standard output")
                self.assertNotIn(form.decode("latin-1"), run.err, "a secret on standard error")

    # --- coffers and stores

    def make_key(self, name="root.key", *options):
        self.done("keygen", name, *options)
        if "jwk" in options:
            encoded = json.loads(self.read(name))["keys"][0]["k"]
            self.secrets.add(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
        else:
            self.secrets.add(self.read(name)[32:])
        return self.path(name)

    def make_coffer(self, name="c.coffer", key="root.key", *options):
        if not os.path.exists(self.path(key)):
            self.make_key(key)
        self.done("init", name, "--root", self.uri(key), *options)
        return name

    def make_file(self, coffer, name, data, kind="blocks", *options):
        """A file as an engine would have written it."""
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        run = self.run_program([WRITE_STORE_FILE, self.path(coffer), self.path(name), kind, *options], stdin=data)
        self.assertEqual(run.status, 0, run)
        return name

    def make_store(self, coffer="c.coffer"):
        """One file of each kind, whose contents it returns."""
        sizes = {"store/data.sst": 20000, "store/events.log": 9000, "store/raw": 5000}
        contents = {name: os.urandom(size) for name, size in sizes.items()}
        self.make_file(coffer, "store/data.sst", contents["store/data.sst"])
        self.make_file(coffer, "store/events.log", contents["store/events.log"], "log", "--pieces", "3")
        self.make_file(coffer, "store/raw", contents["store/raw"], "ctr")
        return contents

    def verified(self, *words):
        """path → kind of problem, from `verify --json`."""
        run = self.coffer("verify", *words, "--json")
        self.assertIn(run.status, (0, 1), run)
        answer = run.json()
        found = {os.path.relpath(problem["path"], self.directory): problem["kind"] for problem in answer["problems"]}
        self.assertEqual(run.status, 1 if found else 0, run)
        return found

    def active_share(self, coffer="c.coffer"):
        """Files under active keys, and all files."""
        answer = self.coffer("status", coffer, "--json").json()
        return answer["active"]["files"], answer["total"]["files"]


def columns(text, heading):
    """The rows below the line that begins with `heading`, split at runs of two blanks."""
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(heading))
    rows = []
    for line in lines[start + 1:]:
        if not line.strip():
            break
        rows.append(re.split(r" {2,}", line.strip()))
    return rows


def main():
    unittest.main(verbosity=2)
