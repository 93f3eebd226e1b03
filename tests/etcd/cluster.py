#!/usr/bin/python3
"""A real etcd of one or several members on loopback, with TLS, client certificates and users, for tests.

As a program it runs another one beside it: cluster.py PROGRAM…, with COFFER_TEST_ETCD, a URI of which the prefix PREFIX
is to be replaced, COFFER_TEST_ETCDCTL, the words of a client, COFFER_TEST_ETCD_PID, and COFFER_TEST_ETCD_LIAR, the
port of who lies in etcd's place (liar.py), in its environment."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import liar

PASSWORD = "p4ssword-of-coffer"
CONF = """[req]\nprompt=no\ndistinguished_name=n\n[n]\nO=%s\n[e]
subjectAltName=%s,DNS:localhost\nextendedKeyUsage=serverAuth,clientAuth\n"""


def run(*words, **options):
    return subprocess.run(words, check=True, capture_output=True, timeout=60, **options)


def make_certificates(directory, hosts):
    """ca.pem, and server and client, each with a key. A name in the client's certificate would be one of etcd's users
    to etcd, which its gateway refuses."""
    def path(name):
        return os.path.join(directory, name)
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    run("openssl", "req", "-x509", *new_key, "-days", "30", "-subj", "/CN=ca", "-keyout", path("ca.key"), "-out",
        path("ca.pem"))
    for name in ("server", "client"):
        with open(path(name + ".cnf"), "w", encoding="ascii") as file:
            file.write(CONF % (name, ",".join("IP:" + host for host in sorted(set(hosts)))))
        run("openssl", "req", *new_key, "-config", path(name + ".cnf"), "-keyout", path(name + ".key"), "-out",
            path(name + ".csr"))
        run("openssl", "x509", "-req", "-in", path(name + ".csr"), "-CA", path("ca.pem"), "-CAkey", path("ca.key"),
            "-CAcreateserial", "-days", "30", "-extfile", path(name + ".cnf"), "-extensions", "e", "-out",
            path(name + ".pem"))
    os.chmod(path("client.key"), 0o600)


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Cluster:
    """Members are numbered from 0. `machines`: of each its address, and the words that run a program there."""

    def __init__(self, directory, members=1, auth=True, machines=()):
        for tool in ("etcd", "etcdctl", "openssl"):
            if shutil.which(tool) is None:
                raise RuntimeError(f"{tool} is missing: ./setup --tests installs it")
        self.directory = directory
        os.makedirs(directory, exist_ok=True)
        machines = machines or [("127.0.0.1", [])] * members
        self.addresses = [address for address, _ in machines]
        make_certificates(directory, self.addresses)
        self.auth = False
        self.user = ["--user", "root:root"]
        ports = free_ports(2 * members)
        self.ports, peers = ports[:members], ports[members:]
        self.words = []
        cluster = ",".join(f"m{i}=http://{host}:{port}" for i, (host, port) in enumerate(zip(self.addresses, peers)))
        for i, (host, there) in enumerate(machines):
            url, peer = self.url(i), f"http://{host}:{peers[i]}"
            self.words.append([*there, "etcd", "--name", f"m{i}", "--data-dir", self.path(f"m{i}"),
                               "--listen-client-urls", url, "--advertise-client-urls", url,
                               "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                               "--initial-cluster", cluster, "--unsafe-no-fsync", "--client-cert-auth",
                               "--heartbeat-interval", "50", "--election-timeout", "500",
                               "--trusted-ca-file", self.path("ca.pem"), "--cert-file", self.path("server.pem"),
                               "--key-file", self.path("server.key")])
        self.processes = [None] * members
        for i in range(members):
            self.start(i)
        self.wait()
        with open(self.path("password"), "w", encoding="ascii") as file:
            file.write(PASSWORD + "\n")
        os.chmod(self.path("password"), 0o600)
        if auth:
            self.enable_auth()

    def path(self, name):
        return os.path.join(self.directory, name)

    def url(self, member):
        return f"https://{self.addresses[member]}:{self.ports[member]}"

    def start(self, member):
        with open(self.path(f"m{member}.log"), "ab") as log:
            self.processes[member] = subprocess.Popen(self.words[member], stdin=subprocess.DEVNULL, stdout=log,
                                                      stderr=log, cwd=self.directory)

    def signal(self, member, number):
        self.processes[member].send_signal(number)

    def kill(self, member):
        self.processes[member].send_signal(signal.SIGCONT)
        self.processes[member].kill()
        self.processes[member].wait()

    def stop(self):
        for member, process in enumerate(self.processes):
            if process is not None and process.poll() is None:
                self.kill(member)

    def client(self, where):
        return ["etcdctl", "--endpoints", where, "--cacert", self.path("ca.pem"), "--cert", self.path("client.pem"),
                "--key", self.path("client.key"), *(self.user if self.auth else [])]

    def etcdctl(self, *words, members=None, check=True):
        """Its standard output."""
        where = ",".join(self.url(member) for member in members or range(len(self.ports)))
        done = subprocess.run([*self.client(where), *words], env={**os.environ, "ETCDCTL_API": "3"},
                              capture_output=True, check=False, timeout=60)
        if check and done.returncode != 0:
            raise RuntimeError(f"etcdctl {words}: {done.stderr.decode()}")
        return done.stdout

    def wait(self):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if self.etcdctl("put", "health", "1", check=False).strip() == b"OK":
                return
            time.sleep(0.05)
        raise RuntimeError("etcd does not start; see " + self.path("m0.log"))

    def enable_auth(self):
        self.etcdctl("user", "add", "root:root")
        self.etcdctl("user", "grant-role", "root", "root")
        self.etcdctl("user", "add", "coffer:" + PASSWORD)
        self.etcdctl("role", "add", "coffer")
        self.etcdctl("role", "grant-permission", "coffer", "readwrite", "--prefix=true", "/coffers/")
        self.etcdctl("user", "grant-role", "coffer", "coffer")
        self.etcdctl("auth", "enable")
        self.auth = True

    def hosts(self):
        return ",".join(f"{address}:{port}" for address, port in zip(self.addresses, self.ports))

    def options(self):
        out = {"ca_file": self.path("ca.pem"), "client_cert_file": self.path("client.pem"),
               "client_key_file": self.path("client.key")}
        if self.auth:
            out.update({"user": "coffer", "password_file": self.path("password")})
        return out

    def uri(self, prefix, **more):
        return f"etcd://{self.hosts()}/{prefix}?" + "&".join(f"{k}={v}" for k, v in
                                                             {**self.options(), **more}.items())

    def keys(self, prefix=""):
        """All keys that begin so."""
        return self.etcdctl("get", "--prefix", "--keys-only", prefix or "\0").decode().split()

    def revision(self):
        return json.loads(self.etcdctl("get", "x", "-w", "json"))["header"]["revision"]


def main():
    with tempfile.TemporaryDirectory(prefix="coffer-etcd-") as directory:
        cluster = Cluster(directory)
        try:
            environment = {**os.environ, "COFFER_TEST_ETCD": cluster.uri("coffers/PREFIX"), "ETCDCTL_API": "3",
                           "COFFER_TEST_ETCD_LIAR": str(liar.serve()),
                           "COFFER_TEST_ETCD_PID": str(cluster.processes[0].pid),
                           "COFFER_TEST_ETCDCTL": " ".join(cluster.client(cluster.url(0)))}
            sys.exit(subprocess.run(sys.argv[1:], env=environment, check=False).returncode)
        finally:
            cluster.stop()


if __name__ == "__main__":
    main()
