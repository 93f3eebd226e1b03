"""`coffer reencrypt` on a store that was mounted: each file is another one then, and a program sees none of it."""

import os
import subprocess
import time

from mounting import HEADER_SIZE, MountTest, main

PAGE = 4096


class ReencryptTest(MountTest):
    def fill(self, directory):
        self.write("m/plain", os.urandom(300_000), 0o640)
        with open(self.path("m/holes"), "wb") as file:
            for offset, size in ((0, PAGE), (5 << 20, 3 * PAGE), (200 << 20, 100)):
                file.seek(offset)
                file.write(os.urandom(size))
            file.truncate((1 << 30) + 7)
        self.write("m/odd", os.urandom(PAGE + 1))
        self.write("m/emptied", b"what was there")
        os.truncate(self.path("m/emptied"), 0)
        os.mkdir(os.path.join(directory, "sub"))
        os.link(self.path("m/plain"), self.path("m/sub/further"))
        os.setxattr(self.path("m/odd"), "user.colour", b"blue")
        subprocess.run(["setfacl", "-m", "u:4242:r", self.path("m/plain")], check=True)
        os.chown(self.path("m/odd"), 4242, 4243)
        os.utime(self.path("m/odd"), ns=(10**18 + 1, 10**18 + 2))

    def picture(self, directory):
        """All that a program can see of the files in a mount."""
        out = {}
        for folder, _, names in os.walk(directory):
            for name in names:
                path = os.path.join(folder, name)
                found = os.stat(path)
                with open(path, "rb") as file:
                    runs, contents = self.runs(file)
                out[os.path.relpath(path, directory)] = (
                    found.st_mode, found.st_uid, found.st_gid, found.st_size, found.st_nlink, found.st_mtime_ns,
                    {each: os.getxattr(path, each) for each in os.listxattr(path)}, runs, contents)
        return out

    def runs(self, file):
        """Where there is data, and what."""
        size = os.fstat(file.fileno()).st_size
        runs, contents, at = [], [], 0
        while at < size:
            try:
                begin = os.lseek(file.fileno(), at, os.SEEK_DATA)
            except OSError:
                break
            at = os.lseek(file.fileno(), begin, os.SEEK_HOLE)
            runs.append((begin, at))
            contents.append(os.pread(file.fileno(), at - begin, begin))
        return runs, contents

    def headers(self):
        out = {}
        for folder, _, names in os.walk(self.path("store")):
            for name in names:
                path = os.path.join(folder, name)
                if os.path.getsize(path) > 0:
                    out[os.path.relpath(path, self.path("store"))] = self.done("inspect", path, "--json").json()
        return out

    def leftovers(self):
        return [name for name in os.listdir(self.path("store")) if name.startswith(".coffer-new.")]

    def test_every_file_gets_another_key_and_looks_the_same(self):
        directory = self.mount_new()
        self.fill(directory)
        self.umount()
        self.mount()
        before = self.picture(directory)
        self.assertGreater(len(before["holes"][7]), 2)
        self.umount()
        keys = self.headers()
        self.done("rotate", "domain", "c.coffer", "system")
        report = self.done("reencrypt", "c.coffer", "--json").json()
        self.assertEqual((report["problems"], report["files_left"]), ([], 0))
        after = self.headers()
        self.assertEqual({header["kind"] for header in after.values()}, {"pages"})
        for name, header in after.items():
            self.assertEqual(header["oldest_key_version"], 2, name)
            self.assertNotEqual(header["file_id"], keys[name]["file_id"], name)
        self.assertTrue(os.path.samefile(self.path("store/plain"), self.path("store/sub/further")))
        self.assertLess(os.stat(self.path("store/holes")).st_blocks * 512, 1 << 20)
        self.assertEqual(self.verified("c.coffer"), {})
        self.done("key", "destroy", "c.coffer", "system:1")
        self.mount()
        after = self.picture(directory)
        self.assertEqual([name for name in before if before[name] != after[name]], [])
        self.assertEqual(set(after), set(before))

    def test_the_page_size_becomes_the_configured_one(self):
        directory = self.mount_new()
        self.fill(directory)
        before = {name: what[-1] for name, what in self.picture(directory).items() if name != "holes"}
        self.umount()
        self.edit("c.coffer/coffer.yaml", "page_size: 4096", "page_size: 16384")
        self.assertIn("of another cipher or chunk size", self.done("plan", "c.coffer").out)
        self.assertEqual(self.done("reencrypt", "c.coffer", "--json").json()["files_left"], 0)
        self.assertEqual({header["chunk_size"] for header in self.headers().values()}, {16384})
        self.assertIn("nothing is due", self.done("plan", "c.coffer").out)
        self.mount()
        self.assertEqual({name: what[-1] for name, what in self.picture(directory).items() if name != "holes"}, before)

    def test_what_a_killed_mount_has_left_is_as_it_would_be_mounted(self):
        directory = self.mount_new()
        data = os.urandom(40 * PAGE)
        with open(os.path.join(directory, "a"), "wb") as file:
            file.write(data)
            os.fsync(file.fileno())
            os.pwrite(file.fileno(), b"x" * PAGE, 7 * PAGE)
            os.fsync(file.fileno())
        fd = os.open(os.path.join(directory, "a"), os.O_RDWR)
        os.pwrite(fd, b"y" * 10, PAGE)
        os.fsync(fd)
        self.kill()
        os.close(fd)
        subprocess.run(["umount", "-l", directory], check=True)
        expected = bytearray(data)
        expected[7 * PAGE:8 * PAGE] = b"x" * PAGE
        expected[PAGE:PAGE + 10] = b"y" * 10
        self.done("rotate", "domain", "c.coffer", "system")
        self.assertEqual(self.done("reencrypt", "c.coffer", "--json").json()["problems"], [])
        self.mount()
        self.assertEqual(self.read("m/a"), bytes(expected))

    def test_a_file_that_a_program_has_open_and_one_that_was_altered_stay(self):
        self.mount_new()
        self.write("m/open", b"open")
        self.write("m/altered", os.urandom(100_000))
        self.write("m/sound", b"sound")
        self.umount()
        self.set_byte("store/altered", HEADER_SIZE + 3 * PAGE + 5000)
        before = {name: self.read("store", name) for name in ("open", "altered")}
        self.done("rotate", "domain", "c.coffer", "system")
        with open(self.path("store/open"), "r+b"):
            report = self.problems("reencrypt", "c.coffer", "--json").json()
        self.assertEqual({os.path.basename(problem["path"]): problem["code"] for problem in report["problems"]},
                         {"open": "busy", "altered": "tampered"})
        self.assertEqual(report["reencrypted"], 1)
        self.assertTrue({name: self.read("store", name) for name in before} == before)
        self.assertEqual(self.leftovers(), [])
        self.assertEqual(self.problems("reencrypt", "c.coffer", "--json").json()["reencrypted"], 1)

    def test_a_mount_is_left_alone_and_kill_9_in_the_middle_is_finished_by_the_next_run(self):
        directory = self.mount_new()
        data = os.urandom(3 << 20)
        self.write("m/a", data)
        self.assertIn("has this store mounted", self.coffer("reencrypt", "c.coffer").err)
        self.umount()
        self.done("rotate", "domain", "c.coffer", "system")
        process = self.start("reencrypt", "c.coffer", "--rate", "1")
        self.wait_for(self.leftovers, "it begins")
        self.assertIn("a re-encryption may be at work", self.coffer("mount", "c.coffer", "store", "m").err)
        time.sleep(0.3)
        process.kill()
        self.outcome(process)
        self.assertEqual(len(self.leftovers()), 1)
        self.mount()
        self.assertEqual(self.read("m/a"), data)
        self.umount()
        self.done("reencrypt", "c.coffer")
        self.assertEqual(self.leftovers(), [])
        self.mount()
        self.assertEqual(os.listdir(directory), ["a"])
        self.assertEqual(self.read("m/a"), data)


if __name__ == "__main__":
    main()
