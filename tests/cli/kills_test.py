"""kill -9 right before each call that changes a disk, in each command that takes several: what is there opens, and
repeating the command finishes it. In the suite some of the calls, by seed; all of them with COFFER_ALL_KILLS=1."""

import os
import shutil
import signal
import subprocess
import sys

from harness import CliTest, main, seed

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools"))
from decoder.keyring import open_keyring  # noqa: E402
from decoder.root_key import read_root_key  # noqa: E402

AT_A_TIME = 5


class Kills(CliTest):
    def setUp(self):
        super().setUp()
        os.mkdir(self.path("work"), 0o755)
        self.make_key()
        self.make_key("second.key")

    def points(self, words):
        """The calls to kill it before; there is one more run, to its end, that counts them."""
        self.begin_anew()
        run = self.coffer(*words, environment={"LD_PRELOAD": os.environ["KILL_AT"], "COFFER_KILL_AT": "0"})
        self.assertEqual(run.status, 0, run)
        count = int(run.err.splitlines()[-1])
        self.assertGreater(count, 3)
        points = list(range(1, count + 1))
        if "COFFER_ALL_KILLS" in os.environ:
            return points
        return sorted(seed().sample(points, min(AT_A_TIME, count)))

    def copy(self, name, to):
        """With its links, of either sort."""
        subprocess.run(["cp", "-a", self.path(name), self.path(to)], check=True)

    def remember(self):
        self.copy("work", "before")

    def begin_anew(self):
        shutil.rmtree(self.path("work"))
        self.copy("before", "work")

    def killed_everywhere(self, words, after, repeated):
        """`after` looks at what a kill left, `repeated` at what came of the same command after that."""
        self.remember()
        for point in self.points(words):
            with self.subTest(words=words[:2], point=point):
                self.begin_anew()
                run = self.coffer(*words, environment={"LD_PRELOAD": os.environ["KILL_AT"],
                                                       "COFFER_KILL_AT": str(point)})
                self.assertEqual(run.status, -signal.SIGKILL, run)
                after()
                repeated(self.coffer(*words, "--json"))

    def opens(self, coffer="work/c.coffer"):
        self.assertEqual(self.verified(coffer, "work/store"), {})

    def done_or(self, *codes):
        """It succeeded; or found with one of these codes that it had been done."""
        def check(run):
            if run.status != 0:
                self.assertIn(run.error()["code"], codes, run)
            self.opens()
        return check

    def make_files(self):
        self.make_coffer("work/c.coffer")
        for name, kind in (("CURRENT", "log"), ("1.sst", "blocks"), ("2.log", "log")):
            self.make_file("work/c.coffer", f"work/store/{name}", os.urandom(3000), kind)

    def test_slot_add(self):
        self.make_files()
        self.killed_everywhere(["slot", "add", "work/c.coffer", "--by", self.uri("second.key"), "--name", "second"],
                               self.opens, self.done_or("already_exists"))

    def test_slot_remove(self):
        self.make_files()
        self.done("slot", "add", "work/c.coffer", "--by", self.uri("second.key"), "--name", "second")
        self.killed_everywhere(["slot", "remove", "work/c.coffer", "second"], self.opens, self.done_or("not_found"))

    def test_reencrypt(self):
        self.make_files()
        self.make_file("work/c.coffer", "work/store/changed", os.urandom(9000), "pages")
        self.done("rotate", "domain", "work/c.coffer", "system")
        os.link(self.path("work/store/1.sst"), self.path("work/store/3.sst"))

        def finished(run):
            self.done_or()(run)
            self.assertEqual(run.json()["problems"], [])
            self.assertTrue(os.path.samefile(self.path("work/store/1.sst"), self.path("work/store/3.sst")))
            self.assertEqual(len(os.listdir(self.path("work/store"))), 5 + os.path.exists(self.path("work/store/LOCK")))

        self.killed_everywhere(["reencrypt", "work/c.coffer"], self.opens, finished)

    def test_rotate_root(self):
        self.make_files()

        def finished(run):
            self.done_or()(run)
            os.rename(self.path("root.key"), self.path("away"))
            self.opens()  # with the new one alone
            self.done("audit", "verify", "work/c.coffer")
            os.rename(self.path("away"), self.path("root.key"))

        self.killed_everywhere(["rotate", "root", "work/c.coffer", "--to", self.uri("second.key")], self.opens,
                               finished)

    def make_group(self):
        self.make_files()
        self.done("group", "add", "work/c.coffer", "acme", "--by", self.uri("second.key"))
        self.done("domain", "add", "work/c.coffer", "tenant", "--group", "acme", "--path", self.path("work/store/t"))
        self.make_file("work/c.coffer", "work/store/t/4.sst", os.urandom(3000), "blocks", "--domain", "tenant")

    def test_group_add(self):
        self.make_files()
        self.killed_everywhere(["group", "add", "work/c.coffer", "acme", "--by", self.uri("second.key")], self.opens,
                               self.done_or("already_exists"))

    def test_group_rotate(self):
        self.make_group()
        self.make_key("third.key")

        def finished(run):
            self.done_or()(run)
            os.rename(self.path("second.key"), self.path("away"))
            self.opens()  # with the new one alone
            self.done("audit", "verify", "work/c.coffer")
            os.rename(self.path("away"), self.path("second.key"))

        self.killed_everywhere(["group", "rotate", "work/c.coffer", "acme", "--to", self.uri("third.key")], self.opens,
                               finished)

    def test_domain_move(self):
        self.make_group()

        def finished(run):
            self.done_or("already_exists")(run)
            os.rename(self.path("second.key"), self.path("away"))
            self.opens()  # without the group's root
            self.done("audit", "verify", "work/c.coffer")
            os.rename(self.path("away"), self.path("second.key"))

        self.killed_everywhere(["domain", "move", "work/c.coffer", "tenant", "--no-group"], self.opens, finished)

    def test_group_remove(self):
        self.make_group()
        self.done("domain", "move", "work/c.coffer", "tenant", "--no-group")

        def finished(run):
            self.done_or("not_found")(run)
            self.assertNotIn("acme", self.read("work/c.coffer/coffer.yaml").decode())

        self.killed_everywhere(["group", "remove", "work/c.coffer", "acme"], self.opens, finished)

    def make_sharded_coffer(self):
        """With so many domains that its keyring is several files, and will be one more."""
        entries = "".join(f"  - name: tenant-{number}\n    path: /srv/{number}\n" for number in range(460))
        self.write("template.yaml", f"version: 1\ndomains:\n{entries}".encode())
        self.make_coffer("work/c.coffer", "root.key", "--template", self.path("template.yaml"))
        self.make_file("work/c.coffer", "work/store/CURRENT", b"x" * 3000, "log")

    def domains_as_decoded(self):
        """name → keys; exactly the files that the keyring names are there."""
        coffer, seen = self.path("work/c.coffer"), []

        def shard(name):
            seen.append(name)
            return self.read(f"work/c.coffer/keyring.d/{name}")

        keyring = open_keyring(self.read("work/c.coffer/keyring"), read_root_key(self.read("root.key")), shard)
        self.assertEqual(sorted(seen), sorted(os.listdir(os.path.join(coffer, "keyring.d"))))
        return keyring["domains"]

    def test_domain_add_in_a_keyring_of_several_files(self):
        self.make_sharded_coffer()
        before = self.domains_as_decoded()

        def finished(run):
            self.done_or("already_exists")(run)
            self.done("rotate", "domain", "work/c.coffer", "one-more")  # a save that finds what the kill left
            after = self.domains_as_decoded()
            self.assertEqual(len(after.pop(b"one-more")), 2)
            self.assertEqual(after, before)
            self.done("audit", "verify", "work/c.coffer")

        self.killed_everywhere(["domain", "add", "work/c.coffer", "one-more"], self.opens, finished)
        self.done("store", "clone", "work/c.coffer", "work/clone")
        self.assertEqual(len(self.done("keyring", "show", "work/clone", "--json").json()["domains"]), 462)

    def test_shred_in_a_keyring_of_several_files(self):
        self.make_sharded_coffer()

        def finished(run):
            self.done_or("already_exists")(run)  # its certificate
            self.done("rotate", "domain", "work/c.coffer", "system")
            keys = self.domains_as_decoded()[b"tenant-7"]
            self.assertEqual([(key["state"], key["bytes"]) for key in keys], [(6, b"")])

        self.killed_everywhere(["shred", "work/c.coffer", "tenant-7", "--confirm", "tenant-7", "--certificate",
                                self.path("work/certificate.json")], self.opens, finished)

    def test_store_move(self):
        self.make_files()
        shutil.move(self.path("work/store"), self.path("work/moved"))

        def readable(_=None):
            self.assertEqual(self.verified("work/c.coffer", "work/moved"), {})

        def finished(run):
            if run.status != 0:
                self.assertEqual(run.error()["code"], "not_found", run)
            readable()

        self.killed_everywhere(["store", "move", "work/c.coffer", "work/store", "work/moved"],
                               lambda: self.done("keyring", "show", "work/c.coffer"), finished)

    def test_store_adopt(self):
        self.make_files()
        shutil.copytree(self.path("work/store"), self.path("work/copy"))

        def finished(run):
            self.done_or("invalid_argument")(run)  # nothing there needs to be adopted
            self.assertEqual(self.verified("work/c.coffer", "work/copy"), {})
            self.done("audit", "verify", "work/c.coffer")

        self.killed_everywhere(["store", "adopt", "work/c.coffer", "work/copy"], self.opens, finished)

    def test_store_forget(self):
        self.make_files()
        self.make_file("work/c.coffer", "work/gone/CURRENT", b"x", "log")
        shutil.rmtree(self.path("work/gone"))
        self.killed_everywhere(["store", "forget", "work/c.coffer", "work/gone"], self.opens,
                               self.done_or("not_found"))

    def finish_making(self, place, words):
        """A new coffer's parts are there one after the other: the message says how to go on."""
        def finished(run):
            if run.status != 0:
                self.assertEqual(run.error()["code"], "already_exists", run)
                keyring, config = (os.path.exists(self.path(part)) for part in place)
                self.assertTrue(keyring, "else it could have been repeated")
                if not config:
                    self.assertIn("--keep-keyring", run.error()["hint"], run)
                    self.done(*words)
            coffer = os.path.dirname(place[1]) if place[1].endswith("coffer.yaml") else place[1]
            self.done("status", coffer)
            self.done("audit", "verify", coffer)
            self.assertEqual([name for name in os.listdir(self.path(os.path.dirname(place[0]))) if "tmp" in name], [])
        return finished

    def test_init(self):
        words = ["init", "work/c.coffer", "--root", self.uri("root.key")]
        self.killed_everywhere(words, lambda: None,
                               self.finish_making(("work/c.coffer/keyring", "work/c.coffer/coffer.yaml"),
                                                  [*words, "--keep-keyring"]))

    def test_init_in_two_places(self):
        os.mkdir(self.path("work/etc"), 0o755)
        words = ["init", "--config", "work/etc/db.yaml", "--keyring", "work/k", "--root", self.uri("root.key"),
                 "--anchor", self.path("work/anchor")]
        self.killed_everywhere(words, lambda: None,
                               self.finish_making(("work/k/keyring", "work/etc/db.yaml"), [*words, "--keep-keyring"]))

    def test_init_for_a_keyring_that_is_there(self):
        self.make_files()
        os.remove(self.path("work/c.coffer/coffer.yaml"))

        def finished(run):
            if run.status != 0:
                self.assertEqual(run.error()["code"], "already_exists", run)
            self.opens()

        self.killed_everywhere(["init", "work/c.coffer", "--root", self.uri("root.key"), "--keep-keyring"],
                               lambda: None, finished)

    def test_store_clone(self):
        self.make_files()
        words = ["store", "clone", "work/c.coffer", "work/clone"]
        self.killed_everywhere(words, self.opens,
                               self.finish_making(("work/clone/keyring", "work/clone/coffer.yaml"),
                                                  ["init", "work/clone", "--root", self.uri("root.key"),
                                                   "--keep-keyring"]))


if __name__ == "__main__":
    main()
