"""The drills of docs/cluster.md: each as it stands there, on three nodes that share a keyring in etcd and serve."""

import os
import re

from fleet import Fleet
from harness import main

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "cluster.md")


def drills():
    """heading → its script, in parts: what another does than the script stands between them, as `# …`."""
    with open(PAGE, encoding="utf-8") as file:
        section = re.search(r"^## Drills\n(.*?)(?=^## |\Z)", file.read(), re.MULTILINE | re.DOTALL)[1]
    found = {}
    for heading, text in re.findall(r"^### (.*)\n((?:(?!^### ).*\n)*)", section, re.MULTILINE):
        script = "".join(re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
        found[heading] = re.split(r"^# (.*)\n", script, flags=re.MULTILINE)
    return found


class Drills(Fleet):
    def setUp(self):
        super().setUp()
        self.make_tools()
        for node in self.NODES:
            self.serve(node)

    def run_drill(self, heading, **deeds):
        """`deeds`: what is done where the script says so, by its words."""
        parts = drills()[heading]
        said = [re.sub(r"\W+", "_", part.lower()).strip("_") for part in parts[1::2]]
        self.assertEqual(said, list(deeds))
        out = self.run_script(parts[0]).out
        for words, part in zip(said, parts[2::2]):
            deeds[words]()
            out += self.run_script(part).out
        return out

    def test_every_drill_of_the_page_is_run(self):
        tests = {name for name in dir(self) if name.startswith("test_drill_")}
        self.assertEqual({"test_drill_" + re.sub(r"\W+", "_", heading.lower()) for heading in drills()}, tests)

    def lose_db_3(self):
        self.end("db-3")
        self.take_login("db-3")

    def test_drill_a_node_is_lost(self):
        out = self.run_drill("A node is lost", db_3_is_lost_its_login_at_the_key_provider_is_taken_away=self.lose_db_3)
        self.assertIn("node db-3 is not of this coffer any more", out)
        self.all_write_on()
        self.assertNotEqual(self.coffer("status", self.coffer_of("db-3")).status, 0)
        started = self.coffer("exec", self.coffer_of("db-3"), "--", "ldb", "--db=" + self.place("db-3", "/var/lib/db"),
                              "scan", "--max_keys=1")
        self.assertNotEqual(started.status, 0, "nor by a slot")
        for node in ("db-1", "db-2"):
            self.end(node)

    def test_drill_etcd_is_lost_for_good(self):
        self.run_drill("etcd is lost for good", etcd_and_its_disks_are_lost=self.etcd_is_lost,
                       etcd_is_started_on_it=lambda: self.etcd_starts_on(self.path("mnt/etcd")))
        self.all_write_on()
        for node in self.NODES:
            self.wait_until(lambda node=node: "active keys: system:2" in self.log_of(node))
            self.end(node)

    def test_drill_the_key_provider_is_lost_for_good(self):
        os.makedirs(self.path("mnt/safe"))
        self.run_drill("The key provider is lost for good",
                       the_key_provider_and_its_keys_are_lost=lambda: os.remove(self.path("service/keys.json")))
        self.all_write_on()
        for node in self.NODES:
            self.end(node)
            self.done("status", self.coffer_of(node))

    def test_drill_the_root_key_may_be_known_to_somebody(self):
        self.run_drill("The root key may be known to somebody")
        self.all_write_on()
        os.remove(self.path("service/keys.json"))
        for node in self.NODES:
            self.assertIn("active keys: system:2", self.log_of(node))
            self.end(node)
            self.done("status", self.coffer_of(node))


if __name__ == "__main__":
    main()
