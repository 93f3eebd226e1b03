"""A mounted store is backed up while programs write below it: it is frozen for a moment, whatever happens then."""

import glob
import json
import os
import pwd
import signal
import socket
import sqlite3
import struct
import subprocess
import threading
import time
import unittest

from mounting import MountTest, main

from keeper import add_target  # of tests/cli

LONG = "COFFER_FUSE_LONG" in os.environ
# engines/fuse/freeze_wire.h
FREEZE, THAW, FROZEN, THAWED, BUSY, OVER = 1, 2, 3, 4, 5, 8
PAUSE = 0.001 if LONG else 0.01  # seconds between two steps of a writer
SETTLED = 2.2  # seconds until a file's times tell every change


class Writer(threading.Thread):
    """Does one thing again and again, and counts how often."""

    def __init__(self, step):
        super().__init__(daemon=True)
        self.step = step
        self.done = 0
        self.stopping = False
        self.failed = None

    def run(self):
        try:
            while not self.stopping:
                self.step(self.done)
                self.done += 1
                time.sleep(PAUSE)
        except OSError as e:
            self.failed = e

    def stop(self):
        self.stopping = True
        self.join(timeout=60)


class FreezeTest(MountTest):
    def setUp(self):
        super().setUp()
        self.target = "./target"
        self.writers = []
        self.make_coffer()
        self.make_key("safe.key")
        self.addCleanup(self.stop_writers)

    def stop_writers(self):
        for writer in self.writers:
            writer.stop()

    def write_on(self, step):
        self.writers.append(Writer(step))
        self.writers[-1].start()
        return self.writers[-1]

    def write_to(self, name):
        """A writer of one file, from front to back, which never ends."""
        fd = os.open(self.path("m", name), os.O_RDWR | os.O_CREAT, 0o644)
        self.addCleanup(os.close, fd)

        return self.write_on(lambda n: os.pwrite(fd, struct.pack("<Q", n) * 512, 0))

    def create(self, *words, paths=("store",)):
        return ["backup", "create", "c.coffer", self.target, *paths, "--recipient", self.uri("root.key"),
                "--recipient", self.uri("safe.key"), *words]

    def made(self, *words, **options):
        return self.done(*self.create(*words, **options), "--json").json()

    def fails(self, code, says, *words):
        run = self.coffer(*self.create(*words, "--json"))
        self.assertEqual((run.status, run.error()["code"]), (2, code), run)
        self.assertIn(says, run.error()["message"])
        self.assertEqual(self.listed(), [])

    def restore(self, name):
        """Mounted at the returned path."""
        self.done("backup", "verify", self.target, "latest", "--coffer", "c.coffer")
        self.done("backup", "restore", "c.coffer", self.target, "latest", name)
        os.mkdir(self.path(name + ".m"))
        self.addCleanup(subprocess.run, ["umount", "-l", self.path(name + ".m")], capture_output=True, check=False)
        return self.mount(store=name, at=name + ".m")

    def listed(self):
        run = self.coffer("backup", "list", "c.coffer", "--json")
        return [row["state"] for row in run.json()["backups"]]

    def keep_slowly(self, seconds):
        add_target(self, "c.coffer", "slow", seconds)
        self.target = "slow"

    def await_puts(self, count):
        self.wait_for(lambda: os.path.exists(self.path("puts")) and len(self.read("puts")) >= count,
                      f"{count} bodies are being put")

    def await_stop(self, writer):
        """Until it waits for the thaw."""
        def stands():
            before = writer.done
            time.sleep(0.4)
            return writer.done == before
        self.wait_for(stands, "the writer has to wait")

    def await_more(self, writer):
        before = writer.done
        self.wait_for(lambda: writer.done > before + 1, "the writer goes on")

    # --- asking by hand

    def sockets(self):
        return glob.glob(self.path("c.coffer", "mounts.d", "*.sock"))

    def ask(self, word, seconds=30, asking=None):
        if asking is None:
            asking = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self.addCleanup(asking.close)
            asking.connect(self.sockets()[0])
            asking.settimeout(20)
        asking.send(b"coffer.1" + struct.pack("<II", word, seconds))
        return asking

    def answer(self, asking):
        try:
            packet = asking.recv(64)
        except ConnectionResetError:
            return None
        return struct.unpack("<8sII", packet)[1] if packet else None

    def freeze(self, seconds=30):
        asking = self.ask(FREEZE, seconds)
        self.assertEqual(self.answer(asking), FROZEN)
        return asking


class Load:
    """Programs below a mount, each with something that is always true of what it has made durable."""

    def __init__(self, test, mount):
        self.test, self.mount = test, mount
        self.databases = [sqlite3.connect(os.path.join(mount, name), timeout=60, isolation_level=None,
                                          check_same_thread=False) for name in ("wal.db", "rollback.db")]
        for database, mode in zip(self.databases, ("wal", "delete")):
            database.execute(f"PRAGMA journal_mode={mode}")
            database.execute("CREATE TABLE one (n INTEGER, filler BLOB)")
            database.execute("CREATE TABLE other (n INTEGER)")
        self.first, self.second, self.lines = (
            os.open(os.path.join(mount, name), os.O_RDWR | os.O_CREAT | os.O_APPEND * (name == "lines"), 0o644)
            for name in ("first", "second", "lines"))
        self.steps = [lambda n, d=database: self.commit(d, n) for database in self.databases]
        self.steps += [self.count, self.append, self.churn]
        self.writers = []

    def commit(self, database, n):
        database.execute("BEGIN IMMEDIATE")
        database.execute("INSERT INTO one VALUES (?, randomblob(3000))", (n,))
        database.execute("INSERT INTO other VALUES (?)", (n,))
        database.execute("COMMIT")

    def count(self, n):
        for fd in (self.first, self.second):
            os.pwrite(fd, struct.pack("<Q", n), 0)
            os.fsync(fd)

    def append(self, n):
        os.write(self.lines, b"%07d\n" % n)

    def churn(self, n):
        name = os.path.join(self.mount, "new")
        with open(name, "wb") as file:
            file.write(b"%d" % n * 500)
            os.fsync(file.fileno())
        os.rename(name, os.path.join(self.mount, f"kept-{n}"))
        if n >= 3:
            os.unlink(os.path.join(self.mount, f"kept-{n - 3}"))

    def start(self):
        self.writers = [self.test.write_on(step) for step in self.steps]

    def stop(self):
        for writer in self.writers:
            writer.stop()
            self.test.assertIsNone(writer.failed)
        for database in self.databases:
            database.close()
        for fd in (self.first, self.second, self.lines):
            os.close(fd)

    def check(self, restored, before):
        """`before`: how far each writer was when the backup began."""
        test = self.test
        for name, done in zip(("wal.db", "rollback.db"), before):
            database = sqlite3.connect(os.path.join(restored, name), timeout=60)
            test.assertEqual(database.execute("PRAGMA integrity_check").fetchall(), [("ok",)], name)
            one, other = (database.execute(f"SELECT count(*), coalesce(max(n), -1) FROM {table}").fetchone()
                          for table in ("one", "other"))
            test.assertEqual(one, other, name)
            test.assertEqual(one[0], one[1] + 1, name)
            test.assertGreaterEqual(one[0], done, name)
            database.close()
        first, second = (struct.unpack("<Q", self.contents(restored, name))[0] for name in ("first", "second"))
        test.assertIn(first - second, (0, 1))
        test.assertGreaterEqual(second + 1, before[2])
        lines = self.contents(restored, "lines").split(b"\n")
        test.assertEqual([int(line) for line in lines[:-1]], list(range(len(lines) - 1)))
        test.assertGreaterEqual(len(lines) - 1, before[3])
        kept = sorted(int(name[5:]) for name in os.listdir(restored) if name.startswith("kept-"))
        test.assertEqual(kept, list(range(kept[0], kept[-1] + 1)), "renamed one after the other")
        test.assertIn(len(kept), (3, 4))
        for n in kept:
            test.assertEqual(self.contents(restored, f"kept-{n}"), b"%d" % n * 500)

    @staticmethod
    def contents(*names):
        with open(os.path.join(*names), "rb") as file:
            return file.read()


class WhileProgramsWrite(FreezeTest):
    def back_up_under_load(self, *options, rounds=1):
        mount = self.mount(*options)
        still = os.urandom(3_000_000)
        with open(self.path("m", "still"), "wb") as file:
            file.write(still)
        load = Load(self, mount)
        load.start()
        time.sleep(SETTLED)
        for turn in range(rounds):
            before = [writer.done for writer in load.writers]
            answer = self.made(paths=("m",) if turn == 0 else ("store",))
            self.assertLess(answer["frozen_millis"], 20_000)
            for writer in load.writers:
                self.await_more(writer)
            restored = self.restore(f"new-{turn}")
            load.check(restored, before)
            self.assertEqual(load.contents(restored, "still"), still)
            self.umount(f"new-{turn}.m")
        load.stop()
        self.umount()
        self.assertEqual([line for line in self.log().splitlines() if ": version " not in line], [])

    def test_what_was_durable_when_it_began_is_in_a_backup_and_all_is_of_one_moment(self):
        self.back_up_under_load(rounds=3 if LONG else 1)

    @unittest.skipUnless(LONG, "in the long test")
    def test_the_same_where_the_kernel_gathers_writes(self):
        self.back_up_under_load("--write-back", rounds=3)

    def test_files_that_only_grow_go_on_growing(self):
        self.write("c.coffer/coffer.yaml", self.read("c.coffer/coffer.yaml") +
                   b"mounted_files:\n  - match: '*.sst'\n    kind: blocks\n  - match: '*.log'\n    kind: log\n", 0o600)
        self.mount()
        files = {name: os.open(self.path("m", name), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
                 for name in ("a.sst", "a.log")}
        for fd in files.values():
            os.write(fd, b"before" * 1000)
        with open(self.path("m", "whole.sst"), "wb") as file:
            file.write(b"whole" * 1000)
            os.fsync(file.fileno())
        self.made()
        for fd in files.values():
            os.write(fd, b"after" * 1000)
            os.close(fd)
        self.umount()
        self.mount()
        for name in files:
            self.assertEqual(self.read("m", name), b"before" * 1000 + b"after" * 1000)
        self.umount()
        # What nobody had synced is as a crash leaves it, and said to be so.
        run = self.problems("backup", "verify", self.target, "latest", "--coffer", "c.coffer", "--json")
        self.assertEqual([(each["path"], each["kind"]) for each in run.json()["backups"][0]["problems"]],
                         [("a.sst", "truncated")])
        self.done("backup", "restore", "c.coffer", self.target, "latest", "new")
        self.mount(store="new")
        self.assertEqual(self.read("m", "a.log"), b"before" * 1000)
        self.assertEqual(self.read("m", "whole.sst"), b"whole" * 1000)
        self.umount()

    @unittest.skipUnless(LONG, "in the long test")
    def test_several_stores_are_of_one_moment(self):
        stores = ("store", "other")
        mounts = [self.mount()]
        for name in ("other", "other.m"):
            os.mkdir(self.path(name))
        self.addCleanup(subprocess.run, ["umount", "-l", self.path("other.m")], capture_output=True, check=False)
        mounts.append(self.mount(store="other", at="other.m"))
        files = [os.open(os.path.join(mount, "count"), os.O_RDWR | os.O_CREAT, 0o644) for mount in mounts]

        def count(n):
            for fd in files:
                os.pwrite(fd, struct.pack("<Q", n), 0)
                os.fsync(fd)
        writer = self.write_on(count)
        self.await_more(writer)
        self.made(paths=stores)
        self.await_more(writer)
        writer.stop()
        for fd in files:
            os.close(fd)
        restored = self.restore("new")
        first, second = (struct.unpack("<Q", Load.contents(restored, name, "count"))[0] for name in stores)
        self.assertIn(first - second, (0, 1))

    def test_a_change_that_leaves_size_and_times_as_they_were_is_not_missed(self):
        self.mount()
        for name in ("a", "b"):
            with open(self.path("m", name), "wb") as file:
                file.write(name.encode() * 5000)
        times = os.stat(self.path("m", "a"))
        time.sleep(SETTLED)
        self.keep_slowly(2)
        backup = self.start(*self.create())
        self.await_puts(2)  # "a" is there, and "b" under way
        with open(self.path("m", "a"), "r+b") as file:
            file.write(b"x" * 5000)
        os.utime(self.path("m", "a"), ns=(times.st_atime_ns, times.st_mtime_ns))
        run = self.outcome(backup)
        self.assertEqual(run.status, 0, run)
        self.assertEqual(self.read(self.restore("new"), "a"), b"x" * 5000)


class Interrupted(FreezeTest):
    def frozen_backup(self, *words, seconds=3):
        """A backup at work on a frozen store, and a writer that waits for it."""
        self.keep_slowly(seconds)
        self.mount()
        writer = self.write_to("f")
        self.await_more(writer)
        backup = self.start(*self.create(*words))
        self.await_puts(1)
        self.await_stop(writer)
        return backup, writer

    def test_writers_go_on_when_a_backup_is_killed(self):
        backup, writer = self.frozen_backup()
        backup.kill()
        self.await_more(writer)
        self.outcome(backup)
        self.assertEqual(self.listed(), ["being made"])
        writer.stop()
        ids = [row["id"] for row in self.coffer("backup", "list", "c.coffer", "--json").json()["backups"]]
        self.done("backup", "forget", "c.coffer", *ids)
        self.assertEqual(self.listed(), [])
        self.made()

    @unittest.skipUnless(LONG, "in the long test")
    def test_a_backup_ends_with_an_error_when_the_mount_is_killed(self):
        backup, _ = self.frozen_backup()
        self.kill()
        run = self.outcome(backup)
        self.assertEqual(run.status, 2, run)
        self.assertIn("its mount has ended", run.err)
        self.assertEqual(self.listed(), [])
        # What is left where it listened is nobody's.
        self.assertEqual(len(self.sockets()), 1)
        self.stop_writers()
        self.mount()
        self.answer(self.ask(THAW, asking=self.freeze()))
        self.umount()
        self.assertEqual(self.sockets(), [])

    @unittest.skipUnless(LONG, "in the long test")
    def test_nobody_waits_for_longer_than_was_said(self):
        backup, writer = self.frozen_backup("--freeze-at-most", "2s", seconds=6)
        self.await_more(writer)
        self.assertIsNone(backup.poll(), "it is still at the body")
        run = self.outcome(backup)
        self.assertEqual(run.status, 2, run)
        self.assertIn("--freeze-at-most", run.err)
        self.assertEqual(self.listed(), [])


class Asked(FreezeTest):
    def test_a_frozen_store_is_read_and_whoever_writes_waits(self):
        self.mount()
        writer = self.write_to("f")
        self.await_more(writer)
        asking = self.freeze()
        self.await_stop(writer)
        self.assertEqual(len(self.read("m", "f")), 4096)
        self.assertEqual(os.listdir(self.path("m")), ["f"])
        # Of two the second hears so.
        self.assertEqual(self.answer(self.ask(FREEZE)), BUSY)
        self.fails("busy", "frozen for somebody else")
        self.assertEqual(self.answer(self.ask(THAW, asking=asking)), THAWED)
        self.await_more(writer)
        # Who goes away lets go, and so does who takes too long.
        self.freeze().close()
        self.await_more(writer)
        asking = self.freeze(seconds=1)
        self.await_stop(writer)
        self.assertEqual(self.answer(asking), OVER)
        self.await_more(writer)

    def test_a_mount_that_is_frozen_can_be_ended(self):
        self.mount()
        writer = self.write_to("f")
        self.await_more(writer)
        asking = self.freeze()
        os.kill(self.daemon(), signal.SIGTERM)
        writer.stopping = True
        self.assertEqual(self.answer(self.ask(THAW, asking=asking)), THAWED)
        writer.stop()

    def test_rubbish_is_cut_off_and_does_no_harm(self):
        self.mount()
        writer = self.write_to("f")
        packets = [b"x", b"coffer.1", b"coffer.2" + struct.pack("<II", FREEZE, 5), b"coffer.1" + b"\0" * 8,
                   b"coffer.1" + struct.pack("<II", FREEZE, 5) + b"x", b"coffer.1" + struct.pack("<II", FROZEN, 5),
                   b"coffer.1" + struct.pack("<II", THAW, 5), os.urandom(60_000)]
        for packet in packets:
            asking = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            asking.connect(self.sockets()[0])
            asking.settimeout(20)
            asking.send(packet)
            self.assertIsNone(self.answer(asking), packet[:20])
            asking.close()
        # Nor who says nothing, however many.
        silent = [socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(12)]
        for asking in silent:
            asking.connect(self.sockets()[0])
            asking.settimeout(20)
        self.freeze().close()
        for asking in silent:
            self.assertIsNone(self.answer(asking))
            asking.close()
        self.await_more(writer)

    def test_nobody_else_is_heard(self):
        self.mount()
        nobody = pwd.getpwnam("nobody")
        program = ("import socket, struct, sys\ns = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
                   "try:\n s.connect(sys.argv[1])\n s.send(b'coffer.1' + struct.pack('<II', 1, 5))\n"
                   " print(s.recv(64))\nexcept OSError as e:\n print(type(e).__name__)")
        where = self.sockets()[0]
        self.assertEqual(os.stat(self.path("c.coffer", "mounts.d")).st_mode & 0o777, 0o700)
        self.assertEqual(os.stat(where).st_mode & 0o777, 0o600)
        for opened in (False, True):
            if opened:
                # Where somebody has opened the way to it.
                for path, mode in ((self.path("c.coffer"), 0o755), (os.path.dirname(where), 0o755), (where, 0o666)):
                    os.chmod(path, mode)
            run = self.run_program(["/usr/bin/python3", "-c", program, where], user=nobody.pw_uid, group=nobody.pw_gid,
                                   extra_groups=[])
            self.assertIn(run.out.strip(), ("b''", "ConnectionResetError", "BrokenPipeError") if opened
                          else ("PermissionError",), run)

    def test_words_that_are_wrong_freeze_nothing(self):
        self.mount()
        with open(self.path("m", "a"), "wb") as file:
            file.write(b"a")
        for period in ("0s", "61s", "soon"):
            self.fails("invalid_argument", "from 1s to 60s", "--freeze-at-most", period)
        self.write("store/plain", b"never encrypted" * 1000)
        time.sleep(SETTLED)
        self.fails("plaintext", "store/plain")
        os.remove(self.path("store/plain"))
        answer = self.made()
        self.assertEqual((answer["files"], self.listed()), (1, ["whole"]))
        self.umount()
        self.assertIsNone(json.loads(self.done(*self.create("--json")).out)["frozen_millis"])


if __name__ == "__main__":
    main()
