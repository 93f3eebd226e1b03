"""The life of domain keys by hand: coffer key, coffer shred, coffer certificate."""

import json
import os
import shutil
import time

from harness import CliTest, columns, main

EXAMPLE_KEY_COMMAND = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../examples/exec_provider.py")


class Keys(CliTest):
    def setUp(self):
        super().setUp()
        self.make_coffer()
        self.contents = self.make_store()

    def keys(self, *words):
        """version → what key list says of it, of domain system."""
        found = self.done("key", "list", "c.coffer", *words, "--json").json()["keys"]
        return {key["version"]: key for key in found if key["domain"] == "system"}

    def states(self):
        return {version: key["state"] for version, key in self.keys("--history").items()}

    def new_file_is_under(self, version, name="store/new.sst"):
        self.make_file("c.coffer", name, b"x" * 1000)
        self.assertEqual(self.done("inspect", self.path(name), "--json").json()["domain_key_version"], version)
        os.remove(self.path(name))


class Listing(Keys):
    def test_a_key_is_named_by_domain_and_number_or_by_digits_of_its_id(self):
        key = self.keys()[1]
        self.assertEqual((key["files"], key["state"]), (3, "active"))
        for name in ("system:1", key["id"], key["id"][:8], key["id"][:8].upper()):
            self.assertEqual(self.done("key", "show", "c.coffer", name, "--json").json()["id"], key["id"])
        self.refused(["key", "show", "c.coffer", "system:2"], "not_found", "coffer key list")
        self.refused(["key", "show", "c.coffer", "orders:1"], "not_found", "orders")
        self.refused(["key", "show", "c.coffer", "ffffffff"], "not_found")
        for name in ("system", "1", key["id"][:7], key["id"] + "0"):
            self.refused(["key", "show", "c.coffer", name], "invalid_argument", "system:3")

    def test_history_is_shown_when_it_is_asked_for(self):
        self.done("rotate", "domain", "c.coffer", "system", "--rewrap")
        self.assertEqual(set(self.keys()), {2})
        self.assertEqual(set(self.keys("--history")), {1, 2})
        self.assertEqual(len(columns(self.done("status", "c.coffer").out, "DOMAIN")), 1)
        self.assertEqual(len(columns(self.done("status", "c.coffer", "--history").out, "DOMAIN")), 2)


class Locking(Keys):
    def test_nothing_of_a_locked_tenant_is_read_or_written_and_all_say_so(self):
        self.done("domain", "add", "c.coffer", "tenant-7", "--path", self.path("store/t7"))
        self.make_file("c.coffer", "store/t7/1.sst", b"theirs" * 100, "blocks", "--domain", "tenant-7")
        since = self.done("tenant", "lock", "c.coffer", "tenant-7", "--json").json()["locked"]
        again = self.done("tenant", "lock", "c.coffer", "tenant-7", "--json").json()
        self.assertEqual(again["locked"], since)
        self.refused(["cat", "c.coffer", "store/t7/1.sst"], "key_unavailable", "coffer tenant unlock")
        self.assertEqual(self.verified("c.coffer"), {"store/t7/1.sst": "missing key"})
        domains = {each["name"]: each["locked"] for each in self.done("domain", "list", "c.coffer", "--json").json()
                   ["domains"]}
        self.assertEqual(domains, {"system": None, "tenant-7": since})
        status = {each["name"]: each["locked"] for each in self.done("status", "c.coffer", "--json").json()["domains"]}
        self.assertEqual(status, domains)
        self.assertIn("LOCKED", self.done("status", "c.coffer").out)
        self.assertIn(", locked", self.done("key", "list", "c.coffer").out)
        self.done("rotate", "domain", "c.coffer", "tenant-7", "--rewrap")
        self.assertIsNone(self.done("tenant", "unlock", "c.coffer", "tenant-7", "--json").json()["locked"])
        self.assertEqual(self.done("cat", "c.coffer", "store/t7/1.sst").out, "theirs" * 100)
        log = self.done("audit", "show", "c.coffer").out
        self.assertIn("domain locked: domain tenant-7", log)
        self.assertIn("domain unlocked: domain tenant-7", log)

    def test_system_and_what_is_not_there_are_not_locked(self):
        before = self.done("status", "c.coffer", "--json").json()["keyring_version"]
        self.refused(["tenant", "lock", "c.coffer", "system"], "invalid_argument", "system")
        self.refused(["tenant", "lock", "c.coffer", "nobody"], "not_found", "nobody")
        self.assertEqual(self.done("status", "c.coffer", "--json").json()["keyring_version"], before)


class Groups(Keys):
    """A tenant whose keys need a root of his own, behind a command of his: it may be away, and comes back."""

    def setUp(self):
        super().setUp()
        example, keys = self.path("coffer-exec-example"), self.path("keys.json")
        shutil.copy(EXAMPLE_KEY_COMMAND, example)
        self.assertEqual(self.run_program([example, keys, "add", "acme"]).status, 0)
        self.make_key("other.key")
        self.acme = self.done("group", "add", "c.coffer", "acme", "--by", f"exec:{example}/acme?arg1={keys}",
                              "--json").json()["root"]
        self.done("group", "add", "c.coffer", "other", "--by", self.uri("other.key"))
        for tenant, group in (("t7", "acme"), ("t8", "other")):
            self.done("domain", "add", "c.coffer", tenant, "--group", group, "--path", self.path("store", tenant))
            self.make_file("c.coffer", f"store/{tenant}/1.sst", tenant.encode() * 100, "blocks", "--domain", tenant)

    def acme_goes(self):
        os.rename(self.path("keys.json"), self.path("away"))

    def acme_is_back(self):
        os.rename(self.path("away"), self.path("keys.json"))

    def groups(self, *words):
        run = self.coffer("group", "list", "c.coffer", "--json", *words)
        rows = {row["name"]: row for row in run.json()["groups"]}
        self.assertEqual(run.status, 1 if any(row["opens"] is False for row in rows.values()) else 0, run)
        return rows

    def test_a_group_whose_root_is_away_fails_alone_and_says_which_root(self):
        self.assertEqual({name: (row["opens"], row["domains"], row["roots"]) for name, row in
                          self.groups("--check").items()},
                         {"acme": (True, ["t7"], [self.acme]), "other": (True, ["t8"], ["root-3"])})
        self.acme_goes()
        self.assertEqual({name: row["opens"] for name, row in self.groups().items()}, {"acme": None, "other": None})
        self.assertEqual({name: row["opens"] for name, row in self.groups("--check").items()},
                         {"acme": False, "other": True})
        self.refused(["cat", "c.coffer", "store/t7/1.sst"], "key_unavailable", '"t7"', '"acme"',
                     f"root {self.acme}", "hint: ")
        self.assertEqual(self.done("cat", "c.coffer", "store/t8/1.sst").out, "t8" * 100)
        self.assertEqual(self.verified("c.coffer"), {"store/t7/1.sst": "missing key"})
        self.refused(["rotate", "domain", "c.coffer", "t7"], "key_unavailable", '"acme"')
        self.refused(["domain", "add", "c.coffer", "t9", "--group", "acme"], "key_unavailable", '"acme"')
        self.assertIn('"acme" is closed', self.problems("doctor", "c.coffer").out)
        # What others do meanwhile keeps his keys as they are.
        self.done("rotate", "domain", "c.coffer", "t8", "--rewrap")
        self.done("rotate", "root", "c.coffer")
        self.acme_is_back()
        self.assertEqual(self.done("cat", "c.coffer", "store/t7/1.sst").out, "t7" * 100)
        self.done("rotate", "domain", "c.coffer", "t7", "--rewrap")
        self.assertEqual(self.verified("c.coffer"), {})

    def test_a_group_goes_over_to_another_root_and_files_are_read_on(self):
        self.make_key("next.key")
        self.done("group", "rotate", "c.coffer", "acme")
        answer = self.done("group", "rotate", "c.coffer", "acme", "--to", self.uri("next.key"), "--json").json()
        self.assertEqual(answer["removed"], [self.acme])
        self.acme_goes()
        self.assertEqual(self.done("cat", "c.coffer", "store/t7/1.sst").out, "t7" * 100)
        self.assertEqual(self.groups("--check")["acme"]["roots"], [answer["root"]])
        self.assertNotIn(self.acme, self.read("c.coffer/coffer.yaml").decode())
        self.refused(["group", "rotate", "c.coffer", "nobody"], "not_found", "coffer group list")
        self.refused(["group", "rotate", "c.coffer", "acme", "--to", "root-1"], "invalid_argument", "lock the keyring")

    def test_a_domain_of_a_closed_group_is_shredded(self):
        self.acme_goes()
        self.done("shred", "c.coffer", "t7", "--confirm", "t7")
        self.acme_is_back()
        self.refused(["cat", "c.coffer", "store/t7/1.sst"], "key_destroyed")
        self.assertEqual(self.done("cat", "c.coffer", "store/t8/1.sst").out, "t8" * 100)

    def test_what_is_due_is_rotated_but_for_closed_groups(self):
        self.edit("c.coffer/coffer.yaml", "version: 1\n", "version: 1\npolicy: {rotation_period: 1s}\n")
        self.acme_goes()
        time.sleep(1.1)
        run = self.problems("plan", "c.coffer", "--apply", "--json")
        self.assertEqual({action["domain"] for action in run.json()["done"]}, {"system", "t8"})
        self.assertIn('"acme"', run.json()["problems"][0]["message"])

    def test_every_command_that_names_domains_names_their_group(self):
        for words in (["domain", "list"], ["status"]):
            rows = self.done(*words, "c.coffer", "--json").json()["domains"]
            self.assertEqual({row["name"]: row["group"] for row in rows},
                             {"system": None, "t7": "acme", "t8": "other"})
            self.assertIn("group acme", self.done(*words, "c.coffer").out)
        self.assertEqual(self.done("key", "show", "c.coffer", "t7:1", "--json").json()["group"], "acme")
        self.assertIn(f"acme, of root {self.acme}", self.done("key", "show", "c.coffer", "t7:1").out)
        self.assertIn("group acme", self.done("key", "list", "c.coffer").out)
        self.assertIn(f"group added: group acme, root {self.acme}", self.done("audit", "show", "c.coffer").out)

    def test_a_domain_moves_into_a_group_and_out_of_it(self):
        self.done("domain", "add", "c.coffer", "t9", "--path", self.path("store", "t9"))
        self.make_file("c.coffer", "store/t9/1.sst", b"t9" * 100, "blocks", "--domain", "t9")
        run = self.done("domain", "move", "c.coffer", "t9", "--group", "acme")
        self.assertIn("in key group acme", run.out)
        self.assertIn("coffer rewrap", run.err)
        self.assertEqual(self.groups()["acme"]["domains"], ["t7", "t9"])
        self.assertEqual(self.done("cat", "c.coffer", "store/t9/1.sst").out, "t9" * 100)
        self.done("rewrap", "c.coffer")
        self.acme_goes()
        self.refused(["cat", "c.coffer", "store/t9/1.sst"], "key_unavailable", '"t9"', '"acme"')
        for to in (["--group", "other"], ["--no-group"]):
            self.refused(["domain", "move", "c.coffer", "t9", *to], "key_unavailable", '"t9"', '"acme"', "hint: ")
        self.refused(["domain", "move", "c.coffer", "t8", "--group", "acme"], "key_unavailable", '"t8"', '"acme"')
        self.acme_is_back()
        for to, group in ((["--group", "other"], "other"), (["--no-group"], None)):
            answer = self.done("domain", "move", "c.coffer", "t9", *to, "--json").json()
            self.assertEqual((answer["domain"], answer["group"]), ("t9", group))
            self.refused(["domain", "move", "c.coffer", "t9", *to], "already_exists", '"t9"')
        self.assertEqual(answer["key"]["version"], 4)
        self.acme_goes()
        self.assertEqual(self.done("cat", "c.coffer", "store/t9/1.sst").out, "t9" * 100)
        shown = self.done("audit", "show", "c.coffer").out
        for moved in ("to acme", "from acme, to other", "from other"):
            self.assertIn(f"domain moved: domain t9, {moved}\n", shown)

    def test_what_does_not_move_is_refused(self):
        before = self.done("status", "c.coffer", "--json").json()["keyring_version"]
        self.refused(["domain", "move", "c.coffer", "system", "--group", "acme"], "invalid_argument", "system")
        self.refused(["domain", "move", "c.coffer", "nobody", "--group", "acme"], "not_found", '"nobody"')
        self.refused(["domain", "move", "c.coffer", "t7", "--group", "nobody"], "not_found", '"nobody"')
        for words in ([], ["--group", "other", "--no-group"], ["--group", ""]):
            self.refused(["domain", "move", "c.coffer", "t7", *words], "invalid_argument", "--no-group")
        self.assertEqual(self.done("status", "c.coffer", "--json").json()["keyring_version"], before)

    def test_a_group_is_removed_once_no_domain_is_in_it(self):
        self.refused(["group", "remove", "c.coffer", "acme"], "busy", "t7", "coffer domain move")
        self.done("domain", "move", "c.coffer", "t7", "--group", "other")
        self.acme_goes()
        answer = self.done("group", "remove", "c.coffer", "acme", "--json").json()
        self.assertEqual((answer["group"], answer["removed"]), ("acme", [self.acme]))
        self.assertEqual(list(self.groups("--check")), ["other"])
        self.assertNotIn("acme", self.read("c.coffer/coffer.yaml").decode())
        self.refused(["group", "remove", "c.coffer", "acme"], "not_found", '"acme"')
        self.assertIn("group removed: group acme", self.done("audit", "show", "c.coffer").out)
        self.make_key("next.key")
        self.done("group", "add", "c.coffer", "acme", "--by", self.uri("next.key"))
        self.assertEqual(self.verified("c.coffer"), {})

    def test_status_says_which_groups_there_are_whether_they_open_or_not(self):
        self.acme_goes()
        self.assertEqual(self.done("status", "c.coffer", "--json").json()["groups"],
                         [{"name": "acme", "roots": [self.acme], "domains": 1},
                          {"name": "other", "roots": ["root-3"], "domains": 1}])
        self.assertIn(f"key groups acme (1 domain), root {self.acme}: exec:", self.done("status", "c.coffer").out)

    def test_what_no_group_may_be_is_refused(self):
        self.make_key("unused.key")
        self.refused(["group", "add", "c.coffer", "new"], "invalid_argument", "--by")
        self.refused(["group", "add", "c.coffer", "acme", "--by", self.acme], "already_exists", '"acme"')
        self.refused(["group", "add", "c.coffer", "new", "--by", self.acme], "invalid_argument", '"acme"')
        self.refused(["slot", "add", "c.coffer", "--by", self.acme], "invalid_argument", '"acme"')
        self.refused(["rotate", "root", "c.coffer", "--to", self.acme], "invalid_argument", '"acme"')
        self.refused(["group", "add", "c.coffer", "new", "--by", "root-1"], "invalid_argument", "lock the keyring")
        self.refused(["group", "add", "c.coffer", "New", "--by", self.uri("unused.key")], "invalid_argument", "New")
        self.refused(["domain", "add", "c.coffer", "t9", "--group", "nobody"], "not_found", "coffer group add")
        self.refused(["slot", "remove", "c.coffer", self.acme], "busy", "coffer group list")
        self.make_key("unreadable.key")
        self.write("unreadable.key", b"no key", 0o600)
        self.refused(["group", "add", "c.coffer", "new", "--by", self.uri("unreadable.key")], "invalid_argument")

    def test_a_clone_has_the_groups_whether_they_are_open_or_not(self):
        self.acme_goes()
        self.done("store", "clone", "c.coffer", "d.coffer")
        self.acme_is_back()
        rows = self.done("group", "list", "d.coffer", "--check", "--json").json()["groups"]
        self.assertEqual([(row["name"], row["opens"]) for row in rows], [("acme", True), ("other", True)])


class Changing(Keys):
    def test_a_key_that_is_suspended_revoked_or_compromised_is_succeeded_at_once(self):
        for version, (word, state) in enumerate((("suspend", "suspended"), ("revoke", "deactivated"),
                                                 ("compromise", "compromised")), start=1):
            answer = self.done("key", word, "c.coffer", f"system:{version}", "--json").json()
            self.assertEqual((answer["state"], answer["active_version"]), (state, version + 1))
            self.new_file_is_under(version + 1)
        self.assertEqual(self.states(), {1: "suspended", 2: "deactivated", 3: "compromised", 4: "active"})
        self.assertEqual(self.verified("c.coffer"), {})
        self.done("key", "activate", "c.coffer", "system:1")
        self.assertEqual(self.states()[4], "deactivated")
        self.new_file_is_under(1)

    def test_what_the_table_of_states_forbids_is_refused(self):
        self.refused(["key", "activate", "c.coffer", "system:1"], "invalid_argument", "active")
        self.refused(["key", "destroy", "c.coffer", "system:1"], "invalid_argument", "coffer key revoke")
        self.done("key", "compromise", "c.coffer", "system:1")
        for word in ("activate", "suspend", "revoke", "compromise"):
            self.refused(["key", word, "c.coffer", "system:1"], "invalid_argument", "compromised")
        self.refused(["key", "expire", "c.coffer", "system:1", "--at", "2040-01-01"], "invalid_argument", "compromised")

    def test_rewrap_takes_a_compromised_key_out_of_every_header(self):
        self.done("key", "compromise", "c.coffer", "system:1")
        self.assertEqual(self.keys()[1]["files"], 3)
        self.done("rewrap", "c.coffer")
        self.assertNotIn(1, self.keys())


class Expiring(Keys):
    def test_from_its_date_on_a_key_wraps_nothing_and_a_fresh_one_is_made_when_it_is_needed(self):
        self.done("key", "expire", "c.coffer", "system:1", "--at", str(int(time.time()) + 3600))
        self.new_file_is_under(1)
        self.done("key", "expire", "c.coffer", "system:1", "--at", str(int(time.time()) - 1))
        self.assertEqual(self.states(), {1: "active"})
        self.new_file_is_under(2)
        self.assertEqual(self.states(), {1: "deactivated", 2: "active"})
        self.assertEqual(self.verified("c.coffer"), {})

    def test_rewrap_uses_no_expired_key_either(self):
        self.done("rotate", "domain", "c.coffer", "system")
        self.done("key", "expire", "c.coffer", "system:2", "--at", "2020-01-01")
        self.done("rewrap", "c.coffer")
        self.assertEqual(self.keys()[3]["files"], 3)

    def test_a_date_can_be_taken_back_and_a_year_is_none(self):
        self.done("key", "expire", "c.coffer", "system:1", "--at", "2020-01-01 12:00:00")
        self.done("key", "expire", "c.coffer", "system:1", "--never")
        self.new_file_is_under(1)
        for time_text in ("2030", "tomorrow", "", "1969-01-01"):
            self.refused(["key", "expire", "c.coffer", "system:1", "--at", time_text], "invalid_argument", "2030-01-01")
        self.refused(["key", "expire", "c.coffer", "system:1"], "invalid_argument", "--never")
        self.refused(["key", "expire", "c.coffer", "system:1", "--at", "2040-01-01", "--never"], "invalid_argument")


class Destroying(Keys):
    def test_a_key_is_destroyed_when_nothing_needs_it(self):
        self.done("key", "revoke", "c.coffer", "system:1")
        self.refused(["key", "destroy", "c.coffer", "system:1"], "busy", "3 file(s)", "data.sst", "coffer rewrap")
        self.done("rewrap", "c.coffer")
        self.done("key", "destroy", "c.coffer", "system:1")
        self.assertEqual(self.states(), {1: "destroyed", 2: "active"})
        self.assertEqual(self.verified("c.coffer"), {})
        self.refused(["key", "destroy", "c.coffer", "system:1"], "invalid_argument", "destroyed")

    def test_where_a_store_or_header_cannot_be_looked_at_nothing_is_destroyed(self):
        self.done("key", "revoke", "c.coffer", "system:1")
        self.done("rewrap", "c.coffer")
        self.write("store/broken.sst", os.urandom(8192).replace(b"\0", b"x"))
        data = bytearray(self.read("store/data.sst"))
        for slot in (20, 4096 + 20):
            data[slot] ^= 1
        self.write("store/data.sst", bytes(data))
        self.refused(["key", "destroy", "c.coffer", "system:1"], "busy", "data.sst", "coffer verify")
        shutil.move(self.path("store"), self.path("elsewhere"))
        self.refused(["key", "destroy", "c.coffer", "system:1"], "busy", self.path("store"), "mount its disk")

    def test_a_copy_of_the_coffer_destroys_nothing(self):
        self.done("key", "revoke", "c.coffer", "system:1")
        shutil.copytree(self.path("c.coffer"), self.path("copy.coffer"))
        self.refused(["key", "destroy", "copy.coffer", "system:1"], "foreign")
        self.refused(["shred", "copy.coffer", "system", "--confirm", "system"], "foreign")


class Shredding(CliTest):
    def setUp(self):
        super().setUp()
        self.make_coffer("c.coffer", "root.key", "--anchor", self.path("anchor"))
        self.done("domain", "add", "c.coffer", "tenant-7", "--path", self.path("store/t7"))
        self.make_store()
        self.make_file("c.coffer", "store/t7/a.sst", b"theirs" * 1000, "blocks", "--domain", "tenant-7")
        self.done("rotate", "domain", "c.coffer", "tenant-7")
        self.make_file("c.coffer", "store/t7/b.sst", b"theirs" * 1000, "blocks", "--domain", "tenant-7")

    def shred(self, *words):
        return self.done("shred", "c.coffer", "tenant-7", "--confirm", "tenant-7", "--certificate", "proof.json",
                         *words)

    def test_its_files_say_key_destroyed_and_all_others_are_as_before(self):
        answer = self.shred("--json").json()
        self.assertEqual((len(answer["keys"]), answer["files"]), (2, 2))
        self.assertEqual(self.verified("c.coffer"), {"store/t7/a.sst": "key destroyed",
                                                     "store/t7/b.sst": "key destroyed"})
        self.refused(["cat", "c.coffer", "store/t7/a.sst"], "key_destroyed", "remove")

    def test_it_has_to_be_meant(self):
        self.refused(["shred", "c.coffer", "tenant-7"], "invalid_argument", "--confirm tenant-7")
        self.refused(["shred", "c.coffer", "tenant-7", "--confirm", "tenant-8"], "invalid_argument")
        self.refused(["shred", "c.coffer", "nobody", "--confirm", "nobody"], "not_found")
        self.write("proof.json", b"older")
        self.refused(["shred", "c.coffer", "tenant-7", "--confirm", "tenant-7", "--certificate", "proof.json"],
                     "already_exists", "--certificate")

    def test_the_keyring_of_before_does_not_bring_the_keys_back(self):
        before = self.read("c.coffer/keyring")
        self.shred()
        self.write("c.coffer/keyring", before, 0o600)
        self.refused(["cat", "c.coffer", "store/t7/a.sst"], "rolled_back")
        self.refused(["certificate", "c.coffer", "proof.json"], "rolled_back")
        os.remove(self.path("anchor"))
        self.done("status", "c.coffer", "--history")
        # Nothing else remembers it.
        self.refused(["certificate", "c.coffer", "proof.json"], "rolled_back", "older than the certificate")

    def test_the_certificate_is_checked_with_and_without_the_coffer(self):
        self.shred()
        self.assertIn("tenant-7 was shredded", self.done("certificate", "c.coffer", "proof.json").out)
        statement, by = self.read("proof.json").splitlines()
        by = json.loads(by)
        # DER of an Ed25519 public key: RFC 8410, section 4.
        self.write("public.der", bytes.fromhex("302a300506032b6570032100" + by["ed25519_public_key"]))
        self.write("statement", statement)
        self.write("signature", bytes.fromhex(by["signature"]))
        check = ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", "public.der", "-rawin", "-in",
                 "statement", "-sigfile", "signature"]
        self.assertEqual(self.run_program(check).status, 0)
        self.write("statement", statement.replace(b"tenant-7", b"tenant-8"))
        self.assertNotEqual(self.run_program(check).status, 0)

    def test_a_certificate_that_is_altered_or_anothers_is_refused(self):
        self.shred()
        proof = self.read("proof.json")
        for altered in (proof.replace(b"tenant-7", b"tenant-8"), proof[:200], b"", proof.splitlines()[0] + b"\n{}\n",
                        proof.splitlines()[0] + b"\n[]\n", proof.replace(b'"signature":"', b'"signature":"00'),
                        proof.replace(b'public_key":"', b'public_key":"00')):
            self.write("altered.json", altered)
            self.refused(["certificate", "c.coffer", "altered.json"], "tampered", "altered.json")
        self.make_coffer("other.coffer")
        self.refused(["certificate", "other.coffer", "proof.json"], "tampered")

    def test_what_was_shredded_is_certified_again_and_a_fresh_key_begins_anew(self):
        version = self.shred("--json").json()["keyring_version"]
        again = self.done("shred", "c.coffer", "tenant-7", "--confirm", "tenant-7", "--certificate", "again.json",
                          "--json").json()
        self.assertEqual(again["keyring_version"], version)
        self.done("certificate", "c.coffer", "again.json")
        self.done("rotate", "domain", "c.coffer", "tenant-7")
        self.make_file("c.coffer", "store/t7/c.sst", b"x", "blocks", "--domain", "tenant-7")
        self.done("cat", "c.coffer", "store/t7/c.sst")
        self.done("certificate", "c.coffer", "proof.json")


class Policy(CliTest):
    def setUp(self):
        super().setUp()
        self.make_coffer()
        self.make_store()

    def set_policy(self, text):
        config = self.read("c.coffer/coffer.yaml").split(b"policy:")[0]
        self.write("c.coffer/coffer.yaml", config + text.encode())

    def test_what_is_due_is_shown_with_its_reason_and_done_when_asked(self):
        self.assertIn("nothing is due", self.done("plan", "c.coffer").out)
        self.set_policy("policy: {rotation_period: 1s, old_files: rewrap, old_files_after: 0s}\n")
        time.sleep(1.1)
        before = self.tree()
        run = self.done("plan", "c.coffer")
        self.assertRegex(run.out, r"due: rotate domain system: key 1 has been active for \d+s, and rotation_period")
        self.assertEqual(self.tree(), before)
        done = self.done("plan", "c.coffer", "--apply", "--json").json()
        self.assertEqual([action["action"] for action in done["done"]], ["rotate", "rewrap"])
        self.assertEqual(self.active_share(), (3, 3))
        self.assertEqual(self.verified("c.coffer"), {})

    def test_what_was_written_under_a_key_is_counted_and_may_be_limited(self):
        self.done("rotate", "domain", "c.coffer", "system")
        self.done("reencrypt", "c.coffer")
        key, = self.done("key", "list", "c.coffer", "--json").json()["keys"]
        self.assertGreaterEqual(key["seals"], 3)
        self.assertEqual(key["written"], 20000 + 9000 + 5000)
        self.assertEqual(key["left"]["seals"], None)
        self.set_policy(f"policy: {{rotation_period: off, max_seals: {key['seals'] + 1}, max_bytes: 1TiB}}\n")
        left = self.done("key", "show", "c.coffer", "system:2", "--json").json()["left"]
        self.assertEqual((left["seals"], left["bytes"], left["seconds"]), (1, (1 << 40) - key["written"], None))
        self.assertIn("nothing is due", self.done("plan", "c.coffer").out)
        self.make_file("c.coffer", "store/d.sst", b"12345", "blocks")
        self.assertIn(f"has sealed {key['seals'] + 1} headers, and max_seals is", self.done("plan", "c.coffer").out)
        status = self.done("status", "c.coffer", "--json").json()["domains"][0]["keys"][0]
        self.assertEqual((status["written"], status["left_percent"]), (key["written"], 0))
        self.done("plan", "c.coffer", "--apply")
        metrics = self.done("metrics", "c.coffer").out
        self.assertIn('coffer_key_seals_left{domain="system",version="3",state="active"} ', metrics)
        self.assertRegex(metrics, r'(?m)^coffer_key_seals_total.*version="2",state="deactivated"} '
                                  f"{key['seals'] + 1}$")
        self.assertIn('coffer_root_key{state="ok"} 1\n', metrics)
        self.assertRegex(metrics, r"^(# (HELP|TYPE) [a-z_]+ .+\n|[a-z_]+(\{[^}]*\})? \d+\n)+$")

    def test_keys_that_no_file_needs_are_destroyed_when_the_policy_says_so(self):
        self.set_policy("policy: {rotation_period: off, destroy_after: 0s}\n")
        self.assertIn("nothing is due", self.done("plan", "c.coffer").out)
        self.done("rotate", "domain", "c.coffer", "system")
        self.assertIn("nothing is due", self.done("plan", "c.coffer").out, "files need it")
        self.done("rewrap", "c.coffer")
        self.assertIn("no file needs key 1, which was deactivated", self.done("plan", "c.coffer").out)
        # While a store is missing, or a header cannot be read, any key may be needed.
        os.rename(self.path("store"), self.path("away"))
        run = self.problems("plan", "c.coffer", "--apply")
        self.assertIn("no key is destroyed while", run.out)
        os.rename(self.path("away"), self.path("store"))
        head = self.read("store/data.sst")
        self.write("store/data.sst", head[:8] + bytes(byte ^ 1 for byte in head[8:]))
        self.assertIn("no key is destroyed while", self.problems("plan", "c.coffer", "--apply").out)
        self.write("store/data.sst", head)
        self.assertEqual(self.done("key", "show", "c.coffer", "system:1", "--json").json()["state"], "deactivated")
        done = self.done("plan", "c.coffer", "--apply", "--json").json()["done"]
        self.assertEqual([action["action"] for action in done], ["destroy a key of"])
        self.assertEqual(self.done("key", "show", "c.coffer", "system:1", "--json").json()["state"], "destroyed")
        self.assertEqual(self.verified("c.coffer"), {})

    def test_counts_that_were_changed_are_named_and_keys_are_rotated_by_time_all_the_same(self):
        self.write("c.coffer/usage", self.read("c.coffer/usage").replace(b'"seals":', b'"seals":1'))
        self.refused(["metrics", "c.coffer"], "tampered", "c.coffer/usage", "remove it")
        status = self.problems("status", "c.coffer", "--json").json()
        self.assertEqual(status["usage_refused"]["code"], "tampered")
        self.assertEqual(status["domains"][0]["keys"][0]["written"], None)
        self.assertIn("c.coffer/usage", self.problems("status", "c.coffer").out)
        listed = self.done("key", "list", "c.coffer", "--json")
        self.assertEqual((listed.json()["keys"][0]["seals"], listed.json()["keys"][0]["files"]), (None, 3))
        self.assertIn("nothing is known", self.done("key", "show", "c.coffer", "system:1").err)
        self.set_policy("policy: {rotation_period: 1s}\n")
        time.sleep(1.1)
        self.assertEqual(self.coffer("plan", "c.coffer", "--apply", "--json").error()["code"], "tampered")
        self.assertEqual(self.done("key", "show", "c.coffer", "system:2", "--json").json()["state"], "active")
        os.remove(self.path("c.coffer/usage"))
        self.assertEqual(self.done("key", "show", "c.coffer", "system:1", "--json").json()["seals"], 0)

    def test_files_under_a_compromised_key_are_always_due(self):
        self.done("key", "compromise", "c.coffer", "system:1")
        due = self.done("plan", "c.coffer", "--json").json()["due"]
        self.assertEqual([(action["action"], action["domain"]) for action in due], [("rewrap", "system")])
        self.assertIn("compromised", due[0]["why"])

    # A new wrapping is not enough where somebody may know the file key.
    def test_what_a_compromised_key_protected_gets_other_file_keys(self):
        before = self.done("inspect", "store/raw", "--json").json()
        self.done("key", "compromise", "c.coffer", "system:1")
        self.done("rewrap", "c.coffer")
        plan = self.done("plan", "c.coffer", "--json").json()
        self.assertEqual(plan["due"], [])
        self.assertEqual(plan["reencryptions"], [
            {"action": "reencrypt", "key": "system:1", "store": self.path("store"), "files": 3,
             "bytes": sum(os.path.getsize(self.path("store", name)) for name in os.listdir(self.path("store"))),
             "why": "which was compromised"}])
        run = self.done("plan", "c.coffer", "--apply")
        self.assertIn("done: re-encrypt in " + self.path("store") + ": 3 files", run.out)
        after = self.done("inspect", "store/raw", "--json").json()
        self.assertNotEqual(after["file_id"], before["file_id"])
        self.assertEqual(after["oldest_key_version"], 2)
        self.assertIn("nothing is due", self.done("plan", "c.coffer").out)
        self.assertEqual(self.verified("c.coffer"), {})
        self.assertEqual([(run["what"], run["about"], run["state"], run["files"]) for run in
                          self.done("runs", "c.coffer", "--json").json()["runs"]],
                         [("rewrap", "all", "done", 3),
                          ("reencrypt", "key system:1 in " + self.path("store"), "done", 3)])

    def test_old_files_get_other_file_keys_where_the_policy_says_so(self):
        before = self.done("inspect", "store/raw", "--json").json()
        self.done("rotate", "domain", "c.coffer", "system", "--rewrap")
        self.assertIn("nothing is due", self.done("plan", "c.coffer").out)
        self.set_policy("policy: {rotation_period: off, old_files: reencrypt, old_files_after: 1s, "
                        "reencrypt_rate: 100MB/s}\n")
        time.sleep(1.1)
        self.assertRegex(self.done("plan", "c.coffer").out,
                         "due: re-encrypt in " + self.path("store") + r": 3 files \(.*\) that key system:1 protected, "
                         r"which was deactivated \d+s ago, and old_files is reencrypt after 1s")
        done, = self.done("plan", "c.coffer", "--apply", "--json").json()["reencrypted"]
        self.assertEqual((done["key"], done["files"], done["done"]), ("system:1", 3, True))
        after = self.done("inspect", "store/raw", "--json").json()
        self.assertNotEqual(after["file_id"], before["file_id"])
        self.assertEqual(after["oldest_key_version"], 2)
        self.assertIn("nothing is due", self.done("plan", "c.coffer").out)
        self.assertEqual(self.verified("c.coffer"), {})

    def test_an_agent_works_until_it_is_told_to_end_and_survives_a_bad_configuration(self):
        self.set_policy("policy: {rotation_period: 1s}\n")
        agent = self.start("agent", "c.coffer", "--interval", "1s")
        for text in ("policy: {rotation_period: soon}\n", "policy: {rotation_period: 1s}\n"):
            time.sleep(1.5)
            self.set_policy(text)
        time.sleep(2.5)
        agent.terminate()
        run = self.outcome(agent)
        self.assertEqual(run.status, 0, run)
        self.assertRegex(run.out, r"^ended; did [2-9] things\n$")
        self.assertIn("rotation_period: expected a time", run.err)
        self.refused(["agent", "c.coffer", "--interval", "often"], "invalid_argument", "--interval")

    def test_a_configuration_is_checked_before_it_is_put_in_place(self):
        run = self.done("policy", "check", "c.coffer")
        self.assertIn("is valid", run.out)
        self.write("new.yaml", b"version: 1\npolicy: {rotation_period: off, domains: {a: {rotation_period: 1s}}}\n")
        found = self.done("policy", "check", "new.yaml", "--json").json()["suggestions"]
        self.assertEqual([finding["what"] for finding in found],
                         ["policy: rotation_period is off", "policy: domains: a: rotation_period is 1s",
                          "policy: domains: a: old_files is lazy", "there is no anchor"])
        self.write("new.yaml", b"version: 1\nanchor: /a\npolicy: {domains: {a: {old_files: reencrypt}}, "
                   b"old_files: rewrap, reencrypt_rate: off}\n")
        found = self.done("policy", "check", "new.yaml", "--json").json()["suggestions"]
        self.assertEqual([finding["what"] for finding in found],
                         ["policy: domains: a: old_files is reencrypt and rotation_period is 7d",
                          "policy: old_files is reencrypt and there is no reencrypt_rate"])
        self.write("new.yaml", b"version: 1\npolicy: {rotation_period: 1x}\n")
        self.refused(["policy", "check", "new.yaml"], "invalid_argument", "new.yaml:2", "rotation_period")
        self.refused(["policy", "check", "nowhere.yaml"], "not_found", "nowhere.yaml")


if __name__ == "__main__":
    main()
