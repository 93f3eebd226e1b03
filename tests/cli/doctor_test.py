"""`coffer doctor`: what is not as it should be around a coffer."""

import os
import shutil
import subprocess
import tempfile
import time
import unittest

from harness import COFFER, CliTest, main

OTHER_FILE_SYSTEM = "/dev/shm"


class Doctor(CliTest):
    def setUp(self):
        super().setUp()
        self.elsewhere = tempfile.mkdtemp(prefix="coffer-cli-", dir=OTHER_FILE_SYSTEM)
        self.addCleanup(shutil.rmtree, self.elsewhere, ignore_errors=True)
        self.assertNotEqual(os.stat(self.elsewhere).st_dev, os.stat(self.directory).st_dev)

    def make_sound_coffer(self):
        """With its root key and anchor elsewhere."""
        self.key = self.make_key(os.path.join(self.elsewhere, "root.key"))
        self.make_coffer("c.coffer", self.key)
        with open(self.path("c.coffer/coffer.yaml"), "a", encoding="utf-8") as file:
            file.write(f"anchor: {self.elsewhere}/anchor\n")

    def findings(self, wrong):
        """What is said of this directory, and of nothing else that the machine may have."""
        run = self.coffer("doctor", "c.coffer", "--json")
        answer = run.json()
        self.assertEqual(run.status, 1 if any(each["wrong"] for each in answer["findings"]) else 0, run)
        for each in answer["findings"]:
            self.assertTrue(each["why"] and each["do"], each)
        return [each["what"] for each in answer["findings"] if each["wrong"] == wrong and
                not each["what"].startswith(("core dumps", "only ")) and ": swap that" not in each["what"]]

    def only(self, part):
        found = self.findings(True)
        self.assertEqual(len(found), 1, found)
        self.assertIn(part, found[0])

    def test_where_all_is_in_its_place_nothing_is_wrong(self):
        self.make_sound_coffer()
        self.assertEqual(self.findings(True), [])
        self.assertEqual(len(self.findings(False)), 1)
        self.assertIn("is beside the keyring", self.findings(False)[0])
        answer = self.coffer("doctor", "c.coffer", "--json").json()
        self.assertEqual(answer["cipher"]["name"], "aes-256-gcm")
        self.assertGreater(answer["cipher"]["bytes_per_second"], 0)
        self.assertIn("GB/s", self.coffer("doctor", "c.coffer").out)

    def test_a_configuration_apart_is_not_beside_the_keyring(self):
        self.make_key(os.path.join(self.elsewhere, "root.key"))
        os.mkdir(self.path("etc"), 0o755)
        self.done("init", "--config", self.path("etc/db.yaml"), "--keyring", self.path("c.coffer"), "--root",
                  f"file://{self.elsewhere}/root.key")
        run = self.coffer("doctor", "etc/db.yaml")
        self.assertNotIn("beside the keyring", run.out)
        self.assertIn("advice: there is no version anchor", run.out)

    def test_a_root_key_or_anchor_on_the_keyrings_file_system_is_wrong(self):
        self.make_coffer()
        self.only("root.key: the key file of root ")
        with open(self.path("c.coffer/coffer.yaml"), "a", encoding="utf-8") as file:
            file.write(f"anchor: {self.directory}/anchor\n")
        found = self.findings(True)
        self.assertEqual(len(found), 2, found)
        self.assertIn("anchor: the version anchor is on the keyring's file system", found[1])

    def test_a_root_key_on_a_stores_file_system_is_wrong(self):
        self.make_sound_coffer()
        store = os.path.join(self.elsewhere, "store")
        self.make_file("c.coffer", os.path.join(store, "data.sst"), b"x" * 100)
        self.only(f"is on the file system of {store}")

    def test_a_root_that_locks_nothing_is_wrong(self):
        self.make_sound_coffer()
        self.make_key(os.path.join(self.elsewhere, "second.key"))
        self.done("slot", "add", "c.coffer", "--by", f"file://{self.elsewhere}/second.key", "--name", "second",
                  "--configure-only")
        self.only("root second is configured and locks nothing")
        self.done("slot", "remove", "c.coffer", "second")
        self.assertEqual(self.findings(True), [])

    def test_an_audit_log_and_counts_that_were_changed_are_wrong(self):
        self.make_sound_coffer()
        self.make_file("c.coffer", "store/data.sst", b"x" * 100)
        self.assertEqual(self.findings(True), [])
        self.write("c.coffer/usage", b"{}")
        self.only("what was written is not known: tampered: ")
        os.remove(self.path("c.coffer/usage"))
        log = self.read("c.coffer/audit.log")
        self.write("c.coffer/audit.log", log[:log.rindex(b"\n", 0, -1) + 1])
        self.only("the audit log: ")

    def test_who_could_write_the_configuration_is_told_though_the_coffer_does_not_open(self):
        self.make_sound_coffer()
        os.chmod(self.path("c.coffer/coffer.yaml"), 0o666)
        found = self.findings(True)
        self.assertEqual(len(found), 2, found)
        self.assertIn("coffer.yaml may be written by others", found[0])
        self.assertIn("does not open", found[1])
        self.assertIn("GB/s", self.coffer("doctor", "c.coffer").out, "what is said of the machine needs no open coffer")

    @unittest.skipUnless(os.geteuid() == 0, "needs root to give a directory away")
    def test_a_directory_further_up_that_is_somebody_elses_is_wrong(self):
        self.make_sound_coffer()
        os.mkdir(self.path("up"))
        shutil.move(self.path("c.coffer"), self.path("up/c.coffer"))
        os.chown(self.directory, 12345, 12345)
        run = self.problems("doctor", "up/c.coffer")
        self.assertIn(f"WRONG: {self.directory} belongs to user 12345", run.out)

    @unittest.skipIf("COFFER_SANITIZE" in os.environ, "a sanitizer switches core dumps off")
    def test_core_dumps_that_are_on_are_told(self):
        self.make_sound_coffer()
        run = self.run_program(["prlimit", "--core=1048576", COFFER, "doctor", "c.coffer"])
        self.assertIn("advice: core dumps are on", run.out)

    def test_the_limits_are_those_of_the_service_that_is_named(self):
        self.make_sound_coffer()
        service = subprocess.Popen(["prlimit", "--core=1048576", "--memlock=1024", "setpriv", "--bounding-set=-all",
                                    "--inh-caps=-all", "sleep", "600"])
        self.addCleanup(service.wait)
        self.addCleanup(service.kill)
        self.wait_until_it_runs(service.pid, "sleep")
        run = self.run_program(["prlimit", "--core=0", COFFER, "doctor", "c.coffer", "--pid", str(service.pid)])
        self.assertEqual(run.status, 1, run)
        self.assertIn(f"WRONG: process {service.pid} may lock 1024 bytes of memory", run.out)
        self.assertIn(f"core dumps of process {service.pid} are on", run.out)

    def wait_until_it_runs(self, pid, name):
        while True:
            with open(f"/proc/{pid}/comm", encoding="utf-8") as file:
                if file.read().strip() == name:
                    return
            time.sleep(0.01)

    def test_a_service_that_is_not_there_is_an_error(self):
        self.make_sound_coffer()
        self.refused(["doctor", "c.coffer", "--pid", "4194305"], "not_found", "no process 4194305")
        self.refused(["doctor", "c.coffer", "--pid", "db.service"], "invalid_argument", "--pid: expected the id")

    def test_a_keystore_or_module_beside_the_store_is_wrong_as_a_key_file_is(self):
        self.make_sound_coffer()
        self.write("module.so", b"")
        with open(self.path("c.coffer/coffer.yaml"), "a", encoding="utf-8") as file:
            file.write("key_providers:\n  hsm:\n"
                       f"    uri: 'pkcs11:token=t'\n    module-path: {self.path('module.so')}\n")
        self.edit("c.coffer/coffer.yaml", "roots:\n", f"roots:\n  two:\n    uri: keystore:{self.path('keys.p12')}\n"
                  "  three:\n    uri: provider:hsm/root\n")
        self.write("keys.p12", b"", 0o600)
        found = " ".join(self.findings(True))
        self.assertIn("keys.p12: the keystore of root two is on the file system of", found)
        self.assertIn("module.so: the PKCS#11 module of root three is on the file system of", found)

    def test_no_coffer_is_an_error(self):
        self.refused(["doctor", "nowhere"], "not_found", "nowhere")


class ConfigValues(CliTest):
    """`coffer config`: sealed values in the configuration of a program that uses the coffer."""

    def test_a_value_is_sealed_and_opened_and_clear_ones_may_be_refused(self):
        self.make_coffer()
        sealed = self.done("config", "seal", "c.coffer", "token", stdin=b"swordfish\n").out.strip()
        self.write("db.yaml", f"user: scott\ntoken: {sealed}\npassword: tiger\n".encode())
        self.assertEqual(self.done("config", "open", "c.coffer", "db.yaml", "--sealed", "token").out,
                         "user: scott\ntoken: swordfish\npassword: tiger\n")
        self.refused(["config", "open", "c.coffer", "db.yaml", "--sealed", "token,password"], "plaintext",
                     "db.yaml: line 3", "config seal")
        self.write("db.yaml", f"password: {sealed}\n".encode())
        self.refused(["config", "open", "c.coffer", "db.yaml"], "invalid_argument", "db.yaml: line 1", "token")
        self.refused(["config", "open", "c.coffer", "nowhere"], "not_found", "nowhere")
        self.refused(["config", "seal", "c.coffer", "a b"], "invalid_argument", "a b", stdin=b"x")
        self.refused(["config", "seal", "c.coffer", "a"], "invalid_argument", "empty", stdin=b"")


if __name__ == "__main__":
    main()
