"""docs/drills.md: each drill as it stands there, on a real database, which a program serves meanwhile."""

import hashlib
import hmac
import json
import os
import re
import signal
import subprocess
import sys
import time

from harness import COFFER, CliTest, main

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools"))
from decoder.keyring import keyring_key_of  # noqa: E402
from decoder.primitives import derive  # noqa: E402
from decoder.root_key import read_root_key  # noqa: E402

CATALOGUE = os.environ["CATALOGUE"]
PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "drills.md")
PLACES = ("/var/lib/db", "/etc/coffer", "/srv/audit", "/mnt/")


def drills():
    """heading → (what is said before the script, the script)."""
    with open(PAGE, encoding="utf-8") as file:
        sections = re.split(r"^## ", file.read(), flags=re.MULTILINE)[1:]
    found = {}
    for section in sections:
        heading, text = section.split("\n", 1)
        script = re.search(r"((?:^    .*\n)+)", text, re.MULTILINE)[1]
        found[heading] = (text.split("\n\n")[0], re.sub(r"^    ", "", script, flags=re.MULTILINE))
    return found


class Drills(CliTest):
    def setUp(self):
        super().setUp()
        for name in ("var/lib", "etc/coffer", "srv/audit", "mnt"):
            os.makedirs(self.path(name))
        self.make_key("etc/coffer/root.key")
        self.make_coffer("var/lib/db.coffer", "etc/coffer/root.key", *self.options_of_coffer())
        self.done("domain", "add", "var/lib/db.coffer", "tenant-7", "--path", self.path("var/lib/db/tenant-7"))
        self.write("packages", "".join(f"Package: p{i}\nDescription: d{i}\n\n" for i in range(2000)).encode())
        run = self.run_program([CATALOGUE, "var/lib/db.coffer", "var/lib/db", "load", "packages"])
        self.assertEqual(run.status, 0, run)
        self.make_file("var/lib/db.coffer", "var/lib/db/tenant-7/000001.sst", b"theirs" * 500, "blocks", "--domain",
                       "tenant-7")

    def options_of_coffer(self):
        if "back_up" not in self._testMethodName:
            return []
        entries = "".join(f"  - name: tenant-{number}\n    path: /srv/{number}\n" for number in range(8, 1000))
        entries += "".join(f"  - name: tenant-{number}\n    path: /srv/{number}\n" for number in range(1, 7))
        self.write("template.yaml", f"version: 1\ndomains:\n{entries}".encode())
        return ["--template", self.path("template.yaml")]

    def here(self, script):
        for place in PLACES:
            script = script.replace(place, self.path(place[1:]) + ("/" if place.endswith("/") else ""))
        return script

    def run_drill(self, heading):
        before, script = drills()[heading]
        server = None
        if before.startswith("While the database is served"):
            server = subprocess.Popen([CATALOGUE, "var/lib/db.coffer", "var/lib/db", "serve", "100"],
                                      cwd=self.directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE)
            time.sleep(0.5)
        path = self.path("tools") + ":" + os.path.dirname(COFFER) + ":" + os.environ["PATH"]
        run = self.run_program(["bash", "-euo", "pipefail", "-c", self.here(script)], environment={"PATH": path})
        self.assertEqual(run.status, 0, run)
        if server is not None:
            server.send_signal(signal.SIGTERM)
            served = self.outcome(server)
            self.assertRegex(served.out, r" [1-9]\d* reads, [1-9]\d* writes, 0 errors\n$", served)
        return run

    def test_every_drill_of_the_page_is_run(self):
        tests = {name for name in dir(self) if name.startswith("test_drill_")}
        self.assertEqual({"test_drill_" + re.sub(r"\W+", "_", heading.lower()) for heading in drills()}, tests)

    def test_drill_the_key_provider_does_not_answer_and_the_machine_restarts(self):
        example = os.path.join(os.path.dirname(PAGE), "..", "examples", "exec_provider.py")
        keys = self.path("etc/coffer/keys.json")
        subprocess.run(["/usr/bin/python3", example, keys, "add", "app"], check=True)
        down = self.path("etc/coffer/service.down")
        command = f"#!/bin/sh\n[ ! -e {down} ] || exit 1\nexec /usr/bin/python3 {os.path.realpath(example)} {keys}\n"
        self.write("etc/coffer/coffer-exec-kms", command.encode(), 0o755)
        self.done("rotate", "root", "var/lib/db.coffer", "--to", "exec:" + self.path("etc/coffer/coffer-exec-kms/app"))
        run = self.run_drill("The key provider does not answer, and the machine restarts")
        self.assertEqual(run.out.count("value"), 2, run)
        self.assertRegex(run.out, r"it is unreachable since 20.*: programs that serve go on until 20.*, then as on_out")
        self.assertRegex(run.out, r"local unlock  IN USE: .*, opens until 20")
        self.assertIn("OPENED BY THE LOCAL UNLOCK", run.err)
        self.assertIn("takes the root key", run.err)
        self.assertIn("local_unlock: key is a key file", run.out)
        # All is well, and the last program that was opened has left a copy of the new keyring key.
        status = self.done("status", "var/lib/db.coffer", "--json").json()
        self.assertIsNone(status["root_key_trouble"])
        self.assertEqual((status["local_unlock"]["allowed"], status["local_unlock"]["in_use"]), (True, False))
        kept = json.loads(self.read(status["local_unlock"]["copy"]))
        self.assertEqual(kept["copy"]["slot"], status["root_keys"][0]["id"])
        self.check_copy(kept)
        metrics = self.done("metrics", "var/lib/db.coffer").out
        self.assertIn("coffer_local_unlock_in_use 0\n", metrics)
        self.assertIn(f"coffer_local_unlock_until_seconds {status['local_unlock']['until']}\n", metrics)

    def check_copy(self, kept):
        """By docs/format.md, section 14, alone."""
        copy = kept["copy"]
        coffer = bytes.fromhex(copy["coffer"])
        slot = {"id": bytes.fromhex(copy["slot"]), "handle": bytes.fromhex(copy["handle"]),
                "algorithm": copy["wrap_algorithm"], "wrapped": bytes.fromhex(copy["wrapped"])}
        key = keyring_key_of([slot], coffer, read_root_key(self.read("etc/coffer/unlock.key")))
        message = json.dumps(copy, sort_keys=True, separators=(",", ":")).encode()
        self.assertEqual(kept["mac"], hmac.new(derive(key, b"local unlock", coffer, 32), message, "sha256").hexdigest())
        machine = self.read("/etc/machine-id").rstrip(b" \n") if os.path.exists("/etc/machine-id") else b""
        self.assertEqual(copy["machine"], hashlib.sha256(b"coffer/v1 machine\0" + machine).hexdigest()[:32])

    def test_drill_rotate_everything(self):
        self.assertIn("nothing is due", self.run_drill("Rotate everything").out)

    def test_drill_a_domain_key_may_be_known_to_somebody(self):
        self.run_drill("A domain key may be known to somebody")
        keys = self.done("key", "list", "var/lib/db.coffer", "--history", "--json").json()["keys"]
        self.assertIn(("system", 1, "destroyed"), [(key["domain"], key["version"], key["state"]) for key in keys])

    def test_drill_give_every_file_a_new_key(self):
        before = self.file_ids()
        self.run_drill("Give every file a new key")
        self.assertFalse(before & self.file_ids(), "a file that was not written anew")

    def file_ids(self):
        found = set()
        for folder, _, names in os.walk(self.path("var/lib/db")):
            for name in names:
                run = self.coffer("inspect", os.path.join(folder, name), "--json")
                if run.status == 0 and "file_id" in run.json():
                    found.add(run.json()["file_id"])
        self.assertGreater(len(found), 3)
        return found

    def test_drill_move_to_another_key_provider(self):
        self.run_drill("Move to another key provider")
        self.assertEqual(self.verified("var/lib/db.coffer"), {})

    def test_drill_lock_a_tenant(self):
        self.assertIn("theirs", self.run_drill("Lock a tenant").out)

    def test_drill_the_root_key_is_revoked(self):
        self.run_drill("The root key is revoked")

    def test_drill_shred_a_tenant(self):
        self.run_drill("Shred a tenant")
        self.assertEqual(self.verified("var/lib/db.coffer"), {"var/lib/db/tenant-7/000001.sst": "key destroyed"})

    def test_drill_back_up_the_coffer_while_keys_change(self):
        # A copy takes its time between the keyring and the parts that it names.
        os.mkdir(self.path("tools"))
        self.write("tools/cp", b'#!/bin/sh\nmkdir "$3" && /bin/cp -a "$2/keyring" "$3/" && sleep 0.1\n'
                               b'exec /bin/cp -a -n "$2/." "$3/"\n', 0o755)
        rotated = self.run_drill("Back up the coffer while keys change").out
        self.assertEqual(rotated.count(": key 2 ("), 30)
        self.assertGreater(len(os.listdir(self.path("var/lib/db.coffer/keyring.d"))), 3)
        versions = [self.done("keyring", "show", f"mnt/copy-{copy}", "--json").json()["version"]
                    for copy in range(1, 13)]
        self.assertEqual(versions, sorted(versions))
        self.assertGreater(len(set(versions)), 2, "nobody rotated meanwhile")

    def test_drill_restore_on_another_machine(self):
        self.run_drill("Restore on another machine")
        self.assertEqual(self.verified("var/lib/db.coffer"), {})

    def test_drill_encrypt_an_existing_database(self):
        run = self.run_program(["ldb", "--db=" + self.path("var/lib/db-plain"), "--create_if_missing", "put", "key",
                                "the value"])
        self.assertEqual(run.status, 0, run)
        self.assertEqual(self.run_drill("Encrypt an existing database").out.count("the value\n"), 2)

    def test_drill_encrypt_a_database_with_no_more_than_a_restart(self):
        run = self.run_program(["ldb", "--db=" + self.path("var/lib/db-plain"), "--create_if_missing", "put", "key",
                                "the value"])
        self.assertEqual(run.status, 0, run)
        answer = self.run_drill("Encrypt a database with no more than a restart").out
        self.assertIn("the value\n", answer)
        self.assertNotIn("IN TRANSITION", answer)


if __name__ == "__main__":
    main()
