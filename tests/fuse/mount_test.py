"""Mounting and its end: what is refused, who is kept out, what a daemon leaves, whoever ends it."""

import errno
import os
import signal
import socket
import subprocess

from mounting import COFFER, MountTest, main


class LifeTest(MountTest):
    def put(self, name, data):
        with open(self.path("m", name), "wb") as file:
            file.write(data)

    def test_what_is_written_is_there_after_the_next_mount_and_no_plaintext_below(self):
        secret = b"nobody may see this in a backing file"
        self.mount_new()
        self.put("a", secret * 1000)
        os.mkdir(self.path("m", "sub"))
        self.put("sub/b", secret)
        os.link(self.path("m", "a"), self.path("m", "sub", "c"))
        self.umount()
        self.assertFalse(self.is_mounted())
        self.assertFalse(self.is_served())
        self.assertEqual(os.listdir(self.path("m")), [])
        for folder, _, names in os.walk(self.path("store")):
            for name in names:
                self.assertNotIn(secret[:16], self.read(os.path.join(folder, name)))
        self.mount()
        self.assertEqual(self.read("m/a"), secret * 1000)
        self.assertEqual(self.read("m/sub/c"), secret * 1000)
        self.assertEqual(self.read("m/sub/b"), secret)
        self.umount()

    def test_a_backup_of_what_is_below_is_mounted_elsewhere_or_read_in_clear(self):
        data = os.urandom(100_000)
        self.mount_new()
        os.mkdir(self.path("m", "sub"))
        self.put("sub/a", data)
        create = ["backup", "create", "c.coffer", "./target", "store", "--recipient", self.uri("root.key"),
                  "--recipient", self.uri("safe.key")]
        self.make_key("safe.key")
        self.umount()
        self.done(*create)
        self.done("backup", "restore", "c.coffer", "./target", "latest", "new")
        self.mount(store="new")
        self.assertEqual(self.read("m/sub/a"), data)
        self.put("sub/a", b"changed")
        self.umount()
        self.done("backup", "restore", "c.coffer", "./target", "latest", "plain", "--plaintext")
        self.assertEqual(self.read("plain/sub/a"), data)

    def test_paths_may_have_blanks_commas_and_backslashes(self):
        self.make_coffer()
        for name in ("with, comma", "back\\slash", "quote'\"#"):
            store, at = f"store {name}", f"m {name}"
            os.mkdir(self.path(store))
            os.mkdir(self.path(at))
            self.mount(store=store, at=at)
            with open(self.path(at, "f"), "wb") as file:
                file.write(b"x")
            run = self.done("umount", at, "--json").json()
            self.assertEqual((run["store"], run["mountpoint"]), (self.path(store), self.path(at)))
            self.assertEqual(os.listdir(self.path(at)), [])

    def test_refuses_what_cannot_be_mounted(self):
        self.make_coffer()
        os.mkdir(self.path("store", "inside"))
        os.makedirs(self.path("full", "x"))
        os.makedirs(self.path("around", "store2"))
        self.write("file", b"")
        for words, code, says in (
                (("nowhere", "m"), "not_found", "nowhere"),
                (("store", "nowhere"), "not_found", "make the directory first"),
                (("file", "m"), "invalid_argument", "not a directory"),
                (("store", "file"), "invalid_argument", "not a directory"),
                (("store", "full"), "invalid_argument", "not empty"),
                (("store", "store/inside"), "invalid_argument", "within each other"),
                (("around/store2", "around"), "invalid_argument", "within each other"),
                (("store", "store"), "invalid_argument", "within each other"),
                (("c.coffer", "m"), "invalid_argument", "the coffer itself")):
            self.refused(["mount", "c.coffer", *words], code, says)
        self.assertFalse(self.is_mounted())
        self.refused(["umount", "m"], "invalid_argument", "no store is mounted there")

    def test_refuses_without_the_root_key_and_mounts_nothing(self):
        self.make_coffer()
        os.rename(self.path("root.key"), self.path("away"))
        run = self.coffer("mount", "c.coffer", "store", "m")
        self.assertEqual(run.status, 2, run)
        self.assertIn("root.key", run.err)
        self.assertFalse(self.is_mounted())

    def test_a_second_daemon_is_kept_out_and_told_of_the_first(self):
        self.mount_new()
        os.mkdir(self.path("m2"))
        run = self.coffer("mount", "c.coffer", "store", "m2")
        self.assertEqual(run.status, 2, run)
        self.assertIn(f"process {self.daemon()} (coffer)", run.err)
        self.assertFalse(self.is_mounted("m2"))
        self.umount()
        self.mount(at="m2")
        self.umount("m2")

    def test_unmounting_what_is_in_use_says_by_whom_and_leaves_it(self):
        self.mount_new()
        with open(self.path("m", "held"), "wb") as file:
            file.write(b"x")
            file.flush()
            run = self.coffer("umount", "m")
            self.assertEqual(run.status, 2, run)
            self.assertIn(f"process {os.getpid()} (python3)", run.err)
            file.write(b"y")
        self.assertEqual(self.read("m/held"), b"xy")
        self.umount()

    def test_sigterm_unmounts_and_writes_everything(self):
        for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if not os.path.exists(self.path("c.coffer")):
                self.make_coffer()
            self.mount()
            self.put("f", str(name).encode() * 5000)
            os.kill(self.daemon(), name)
            self.wait_for(lambda: not self.is_served(), "the daemon ends")
            self.assertFalse(self.is_mounted())
            self.mount()
            self.assertEqual(self.read("m/f"), str(name).encode() * 5000)
            self.umount()

    def test_sigterm_while_it_is_in_use_lets_its_users_finish(self):
        self.mount_new()
        with open(self.path("m", "held"), "wb") as file:
            os.kill(self.daemon(), signal.SIGTERM)
            self.wait_for(lambda: not self.is_mounted(), "the mount vanishes")
            self.assertIn(f"in use by process {os.getpid()}", self.log())
            file.write(b"finished" * 1000)
        self.wait_for(lambda: not self.is_served(), "the daemon ends")
        self.mount()
        self.assertEqual(self.read("m/held"), b"finished" * 1000)
        self.umount()

    def test_a_second_signal_ends_it_at_once_and_loses_nothing_written(self):
        self.mount_new()
        fd = os.open(self.path("m", "held"), os.O_RDWR | os.O_CREAT)
        os.write(fd, b"written" * 1000)
        process = self.daemon()
        os.kill(process, signal.SIGTERM)
        self.wait_for(lambda: not self.is_mounted(), "the mount vanishes")
        os.kill(process, signal.SIGTERM)
        self.wait_for(lambda: not self.is_served(), "the daemon ends")
        os.close(fd)
        self.mount()
        self.assertEqual(self.read("m/held"), b"written" * 1000)
        self.umount()

    def test_after_a_kill_the_dead_mount_is_taken_away_by_the_next(self):
        self.mount_new()
        self.put("f", b"durable" * 999)
        fd = os.open(self.path("m", "f"), os.O_RDONLY)
        os.fsync(fd)
        os.close(fd)
        self.kill()
        self.assert_errno(errno.ENOTCONN, os.listdir, self.path("m"))
        self.mount()
        self.assertEqual(self.read("m/f"), b"durable" * 999)
        self.umount()

    def test_a_dead_mount_can_be_unmounted(self):
        self.mount_new()
        self.kill()
        self.umount()
        self.assertFalse(self.is_mounted())
        self.assertEqual(os.listdir(self.path("m")), [])

    def test_in_the_foreground_it_tells_whoever_started_it_when_it_is_ready(self):
        self.make_coffer()
        service = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        service.bind(self.path("notify"))
        service.settimeout(20)
        process = subprocess.Popen([COFFER, "mount", "c.coffer", "store", "m", "--foreground"], cwd=self.directory,
                                   env={**os.environ, "NOTIFY_SOCKET": self.path("notify")},
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(service.recv(99), b"READY=1")
        self.assertTrue(self.is_mounted())
        self.put("f", b"x")
        self.umount()
        self.assertEqual(service.recv(99), b"STOPPING=1")
        service.close()
        _, err = process.communicate(timeout=20)
        self.assertEqual(process.returncode, 0, err)

    def test_in_the_background_it_holds_nothing_of_whoever_started_it(self):
        self.make_coffer()
        # What waits for the end of its output would wait for ever for that of a daemon.
        done = subprocess.run(f"cd / && {COFFER} mount {self.path('c.coffer')} {self.path('store')} {self.path('m')} "
                              f"| cat", shell=True, capture_output=True, timeout=30, check=False)
        self.assertIn(b"mounted", done.stdout)
        process = self.daemon()
        self.assertEqual(os.readlink(f"/proc/{process}/cwd"), "/")
        self.assertEqual(os.getsid(process), process)
        with open(f"/proc/{process}/limits", encoding="ascii") as limits:
            core = next(line for line in limits if line.startswith("Max core file size"))
        self.assertEqual(core.split()[4:6], ["0", "0"])
        self.umount()

    def test_other_users_are_let_in_only_if_that_was_asked_for(self):
        self.mount_new()
        self.put("f", b"x")
        os.chmod(self.path("m"), 0o755)

        def as_nobody():
            return subprocess.run(["/bin/cat", self.path("m", "f")], user=65534, group=65534, extra_groups=[],
                                  capture_output=True, check=False)

        self.assertIn(b"Permission denied", as_nobody().stderr)
        self.umount()
        self.mount("--allow-other")
        self.assertEqual(as_nobody().stdout, b"x")
        self.umount()

    def test_nobody_writes_files_of_a_mounted_store_anew(self):
        self.mount_new()
        self.put("f", b"x" * 10000)
        os.mkdir(self.path("m", "sub"))
        self.put("sub/g", b"x" * 10000)
        self.done("rotate", "domain", "c.coffer", "system")
        for path in ("store", "store/sub"):
            run = self.coffer("reencrypt", "c.coffer", path)
            self.assertEqual(run.status, 2, run)
            self.assertIn("has this store mounted", run.err)
        # Headers may be.
        self.done("rewrap", "c.coffer", "store")
        self.assertEqual(self.read("m/f"), b"x" * 10000)
        self.put("f", b"y" * 10000)
        self.umount()
        self.mount()
        self.assertEqual(self.read("m/f"), b"y" * 10000)
        self.umount()

    def test_no_other_command_loads_libfuse(self):
        self.make_coffer()
        run = self.run_program([COFFER, "keyring", "show", "c.coffer"], environment={"LD_DEBUG": "files"})
        self.assertEqual(run.status, 0, run)
        self.assertIn("libcoffer_commands.so", run.err)
        self.assertNotIn("libfuse", run.err)


if __name__ == "__main__":
    main()
