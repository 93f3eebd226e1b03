"""Three members of etcd on three machines, which are network namespaces: one of them, with a node on it that serves, is
cut off from the others and comes back."""

import os
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))

from cluster import Cluster  # noqa: E402
from harness import COFFER, IN_NAMESPACE, CliTest, main  # noqa: E402

DEADLINE_S = 60
BENCH = ["db_bench", "--benchmarks=fillrandom", "--num=100000000", "--value_size=1000", "--write_buffer_size=200000",
         "--benchmark_write_rate_limit=100000", "--compression_type=none"]


def ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=60)


def make_machines(count):
    """[(address, words that run a program there)], on one network, in whose middle this program is."""
    ip("link", "add", "middle", "type", "bridge")
    ip("address", "add", "10.88.0.254/24", "dev", "middle")
    for name in ("lo", "middle"):
        ip("link", "set", name, "up")
    machines = []
    for number in range(count):
        name, address = f"machine{number}", f"10.88.0.{number + 1}"
        ip("netns", "add", name)
        ip("link", "add", f"cable{number}", "type", "veth", "peer", "name", "eth0", "netns", name)
        ip("link", "set", f"cable{number}", "master", "middle", "up")
        there = ["ip", "netns", "exec", name]
        for words in (["address", "add", f"{address}/24", "dev", "eth0"], ["link", "set", "eth0", "up"],
                      ["link", "set", "lo", "up"]):
            ip("-n", name, *words)
        machines.append((address, there))
    return machines


class Partition(CliTest):
    def setUp(self):
        super().setUp()
        if IN_NAMESPACE not in os.environ:
            self.skipTest("this machine allows no network of one's own")
        elsewhere = tempfile.TemporaryDirectory(prefix="coffer-etcd-")
        self.addCleanup(elsewhere.cleanup)
        self.machines = make_machines(3)
        self.etcd = Cluster(elsewhere.name, members=3, machines=self.machines)
        self.addCleanup(self.etcd.stop)
        self.make_key()
        # The member on its own machine is the first that each node asks.
        self.done("init", "near", "--root", self.uri("root.key"), "--keyring-store",
                  self.etcd.uri("coffers/db", timeout_millis=3000))
        os.mkdir(self.path("far"), 0o700)
        self.write("far/coffer.yaml", self.read("near/coffer.yaml").replace(b"/near", b"/far"))

    def far(self, *words):
        """A command of the node that is on the first machine."""
        return self.run_program([*self.machines[0][1], COFFER, *words])

    def cable(self, state):
        ip("link", "set", "cable0", state)

    def version(self):
        return self.done("keyring", "show", "near", "--json").json()["version"]

    def serve(self):
        log = open(self.path("served"), "ab")
        self.addCleanup(log.close)
        process = subprocess.Popen([*self.machines[0][1], COFFER, "exec", "far", "--", *BENCH,
                                    f"--db={self.path('db')}"],
                                   stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory)
        self.addCleanup(process.kill)
        return process

    def until(self, is_so):
        deadline = time.monotonic() + DEADLINE_S
        while not is_so():
            self.assertLess(time.monotonic(), deadline, self.read("served").decode())
            time.sleep(0.1)

    def data_files(self):
        return {name for name in os.listdir(self.path("db")) if name.endswith(".sst")} \
            if os.path.isdir(self.path("db")) else set()

    def test_who_is_cut_off_serves_on_changes_nothing_and_follows_when_it_is_back(self):
        serving = self.serve()
        self.until(self.data_files)
        before = self.version()
        self.cable("down")
        # The others go on.
        self.done("rotate", "domain", "near", "system")
        self.assertEqual(self.version(), before + 1)
        # There, nothing can be changed, and nothing begun by a keyring that may be an old one.
        for words in (["rotate", "domain", "far", "system"], ["status", "far"]):
            run = self.far(*words)
            self.assertEqual(run.status, 2, run)
            self.assertIn("etcd does not answer", run.err)
        made = self.data_files()
        self.until(lambda: self.data_files() - made)
        self.assertIsNone(serving.poll(), self.read("served").decode())
        self.cable("up")
        self.until(lambda: self.far("rotate", "domain", "far", "system").status == 0)
        self.assertEqual(self.version(), before + 2)
        self.done("audit", "verify", "near")
        # And new files there come under the newest key.
        newest = self.done("keyring", "show", "near", "--json").json()["domains"][0]["keys"][-1]["id"]
        self.until(lambda: self.key_of_the_newest_file() == newest)
        serving.send_signal(signal.SIGTERM)
        serving.wait(timeout=DEADLINE_S)

    def key_of_the_newest_file(self):
        name = max(self.data_files())
        run = self.coffer("inspect", os.path.join("db", name), "--json")
        return run.json()["domain_key_id"] if run.status == 0 else None


if __name__ == "__main__":
    if IN_NAMESPACE in os.environ:
        os.makedirs("/run/netns", exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run/netns"], check=True)
        main()
    # What is made there vanishes with it. A machine in a container may not allow it.
    if subprocess.run(["unshare", "--net", "--mount", "ip", "link", "add", "middle", "type", "bridge"],
                      capture_output=True, check=False).returncode != 0:
        main()
    sys.exit(subprocess.run(["unshare", "--net", "--mount", "--propagation", "slave", sys.executable, *sys.argv],
                            env={**os.environ, IN_NAMESPACE: "1"}, check=False).returncode)
