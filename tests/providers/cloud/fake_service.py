"""What the fake key services have in common: an HTTP(S) server whose answers can be spoilt on request.

A fake keeps real keys and really encrypts. It prints "ready PORT" when it listens, and ends when its standard input
does. Beside the service's own paths it has, without any authentication:

  POST /_fake/fault    {"kind": …, "count": N, …}: the next N requests are answered as Fault says
  POST /_fake/do       {"action": NAME, …}: do_NAME(…) of the fake, what its operator could do
  GET  /_fake/requests the method and path of every request so far, faults included
  POST /_fake/reset    {"state": FILE}: all as in a new process, for another test
"""

import argparse
import json
import os
import socket
import ssl
import sys
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BODY_SIZE_MAX = 1 << 20


@dataclass
class Request:
    method: str
    path: str  # as sent, without the query
    query: str  # as sent
    headers: dict  # names in lower case
    body: bytes

    def json(self):
        try:
            value = json.loads(self.body or b"{}")
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise Refusal(400, {"errors": ["the body is not a JSON object"]})
        return value


@dataclass
class Answer:
    status: int = 200
    body: object = b""  # bytes, or what becomes JSON
    headers: dict = field(default_factory=dict)

    def bytes(self):
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


class Refusal(Exception):
    """An answer, raised from anywhere within a fake."""

    def __init__(self, status, body=b"", headers=None):
        super().__init__(status)
        self.answer = Answer(status, body, headers or {})


@dataclass
class Fault:
    """status: answers with `status`, `headers` and `body`; slow: waits `seconds` first; cut: half of the right answer;
    close: no answer; garbage: not HTTP; oversized: `size` bytes."""
    kind: str
    count: int = 1
    status: int = 503
    headers: dict = field(default_factory=dict)
    body: str = ""
    seconds: float = 0
    size: int = 8 << 20


class FakeService(ThreadingHTTPServer):
    """Subclasses override answer(), save through self.state (JSON), and add do_… methods for /_fake/do."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port, state_file):
        super().__init__(("127.0.0.1", port), Handler)
        self.lock = threading.RLock()
        self.begin(state_file)

    def begin(self, state_file):
        self.faults = []
        self.requests = []
        self.lies = False
        self.state_file = state_file
        self.state = self.first_state()
        if state_file and os.path.exists(state_file):
            with open(state_file, encoding="utf-8") as file:
                self.state = json.load(file)

    def first_state(self):
        return {}

    def handle_error(self, request, client_address):
        pass  # clients that do not wait for their answer are what some tests are about

    def answer(self, request):
        raise NotImplementedError

    def do_lie(self):
        """From now on what is wrapped is not what was given, and nobody is told."""
        self.lies = True

    def to_wrap(self, plaintext):
        return bytes(len(plaintext)) if self.lies else plaintext

    def save(self):
        if not self.state_file:
            return
        with open(self.state_file + ".new", "w", encoding="utf-8") as file:
            json.dump(self.state, file)
        os.replace(self.state_file + ".new", self.state_file)

    def next_fault(self):
        with self.lock:
            if not self.faults:
                return None
            fault = self.faults[0]
            fault.count -= 1
            if fault.count <= 0:
                self.faults.pop(0)
            return fault

    def control(self, request):
        if request.path == "/_fake/requests":
            return Answer(200, self.requests)
        arguments = request.json()
        with self.lock:
            if request.path == "/_fake/reset":
                self.begin(arguments["state"])
                return Answer(200, {})
            if request.path == "/_fake/fault":
                self.faults.append(Fault(**arguments))
                return Answer(200, {})
            result = getattr(self, "do_" + arguments.pop("action"))(**arguments)
            self.save()
            return Answer(200, result or {})

    def respond(self, request):
        if request.path.startswith("/_fake/"):
            return self.control(request), None
        with self.lock:
            self.requests.append(request.method + " " + request.path)
        fault = self.next_fault()
        if fault is not None and fault.kind == "slow":
            time.sleep(fault.seconds)
        if fault is not None and fault.kind == "status":
            return Answer(fault.status, fault.body.encode(), fault.headers), None
        if fault is not None and fault.kind == "oversized":
            return Answer(200, b" " * fault.size), None
        try:
            with self.lock:
                return self.answer(request), fault
        except Refusal as refusal:
            return refusal.answer, fault


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60

    def log_message(self, format, *arguments):
        pass

    def handle_any(self):
        length = int(self.headers.get("Content-Length") or 0)
        if length > BODY_SIZE_MAX:
            self.close_connection = True
            return
        body = self.rfile.read(length)
        path, _, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer, fault = self.server.respond(Request(self.command, path, query, headers, body))
        self.send(answer, fault.kind if fault else "")

    def send(self, answer, spoilt):
        if spoilt == "close":
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        if spoilt == "garbage":
            self.wfile.write(b"\x00\x01 this is not HTTP\r\n\r\n")
            self.close_connection = True
            return
        body = answer.bytes()
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if "Content-Type" not in answer.headers:
            self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if spoilt == "cut":
            body = body[: len(body) // 2]
            self.close_connection = True
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = do_LIST = do_PATCH = do_HEAD = handle_any


def run(service_class, add_arguments=lambda parser: None):
    """The fake as a program."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--state", help="a file that keeps keys across restarts")
    parser.add_argument("--tls-cert")
    parser.add_argument("--tls-key")
    parser.add_argument("--client-ca", help="demand certificates signed by this CA")
    add_arguments(parser)
    arguments = parser.parse_args()
    if os.getpid() != os.getpgrp():
        os.setsid()
    service = service_class(arguments)
    if arguments.tls_cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(arguments.tls_cert, arguments.tls_key)
        if arguments.client_ca:
            context.load_verify_locations(arguments.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
        # The handshake is done by the thread of the connection, so that a client that does none holds up nobody.
        service.socket = context.wrap_socket(service.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=service.serve_forever, daemon=True).start()
    print("ready", service.server_address[1], flush=True)
    sys.stdin.read()
    os._exit(0)
