"""A Galera cluster of three nodes on one coffer, what Galera writes itself on mounts: keys are rotated, nodes join, and
one is killed with its mount, all while rows are written."""

import unprivileged  # noqa: F401, I001  # the rsync that receives a node's state gives up root's rights as well

import glob
import os
import re
import signal
import socket
import subprocess
import threading

from server import MARK, PATIENCE, MariadbTest, Server, main, wait_until

GALERA = "/usr/lib/galera/libgalera_smm.so"
CLUSTER = ("--wsrep-on=ON", f"--wsrep-provider={GALERA}", "--wsrep-cluster-name=coffer", "--wsrep-sst-method=rsync",
           "--binlog-format=ROW", "--innodb-autoinc-lock-mode=2", "--log-bin=bin", "--log-slave-updates=ON")
LARGE = 9000  # rows of a transaction that Galera does not keep in memory


def free_ports(count):
    """As many, one behind the other: Galera counts from the first one on."""
    for first in range(20000 + os.getpid() % 9000, 60000, count):
        probes = [socket.socket() for _ in range(count)]
        try:
            for number, probe in enumerate(probes):
                probe.bind(("127.0.0.1", first + number))
            return first
        except OSError:
            continue
        finally:
            for probe in probes:
                probe.close()
    raise AssertionError("no free ports")


class Node(Server):
    """`galera` is where Galera writes: a directory, or the mount of the store beside it."""

    def __init__(self, test, number, port, cluster, coffer="c.coffer"):
        name = f"node{number}"
        self.name = name
        self.coffer = coffer
        self.galera, self.store = (test.path(name + end) for end in (".galera", ".store"))
        for directory in (self.galera, self.store):
            os.mkdir(directory)
        self.daemon = None
        at = f"127.0.0.1:{port}"
        # Room for all that a node may miss in its absence, and time for one that is stopped.
        provider = (f"gmcast.listen_addr=tcp://{at};ist.recv_addr=127.0.0.1:{port + 1};gcache.size=32M;"
                    f"evs.suspect_timeout=PT15S;evs.inactive_timeout=PT20S;pc.recovery=FALSE;"
                    f"pc.weight={2 if number == 1 else 1}")
        super().__init__(test, name, (
            *test.options_on(coffer), *CLUSTER, f"--server-id={number}", f"--wsrep-node-name={name}",
            f"--wsrep-data-home-dir={self.galera}",
            f"--wsrep-node-address={at}", f"--wsrep-sst-receive-address=127.0.0.1:{port + 2}",
            f"--wsrep-provider-options={provider}", f"--wsrep-cluster-address=gcomm://{cluster}"))

    def mount(self):
        self.daemon = self.test.start("mount", self.coffer, self.store, self.galera, "--foreground",
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: os.path.ismount(self.galera), "the mount is there")

    def umount(self):
        self.test.done("umount", self.galera)
        self.test.assertEqual(self.daemon.wait(timeout=PATIENCE), 0)

    def kill_with_mount(self):
        """The mount goes first, under a server that writes to it."""
        self.daemon.kill()
        self.daemon.wait()
        self.kill()

    def end(self):
        """Whatever a failed test left."""
        self.kill()
        if self.daemon is not None and self.daemon.poll() is None:
            self.daemon.kill()
            self.daemon.wait()
        subprocess.run(["fusermount3", "-u", "-q", "-z", self.galera], capture_output=True, check=False)

    def join(self, *options):
        self.start(*options)
        wait_until(lambda: self.state() == "Synced", f"{self.data} is synced")

    def recovered_position(self):
        """Where InnoDB is after a crash, as Debian's service asks for it before it starts a node."""
        before = len(self.log_text())
        self.launch("--wsrep-recover")
        self.test.assertEqual(self.process.wait(timeout=PATIENCE), 0, self.log_text()[-4000:])
        return re.search(r"Recovered position: (\S+)", self.log_text()[before:]).group(1)

    def places_with(self, text):
        """Files that have it in clear, of all that this node has on disk."""
        found = self.files_with(text)
        for place in (self.store, self.temporary):
            found += [path for path in glob.glob(place + "/**", recursive=True) if self.has(path, text)]
        return found + [self.log] * self.has(self.log, text)

    @staticmethod
    def has(path, text):
        if not os.path.isfile(path):
            return False
        with open(path, "rb") as file:
            return text.encode() in file.read()

    def is_serving(self):
        """A node that takes another one's state answers late."""
        if self.process.poll() is not None:
            raise AssertionError(f"the node ended with {self.process.returncode}\n" + self.log_text()[-6000:])
        return self.client("select 1").returncode == 0

    def state(self):
        rows = self.sql("show status like 'wsrep_local_state_comment'")
        return rows[0][1] if rows else ""


class Writing(threading.Thread):
    """Rows on one node, until it is told to end; those that were committed are in `committed`."""

    def __init__(self, node, first):
        super().__init__()
        self.node, self.number = node, first
        self.committed, self.ending = [], False
        self.start()

    def run(self):
        while not self.ending:
            done = self.node.client(f"insert into d.t values ({self.number}, '{MARK}{self.number}', repeat('x', 500))")
            if done.returncode == 0:
                self.committed.append(self.number)
            self.number += 1

    def end(self):
        self.ending = True
        self.join()
        return self.committed


class GaleraTest(MariadbTest):
    def make_nodes(self, *coffers):
        first = free_ports(4 * len(coffers))
        cluster = ",".join(f"127.0.0.1:{first + 4 * number}" for number in range(len(coffers)))
        nodes = [Node(self, number + 1, first + 4 * number, cluster, coffer) for number, coffer in enumerate(coffers)]
        for node in nodes:
            self.addCleanup(node.end)
        return nodes

    def test_a_node_with_another_coffer_does_not_join_and_harms_nobody(self):
        self.make_mariadb_coffer()
        self.make_mariadb_coffer("other.coffer", "other.key")
        donor, joiner = self.make_nodes("c.coffer", "other.coffer")
        donor.join("--wsrep-new-cluster")
        donor.sql("create database d; create table d.t (a int primary key, b text);"
                  f"insert into d.t values (1, '{MARK}')")
        joiner.launch()
        self.assertNotEqual(joiner.process.wait(timeout=60), 0)
        self.assertIn("rsync SST completed on joiner", joiner.log_text())
        self.assertEqual(joiner.files_with(MARK), [])
        self.assertEqual(donor.sql("insert into d.t values (2, ''); select b from d.t where a = 1"), [[MARK]])
        donor.stop()

    def test_nodes_agree_and_hold_no_plaintext_whatever_happens_to_keys_and_to_one_of_them(self):
        self.make_mariadb_coffer()
        nodes = self.make_nodes("c.coffer", "c.coffer", "c.coffer")
        for node in nodes:
            node.mount()
        nodes[0].join("--wsrep-new-cluster")
        nodes[0].sql("create database d; create table d.t (a int primary key, b varchar(100), c text) engine=innodb;"
                     "create table d.tenant (a int primary key, b varchar(100)) engine=innodb encryption_key_id=100;"
                     f"insert into d.tenant values (1, '{MARK}')")
        nodes[1].join()
        writers = [Writing(node, 1000000 * number) for number, node in enumerate(nodes[:2])]
        try:
            self.wait_for_rows(writers)
            self.done("rotate", "root", "c.coffer")
            self.done("rotate", "domain", "c.coffer", "system")
            self.done("rotate", "domain", "c.coffer", "tenant-a")
            nodes[2].join()
            self.done("rotate", "domain", "c.coffer", "system")
            self.wait_for_rows(writers)
            self.join_by_write_sets(nodes[2], writers)
            self.write_what_galera_spills(nodes)
            nodes[1].kill_with_mount()
            self.assertEqual(nodes[1].places_with(MARK), [])
            self.wait_for_rows(writers[:1])
            nodes[1].mount()
            nodes[1].join(f"--wsrep-start-position={nodes[1].recovered_position()}")
        finally:
            committed = {number for writer in writers for number in writer.end()}
        self.check_that_all_agree(nodes, committed)
        for node in reversed(nodes):
            self.assertIn("galera.cache", [os.path.basename(path) for path in glob.glob(node.galera + "/*")
                                           if node.has(path, MARK)], "nothing was written there")
            node.stop()
            node.umount()
        for node in nodes:
            self.assertEqual(node.places_with(MARK), [])
        for node in nodes[1:]:
            self.assertIn("rsync SST completed on joiner", node.log_text())
        self.assertEqual(self.verified("c.coffer"), {})

    def wait_for_rows(self, writers):
        rows = [len(writer.committed) for writer in writers]
        wait_until(lambda: all(len(writer.committed) > before + 50 for writer, before in zip(writers, rows)),
                   "rows are written")

    def join_by_write_sets(self, node, writers):
        """A node that was away for a while, and finds what it has missed in the cache of another."""
        node.stop()
        self.wait_for_rows(writers)
        before = len(node.log_text())
        node.join()
        self.assertIn("rsync IST completed on joiner", node.log_text()[before:])

    def write_what_galera_spills(self, nodes):
        """A large transaction: its write set is in a file while it waits for a node that is stopped."""
        statement = f"insert into d.t select seq, concat('{MARK}', seq), repeat('x', 1000) from " \
                    f"seq_5000000_to_{5000000 + LARGE - 1}"
        outcome = []
        client = threading.Thread(target=lambda: outcome.append(nodes[0].client(statement, "-D", "d")))
        os.kill(nodes[2].process.pid, signal.SIGSTOP)
        try:
            client.start()
            spilled = nodes[0].galera + "/0x*_data.*"
            wait_until(lambda: any(nodes[0].has(path, MARK) for path in glob.glob(spilled)), "a write set is in a file")
            self.assertEqual(nodes[0].places_with(MARK), [])
        finally:
            os.kill(nodes[2].process.pid, signal.SIGCONT)
            client.join()
        self.assertEqual([run.stderr for run in outcome], [""])
        for node in nodes:
            node.sql("set wsrep_sync_wait = 1; select 1 from d.t limit 1")

    def check_that_all_agree(self, nodes, committed):
        for node in nodes:
            node.wait_for_version(2)
            found = {int(number) for number, in node.sql("set wsrep_sync_wait = 1; select a from d.t")}
            self.assertEqual(committed - found, set())
        sums = [node.sql("checksum table d.t, d.tenant") for node in nodes]
        self.assertEqual(sums[1:], sums[:1] * 2)
        self.assertEqual(nodes[0].sql("select count(*) from d.t where a >= 5000000"), [[str(LARGE)]])
        self.assertEqual(nodes[2].sql("select b from d.tenant"), [[MARK]])


if __name__ == "__main__":
    main()
