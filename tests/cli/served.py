"""An agent that serves what `coffer agent --listen` does, and those who ask it."""

import contextlib
import http.client
import json
import re
import signal
import socket
import time

from harness import CliTest

DEADLINE_S = 60


class Metrics:
    """Prometheus' text format, read strictly: a help and a type before each name's values, which stand together."""

    LINE = re.compile(r'^([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\\n]|\\[\\"n])*",?)+)\})? (\d+(?:\.\d+)?)$')
    LABEL = re.compile(r'([a-z]+)="((?:[^"\\\n]|\\[\\"n])*)"')

    def __init__(self, text):
        self.values, self.names, current = {}, [], None
        assert text.endswith("\n")
        for line in text[:-1].split("\n"):
            if line.startswith("# HELP "):
                current = line.split(" ")[2]
                assert current not in self.names, f"{current} comes twice"
                self.names.append(current)
            elif line.startswith("# TYPE "):
                assert line.split(" ")[2] == current and line.split(" ")[3] in ("gauge", "counter"), line
            else:
                found = self.LINE.match(line)
                assert found and found.group(1) == current, line
                labels = tuple(sorted((name, value.replace("\\n", "\n").replace('\\"', '"').replace("\\\\", "\\"))
                                      for name, value in self.LABEL.findall(found.group(2) or "")))
                assert (current, labels) not in self.values, line
                self.values[current, labels] = float(found.group(3))

    def get(self, name, **labels):
        return self.values[name, tuple(sorted(labels.items()))]


class Served(CliTest):
    """An agent that serves."""

    agent = None

    def serve(self, *options, coffer="c.coffer", listen="127.0.0.1:0", interval="1s"):
        # A file, which no reader has to empty.
        with open(self.path("agent.err"), "wb") as err:
            self.agent = self.start("agent", coffer, "--listen", listen, "--interval", interval, *options, stderr=err)
        self.addCleanup(self.end)
        self.port = int(self.until(lambda: re.search(r"serves https?://\S+:(\d+)/", self.said())).group(1))

    def said(self):
        return self.read("agent.err").decode() if self.agent is not None else ""

    def end(self):
        if self.agent.poll() is None:
            self.agent.send_signal(signal.SIGTERM)
        run = self.outcome(self.agent)
        self.assert_no_secret(run)
        return run

    def until(self, is_so):
        deadline = time.monotonic() + DEADLINE_S
        while not (found := is_so()):
            self.assertLess(time.monotonic(), deadline, self.said())
            self.assertTrue(self.agent is None or self.agent.poll() is None, self.said())
            time.sleep(0.02)
        return found

    def ask(self, path="/", method="GET", tls=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_S) if tls is None else \
            http.client.HTTPSConnection("127.0.0.1", self.port, timeout=DEADLINE_S, context=tls)
        try:
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read().decode()
        finally:
            connection.close()

    def page(self):
        return self.ask()[2]

    def metrics(self):
        return Metrics(self.ask("/metrics")[2])

    def json(self):
        return json.loads(self.ask("/status.json")[2])

    def begin_to_ask(self, text):
        """A client that says no more than this, and may have to make room for others already."""
        client = socket.create_connection(("127.0.0.1", self.port))
        with contextlib.suppress(ConnectionError):
            client.sendall(text)
        return client

    def say(self, text):
        """Raw, and everything that comes back."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE_S) as client:
            client.sendall(text)
            return b"".join(iter(lambda: client.recv(65536), b"")).decode()
