"""coffer kmip …, and coffers whose root key is in PyKMIP."""

import os
import shutil
import subprocess
import sys
import tempfile

from harness import CliTest, columns, main

PYKMIP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "providers", "kmip", "pykmip_server.py")


class Server:
    """PyKMIP, with certificates; one for all tests, each of which names its keys for itself."""

    def __init__(self):
        memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
        self.directory = tempfile.mkdtemp(prefix="coffer-kmip-cli-", dir=memory)
        self.run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                 "-subj", "/CN=authority", "-addext", "basicConstraints=critical,CA:TRUE", "-keyout", "ca.key",
                 "-out", "ca.pem")
        self.certificate("server", "localhost", "extendedKeyUsage=serverAuth\nsubjectAltName=IP:127.0.0.1\n")
        self.certificate("client", "coffer", "extendedKeyUsage=clientAuth\n")
        self.start()

    def run(self, *words):
        subprocess.run(["openssl", *words], cwd=self.directory, check=True, capture_output=True)

    def certificate(self, name, subject, extensions):
        with open(os.path.join(self.directory, name + ".ext"), "w", encoding="ascii") as file:
            file.write(extensions)
        self.run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={subject}",
                 "-keyout", name + ".key", "-out", name + ".csr")
        self.run("x509", "-req", "-in", name + ".csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                 "-days", "30", "-extfile", name + ".ext", "-out", name + ".pem")

    def start(self):
        self.process = subprocess.Popen(["/usr/bin/python3", PYKMIP, self.directory, self.directory, "0"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline().removeprefix("ready "))

    def stop(self):
        self.process.stdin.close()  # it ends, with all it started
        self.process.wait()
        self.process.stdout.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def address(self, key="", options=""):
        at = self.directory
        return (f"kmip://127.0.0.1:{self.port}{key}?cert={at}/client.pem&key={at}/client.key&ca={at}/ca.pem"
                f"&timeout_millis=10000{options}")


class KmipTest(CliTest):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def setUp(self):
        super().setUp()
        self.name = f"key {self.id().rsplit('.', 1)[-1]}"
        at = self.server.directory
        self.config = self.write("coffer.yaml", (
            f"version: 1\nkmip_hosts:\n  prod:\n    hosts: 127.0.0.1:{self.server.port}\n    cert: {at}/client.pem\n"
            f"    key: {at}/client.key\n    ca: {at}/ca.pem\n    timeout: 10000\n").encode())

    def kmip(self, verb, *words):
        return self.done("kmip", verb, "prod", *words, "--config", self.config)

    def create(self, *words):
        return self.kmip("create", self.name, *words, "--json").json()["id"]

    def state(self, key):
        keys = self.kmip("list", "--name", self.name, "--json").json()["keys"]
        return next((found["state"] for found in keys if found["id"] == key), None)


class Keys(KmipTest):
    def test_a_key_is_made_listed_revoked_and_destroyed(self):
        run = self.kmip("create", self.name, "--bits", "128", "--namespace", "tenant-7")
        self.assertIn(f"({self.name}, AES-128, Active)", run.out)
        rows = columns(self.kmip("list", "--name", self.name).out, "ID")
        self.assertEqual(len(rows), 1)
        key, name, cipher, state, activated, created, stops, space = rows[0]
        self.assertEqual([name, cipher, state, activated, stops, space],
                         [self.name, "AES-128", "Active", "n/a", "n/a", "tenant-7"])
        self.assertRegex(created, r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$")

        self.refused(["kmip", "destroy", "prod", key, "--yes", "--config", self.config], "invalid_argument",
                     "is in use", "coffer kmip revoke")
        self.refused(["kmip", "revoke", "prod", key, "--config", self.config], "invalid_argument", key, "--yes")
        self.assertEqual(self.state(key), "Active")
        self.assertIn("Deactivated", self.kmip("revoke", key, "--yes", "--reason", "test").out)
        self.refused(["kmip", "destroy", "prod", key, "--config", self.config], "invalid_argument", key, "--yes")
        self.assertIn("destroyed", self.kmip("destroy", key, "--yes").out)
        self.assertIsNone(self.state(key))

    def test_list_shows_only_the_name_and_key_space_asked_for(self):
        here = self.create("--namespace", "here")
        there = self.create("--namespace", "there")
        listed = self.kmip("list", "--namespace", "here", "--json").json()
        self.assertIn("prod", listed["group"])
        self.assertEqual([key["id"] for key in listed["keys"]], [here])
        everywhere = self.kmip("list", "--name", self.name, "--json").json()["keys"]
        self.assertEqual([key["id"] for key in everywhere], [here, there])
        self.assertEqual([key["key_spaces"] for key in everywhere], [["here"], ["there"]])

    def test_a_compromised_key_is_marked_so(self):
        key = self.create()
        self.kmip("revoke", key, "--compromised", "--yes")
        self.assertEqual(self.state(key), "Compromised")

    def test_a_server_that_takes_no_dates_is_named_with_what_to_do_instead(self):
        key = self.create()
        self.refused(["kmip", "expire", "prod", key, "--config", self.config], "unsupported", "127.0.0.1",
                     "Protect Stop Date", "coffer kmip revoke")
        self.refused(["kmip", "expire", "prod", key, "--at", "soon", "--config", self.config], "invalid_argument",
                     "--at", "2030-01-01")

    def test_an_unknown_key_is_not_found(self):
        for verb in ("revoke", "destroy"):
            self.refused(["kmip", verb, "prod", "987654", "--yes", "--config", self.config], "not_found", "987654")


class Groups(KmipTest):
    def test_a_group_is_found_in_a_coffer_in_the_environment_or_given_as_an_address(self):
        for words, environment in ((["prod", "--config", self.directory], {}), (["prod"], {"COFFER": self.directory}),
                                   ([self.server.address()], {}), ([self.server.address("/root")], {})):
            run = self.done("kmip", "ping", *words, environment=environment)
            self.assertIn(f"127.0.0.1:{self.server.port}", run.out)

    def test_ping_tells_of_each_host_whether_it_serves(self):
        both = self.server.address().replace("kmip://", "kmip://127.0.0.1:1,")
        rows = columns(self.problems("kmip", "ping", both).out, "HOST")
        self.assertEqual(rows[0][:3], ["127.0.0.1:1", "-", "-"])
        self.assertIn("refused", rows[0][4])
        self.assertEqual([rows[1][i] for i in (0, 1, 2, 4)],
                         [f"127.0.0.1:{self.server.port}", "1.4", "TLSv1.2", "ok"])
        hosts = self.problems("kmip", "ping", both, "--json").json()["hosts"]
        self.assertEqual([host["ok"] for host in hosts], [False, True])
        self.assertEqual(hosts[0]["error"]["code"], "provider_unavailable")

    def test_unknown_groups_and_options_are_refused(self):
        self.refused(["kmip", "list", "test", "--config", self.config], "not_found", "group test", "prod")
        self.refused(["kmip", "list", "test"], "not_found", "group test", "kmip://")
        self.refused(["kmip", "list", self.server.address(options="&wat=1")], "invalid_argument", "wat")
        self.refused(["kmip", "list", "kmip://127.0.0.1"], "invalid_argument", "client certificate")


class Coffers(KmipTest):
    def test_a_coffer_lives_through_the_replacement_of_its_root_key(self):
        for use in ("get", "encrypt"):
            with self.subTest(use=use):
                self.assert_replaced(use)

    def assert_replaced(self, use):
        coffer, name = f"{use}.coffer", f"{self.name} {use}"
        root = self.server.address("/" + name.replace(" ", "%20"), f"&create=true&use={use}")
        self.assertIn("KMIP key", self.done("init", coffer, "--root", root).out)
        old = self.kmip("list", "--name", name, "--json").json()["keys"][0]["id"]
        self.kmip("revoke", old, "--yes")
        for words, environment in ((["--config", coffer], {}), ([], {"COFFER": coffer})):
            address = self.server.address()
            run = self.coffer("kmip", "destroy", address, old, "--yes", *words, environment=environment)
            self.assertEqual(run.status, 2, run)
            for said in (old, "opens the keyring", coffer, "coffer rotate root"):
                self.assertIn(said, run.err)
        status = self.problems("status", coffer).out
        self.assertIn("ROOT KEY may not go on protecting: key_unavailable", status)
        self.assertIn(f"KMIP key {old}" + (", kept in the server" if use == "encrypt" else " (fingerprint"), status)
        self.done("rotate", "root", coffer)
        self.assertNotIn(f"KMIP key {old},", self.done("status", coffer).out)
        self.kmip("destroy", old, "--yes")
        self.done("status", coffer)
        new = self.kmip("list", "--name", name, "--json").json()["keys"][0]["id"]
        self.kmip("revoke", new, "--yes")
        self.kmip("destroy", new, "--yes")
        self.refused(["status", coffer], "key_unavailable", f"KMIP key {new}", "destroyed")

    def test_a_coffer_takes_the_group_of_its_own_configuration(self):
        self.make_coffer()
        with open(self.path("c.coffer", "coffer.yaml"), "ab") as file:
            file.write(b"\n" + self.read("coffer.yaml").replace(b"version: 1\n", b""))
        key = self.create()
        root = "kmip:prod/" + self.name.replace(" ", "%20")
        run = self.done("rotate", "root", "c.coffer", "--to", root)
        self.assertIn(root, run.out)
        self.assertIn(f"KMIP key {key}, kept in the server", run.out)
        self.assertIn(f"KMIP key {key}", self.done("keyring", "show", "c.coffer").out)
        self.assertIn(f"KMIP key {key}", str(self.done("status", "c.coffer", "--json").json()["root_keys"]))

    def test_a_key_of_another_strength_is_refused_and_both_are_named(self):
        self.create("--bits", "128")
        root = self.server.address("/" + self.name.replace(" ", "%20"))
        self.refused(["init", "c.coffer", "--root", root], "invalid_argument", "AES-128", "AES-256")


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    main()
