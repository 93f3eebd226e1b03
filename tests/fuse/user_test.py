"""A mount of somebody who is not root: fusermount3 mounts it and takes it away."""

import os
import pwd
import shutil
import subprocess

from mounting import COFFER, MountTest, main

NOBODY = pwd.getpwnam("nobody")


class UserTest(MountTest):
    def setUp(self):
        super().setUp()
        # Where this user may read them, which where they were built need not be.
        os.mkdir(self.path("bin"))
        for name in ("coffer", "libcoffer_commands.so", "libcoffer_mount.so"):
            shutil.copy(os.path.join(os.path.dirname(COFFER), name), self.path("bin", name))
        for name in ("", "store", "m"):
            os.chown(self.path(name), NOBODY.pw_uid, NOBODY.pw_gid)
        self.make_coffer()

    def coffer(self, *words, **options):
        return self.run_program([self.path("bin", "coffer"), *words], user=NOBODY.pw_uid, group=NOBODY.pw_gid,
                                extra_groups=[], **options)

    def shell(self, text):
        """What it says, as that user."""
        run = self.run_program(["sh", "-ec", text], user=NOBODY.pw_uid, group=NOBODY.pw_gid, extra_groups=[])
        self.assertEqual(run.status, 0, run)
        return run.out

    def test_mounts_uses_and_unmounts(self):
        self.mount()
        self.assertEqual(self.shell("umask 027; cd m; mkdir d; echo hello > d/f; ln d/f g; mv d/f d/h; cat d/h g"),
                         "hello\nhello\n")
        self.assertEqual(self.shell("stat -c '%U %a %s' m/g"), "nobody 640 6\n")
        self.assertEqual(os.stat(self.path("store", "g")).st_uid, NOBODY.pw_uid)
        # Not even root is let in.
        denied = subprocess.run(["cat", self.path("m", "g")], capture_output=True, check=False)
        self.assertIn(b"Permission denied", denied.stderr)
        self.umount()
        self.assertFalse(self.is_mounted())
        self.assertEqual(self.shell("ls m"), "")
        self.mount("--read-only")
        self.assertEqual(self.shell("cat m/g; touch m/x 2>&1 || true"),
                         "hello\ntouch: cannot touch 'm/x': Read-only file system\n")
        self.umount()

    def test_a_mount_in_use_is_left_and_a_dead_one_taken_away(self):
        self.mount()
        user = subprocess.Popen(["sh", "-c", "exec sleep 100 > m/f"], cwd=self.directory, user=NOBODY.pw_uid,
                                group=NOBODY.pw_gid, extra_groups=[])
        self.wait_for(lambda: os.path.exists(self.path("store", "f")), "the file is open")
        run = self.coffer("umount", "m")
        self.assertEqual(run.status, 2, run)
        self.assertIn(f"process {user.pid} (sleep)", run.err)
        user.kill()
        user.wait()
        self.kill()
        self.mount()
        self.assertEqual(self.shell("ls m"), "f\n")
        self.umount()

    def test_other_users_are_let_in_only_where_the_system_allows_it(self):
        with open("/etc/fuse.conf", encoding="utf-8") as file:
            self.assertNotIn("user_allow_other", [line.strip() for line in file], "this test needs it left out")
        run = self.coffer("mount", "c.coffer", "store", "m", "--allow-other")
        self.assertEqual(run.status, 2, run)
        self.assertIn("user_allow_other", run.err)
        self.assertFalse(self.is_mounted())
        self.assertFalse(self.is_served())


if __name__ == "__main__":
    main()
