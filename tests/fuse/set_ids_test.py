"""Set-user-ID bits and capabilities: whoever changes a file takes them away."""

import os
import struct

from mounting import MountTest, main
from posix_test import as_user, facts, fallocate, outcome, write_file

# Version 2, cap_net_raw.
CAPABILITY = struct.pack("<5I", 0x02000001, 1 << 13, 0, 0, 0)


def write_twice(path):
    with open(path, "r+b", buffering=0) as file:
        file.write(b"y")
        # The kernel has asked by now.
        file.write(b"y")


def empty(path):
    os.close(os.open(path, os.O_WRONLY | os.O_TRUNC))


def reserve(path):
    with open(path, "r+b") as file:
        fallocate(file.fileno(), 0, 0, 10000)


CHANGES = (write_twice, empty, lambda path: os.truncate(path, 1), reserve)


def modes_after_changes(d):
    out = []
    for number, change in enumerate(CHANGES):
        for mode in (0o4777, 0o2777, 0o2767, 0o6777):
            for uid in (0, 1000):
                path = write_file(f"{d}/{number}-{mode:o}-{uid}", b"xy")
                write_twice(path)
                os.chmod(path, mode)
                out += [facts(path), as_user(uid, uid, lambda c=change, p=path: c(p)), facts(path)]
    return out


def capabilities_after_changes(d):
    out = []
    for number, change in enumerate((write_twice, empty)):
        path = write_file(f"{d}/capable-{number}", b"xy")
        for _ in range(2):
            os.setxattr(path, "security.capability", CAPABILITY)
            out.append(outcome(os.getxattr, path, "security.capability"))
            change(path)
            out.append(outcome(os.getxattr, path, "security.capability"))
    return out


class SetIdsTest(MountTest):
    def compare(self, *options):
        self.mount_new("--allow-other", *options)
        os.mkdir(self.path("plain"))
        for each in (modes_after_changes, capabilities_after_changes):
            self.assertEqual(each(self.path("m")), each(self.path("plain")))
        # The bits are gone below as well, where they would have an effect.
        for name in os.listdir(self.path("plain")):
            self.assertEqual(os.stat(self.path("store", name)).st_mode, os.stat(self.path("plain", name)).st_mode, name)
        self.umount()
        self.assertEqual(self.log(), "")

    def setUp(self):
        super().setUp()
        os.chmod(self.path("."), 0o755)
        os.chmod(self.path("store"), 0o777)

    def test_they_go_as_on_a_plain_directory(self):
        self.compare()

    def test_they_go_where_writes_are_gathered(self):
        self.compare("--write-back")


if __name__ == "__main__":
    main()
