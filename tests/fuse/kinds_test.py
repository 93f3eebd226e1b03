"""Files of kinds blocks and log on a mount, as `mounted_files` of coffer.yaml has it: what programs may do with them,
what they hear otherwise, and what is left when something goes wrong."""

import errno
import mmap
import os
import subprocess

from mounting import HEADER_SIZE, MountTest, main, seed

RULES = """
mounted_files:
  - match: "*.sst"
    kind: blocks
  - match: "wal/*"
    kind: log
"""
CHUNK = 1024  # of a blocks file, and its tag:
SEALED_CHUNK = CHUNK + 16
PREFIX = HEADER_SIZE + 56


class KindsTest(MountTest):
    def setUp(self):
        super().setUp()
        self.opened = []
        self.addCleanup(self.close_all)

    def mount_new(self, *options):
        self.make_coffer()
        self.write("c.coffer/coffer.yaml", self.read("c.coffer/coffer.yaml") + RULES.encode(), 0o600)
        os.mkdir(self.path("store", "wal"))
        return self.mount(*options)

    def put(self, name, data):
        with open(self.path("m", name), "wb") as file:
            file.write(data)

    def kind(self, name):
        return self.done("inspect", os.path.join("store", name), "--json").json()["kind"]

    def assert_logged(self, *words):
        self.wait_for(lambda: all(word in self.log() for word in words), f"the log has {words}: {self.log()}")

    def open(self, name, flags):
        self.opened.append(os.open(self.path("m", name), flags, 0o644))
        return self.opened[-1]

    def close_all(self):
        while self.opened:
            os.close(self.opened.pop())

    # --- what they are for

    def test_new_files_are_of_the_kind_of_the_first_rule_that_matches_their_path(self):
        self.mount_new()
        os.makedirs(self.path("m", "deep", "wal"))
        for name in ("a.sst", "deep/b.sst", "wal/1", "wal/c.sst", "deep/wal/1", "other"):
            self.put(name, name.encode() * 1000)
        # A file keeps its kind, however it is called later.
        os.rename(self.path("m", "other"), self.path("m", "other.sst"))
        self.umount()
        kinds = {name: self.kind(name) for name in ("a.sst", "deep/b.sst", "wal/1", "wal/c.sst", "deep/wal/1",
                                                     "other.sst")}
        self.assertEqual(kinds, {"a.sst": "blocks", "deep/b.sst": "blocks", "wal/1": "log", "wal/c.sst": "blocks",
                                 "deep/wal/1": "pages", "other.sst": "pages"})
        # What files are they say themselves: the rules may be gone.
        self.edit("c.coffer/coffer.yaml", RULES, "")
        self.mount()
        for name in kinds:
            self.assertEqual(self.read("m", name), name.replace("other.sst", "other").encode() * 1000)
        self.umount()
        self.assertEqual(self.verified("c.coffer", "store"), {})

    def test_programs_copy_pack_append_and_follow(self):
        self.mount_new()
        os.makedirs(self.path("files", "sub"))
        for number, size in enumerate((0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 300_000)):
            self.write(f"files/sub/{number}", os.urandom(size))
        run = subprocess.run("""set -e
            tar cf m/all.sst files
            tar xf m/all.sst -C m/wal
            diff -r files m/wal/files
            for f in 0 1 2 3 4 5; do
              cp files/sub/$f m/$f.sst; cmp files/sub/$f m/$f.sst; cp m/$f.sst m/copy$f.sst
              dd if=files/sub/$f of=m/dd$f.sst bs=700 conv=fsync status=none; cmp files/sub/$f m/dd$f.sst
            done
            : > m/wal/follow
            tail -n +1 -f m/wal/follow --pid=$$ > followed &
            for i in $(seq 50); do echo line $i >> m/wal/follow; done
            until grep -q 'line 50' followed; do sleep 0.05; done
            kill $!
            seq -f 'line %g' 50 | cmp - followed
            """, shell=True, cwd=self.directory, capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        self.umount()
        self.mount()
        for number in range(6):
            self.assertEqual(self.read("m", f"copy{number}.sst"), self.read("files", "sub", str(number)))
            self.assertEqual(os.stat(self.path("m", f"dd{number}.sst")).st_size,
                             os.stat(self.path("files", "sub", str(number))).st_size)
        self.umount()
        self.assertEqual(self.log(), "")

    def test_what_was_written_can_be_read_at_once_and_mapped(self):
        chance = seed()
        self.mount_new()
        for name in ("f.sst", "wal/f"):
            written = b""
            out = self.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL)
            while len(written) < 60_000:
                piece = chance.randbytes(chance.choice((1, 500, CHUNK, 5000)))
                os.write(out, piece)
                written += piece
                self.assertEqual(os.fstat(out).st_size, len(written))
                # As a program that does not go by what the kernel has: another place each time.
                os.posix_fadvise(out, 0, 0, os.POSIX_FADV_DONTNEED)
                at = chance.randrange(len(written))
                self.assertEqual(os.pread(out, 3000, at), written[at:at + 3000])
            os.fsync(out)
            os.posix_fadvise(out, 0, 0, os.POSIX_FADV_DONTNEED)
            with mmap.mmap(out, len(written), prot=mmap.PROT_READ) as memory:
                self.assertEqual(memory[:] == written, True)
            self.assertEqual(os.lseek(out, 0, os.SEEK_HOLE), len(written))

    def rocksdb(self, name, *words):
        """What db_bench says of a database whose tables are blocks and whose logs are log."""
        run = self.run_program(["db_bench", f"--db={self.path('m', name)}", f"--wal_dir={self.path('m', 'wal')}",
                                "--write_buffer_size=150000", "--compression_type=none", *words])
        self.assertEqual(run.status, 0, run)
        return run.out

    def test_rocksdb_runs_and_recovers(self):
        self.mount_new()
        self.rocksdb("db", "--num=5000", "--benchmarks=fillseq,overwrite,compact,verifychecksum")
        self.assertIn(" 5000 operations", self.rocksdb("db", "--num=5000", "--use_existing_db", "--benchmarks=readseq"))
        for name in os.listdir(self.path("store", "db")):
            if os.path.getsize(self.path("store", "db", name)) == 0:
                continue  # its lock
            self.assertEqual(self.kind(f"db/{name}") == "blocks", name.endswith(".sst"), name)
        self.rocksdb("synced", "--num=300", "--sync", "--benchmarks=fillseq")
        self.kill()
        self.mount()
        self.assertIn(" 300 operations",
                      self.rocksdb("synced", "--num=300", "--use_existing_db", "--benchmarks=readseq"))
        self.umount()
        self.assertEqual(self.log(), "")

    # --- what they are not for

    def test_a_change_that_is_no_append_is_refused_and_said(self):
        self.mount_new()
        for name in ("f.sst", "wal/f"):
            self.put(name, b"x" * 5000)
            fd = self.open(name, os.O_RDWR)
            for call, arguments in ((os.pwrite, (b"y", 0)), (os.pwrite, (b"y", 5001)), (os.ftruncate, (4000,)),
                                    (os.ftruncate, (6000,))):
                self.assert_errno(errno.EOPNOTSUPP, call, fd, *arguments)
            punched = subprocess.run(["fallocate", "-p", "-l", "1000", self.path("m", name)], capture_output=True,
                                     check=False)
            self.assertIn(b"unsupported", punched.stderr)
            self.assert_logged(self.path("store", name), "grows at its end only", "mounted_files")
            self.assertEqual(self.read("m", name), b"x" * 5000)
        # Further: a log takes it, in this mount and in others; what is written once is complete.
        for flags in (os.O_WRONLY | os.O_APPEND, os.O_WRONLY):
            fd = self.open("wal/f", flags)
            os.lseek(fd, 0, os.SEEK_END)
            os.write(fd, b"more")
        self.close_all()
        self.umount()
        self.mount()
        self.assertEqual(self.read("m/wal/f"), b"x" * 5000 + b"more" * 2)
        with open(self.path("m", "wal/f"), "ab") as file:
            file.write(b"later")
        self.assertEqual(self.read("m/wal/f"), b"x" * 5000 + b"more" * 2 + b"later")
        fd = self.open("f.sst", os.O_WRONLY | os.O_APPEND)
        self.assert_errno(errno.EOPNOTSUPP, os.write, fd, b"more")
        self.assert_logged(self.path("store", "f.sst"), "complete", "kind log")

    def test_cut_to_nothing_a_file_is_a_new_one(self):
        self.mount_new()
        for name in ("f.sst", "wal/f"):
            self.put(name, b"first" * 1000)
            self.umount()
            before = self.done("inspect", os.path.join("store", name), "--json").json()
            self.mount()
            self.put(name, b"second" * 500)
            self.assertEqual(self.read("m", name), b"second" * 500)
            self.umount()
            after = self.done("inspect", os.path.join("store", name), "--json").json()
            self.assertNotEqual(before["file_id"], after["file_id"])
            self.assertEqual(before["kind"], after["kind"])
            self.mount()
            self.assertEqual(self.read("m", name), b"second" * 500)
            self.put(name, b"")
            self.assertEqual(os.stat(self.path("m", name)).st_size, 0)

    def test_a_kernel_that_gathers_writes_is_refused(self):
        self.mount_new()
        self.umount()
        self.refused(["mount", "c.coffer", "store", "m", "--write-back"], "invalid_argument", "mounted_files",
                     "--write-back")

    # --- what goes wrong

    def test_damage_is_an_error_and_so_is_a_cut(self):
        self.mount_new()
        data = os.urandom(20 * CHUNK + 100)
        for name in ("flipped.sst", "cut.sst", "chunk.sst", "swapped.sst", "wal/flipped"):
            self.put(name, data)
        # What was synced, and is known to be by what stands behind it, is no torn end.
        log = self.open("wal/flipped", os.O_WRONLY | os.O_APPEND)
        os.fsync(log)
        os.write(log, b"more")
        self.close_all()
        self.umount()
        self.set_byte("store/flipped.sst", PREFIX + 3 * SEALED_CHUNK + 5)
        self.set_byte("store/wal/flipped", 15_000)
        size = os.stat(self.path("store", "cut.sst")).st_size
        self.shrink("store/cut.sst", size - 1)
        self.shrink("store/chunk.sst", PREFIX + 20 * SEALED_CHUNK)
        with open(self.path("store", "swapped.sst"), "r+b") as file:
            file.seek(PREFIX)
            first, second = file.read(SEALED_CHUNK), file.read(SEALED_CHUNK)
            file.seek(PREFIX)
            file.write(second + first)
        self.mount()
        fd = self.open("flipped.sst", os.O_RDONLY)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)
        self.assertEqual(os.pread(fd, 100, 10 * CHUNK), data[10 * CHUNK:10 * CHUNK + 100])
        for name in ("flipped.sst", "cut.sst", "chunk.sst", "swapped.sst", "wal/flipped"):
            self.assert_errno(errno.EIO, self.read, "m", name)
            self.assert_logged(self.path("store", name))
        # It can be written anew, as any file.
        self.put("cut.sst", b"anew")
        self.assertEqual(self.read("m/cut.sst"), b"anew")

    def test_a_file_whose_header_is_lost_is_read_by_nobody_and_can_be_cut_to_nothing(self):
        self.mount_new()
        names = ("zeros.sst", "damaged.sst", "wal/zeros", "zeros.pages")
        for name in names:
            self.put(name, b"first" * 5000)
        self.umount()
        for name in names:
            if "zeros" in name:
                with open(self.path("store", name), "r+b") as file:
                    file.write(bytes(HEADER_SIZE))
        for slot in (0, HEADER_SIZE // 2):
            self.set_byte("store/damaged.sst", slot + 100)
        self.mount()
        for name in names:
            for flags in (os.O_RDONLY, os.O_RDWR, os.O_WRONLY | os.O_APPEND):
                self.assert_errno(errno.EIO, os.open, self.path("m", name), flags)
            self.assert_errno(errno.EIO, os.truncate, self.path("m", name), 100)
            self.assert_logged(self.path("store", name))
        for name in names:
            if name != "zeros.sst":
                os.truncate(self.path("m", name), 0)
                self.assertEqual(self.read("m", name), b"")
            self.put(name, b"second" * 5000)
        self.umount()
        self.mount()
        for name in names:
            self.assertEqual(self.read("m", name), b"second" * 5000)
        self.umount()
        self.assertEqual({name: self.kind(name) for name in names},
                         {"zeros.sst": "blocks", "damaged.sst": "blocks", "wal/zeros": "log", "zeros.pages": "pages"})
        self.assertEqual(self.verified("c.coffer", "store"), {})

    def test_reading_an_empty_file_that_was_never_written_is_no_change(self):
        self.mount_new()
        self.umount()
        for name in ("f.sst", "wal/f", "f"):
            self.write(os.path.join("store", name), b"")
            os.utime(self.path("store", name), (1000, 1000))
        self.mount()
        for name in ("f.sst", "wal/f", "f"):
            self.assertEqual(self.read("m", name), b"")
        self.umount()
        for name in ("f.sst", "wal/f", "f"):
            self.assertEqual(os.stat(self.path("store", name)).st_mtime, 1000, name)

    def test_a_file_of_another_store_is_refused(self):
        self.mount_new()
        self.put("f.sst", b"here" * 1000)
        self.put("wal/f", b"here" * 1000)
        self.umount()
        os.makedirs(self.path("store2", "wal"))
        for name in ("f.sst", "wal/f"):
            subprocess.run(["cp", self.path("store", name), self.path("store2", name)], check=True)
        self.mount(store="store2")
        for name in ("f.sst", "wal/f"):
            self.assert_errno(errno.EACCES, self.read, "m", name)

    def test_what_was_synced_outlives_a_kill(self):
        self.mount_new()
        log = self.open("wal/f", os.O_WRONLY | os.O_CREAT)
        synced, cut = (self.open(name, os.O_WRONLY | os.O_CREAT) for name in ("synced.sst", "cut.sst"))
        for number in range(200):
            os.write(log, b"%09d\n" % number)
            os.fdatasync(log)
        os.write(log, b"not synced\n")
        for fd in (synced, cut):
            os.write(fd, b"x" * 10_000)
        os.fsync(synced)
        self.kill()
        self.mount()
        self.assertEqual(self.read("m/wal/f")[:2000], b"".join(b"%09d\n" % number for number in range(200)))
        self.assertEqual(self.read("m/synced.sst"), b"x" * 10_000)
        # It was not complete: its end is missing, as of one that somebody has cut.
        self.assert_errno(errno.EIO, self.read, "m", "cut.sst")
        with open(self.path("m", "wal/f"), "ab") as file:
            file.write(b"goes on\n")
        self.assertTrue(self.read("m/wal/f").endswith(b"goes on\n"))
        os.unlink(self.path("m", "cut.sst"))

    def test_keys_that_are_taken_back_are(self):
        self.make_coffer()
        self.done("domain", "add", "c.coffer", "acme", "--path", self.path("store", "acme"))
        self.write("c.coffer/coffer.yaml", self.read("c.coffer/coffer.yaml") + RULES.replace("wal/*", "*.log").encode(),
                   0o600)
        self.mount()
        os.mkdir(self.path("m", "acme"))
        data = b"of acme" * 2000
        self.put("acme/whole.sst", data)
        self.put("acme/f.log", data)
        growing = self.open("acme/growing.sst", os.O_RDWR | os.O_CREAT)
        os.write(growing, data)
        handles = {name: self.open(name, os.O_RDWR) for name in ("acme/whole.sst", "acme/f.log")}
        os.fsync(handles["acme/whole.sst"])
        for fd in (growing, *handles.values()):
            self.assertEqual(os.pread(fd, 7, 7 * 1999), b"of acme")
        self.done("tenant", "lock", "c.coffer", "acme")
        for fd in (growing, *handles.values()):
            self.wait_for(lambda fd=fd: not self.can_read(fd), "what was cached goes")
            self.assert_errno(errno.EACCES, os.pread, fd, 100, 0)
        self.assert_errno(errno.EACCES, os.write, growing, b"more")
        self.done("tenant", "unlock", "c.coffer", "acme")
        for name, fd in handles.items():
            self.wait_for(lambda fd=fd: self.can_read(fd), "it comes back")
            self.assertEqual(self.read("m", name), data)
        os.lseek(handles["acme/f.log"], 0, os.SEEK_END)
        os.write(handles["acme/f.log"], b"goes on")
        self.assertEqual(self.read("m/acme/f.log"), data + b"goes on")
        # What was being written once has lost its end with the key.
        self.assert_errno(errno.EACCES, os.pread, growing, 7, 7 * 1999)

    @staticmethod
    def can_read(fd):
        try:
            os.pread(fd, 1, 0)
        except PermissionError:
            return False
        return True


if __name__ == "__main__":
    main()
