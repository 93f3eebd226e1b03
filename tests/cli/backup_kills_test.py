"""`coffer backup` that is killed, or finds its disk full: nothing that is listed as whole is ever less than that."""

import os
import subprocess

from backup_test import BackingUp
from harness import main


class Interrupted(BackingUp):
    def setUp(self):
        super().setUp()
        self.contents = {f"store/{i}.sst": os.urandom(2 << 20) for i in range(3)}
        for name, data in self.contents.items():
            self.make_file("a.coffer", name, data)

    def kill_at(self, words, number):
        return self.coffer(*words, environment={"LD_PRELOAD": os.environ["KILL_AT"], "COFFER_KILL_AT": str(number)})

    def steps(self, words):
        return int(self.kill_at(words, 0).err.splitlines()[-1])

    def test_kill_9_while_one_is_made(self):
        count = self.steps(self.create())
        whole = set(self.listed())
        for number in range(1, count + 1, 1 + count // 40):
            self.kill_at(self.create(), number)
            states = self.listed()
            self.assertLessEqual(set(states.values()), {"whole", "being made"})
            for backup, state in states.items():
                if state == "being made":
                    self.refused(self.restore("new", backup=backup), "not_found", backup)
                    self.done("backup", "forget", "a.coffer", backup)
            whole &= set(self.listed())
            self.done("backup", "verify", "./target", *whole)
        self.made()
        self.done(*self.restore("new"))
        self.expect_contents("a.coffer", "new", self.contents)

    def test_kill_9_while_one_is_restored(self):
        self.made()
        count = self.steps(self.restore("first"))
        for number in range(1, count + 1, 1 + count // 40):
            self.kill_at(self.restore("new"), number)
            if os.path.exists(self.path("new")):
                self.expect_contents("a.coffer", "new", self.contents)
                os.rename(self.path("new"), self.path(f"done-{number}"))
        self.done(*self.restore("new"))
        self.expect_contents("a.coffer", "new", self.contents)
        self.assertEqual(self.verified("a.coffer", "new"), {})

    def test_a_full_disk_is_an_error_and_no_loss(self):
        if not self.in_mount_namespace():
            return
        for name in ("disk", "more"):
            os.mkdir(self.path(name))
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=755", "tmpfs", self.path(name)], check=True)
        self.target = "./disk/target"
        run = self.coffer(*self.create(), "--json")
        self.assertEqual((run.status, run.error()["code"]), (2, "no_space"), run)
        self.assertEqual(self.listed(), {})
        subprocess.run(["mount", "-o", "remount,size=16m", self.path("disk")], check=True)
        self.assertGreater(self.made()["there_already"], 0)
        run = self.coffer(*self.restore("more/new"), "--json")
        self.assertEqual((run.status, run.error()["code"]), (2, "no_space"), run)
        subprocess.run(["mount", "-o", "remount,size=16m", self.path("more")], check=True)
        self.assertGreater(self.done(*self.restore("more/new"), "--json").json()["there_already"], 0)
        self.expect_contents("a.coffer", "more/new", self.contents)


if __name__ == "__main__":
    main()
