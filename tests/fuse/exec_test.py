"""coffer exec --mount: one program sees a store in clear, and nobody else."""

import os
import shutil
import subprocess

from mounting import COFFER, MountTest, main


class ExecTest(MountTest):
    def setUp(self):
        super().setUp()
        self.make_coffer()

    def run_in(self, script, mount="store", **options):
        return self.coffer("exec", "c.coffer", "--mount", mount, "--", "sh", "-c", script, **options)

    def test_a_program_sees_the_store_in_clear_where_it_is_and_ends_as_it_ends(self):
        run = self.run_in("echo secret > store/a && cat store/a && exit 7")
        self.assertEqual((run.status, run.out, run.err), (7, "secret\n", ""))
        self.assertNotIn(b"secret", self.read("store/a"))
        self.assertFalse(self.is_served())
        run = self.run_in("cat m/a; ls store", "store:m")
        self.assertEqual((run.status, run.out), (0, "secret\na\n"), run)
        run = self.run_in("kill -TERM $$")
        self.assertEqual(run.status, -15, run)

    def test_nobody_else_sees_it(self):
        process = self.start("exec", "c.coffer", "--mount", "store", "--", "sh", "-c",
                             "echo secret > store/a; echo ready; read line; cat store/a", stdin=subprocess.PIPE)
        self.assertEqual(process.stdout.readline(), b"ready\n")
        self.assertFalse(self.is_mounted("store"))
        self.assertNotIn(b"secret", self.read("store/a"))
        run = self.run_in("true")
        self.assertEqual(run.status, 2, run)
        self.assertIn("has this store mounted", run.err)
        out, _ = process.communicate(b"\n", timeout=20)
        self.assertEqual((process.returncode, out), (0, b"secret\n"))

    def test_begun_in_the_store_it_is_in_the_mount(self):
        self.run_in("echo secret > store/a")
        done = subprocess.run([COFFER, "exec", "../c.coffer", "--mount", ".", "--", "cat", "a"],
                              cwd=self.path("store"), capture_output=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, b"secret\n"), done.stderr)

    def test_what_the_program_leaves_behind_writes_no_plaintext(self):
        run = self.run_in("(sleep 0.3; echo secret > store/late) > /dev/null 2>&1 & exit 3")
        self.assertEqual(run.status, 3, run)
        self.assertIn("still runs", run.err)
        self.assertNotIn(b"secret", self.read("store/late"))
        self.assertEqual(self.run_in("cat store/late").out, "secret\n")

    def test_without_a_key_or_a_program_nothing_runs(self):
        run = self.coffer("exec", "c.coffer", "--mount", "store", "--", "no-such-program")
        self.assertEqual(run.status, 2, run)
        self.assertIn("no-such-program", run.err)
        os.rename(self.path("root.key"), self.path("away"))
        run = self.run_in("echo plain > store/a")
        self.assertEqual(run.status, 2, run)
        self.assertIn("root.key", run.err)
        self.assertEqual(os.listdir(self.path("store")), [])

    def test_who_is_not_root_may_too(self):
        """Where the system lets users make namespaces."""
        os.mkdir(self.path("bin"))
        for name in ("coffer", "libcoffer_commands.so", "libcoffer_mount.so"):
            shutil.copy(os.path.join(os.path.dirname(COFFER), name), self.path("bin", name))
        for folder, folders, names in os.walk(self.directory):
            for name in ["", *folders, *names]:
                os.chown(os.path.join(folder, name), 65534, 65534)
        done = subprocess.run([self.path("bin", "coffer"), "exec", "c.coffer", "--mount", "store", "--", "sh", "-c",
                               "id -u > store/a && cat store/a"], cwd=self.directory, user=65534, group=65534,
                              extra_groups=[], capture_output=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, b"65534\n"), done.stderr)
        self.assertEqual(os.stat(self.path("store", "a")).st_uid, 65534)


if __name__ == "__main__":
    main()
