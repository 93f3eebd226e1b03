"""A Galera cluster of three nodes on one coffer: keys are rotated and a node joins while rows are written."""

import os
import pwd
import socket
import threading

if os.geteuid() == 0:
    # The rsync that receives a node's state gives up root's rights, and then could not write the data directory.
    account = pwd.getpwnam("mysql")
    os.setgroups([])
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)

from server import MARK, MariadbTest, Server, main, wait_until  # noqa: E402

GALERA = "/usr/lib/galera/libgalera_smm.so"
CLUSTER = ("--wsrep-on=ON", f"--wsrep-provider={GALERA}", "--wsrep-cluster-name=coffer", "--wsrep-sst-method=rsync",
           "--binlog-format=ROW", "--innodb-autoinc-lock-mode=2", "--log-bin=bin", "--log-slave-updates=ON")


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
    def __init__(self, test, number, port, cluster, coffer="c.coffer"):
        name = f"node{number}"
        gcache = test.path(f"gcache{number}")
        os.mkdir(gcache)
        at = f"127.0.0.1:{port}"
        provider = (f"gmcast.listen_addr=tcp://{at};ist.recv_addr=127.0.0.1:{port + 1};gcache.dir={gcache};"
                    f"gcache.size=16M;pc.recovery=FALSE;pc.weight={2 if number == 1 else 1}")
        super().__init__(test, name, (
            *test.options_on(coffer), *CLUSTER, f"--server-id={number}", f"--wsrep-node-name={name}",
            f"--wsrep-node-address={at}", f"--wsrep-sst-receive-address=127.0.0.1:{port + 2}",
            f"--wsrep-provider-options={provider}", f"--wsrep-cluster-address=gcomm://{cluster}"))

    def join(self, *options):
        self.start(*options)
        wait_until(lambda: self.state() == "Synced", f"{self.data} is synced")

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
        return [Node(self, number + 1, first + 4 * number, cluster, coffer) for number, coffer in enumerate(coffers)]

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

    def test_nodes_agree_and_hold_no_plaintext_whatever_keys_change_while_one_joins(self):
        self.make_mariadb_coffer()
        nodes = self.make_nodes("c.coffer", "c.coffer", "c.coffer")
        nodes[0].join("--wsrep-new-cluster")
        nodes[0].sql("create database d; create table d.t (a int primary key, b varchar(100), c text) engine=innodb;"
                     "create table d.tenant (a int primary key, b varchar(100)) engine=innodb encryption_key_id=100;"
                     f"insert into d.tenant values (1, '{MARK}')")
        nodes[1].join()
        writers = [Writing(node, 1000000 * number) for number, node in enumerate(nodes[:2])]
        try:
            wait_until(lambda: all(len(writer.committed) > 50 for writer in writers), "rows are written")
            self.done("rotate", "root", "c.coffer")
            self.done("rotate", "domain", "c.coffer", "system")
            self.done("rotate", "domain", "c.coffer", "tenant-a")
            nodes[2].join()
            self.done("rotate", "domain", "c.coffer", "system")
            rows = [len(writer.committed) for writer in writers]
            wait_until(lambda: all(len(writer.committed) > before + 50 for writer, before in zip(writers, rows)),
                       "rows are written after the last rotation")
        finally:
            committed = {number for writer in writers for number in writer.end()}
        for node in nodes:
            node.wait_for_version(2)
            found = {int(number) for number, in node.sql("set wsrep_sync_wait = 1; select a from d.t")}
            self.assertEqual(committed - found, set())
        sums = [node.sql("checksum table d.t, d.tenant") for node in nodes]
        self.assertEqual(sums[0], sums[1])
        self.assertEqual(sums[0], sums[2])
        self.assertEqual(nodes[2].sql("select b from d.tenant"), [[MARK]])
        for node in reversed(nodes):
            node.stop()
        for node in nodes:
            # The cache of write sets is elsewhere (gcache.dir): Galera does not encrypt it.
            self.assertEqual(node.files_with(MARK), [], node.data)
        for node in nodes[1:]:
            self.assertIn("rsync SST completed on joiner", node.log_text())


if __name__ == "__main__":
    main()
