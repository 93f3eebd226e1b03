"""A fake key service as a child process, for tests in Python."""

import json
import os
import subprocess
import sys
import urllib.request


class FakeProcess:
    def __init__(self, script, *arguments):
        path = os.path.join(os.path.dirname(os.path.abspath(__file__)), script)
        self.process = subprocess.Popen([sys.executable, path, *arguments], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line.startswith("ready "):
            self.stop()
            raise RuntimeError(f"{script} did not start: {line}")
        self.url = "http://127.0.0.1:" + line.split()[1]

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def _post(self, path, body):
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())

    def do(self, action, **arguments):
        return self._post("/_fake/do", {"action": action, **arguments})

    def fault(self, kind, **arguments):
        self._post("/_fake/fault", {"kind": kind, **arguments})
