"""After whatever is done through a mount, the counts that are kept are those of a full count."""

import ctypes
import json
import os

from mounting import MountTest, main, seed

LIBC = ctypes.CDLL(None, use_errno=True)
FALLOC_KEEP_SIZE, FALLOC_PUNCH_HOLE = 1, 2
STEPS = 150
RULES = "mounted_files:\n  - {match: '*.log', kind: log}\n  - {match: '*.tbl', kind: blocks}\n"


class CountsTest(MountTest):
    def setUp(self):
        super().setUp()
        self.chance = seed()
        self.open_files = []

    def kept(self):
        return json.loads(self.read("c.coffer", "counts"))["counts"]["stores"]

    def count_anew(self):
        self.done("status", "c.coffer", "--recount")
        return self.kept()

    def assert_counted(self):
        """What was counted on is what there is."""
        kept = self.kept()
        self.assertEqual(kept, self.count_anew())
        return kept

    def begin(self, *options):
        self.make_coffer()
        with open(self.path("c.coffer", "coffer.yaml"), "a", encoding="utf-8") as config:
            config.write(RULES)
        self.mount(*options)
        with open(self.path("m", "first"), "wb") as file:
            file.write(b"first")
        self.umount()
        self.count_anew()
        self.mount()

    # --- steps, as programs do them

    def directories(self):
        return [path for path, _, _ in os.walk(self.path("m"))]

    def files(self):
        return [os.path.join(path, name) for path, _, names in os.walk(self.path("m")) for name in names]

    def a_file(self):
        files = self.files()
        return self.chance.choice(files) if files else self.create()

    def a_name(self):
        name = self.chance.choice("abcdefgh") + self.chance.choice(("", "", ".log", ".tbl"))
        return os.path.join(self.chance.choice(self.directories()), name)

    def some_data(self):
        return self.chance.randbytes(self.chance.choice((0, 1, 100, 4096, 5000, 70000)))

    def create(self):
        path = self.a_name()
        if os.path.isdir(path):
            path = os.path.join(path, "new")
        with open(path, "wb") as file:
            file.write(self.some_data())
        return path

    def make_node(self):
        path = self.a_name()
        if not os.path.lexists(path):
            os.mknod(path)

    def append(self):
        path = self.a_file()
        if path.endswith(".tbl") and os.path.getsize(path) > 0:
            return  # complete
        with open(path, "ab") as file:
            file.write(self.some_data())

    def overwrite(self):
        path = self.a_file()
        if path.endswith(("log", "tbl")):
            return
        with open(path, "r+b") as file:
            file.seek(self.chance.randint(0, 90000))
            file.write(self.some_data())

    def cut(self):
        path = self.a_file()
        os.truncate(path, 0 if path.endswith(("log", "tbl")) else self.chance.choice((0, 10, 4096, 200000)))

    def punch(self):
        path = self.a_file()
        if path.endswith(("log", "tbl")):
            return
        with open(path, "r+b") as file:
            LIBC.fallocate(file.fileno(), FALLOC_KEEP_SIZE | FALLOC_PUNCH_HOLE, ctypes.c_long(0), ctypes.c_long(9000))
            os.posix_fallocate(file.fileno(), 0, self.chance.randint(1, 50000))

    def link(self):
        path, name = self.a_file(), self.a_name()
        if not os.path.lexists(name) and os.path.splitext(path)[1] == os.path.splitext(name)[1]:
            os.link(path, name)

    def rename(self):
        path, name = self.a_file(), self.a_name()
        if not os.path.isdir(name) and os.path.splitext(path)[1] == os.path.splitext(name)[1]:
            os.rename(path, name)

    def unlink(self):
        os.unlink(self.a_file())

    def unlink_open(self):
        path = self.a_file()
        file = open(path, "rb" if path.endswith(("log", "tbl")) else "r+b")  # pylint: disable=consider-using-with
        os.unlink(path)
        if file.writable():
            file.write(self.some_data())
            file.flush()
        self.open_files.append(file)

    def make_directory(self):
        path = self.a_name() + "_" + self.chance.choice(("", "x" * 200))
        if path.count("/") < self.path("m").count("/") + 4 and not os.path.lexists(path):
            os.mkdir(path)

    def move_directory(self):
        path = self.chance.choice(self.directories())
        to = os.path.join(self.path("m"), "moved" + self.chance.choice("123"))
        if path != self.path("m") and not to.startswith(path) and (not os.path.isdir(to) or not os.listdir(to)):
            os.rename(path, to)

    def remove_directory(self):
        for path in self.directories():
            if not os.listdir(path) and path != self.path("m"):
                os.rmdir(path)
                return

    def let_go(self):
        while self.open_files:
            self.open_files.pop().close()

    def take_steps(self, count):
        steps = [self.create] * 5 + [
            self.append, self.append, self.overwrite, self.cut, self.punch, self.link, self.link, self.rename,
            self.rename, self.unlink, self.unlink_open, self.make_node, self.make_directory, self.make_directory,
            self.move_directory, self.remove_directory, self.let_go]
        for number in range(count):
            step = self.chance.choice(steps)
            with self.subTest(number=number, step=step.__name__):
                step()
        self.let_go()

    def check_rounds(self, *options):
        self.begin(*options)
        for number in range(2):
            self.take_steps(STEPS)
            if number == 0:
                self.done("rotate", "domain", "c.coffer", "system")
                self.take_steps(STEPS)
            self.umount()
            counted = self.assert_counted()
            self.assertGreater(sum(usage[0] for store in counted.values() for usage in store["files"].values()), 20)
            self.mount()
        self.umount()

    # --- tests

    def test_whatever_is_done(self):
        self.check_rounds()

    def test_whatever_is_done_where_names_are_encrypted(self):
        self.check_rounds("--names", "encrypted")

    def test_a_file_by_two_names_counts_twice_as_it_grows(self):
        self.begin()
        with open(self.path("m", "a"), "wb", buffering=0) as file:
            file.write(b"x" * 10000)
            os.link(self.path("m", "a"), self.path("m", "b"))
            file.write(b"y" * 100000)
            self.assertEqual(os.stat(self.path("m", "a")).st_nlink, 2)
        self.umount()
        (store,) = self.assert_counted().values()
        ((files, size),) = store["files"].values()
        self.assertEqual(files, 3)
        self.assertGreater(size, 2 * 110000)

    def test_the_names_of_one_file_renamed_to_each_other_both_stay(self):
        self.begin()
        for closed in (False, True):
            with open(self.path("m", "a"), "wb") as file:
                file.write(b"x" * 10000)
                if closed:
                    file.close()
                    self.remount()
                os.link(self.path("m", "a"), self.path("m", "b"))
                os.rename(self.path("m", "a"), self.path("m", "b"))
                os.unlink(self.path("m", "a"))
                os.unlink(self.path("m", "b"))
        self.umount()
        self.assert_counted()

    def remount(self):
        self.umount()
        self.mount()

    def test_a_kill_takes_what_came_since_they_were_saved_and_the_next_count_finds_it(self):
        self.begin()
        self.take_steps(STEPS)
        self.umount()
        self.assert_counted()
        self.mount()
        self.take_steps(50)
        self.kill()
        self.end_daemon()
        self.open_files.clear()
        # Still ours, of the last minute; a full count finds what they miss, and is added to as any other.
        self.done("status", "c.coffer")
        self.count_anew()
        self.mount()
        self.take_steps(STEPS)
        self.umount()
        self.assert_counted()

    def test_what_is_only_read_changes_nothing(self):
        self.begin()
        self.take_steps(STEPS)
        self.umount()
        before = self.assert_counted()
        self.mount("--read-only")
        for path in self.files():
            with open(path, "rb") as file:
                file.read()
        self.umount()
        self.assertEqual(self.kept(), before)


if __name__ == "__main__":
    main()
