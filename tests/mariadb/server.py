"""MariaDB servers on coffers: the vocabulary of the tests beside this file."""

import hashlib
import os
import pwd
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))

from harness import CliTest, main, seed  # noqa: E402, F401

PLUGIN = os.environ["COFFER_KEY_MANAGEMENT"]  # ctest sets it
DEBIANS_PLUGINS = "/usr/lib/mysql/plugin"
USER = pwd.getpwuid(os.geteuid()).pw_name
PATIENCE = 60  # seconds, on a busy machine
MARK = "plaintextmarker"
# What makes a server small and quick to start.
SMALL = ("--innodb-log-file-size=4M", "--innodb-buffer-pool-size=16M", "--innodb-data-file-path=ibdata1:4M:autoextend",
         "--innodb-temp-data-file-path=ibtmp1:4M:autoextend", "--innodb-undo-tablespaces=0", "--aria-log-file-size=8M",
         "--skip-grant-tables", "--performance-schema=OFF")
ENCRYPTED = ("--innodb-encrypt-tables=FORCE", "--innodb-encrypt-log=ON", "--encrypt-binlog=ON",
             "--aria-encrypt-tables=ON", "--encrypt-tmp-disk-tables=ON", "--encrypt-tmp-files=ON",
             "--innodb-encrypt-temporary-tables=ON",
             "--innodb-encryption-threads=2", "--innodb-encryption-rotate-key-age=1")
OURS = ("--plugin-load-add=coffer_key_management", "--coffer-key-management=FORCE_PLUS_PERMANENT",
        "--plugin-maturity=beta")


def wait_until(condition, what):
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"waited {PATIENCE} s in vain: {what}")
        time.sleep(0.05)


class Server:
    """One data directory, and at times a server on it."""

    def __init__(self, test, name="db", options=()):
        self.test = test
        self.data = test.path(name)
        self.socket = test.path(name + ".sock")
        self.log = test.path(name + ".log")
        # Of its own: a server that starts removes what looks like temporary tables, those of another server, too.
        self.temporary = test.path(name + ".tmp")
        self.options = list(options)
        self.process = None
        os.makedirs(os.path.join(self.data, "mysql"), exist_ok=True)
        os.makedirs(self.temporary, exist_ok=True)
        open(self.log, "ab").close()
        test.addCleanup(self.kill)

    def launch(self, *options):
        words = ["/usr/sbin/mariadbd", "--no-defaults", f"--user={USER}", f"--datadir={self.data}", "--skip-networking",
                 f"--socket={self.socket}", f"--pid-file={self.data}/server.pid", f"--log-error={self.log}",
                 f"--plugin-dir={self.test.plugin_directory()}", f"--tmpdir={self.temporary}", *self.options, *options]
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)

    def is_serving(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the server ended with {self.process.returncode}\n" + self.log_text()[-4000:])
        return self.client("select 1").returncode == 0

    def start(self, *options):
        self.launch(*options)
        wait_until(self.is_serving, "the server serves")

    def refuses_to_start(self, *options):
        """What it says in its log then."""
        before = len(self.log_text())
        self.launch(*options)
        self.test.assertNotEqual(self.process.wait(timeout=PATIENCE), 0)
        return self.log_text()[before:]

    def stop(self):
        self.process.terminate()
        self.test.assertEqual(self.process.wait(timeout=PATIENCE), 0, self.log_text()[-4000:])

    def kill(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def log_text(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def client(self, statements, *options):
        return subprocess.run(["/usr/bin/mariadb", "--no-defaults", "-S", self.socket, "-N", "-B", *options],
                              input=statements, capture_output=True, text=True, timeout=PATIENCE, check=False)

    def sql(self, statements):
        """The rows of all that is answered, as lists of texts."""
        run = self.client(statements)
        self.test.assertEqual(run.returncode, 0, f"{statements}\n{run.stderr}\n" + self.log_text()[-4000:])
        return [line.split("\t") for line in run.stdout.splitlines()]

    def fails(self, statement):
        """What it says."""
        run = self.client(statement)
        self.test.assertNotEqual(run.returncode, 0, f"{statement} succeeded")
        return run.stderr

    def versions(self):
        """Of InnoDB's tablespaces: name → (key id, lowest version of a page, version), but for those without a key."""
        rows = self.sql("select name, current_key_id, min_key_version, current_key_version, "
                        "rotating_or_flushing from information_schema.innodb_tablespaces_encryption")
        return {name: (int(key), int(lowest), int(version)) for name, key, lowest, version, busy in rows if busy == "0"}

    def wait_for_version(self, version, of_key=1):
        """All pages are under that version of the key."""
        def reached():
            found = [now for now in self.versions().values() if now[0] == of_key]
            return found and all(lowest >= version for _, lowest, _ in found)
        wait_until(reached, f"all pages under key id {of_key} are of version {version}")

    def wait_for_keys(self, version):
        """That version is what is written under from now on, wherever there is a key."""
        wait_until(lambda: all(now == version for _, _, now in self.versions().values()),
                   f"version {version} of all keys is in use")

    def rotate(self, domain, of_key, coffer="c.coffer"):
        """Twice, since InnoDB leaves a page under its key as long as that is the last but one."""
        before = max(version for key, _, version in self.versions().values() if key == of_key)
        self.test.done("rotate", "domain", coffer, domain)
        self.test.done("rotate", "domain", coffer, domain)
        self.wait_for_version(before + 2, of_key)

    def files(self):
        """Of the data directory: name → contents, one at a time."""
        for folder, _, names in os.walk(self.data):
            for name in names:
                path = os.path.join(folder, name)
                if os.path.isfile(path):
                    with open(path, "rb") as file:
                        yield os.path.relpath(path, self.data), file.read()

    def files_with(self, text):
        """Names of files that have it, in clear."""
        return sorted(name for name, contents in self.files() if text.encode() in contents)

    def innodb_files(self):
        """name → digest, of what InnoDB keeps."""
        return {name: hashlib.sha256(contents).hexdigest() for name, contents in self.files()
                if name.startswith(("ibdata", "ib_log")) or name.endswith(".ibd")}


class MariadbTest(CliTest):
    def plugin_directory(self):
        """Debian's plug-ins, and ours, by links: the server has one directory."""
        directory = self.path("plugins")
        if not os.path.isdir(directory):
            os.mkdir(directory)
            for name in os.listdir(DEBIANS_PLUGINS):
                os.symlink(os.path.join(DEBIANS_PLUGINS, name), os.path.join(directory, name))
            os.symlink(PLUGIN, os.path.join(directory, os.path.basename(PLUGIN)))
        return directory

    def make_mariadb_coffer(self, name="c.coffer", key="root.key", keys="1: system, 100: tenant-a"):
        self.make_coffer(name, key)
        self.done("domain", "add", name, "tenant-a")
        with open(self.path(name, "coffer.yaml"), "a", encoding="utf-8") as file:
            file.write(f"mariadb: {{keys: {{{keys}}}}}\n")
        return name

    def make_server(self, coffer="c.coffer", name="db", options=()):
        return Server(self, name, (*self.options_on(coffer), *options))

    def options_on(self, coffer):
        return (*SMALL, *ENCRYPTED, *OURS, *self.with_coffer(coffer))

    def with_coffer(self, coffer):
        return (f"--coffer-key-management-coffer={self.path(coffer)}",)
