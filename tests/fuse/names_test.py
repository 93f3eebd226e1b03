"""A store whose names are encrypted: what is below, what an attacker can do there, and what a crash leaves."""

import ctypes
import errno
import os
import shutil
import stat
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools"))

from mounting import MountTest, main, seed  # noqa: E402

LONG = "COFFER_FUSE_LONG" in os.environ
DIRECTORY_FILE = ".coffer-names"
LIBC = ctypes.CDLL(None, use_errno=True)
RENAME_EXCHANGE = 2


def exchange(one, other):
    if LIBC.renameat2(-100, os.fsencode(one), -100, os.fsencode(other), RENAME_EXCHANGE) != 0:
        raise OSError(ctypes.get_errno(), "renameat2")


class NamesTest(MountTest):
    def mount_encrypted(self):
        return self.mount_new("--names", "encrypted")

    def put(self, name, data=b"x"):
        with open(self.path("m", name), "wb") as file:
            file.write(data)

    def below(self, name):
        """Where in the store this is."""
        return self.done("names", "c.coffer", self.path("store"), name).out.strip()

    def entries_below(self, *where):
        """Without what Coffer has there itself."""
        return sorted(name for name in os.listdir(self.path("store", *where)) if name != DIRECTORY_FILE)

    def remount(self, *options):
        self.umount()
        self.mount(*options)

    def refuses(self, words, code, *says):
        """Whatever the daemon before is still writing into the coffer."""
        run = self.coffer(*words, "--json")
        self.assertEqual(run.status, 2, run)
        self.assertEqual(run.error()["code"], code, run)
        for part in says:
            self.assertIn(part, run.error()["message"] + str(run.error().get("hint")), run)
        self.assertFalse(self.is_mounted())

    def json_of(self, *words):
        return self.done(*words, "--json").json()

    def domain_of(self, path):
        key = self.json_of("inspect", path)["domain_key_id"]
        domains = self.json_of("domain", "list", "c.coffer")["domains"]
        return next(domain["name"] for domain in domains if domain["active_key"] == key)

    def assert_logged(self, *words):
        self.wait_for(lambda: all(word in self.log() for word in words), f"the log has {words}: {self.log()}")


class Form(NamesTest):
    def test_no_name_and_no_target_is_anywhere_below(self):
        names = ["visible.txt", "d visible", "visible" * 25, "\n visible", "visible-pipe"]
        self.mount_encrypted()
        self.put(names[0])
        os.mkdir(self.path("m", names[1]))
        self.put(os.path.join(names[1], names[2]))
        self.put(names[3])
        os.mkfifo(self.path("m", names[4]))
        os.symlink("a/visible/target", self.path("m", "visible-link"))
        os.link(self.path("m", names[0]), self.path("m", names[1], "visible-too"))
        os.rename(self.path("m", names[3]), self.path("m", "visible now"))
        self.umount()
        for folder, folders, files in os.walk(self.path("store")):
            for name in folders + files:
                path = os.path.join(folder, name)
                self.assertNotIn("visible", name)
                if os.path.islink(path):
                    self.assertNotIn("visible", os.readlink(path))
                elif stat.S_ISREG(os.lstat(path).st_mode):
                    with open(path, "rb") as file:
                        self.assertNotIn(b"visible", file.read())
        for name in ("log", "c.coffer/audit.log", "c.coffer/keyring"):
            if os.path.exists(self.path(name)):
                self.assertNotIn(b"visible", self.read(name))

    def test_each_name_that_linux_allows_works_and_is_found_both_ways(self):
        root = self.mount_encrypted()
        names = ["n" * size for size in (1, 15, 16, 17, 127, 128, 129, 160, 254, 255)]
        names += ["ü" * 127, "with blank", " ", "new\nline", "-dash", DIRECTORY_FILE, ".coffer-new.x", "a" * 26,
                  os.fsdecode(b"\xff\xfe"), "..."]
        for name in names:
            self.put(name, os.fsencode(name))
        self.assert_errno(errno.ENAMETOOLONG, self.put, "n" * 256)
        for _ in range(2):
            self.assertEqual(sorted(os.listdir(root)), sorted(names))
            for name in names:
                self.assertEqual(self.read("m", name), os.fsencode(name))
            self.remount()
        below = self.below("n" * 129)
        self.assertTrue(os.path.isfile(below))
        self.assertEqual(self.below(below), "n" * 129)
        for name in names:
            os.unlink(os.path.join(root, name))
        self.assertEqual(self.entries_below(), [])
        self.umount()

    def test_the_independent_decoder_reads_the_names(self):
        from coffer_decode import key_from_keyring
        from decoder.directory import LINK_SUFFIX, Directory
        from decoder.envelope import current_slot, unwrap_file_key
        from decoder.keyring import open_keyring_of
        from decoder.root_key import read_root_key
        self.mount_encrypted()
        names = ["short", "m" * 128, "l" * 129, "l" * 255]
        for name in names:
            self.put(name)
        os.symlink("where/it leads", self.path("m", "link"))
        link = self.below("link")
        self.umount()
        keyring = open_keyring_of(self.path("c.coffer"), read_root_key(self.read("root.key")))
        data = self.read("store", DIRECTORY_FILE)
        slot = current_slot(data)
        directory = Directory(data, slot, unwrap_file_key(slot, key_from_keyring(slot, keyring)))
        found = []
        for entry in self.entries_below():
            if entry.endswith(LINK_SUFFIX):
                continue
            rest = self.path("store", entry + LINK_SUFFIX)
            found.append(directory.name(entry, os.readlink(rest) if os.path.islink(rest) else None).decode())
        self.assertEqual(sorted(found), sorted([*names, "link"]))
        self.assertEqual(directory.target(os.readlink(link)), b"where/it leads")

    def test_long_names_go_through_every_operation_and_leave_nothing(self):
        root = self.mount_encrypted()
        one, other, third = ("1" * 200, "2" * 250, "3" * 255)
        self.put(one, b"one")
        self.put(other, b"other")
        exchange(os.path.join(root, one), os.path.join(root, other))
        self.assertEqual((self.read("m", one), self.read("m", other)), (b"other", b"one"))
        os.rename(os.path.join(root, one), os.path.join(root, other))
        self.assertEqual((os.listdir(root), self.read("m", other)), ([other], b"other"))
        os.mkdir(os.path.join(root, third))
        os.link(os.path.join(root, other), os.path.join(root, third, one))
        os.rename(os.path.join(root, other), os.path.join(root, third, third))
        os.rename(os.path.join(root, third), os.path.join(root, "short"))
        self.assertEqual(sorted(os.listdir(os.path.join(root, "short"))), sorted([one, third]))
        self.assertEqual(len(self.entries_below()), 1)
        shutil.rmtree(os.path.join(root, "short"))
        self.assertEqual(self.entries_below(), [])
        self.umount()

    def test_the_rest_of_a_long_name_comes_back_when_it_was_lost(self):
        root = self.mount_encrypted()
        name = "l" * 200
        self.put(name, b"long")
        below = self.below(name)
        self.umount()
        os.unlink(below + ".name")
        self.mount()
        self.assertEqual(os.listdir(root), [])
        self.assert_logged("tampered", self.path("store"))
        self.assertEqual(self.read("m", name), b"long")
        self.remount()
        self.assertEqual(os.listdir(root), [name])
        self.umount()


class Decision(NamesTest):
    def test_a_store_decides_once(self):
        self.make_coffer()
        self.mount("--names", "encrypted")
        self.put("f", b"kept")
        self.umount()
        mount = ["mount", "c.coffer", "store", "m"]
        self.refuses([*mount, "--names", "clear"], "invalid_argument", "leave --names out")
        self.mount()
        self.assertEqual(self.read("m/f"), b"kept")
        self.remount("--names", "encrypted")
        self.assertEqual(self.read("m/f"), b"kept")
        self.umount()
        self.assertIn("encrypted names", self.done("store", "list", "c.coffer").out)
        os.mkdir(self.path("clear"))
        self.mount(store="clear")
        self.put("f")
        self.umount()
        self.refuses(["mount", "c.coffer", "clear", "m", "--names", "encrypted"], "invalid_argument", "in clear")

    def test_names_are_never_written_in_clear_whatever_is_taken_from_the_store(self):
        self.mount_encrypted()
        self.put("f")
        self.umount()
        os.rename(self.path("store", DIRECTORY_FILE), self.path("taken"))
        self.refuses(["mount", "c.coffer", "store", "m"], "damaged", DIRECTORY_FILE)
        # Not even of an empty store.
        for name in self.entries_below():
            os.unlink(self.path("store", name))
        self.mount()
        self.put("secret")
        self.umount()
        self.assertNotIn("secret", self.entries_below())

    def test_a_store_that_was_copied_is_mounted_when_its_operator_says_what_it_is(self):
        self.mount_encrypted()
        self.put("f", b"kept")
        self.umount()
        shutil.copytree(self.path("store"), self.path("copy"), symlinks=True)
        mount = ["mount", "c.coffer", "copy", "m"]
        self.refuses(mount, "invalid_argument", "--names encrypted")
        self.refuses([*mount, "--names", "encrypted"], "foreign", "coffer store adopt")
        self.done("store", "adopt", "c.coffer", self.path("copy"))
        self.mount("--names", "encrypted", store="copy")
        self.assertEqual(self.read("m/f"), b"kept")
        self.umount()

    def test_a_program_with_a_mount_of_its_own_sees_the_names(self):
        self.mount_encrypted()
        self.put("f", b"kept")
        self.umount()
        shell = "cat f && mkdir d && echo made >d/" + "l" * 200
        run = self.done("exec", "c.coffer", "--mount", "store", "--", "sh", "-c", f"cd {self.path('store')} && {shell}")
        self.assertEqual(run.out, "kept")
        self.mount()
        self.assertEqual(self.read("m/d", "l" * 200), b"made\n")
        self.umount()

    def test_tools_at_rest_work_on_such_a_store(self):
        self.make_coffer()
        self.done("domain", "add", "c.coffer", "acme", "--path", self.path("store", "acme"))
        self.mount("--names", "encrypted")
        os.mkdir(self.path("m", "acme"))
        self.put("acme/f", b"of acme")
        self.put("l" * 200, b"of all")
        os.symlink("acme/f", self.path("m", "link"))
        below = self.below("acme/f")
        self.umount()
        self.assertEqual(self.done("cat", "c.coffer", below).out, "of acme")
        for command in (["verify", "c.coffer"], ["rotate", "domain", "c.coffer", "acme", "--rewrap"],
                        ["rotate", "domain", "c.coffer", "system", "--rewrap"], ["verify", "c.coffer"]):
            self.done(*command)
        self.assertEqual(self.domain_of(below), "acme")
        self.assertEqual(self.domain_of(os.path.join(os.path.dirname(below), DIRECTORY_FILE)), "acme")
        # What the old key of its names could have been used for, a new directory ends.
        run = self.problems("reencrypt", "c.coffer", "--key", "acme:1")
        self.assertIn("make a new directory", run.out + run.err)
        self.mount()
        self.assertEqual(self.read("m/link"), b"of acme")
        self.assertEqual(self.read("m", "l" * 200), b"of all")
        self.umount()


class Attacks(NamesTest):
    def make_two(self):
        """Two directories with a file each, and what they are below."""
        self.mount_encrypted()
        for name in ("one", "other"):
            os.mkdir(self.path("m", name))
            self.put(f"{name}/f-{name}", name.encode())
        self.one, self.other = self.below("one"), self.below("other")
        self.f_one, self.f_other = self.below("one/f-one"), self.below("other/f-other")

    def assert_hidden(self, directory, *left):
        self.mount()
        self.assertEqual(sorted(os.listdir(self.path("m", directory))), sorted(left))
        self.assert_logged("tampered", "not of this directory")

    def test_a_name_from_another_directory_is_refused(self):
        self.make_two()
        self.umount()
        os.rename(self.f_one, os.path.join(self.other, os.path.basename(self.f_one)))
        self.assert_hidden("other", "f-other")
        self.assert_errno(errno.ENOENT, self.read, "m/other/f-one")
        self.umount()

    def test_an_edited_name_is_refused(self):
        self.make_two()
        self.umount()
        name = os.path.basename(self.f_one)
        os.rename(self.f_one, os.path.join(self.one, name[:-2] + ("ba" if name[-2] == "a" else "aa")))
        os.mkdir(os.path.join(self.one, "planted"))
        self.assert_hidden("one")
        self.assert_errno(errno.ENOENT, self.read, "m/one/f-one")
        # What is not known is not removed with it.
        self.assert_errno(errno.ENOTEMPTY, os.rmdir, self.path("m", "one"))
        self.umount()

    def test_directory_files_that_changed_places_show_nothing(self):
        self.make_two()
        self.umount()
        exchange(os.path.join(self.one, DIRECTORY_FILE), os.path.join(self.other, DIRECTORY_FILE))
        self.assert_hidden("one")
        self.assertEqual(os.listdir(self.path("m", "other")), [])
        self.umount()

    def assert_closed(self, expected, *words):
        """Nothing is read from the directory, nor made in it."""
        self.mount()
        one = self.path("m", "one")
        self.assert_errno(expected, os.listdir, one)
        for call in (self.put, lambda name: os.mkdir(self.path("m", name)), lambda name: self.read("m", name),
                     lambda name: os.symlink("x", self.path("m", name))):
            self.assert_errno(expected, call, "one/f-one")
        self.assert_logged(self.one, *words)
        self.assertEqual(self.read("m/other/f-other"), b"other")
        self.umount()

    def test_a_directory_without_its_file_is_closed(self):
        self.make_two()
        self.umount()
        os.unlink(os.path.join(self.one, DIRECTORY_FILE))
        self.assert_closed(errno.EIO, "damaged", DIRECTORY_FILE)

    def test_a_directory_whose_file_was_cut_or_altered_is_closed(self):
        self.make_two()
        self.umount()
        path = os.path.join(self.one, DIRECTORY_FILE)
        whole = self.read(path)
        for size in (0, 100, 8191, 8192, 8271):
            self.write(path, whole[:size])
            self.assert_closed(errno.EIO, "truncated")
        self.write(path, whole + b"\x00")
        self.assert_closed(errno.EIO, "damaged")
        self.write(path, whole[:-1] + bytes([whole[-1] ^ 1]))
        self.assert_closed(errno.EIO, "tampered")
        os.unlink(path)
        os.mkfifo(path)
        self.assert_closed(errno.EIO, "damaged")

    def test_the_file_of_another_store_or_coffer_closes_its_directory(self):
        self.make_two()
        self.umount()
        path = os.path.join(self.one, DIRECTORY_FILE)
        os.mkdir(self.path("store2"))
        self.mount("--names", "encrypted", store="store2")
        self.umount()
        shutil.copy(self.path("store2", DIRECTORY_FILE), path)
        self.assert_closed(errno.EACCES, "foreign")
        self.make_coffer("other.coffer")
        os.mkdir(self.path("store3"))
        self.done("mount", "other.coffer", "store3", "m", "--log", "log", "--names", "encrypted")
        self.umount()
        shutil.copy(self.path("store3", DIRECTORY_FILE), path)
        self.assert_closed(errno.EACCES, "key_unavailable")

    def test_a_file_with_contents_in_the_place_of_a_directorys_closes_it(self):
        self.make_two()
        self.umount()
        shutil.copy(self.f_other, os.path.join(self.one, DIRECTORY_FILE))
        self.assert_closed(errno.EIO, "tampered")

    def test_a_target_that_was_altered_or_written_in_clear_is_refused(self):
        self.mount_encrypted()
        os.symlink("somewhere", self.path("m", "link"))
        below = self.below("link")
        self.umount()
        target = os.readlink(below)
        for other in ("/etc/passwd", target[:-2] + ("ba" if target[-2] == "a" else "aa"), target[:40]):
            os.unlink(below)
            os.symlink(other, below)
            self.mount()
            self.assertEqual(os.listdir(self.path("m")), ["link"])
            self.assert_errno(errno.EIO, os.readlink, self.path("m", "link"))
            self.umount()


    def test_verify_finds_a_directorys_file_that_was_cut(self):
        self.make_two()
        self.umount()
        path = os.path.join(self.one, DIRECTORY_FILE)
        for size in (0, 4096, 8200):
            os.truncate(path, size)
            self.assertIn(path, self.problems("verify", "c.coffer").out)


class Domains(NamesTest):
    def mount_tenants(self):
        self.make_coffer()
        for name in ("acme", "other"):
            self.done("domain", "add", "c.coffer", name, "--path", self.path("store", name))
        self.mount("--names", "encrypted")
        for name in ("acme", "other"):
            os.mkdir(self.path("m", name))
            self.put(f"{name}/f", name.encode())

    def test_paths_of_domains_are_those_that_the_mount_shows(self):
        self.mount_tenants()
        os.mkdir(self.path("m", "acme", "deep"))
        self.put("acme/deep/" + "l" * 200)
        for name in ("acme/f", "acme/deep", "acme/deep/" + "l" * 200):
            below = self.below(name)
            below = os.path.join(below, DIRECTORY_FILE) if os.path.isdir(below) else below
            self.assertEqual(self.domain_of(below), "acme")
        f_acme, f_other = self.below("acme/f"), self.below("other/f")
        self.umount()
        # A tenant's file under the name of another's.
        shutil.copy(f_acme, f_other)
        self.mount()
        self.assert_errno(errno.EACCES, self.read, "m/other/f")
        self.assert_logged("foreign", f_other)
        self.umount()

    def test_what_moves_between_domains_stays_readable(self):
        self.mount_tenants()
        root = self.path("m")
        os.mkdir(f"{root}/acme/deep")
        self.put("acme/deep/g", b"deep")
        os.symlink("g", f"{root}/acme/deep/link")
        os.rename(f"{root}/acme/deep", f"{root}/other/deep")
        os.rename(f"{root}/acme/f", f"{root}/other/" + "f" * 150)
        # Links are sealed for a domain: as between file systems.
        self.assert_errno(errno.EXDEV, os.rename, f"{root}/other/deep/link", f"{root}/other/link")
        self.assert_errno(errno.EXDEV, lambda: os.link(f"{root}/other/deep/link", f"{root}/link",
                                                       follow_symlinks=False))
        subprocess.run(["mv", f"{root}/other/deep/link", f"{root}/other/link"], check=True)
        self.remount()
        self.assertEqual(self.read("m/other/deep/g"), b"deep")
        self.assertEqual(self.read("m/other", "f" * 150), b"acme")
        self.assertEqual(os.readlink(f"{root}/other/link"), "g")
        self.umount()

    def test_a_locked_tenants_names_cannot_be_read(self):
        self.mount_tenants()
        acme = self.path("m", "acme")
        os.symlink("f", os.path.join(acme, "link"))
        self.assertEqual(sorted(os.listdir(acme)), ["f", "link"])
        self.done("tenant", "lock", "c.coffer", "acme")
        self.wait_for(lambda: not self.can(os.listdir, acme), "the listing goes")
        self.wait_for(lambda: not self.can(os.stat, os.path.join(acme, "f")), "names that were known go")
        self.assert_errno(errno.EACCES, os.mkdir, os.path.join(acme, "new"))
        self.assert_errno(errno.EACCES, os.readlink, os.path.join(acme, "link"))
        self.assertEqual(os.listdir(self.path("m", "other")), ["f"])
        self.done("tenant", "unlock", "c.coffer", "acme")
        self.wait_for(lambda: self.can(os.listdir, acme), "it comes back")
        self.assertEqual(sorted(os.listdir(acme)), ["f", "link"])
        self.assertEqual(self.read("m/acme/link"), b"acme")
        self.umount()

    def can(self, call, *arguments):
        try:
            call(*arguments)
        except PermissionError:
            return False
        return True


class Storm(threading.Thread):
    """Makes, renames and removes directories and files until the mount is gone, and knows what it was promised."""

    def __init__(self, root, number, chance):
        super().__init__()
        self.root = os.path.join(root, f"storm{number}")
        self.chance = chance
        self.promised = set()  # directories and files below root that a sync has covered
        self.undone = set()    # of which some may have been removed or renamed since
        self.there = set()
        self.failed = None

    def run(self):
        try:
            os.makedirs(self.root, exist_ok=True)
            self.there = {os.path.join(self.root, name) for name in os.listdir(self.root)}
            while True:
                self.step()
        except OSError as e:
            self.failed = e

    def step(self):
        roll = self.chance.random()
        if roll < 0.15:
            seen = set(self.there)
            directory = os.open(self.root, os.O_RDONLY)
            os.fsync(directory)
            os.close(directory)
            self.promised = seen
            self.undone = set()
            return
        if roll < 0.55 or not self.there:
            path = os.path.join(self.root, self.new_name())
            os.mkdir(path)
            self.there.add(path)
            return
        path = self.chance.choice(sorted(self.there))
        self.undone.add(path)
        self.there.discard(path)
        if roll < 0.75:
            os.rmdir(path)
            return
        # Over another one now and then, which is empty.
        to = self.chance.choice(sorted(self.there)) if self.there and roll < 0.8 else None
        to = to or os.path.join(self.root, self.new_name())
        os.rename(path, to)
        self.there.add(to)

    def new_name(self):
        return self.chance.choice(("d", "d" * 200)) + str(self.chance.randrange(1 << 40))


class Crash(NamesTest):
    def test_what_a_directory_sync_covered_outlives_kills_of_the_daemon(self):
        chance = seed()
        self.make_coffer()
        self.mount("--names", "encrypted")
        promises = 0
        for round_number in range(30 if LONG else 4):
            storms = [Storm(self.path("m"), number, chance) for number in range(2)]
            for storm in storms:
                storm.start()
            threading.Event().wait(chance.uniform(0.2, 0.6))
            self.kill()
            for storm in storms:
                storm.join()
                self.assertIsNotNone(storm.failed)
            self.mount()
            for storm in storms:
                promises += len(storm.promised)
                self.check(storm)
            self.assertEqual([line for line in self.log().splitlines() if "tampered" in line], [], round_number)
        self.assertGreater(promises, 0, "nothing was promised, so nothing was tested")
        shutil.rmtree(self.path("m", "storm0"))
        shutil.rmtree(self.path("m", "storm1"))
        self.assertEqual(self.entries_below(), [])
        self.umount()

    def check(self, storm):
        found = {os.path.join(storm.root, name) for name in os.listdir(storm.root)}
        lost = storm.promised - storm.undone - found
        self.assertEqual(lost, set())
        for path in sorted(found)[:20]:
            # Each can be used: none is without its key.
            with open(os.path.join(path, "f"), "wb") as file:
                file.write(b"x")
            os.unlink(os.path.join(path, "f"))

    def test_what_a_crash_left_of_making_and_removing_is_taken_away(self):
        root = self.mount_encrypted()
        os.mkdir(os.path.join(root, "d"))
        os.mkdir(os.path.join(root, "e"))
        self.put("e/" + "l" * 200)
        d, e = self.below("d"), self.below("e")
        long_below = self.below("e/" + "l" * 200)
        self.umount()
        # A directory that was being removed, one that was being made, and the rest of a long name that is gone.
        os.rename(d, self.path("store", ".coffer-new.1"))
        os.mkdir(self.path("store", ".coffer-new.2"))
        os.unlink(long_below)
        self.mount("--read-only")
        self.assertEqual(os.listdir(root), ["e"])
        self.umount()
        self.assertEqual(len(self.entries_below()), 3)
        self.mount()
        self.assertEqual(os.listdir(root), ["e"])
        self.assertEqual(len(self.entries_below()), 1)
        # And with its directory what was not listed before.
        os.rename(os.path.join(e, DIRECTORY_FILE), os.path.join(e, ".coffer-new.3"))
        os.rename(os.path.join(e, ".coffer-new.3"), os.path.join(e, DIRECTORY_FILE))
        os.rmdir(os.path.join(root, "e"))
        self.assertEqual(self.entries_below(), [])
        self.umount()


if __name__ == "__main__":
    main()
