"""What `coffer agent --listen` serves, asked as browsers, collectors and strangers ask for it."""

import base64
import contextlib
import os
import re
import shutil
import socket
import ssl
import subprocess

from harness import main
from served import DEADLINE_S, Served

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
DOCS = os.path.join(ROOT, "docs")
EXAMPLE = os.path.join(ROOT, "examples", "exec_provider.py")
TOKEN = "a-token-that-nobody-guesses"
HOSTILE = ["s<script>alert(1)</script>", "s\"quoted\" & 'so'", "s‮gpj.exe", "s" + "x" * 180, "s{a=\"b\"}"]


def documented_in(page):
    with open(os.path.join(DOCS, page), encoding="utf-8") as file:
        return re.findall(r"`(coffer_[a-z_]+)`", "".join(line for line in file if line.startswith("| `coffer_")))


class OnLoopback(Served):
    def setUp(self):
        super().setUp()
        self.make_coffer()

    def test_page_metrics_and_json_say_what_status_says(self):
        self.make_store()
        self.done("rotate", "domain", "c.coffer", "system")
        self.make_file("c.coffer", "store/new.sst", b"new" * 5000)
        self.serve()
        self.until(lambda: self.json()["status"])
        status = self.coffer("status", "c.coffer", "--json").json()
        served = self.json()
        for member in ("id", "keyring_version", "total", "active", "active_percent", "plaintext"):
            self.assertEqual(served["status"][member], status[member], member)
        self.assertEqual([key["files"] for key in served["status"]["domains"][0]["keys"]], [3, 1])
        self.assertEqual(served["status"]["stores"][0]["files"], 4)
        metrics = self.metrics()
        self.assertEqual(metrics.get("coffer_key_files", domain="system", version="1", state="deactivated"), 3)
        self.assertEqual(metrics.get("coffer_key_files", domain="system", version="2", state="active"), 1)
        self.assertEqual(metrics.get("coffer_store_bytes", store=self.path("store")), status["total"]["bytes"])
        self.assertEqual(metrics.get("coffer_root_key", state="ok"), 1)
        self.assertEqual(metrics.get("coffer_audit_records"), served["audit"]["records"])
        page = self.page()
        share = f"{status['active_percent']} %"
        for said in (self.path("store"), share, "deactivated", served["audit"]["head"], self.uri("root.key")):
            self.assertIn(said, page)
        self.assertEqual(self.end().status, 0)

    def test_every_metric_is_documented_and_every_documented_one_is_there(self):
        self.make_store()
        self.serve()
        self.until(lambda: "coffer_domain_files" in self.metrics().names)
        served, here, there = self.metrics().names, documented_in("monitoring.md"), documented_in("operating.md")
        self.assertEqual(sorted(served), sorted(set(served)))
        self.assertEqual(set(here) - set(served), set())
        self.assertEqual(set(served) - set(here), set(there) & set(served), "monitoring.md says what they are")
        self.assertEqual(set(here) & set(there), set())

    def test_answers_cannot_be_framed_kept_or_extended(self):
        self.serve()
        for path in ("/", "/metrics", "/status.json", "/healthz", "/none"):
            status, headers, body = self.ask(path)
            self.assertEqual(status, 404 if path == "/none" else 200)
            self.assertEqual(headers["Cache-Control"], "no-store")
            self.assertEqual(headers["X-Content-Type-Options"], "nosniff")
            self.assertEqual(headers["X-Frame-Options"], "DENY")
            head = self.ask(path, "HEAD")
            self.assertEqual((head[0], head[2]), (status, ""))
            self.assertTrue(body)
        policy = self.ask()[1]["Content-Security-Policy"]
        self.assertIn("default-src 'none'; ", policy)
        self.assertIn("frame-ancestors 'none'", policy)
        self.assertNotIn("unsafe", policy)
        self.assertNotRegex(self.page(), r'(?i)(src|href)="?(?!/metrics"|/status\.json")[a-z/]|\bon[a-z]+=|\bstyle=')

    def test_what_is_no_plain_question_is_refused(self):
        self.serve()
        host = b"Host: localhost\r\n"
        for status, question in [
                (200, b"GET / HTTP/1.1\r\n" + host + b"\r\n"),
                (200, b"GET /?a=b HTTP/1.0\r\nhost:\tLOCALHOST:1 \r\ncontent-length: 0\r\n\r\n"),
                (405, b"POST / HTTP/1.1\r\n" + host + b"\r\n"),
                (405, b"OPTIONS / HTTP/1.1\r\n" + host + b"\r\n"),
                (413, b"GET / HTTP/1.1\r\n" + host + b"Content-Length: 1\r\n\r\nx"),
                (413, b"GET / HTTP/1.1\r\n" + host + b"Transfer-Encoding: chunked\r\n\r\n"),
                (400, b"GET http://localhost/ HTTP/1.1\r\n" + host + b"\r\n"),
                (400, b"GET / HTTP/1.1\r\n" + host + host + b"\r\n"),
                (421, b"GET / HTTP/1.1\r\n" + host + b" folded: no\r\n\r\n"),
                (400, b"GET / HTTP/1.1\r\n" + host + b"a: \x00\r\n\r\n"),
                (400, b"GET /\x01 HTTP/1.1\r\n" + host + b"\r\n"),
                (400, b"GET /\r\n\r\n"),
                (400, b"\x16\x03\x01\x02\x00\r\n\r\n"),
                (505, b"GET / HTTP/2.0\r\n" + host + b"\r\n"),
                (431, b"GET / HTTP/1.1\r\n" + host + b"a: b\r\n" * 64 + b"\r\n"),
                (431, b"GET /" + b"a" * 9000)]:
            self.assertRegex(self.say(question), f"^HTTP/1.1 {status} ", question)

    def test_a_name_that_leads_here_is_not_enough(self):
        self.serve()
        for host in ("localhost", f"127.0.0.1:{self.port}", "[::1]:80", "127.8.8.8", "LocalHost"):
            self.assertEqual(self.ask("/", Host=host)[0], 200, host)
        for host in ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "127.0.0.1:80:90", "[::2]",
                     "", "localhost:evil"):
            status, _, body = self.ask("/", Host=host)
            self.assertEqual(status, 421, host)
            self.assertNotIn("c.coffer", body)

    def test_hostile_names_stay_text(self):
        for name in HOSTILE:
            self.make_file("c.coffer", f"{name}/data.sst", b"x")
        self.serve()
        self.until(lambda: "coffer_store_files" in self.metrics().names)
        metrics = self.metrics()
        for name in HOSTILE:
            self.assertEqual(metrics.get("coffer_store_files", store=self.path(name)), 1, name)
        page = self.page()
        self.assertNotIn("<script>alert", page)
        self.assertIn("s&lt;script&gt;alert(1)&lt;/script&gt;", page)
        self.assertIn("s&quot;quoted&quot; &amp; &#39;so&#39;", page)
        self.assertIn("s\\u{202e}gpj.exe", page)

    def test_slow_clients_keep_nobody_out_and_have_an_end(self):
        self.serve()
        slow = [self.begin_to_ask(b"GET / HT") for _ in range(200)]
        self.assertEqual(self.ask("/healthz")[0], 200)
        # Who made room for others, and who has had his time: one after the other all of them.
        for each in slow:
            each.settimeout(DEADLINE_S)
            with contextlib.suppress(ConnectionError):
                self.assertEqual(each.recv(1), b"")
            each.close()
        self.assertEqual(self.ask("/healthz")[0], 200)

    def test_who_hangs_up_or_does_not_read_is_no_harm(self):
        self.serve()
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", self.port)) as client:
                client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.assertEqual(self.ask("/healthz")[0], 200)


class KeyTroubles(Served):
    def setUp(self):
        super().setUp()
        self.make_coffer()
        self.make_store()

    def test_questions_ask_no_provider_and_read_no_store(self):
        self.serve(interval="1h")
        self.until(lambda: self.json()["status"])
        before = self.json()
        os.rename(self.path("root.key"), self.path("away.key"))
        self.write("store/planted", b"in clear")
        for _ in range(50):
            self.ask("/")
            self.ask("/metrics")
        self.assertEqual(self.json(), before)
        self.assertEqual(before["status"]["plaintext"]["files"], 0)

    def test_an_outage_is_said_on_the_page_and_its_end_too(self):
        self.serve()
        self.until(lambda: self.json()["status"])
        os.rename(self.path("root.key"), self.path("away.key"))
        self.until(lambda: self.json()["status"]["root_key_trouble"])
        trouble = self.json()["status"]["root_key_trouble"]["trouble"]
        self.assertEqual(self.metrics().get("coffer_root_key", state=trouble), 1)
        self.assertEqual(self.metrics().get("coffer_root_key", state="ok"), 0)
        self.assertIn(f"the root key is {trouble} since", self.page())
        self.assertIn("<title>NOT WELL", self.page())
        os.rename(self.path("away.key"), self.path("root.key"))
        self.until(lambda: not self.json()["status"]["root_key_trouble"])
        self.assertNotIn(f"the root key is {trouble} since", self.page())

    def test_an_agent_that_starts_in_an_outage_says_so_and_waits(self):
        """Where nobody takes it for a key that was taken back: its command does not answer."""
        os.mkdir(self.path("kms"))
        service, keys = shutil.copy(EXAMPLE, self.path("kms", "coffer-exec-kms")), self.path("kms", "keys.json")
        self.run_program([service, keys, "add", "prod"])
        self.done("init", "e.coffer", "--root", f"exec:{service}/prod?arg1={keys}")
        os.rename(keys, keys + ".away")
        self.write("kms/keys.json", b"no answer")
        self.serve(coffer="e.coffer")
        self.until(lambda: "the coffer does not open" in self.page())
        self.assertIs(self.json()["open"], False)
        self.assertEqual(self.metrics().get("coffer_open"), 0)
        self.assertEqual(self.ask("/healthz")[0], 200)
        self.assertIsNone(self.json()["status"])
        self.assertIn("coffer: hint: ", self.said())
        os.replace(keys + ".away", keys)
        self.until(lambda: self.json()["open"] and self.json()["status"])
        self.assertEqual(self.metrics().get("coffer_open"), 1)

    def test_without_a_page_it_does_not_wait(self):
        os.remove(self.path("root.key"))
        self.refused(["agent", "c.coffer"], "key_unavailable", "root.key")

    def test_another_nodes_store_is_named_and_not_missed(self):
        for name in ("db-1", "db-2"):
            self.done("node", "new", "c.coffer", name)
            self.done("node", "enrol", "c.coffer", self.done("node", "request", "c.coffer").out.strip())
            if name == "db-1":
                self.make_file("c.coffer", "other/data.sst", b"x")
                os.rename(self.path("other"), self.path("gone"))
                os.remove(self.path("c.coffer/node.key"))
        self.serve()
        self.until(lambda: self.json()["status"])
        self.assertIn(">1 store of other nodes: db-1 (1).</p>", self.page())
        self.assertNotIn("a store is missing", self.page())
        self.assertEqual(self.metrics().get("coffer_missing_stores"), 0)

    def test_plaintext_and_a_missing_store_are_said_on_the_page(self):
        self.make_file("c.coffer", "other/data.sst", b"x")
        os.rename(self.path("other"), self.path("gone"))
        self.write("store/planted", b"in clear")
        self.serve()
        self.until(lambda: self.json()["status"])
        page = self.page()
        self.assertIn("1 file in clear in encrypted stores", page)
        self.assertIn(f"a store is missing: {self.path('other')}", page)
        self.assertEqual(self.metrics().get("coffer_missing_stores"), 1)
        self.assertEqual(self.metrics().get("coffer_file_class_files", **{"class": "plaintext"}), 1)
        self.assertFalse(self.json()["well"])


def make_certificate(test):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-keyout", test.path("tls.key"), "-out", test.path("tls.pem"), "-days", "2", "-subj", "/CN=agent",
                    "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    os.chmod(test.path("tls.key"), 0o600)


class ForOthers(Served):
    def setUp(self):
        super().setUp()
        self.make_coffer()
        make_certificate(self)
        self.write("token", TOKEN.encode() + b"\n", 0o600)
        self.secrets.add(TOKEN.encode())

    def test_who_has_the_token_is_let_in_by_tls_alone(self):
        self.serve("--certificate", "tls.pem", "--key", "tls.key", "--token", "token", listen="0.0.0.0:0")
        tls = ssl.create_default_context(cafile=self.path("tls.pem"))
        for given in (f"Bearer {TOKEN}", "Basic " + base64.b64encode(f"me:{TOKEN}".encode()).decode()):
            self.assertEqual(self.ask("/", tls=tls, Authorization=given)[0], 200, given)
        for given in ("", "Bearer ", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Digest {TOKEN}", "Basic ????",
                      "Basic " + base64.b64encode(TOKEN.encode()).decode()):
            for path in ("/", "/metrics", "/status.json", "/healthz", "/none"):
                status, headers, body = self.ask(path, tls=tls, Authorization=given)
                self.assertEqual((status, headers["WWW-Authenticate"][:5]), (401, "Basic"), given)
                self.assertNotIn("c.coffer", body)
        with socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE_S) as client:
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            with contextlib.suppress(ConnectionResetError):
                self.assertNotIn(b"HTTP", client.recv(65536))
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            tls.minimum_version = tls.maximum_version = version
            self.assertEqual(self.ask("/healthz", tls=tls, Authorization=f"Bearer {TOKEN}")[0], 200)
        self.assertNotIn(TOKEN, self.said())
        with open(f"/proc/{self.agent.pid}/cmdline", "rb") as file:
            self.assertNotIn(TOKEN.encode(), file.read())

    def test_a_renewed_certificate_is_taken_and_a_wrong_one_is_not(self):
        self.serve("--certificate", "tls.pem", "--key", "tls.key", "--token", "token")
        old = ssl.create_default_context(cafile=self.path("tls.pem"))
        let_in = {"Authorization": f"Bearer {TOKEN}"}
        self.write("kept.key", self.read("tls.key"), 0o600)
        make_certificate(self)
        new = ssl.create_default_context(cafile=self.path("tls.pem"))
        self.write("new.key", self.read("tls.key"), 0o600)
        self.write("tls.key", self.read("kept.key"), 0o600)
        self.until(lambda: "goes on with the certificate of before" in self.ask("/", tls=old, **let_in)[2])
        self.write("tls.key", self.read("new.key"), 0o600)

        def is_served_with_the_new_one():
            with contextlib.suppress(ssl.SSLError):
                return self.ask("/", tls=new, **let_in)[0] == 200
            return False
        self.until(is_served_with_the_new_one)
        self.until(lambda: "certificate of before" not in self.ask("/", tls=new, **let_in)[2])

    def test_slow_clients_of_tls_keep_nobody_out(self):
        self.serve("--certificate", "tls.pem", "--key", "tls.key", "--token", "token")
        slow = [self.begin_to_ask(b"\x16\x03\x01") for _ in range(80)]
        tls = ssl.create_default_context(cafile=self.path("tls.pem"))
        self.assertEqual(self.ask("/healthz", tls=tls, Authorization=f"Bearer {TOKEN}")[0], 200)
        for each in slow:
            each.close()

    def agent_refused(self, options, code, *says):
        self.refused(["agent", "c.coffer", *options], code, *says)

    def test_what_would_let_strangers_in_is_refused(self):
        tls = ["--certificate", "tls.pem", "--key", "tls.key"]
        for address in ("0.0.0.0:0", "[::]:0"):
            for options in ([], tls, ["--token", "token"]):
                self.agent_refused(["--listen", address, *options], "invalid_argument", "others reach", "--token")
        for address in ("127.0.0.1", "example.org:1", "127.0.0.1:70000", ":80", "127.0.0.1:", "127.0.0.1:http"):
            self.agent_refused(["--listen", address], "invalid_argument", "--listen", "127.0.0.1:9464")
        self.agent_refused(tls, "invalid_argument", "--listen")
        self.agent_refused(["--listen", "127.0.0.1:0", "--key", "tls.key"], "invalid_argument", "expected both")
        self.write("short", b"guess\n", 0o600)
        self.agent_refused(["--listen", "127.0.0.1:0", "--token", "short"], "invalid_argument", "16 characters")
        self.write("open", TOKEN.encode(), 0o644)
        self.agent_refused(["--listen", "127.0.0.1:0", "--token", "open"], "permission_denied", "open")
        os.chmod(self.path("tls.key"), 0o644)
        self.agent_refused(["--listen", "127.0.0.1:0", *tls], "permission_denied", "tls.key")

    def test_an_address_that_is_taken_is_refused(self):
        with socket.create_server(("127.0.0.1", 0)) as other:
            address = f"127.0.0.1:{other.getsockname()[1]}"
            self.agent_refused(["--listen", address], "busy", address)


if __name__ == "__main__":
    main()
