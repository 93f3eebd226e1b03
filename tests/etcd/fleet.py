"""Nodes that share a keyring in a real etcd, each with a directory that stands for its machine: a coffer.yaml, keys of
its own, a login at the key service, and an unmodified RocksDB program."""

import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))

from cluster import Cluster  # noqa: E402
from harness import COFFER, CliTest  # noqa: E402

SERVICE = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples",
                                        "exec_provider.py"))


class Fleet(CliTest):
    NODES = ["db-1", "db-2", "db-3"]
    MEMBERS = 1
    # What is a machine's own.
    PLACES = ("/var/lib", "/etc/coffer")
    BENCH = ["--benchmarks=fillrandom", "--num=100000000", "--value_size=1000", "--write_buffer_size=200000",
             "--benchmark_write_rate_limit=100000", "--compression_type=none"]

    def setUp(self):
        super().setUp()
        elsewhere = tempfile.TemporaryDirectory(prefix="coffer-etcd-")
        self.addCleanup(elsewhere.cleanup)
        self.etcd = Cluster(elsewhere.name, self.MEMBERS)
        self.addCleanup(self.etcd.stop)
        self.serving = {}
        os.makedirs(self.path("mnt"))
        os.makedirs(self.path("service"))
        self.key_service("add", "app")
        for node in self.NODES:
            self.make_machine(node)
        root = "exec:" + self.place("db-1", "/etc/coffer/coffer-exec-kms/app")
        self.done("init", self.coffer_of("db-1"), "--root", root, "--keyring-store",
                  self.etcd.uri("coffers/db", timeout_millis=1500))
        text = self.read(self.coffer_of("db-1"), "coffer.yaml").decode().split("policy:")[0]
        for node in self.NODES:
            os.makedirs(self.coffer_of(node), mode=0o700, exist_ok=True)
            self.write(self.coffer_of(node) + "/coffer.yaml",
                       f"{self.on(node, text)}policy:\n  node_slots: 24h\n".encode())
        for node in self.NODES:
            self.join(node)

    def key_service(self, *words):
        subprocess.run(["/usr/bin/python3", SERVICE, self.path("service/keys.json"), *words], check=True)

    def make_machine(self, node):
        for place in self.PLACES:
            os.makedirs(self.place(node, place))
        login, down = self.place(node, "/etc/coffer/login"), self.path("service/down")
        self.write(login, b"")
        self.write(self.place(node, "/etc/coffer/coffer-exec-kms"),
                   f"#!/bin/sh\n[ -e {login} ] && [ ! -e {down} ] || exit 1\n"
                   f"exec /usr/bin/python3 {SERVICE} {self.path('service/keys.json')}\n".encode(), 0o755)
        self.make_key(os.path.join(node, "etc/coffer/node.key"))

    def join(self, node):
        coffer = self.coffer_of(node)
        self.done("slot", "add", coffer, "--by", "file://" + self.place(node, "/etc/coffer/node.key"), "--name", "node",
                  "--configure-only")
        self.done("node", "new", coffer, node, "--seal", "node")
        self.done("node", "enrol", self.coffer_of("db-1"), self.done("node", "request", coffer).out.strip())

    def place(self, node, path):
        return self.path(node, path.lstrip("/"))

    def coffer_of(self, node):
        return self.place(node, "/var/lib/db.coffer")

    def call_all_databases(self, path):
        """What every machine has at the same path stands in a directory of its own here."""
        for node in self.NODES:
            with open(self.coffer_of(node) + "/coffer.yaml", "a", encoding="utf-8") as file:
                file.write(f"stores:\n  - path: {path}\n    at: {self.place(node, path)}\n")

    def on(self, node, text):
        """What is said of db-1, of another."""
        return text.replace(self.path("db-1") + "/", self.path(node) + "/")

    # --- serving

    def serve(self, node):
        store = self.place(node, "/var/lib/db")
        process = self.start("exec", self.coffer_of(node), "--", "db_bench", f"--db={store}", *self.BENCH,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.serving[node] = process
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.wait_until(lambda: self.tables(node) or process.poll() is not None)
        self.assertIsNone(process.poll(), node)

    def tables(self, node):
        store = self.place(node, "/var/lib/db")
        return {name for name in os.listdir(store) if name.endswith(".sst")} if os.path.isdir(store) else set()

    def wait_until(self, what):
        deadline = time.monotonic() + 60
        while not what():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)

    def all_write_on(self, nodes=None):
        """Each makes a file more from now on."""
        before = {node: self.tables(node) for node in nodes or self.serving}
        for node, tables in before.items():
            self.wait_until(lambda node=node, tables=tables: self.tables(node) - tables
                            or self.serving[node].poll() is not None)
            self.assertIsNone(self.serving[node].poll(), f"{node} has ended")

    def end(self, node):
        """Whether it went on without an error, and all that it has written can be read."""
        process = self.serving.pop(node)
        self.assertIsNone(process.poll(), f"{node} has ended")
        process.kill()
        process.wait()
        troubles = [line for line in self.log_of(node).split("\n")
                    if "[ERROR]" in line or "Background" in line and "error" in line]
        self.assertEqual(troubles, [])
        self.done("verify", self.coffer_of(node))

    def log_of(self, node):
        return self.done("cat", self.coffer_of(node), self.place(node, "/var/lib/db") + "/LOG").out

    def take_login(self, node):
        os.remove(self.place(node, "/etc/coffer/login"))

    # --- scripts

    def make_tools(self):
        """ssh and scp, for which the other machine is a directory."""
        other = f'here={self.path("db-1")}/; there={self.directory}/$node/\n'
        self.write_tool("ssh", "node=$1; shift\n" + other + 'exec bash -euc "${*//"$here"/"$there"}"\n')
        self.write_tool("scp", 'node=${3%%:*}\n' + other + 'to=${3#*:}; exec cp "$1" "$2" "${to//"$here"/"$there"}"\n')

    def write_tool(self, name, text):
        os.makedirs(self.path("tools"), exist_ok=True)
        self.write(f"tools/{name}", f"#!/bin/bash\n{text}".encode(), 0o755)

    def here(self, script):
        for place in self.PLACES:
            script = script.replace(place, self.place("db-1", place))
        return script.replace("/mnt/", self.path("mnt") + "/")

    def run_script(self, script):
        client = {"ETCDCTL_API": "3", "ETCDCTL_ENDPOINTS": f"https://127.0.0.1:{self.etcd.ports[0]}",
                  "ETCDCTL_CACERT": self.etcd.path("ca.pem"), "ETCDCTL_CERT": self.etcd.path("client.pem"),
                  "ETCDCTL_KEY": self.etcd.path("client.key"), "ETCDCTL_USER": "root:root",
                  "PATH": self.path("tools") + ":" + os.path.dirname(COFFER) + ":" + os.environ["PATH"]}
        run = self.run_program(["bash", "-euo", "pipefail", "-c", self.here(script)], environment=client)
        self.assertEqual(run.status, 0, run)
        return run

    def etcd_is_lost(self):
        self.etcd.kill(0)
        shutil.rmtree(self.etcd.path("m0"))

    def etcd_starts_on(self, directory):
        words = self.etcd.words[0]
        words[words.index("--data-dir") + 1] = directory
        words[words.index("--name") + 1] = "default"  # as it is restored
        self.etcd.start(0)
        self.etcd.wait()
