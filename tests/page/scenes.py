"""Coffers in good and bad times, made by what makes them so, with an agent that serves its page of them."""

import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))

from served import Served  # noqa: E402

EXAMPLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples", "exec_provider.py")
MIB = 1 << 20


class Scenes(Served):
    """A coffer with three domains, whose root key is in a key service that may be away, or may take it back."""

    def setUp(self):
        super().setUp()
        os.mkdir(self.path("kms"))
        self.service = shutil.copy(EXAMPLE, self.path("kms", "coffer-exec-kms"))
        self.keys = self.path("kms", "keys.json")
        self.tell_service("add", "prod")
        self.done("init", "db.coffer", "--root", f"exec:{self.service}/prod?arg1={self.keys}")
        for domain in ("orders", "tenant.acme"):
            self.done("domain", "add", "db.coffer", domain)
        self.fill("first", orders=3, acme=1)

    def tell_service(self, *words):
        self.assertEqual(self.run_program([self.service, self.keys, *words]).status, 0)

    def fill(self, name, orders, acme):
        for count, store, domain in ((1, "db", "system"), (orders, "db", "orders"), (acme, "acme", "tenant.acme")):
            for number in range(count):
                self.make_file("db.coffer", f"{store}/{domain}-{name}-{number}.sst", bytes(MIB), "blocks",
                               "--domain", domain)

    def rotate(self):
        self.done("rotate", "domain", "db.coffer", "orders")
        self.fill("second", orders=2, acme=0)

    def serve_page(self, **options):
        self.serve(coffer=self.path("db.coffer"), **options)
        self.until(lambda: self.json()["status"] and self.json()["doctor"]["at"])
        return f"http://127.0.0.1:{self.port}/"

    def begin_outage(self):
        os.rename(self.keys, self.keys + ".away")
        self.write("kms/keys.json", b"no answer")
        self.until(lambda: self.json()["status"]["root_key_trouble"])

    def end_outage(self):
        os.replace(self.keys + ".away", self.keys)
        self.until(lambda: not self.json()["status"]["root_key_trouble"])

    def revoke(self):
        self.tell_service("remove", "prod")
        self.until(lambda: self.json()["status"]["root_key_trouble"])

    def begin_rewriting(self):
        """A re-encryption that takes longer than anybody looks at it here."""
        self.rotate()
        run = self.start("reencrypt", self.path("db.coffer"), "--rate", "0.5")
        self.addCleanup(self.stop, run)
        self.until(lambda: any(each["state"] == "running" and each["bytes"] > 0 and each["seconds_left"] > 0
                               for each in self.json()["status"]["runs"]))

    def stop(self, process):
        process.terminate()
        self.outcome(process)
