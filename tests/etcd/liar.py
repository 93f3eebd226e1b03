#!/usr/bin/python3
"""Who answers in etcd's place, and lies. How, the first segment of the key says that he is asked for."""

import base64
import http.server
import json
import re
import threading

REVISION = {"revision": "7"}


def range_of(*values):
    return json.dumps({"header": REVISION, "succeeded": True, "responses": [{"response_range": {"kvs": list(values)}}]})


def value(key, data=b"x", revision="3"):
    return {"key": base64.b64encode(key).decode(), "mod_revision": revision, "value": base64.b64encode(data).decode()}


class Liar(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, text, status=200, **headers):
        self.send_response(status)
        for name, content in {"Content-Length": str(len(text)), **headers}.items():
            self.send_header(name, content)
        self.end_headers()
        self.wfile.write(text if isinstance(text, bytes) else text.encode())

    def endless(self, piece):
        self.send_response(200)
        self.end_headers()
        self.close_connection = True
        while True:
            self.wfile.write(piece)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        keys = [base64.b64decode(text) for text in re.findall(r'"key":"([^"]*)"', body)]
        lie = keys[0].split(b"/")[1].decode() if keys else "empty"
        try:
            self.lie(lie, keys[0] if keys else b"")
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def lie(self, lie, key):
        texts = {
            "empty": "", "html": "<html>welcome</html>", "nothing": "{}", "cut": range_of(value(key))[:-9],
            "base64": range_of({**value(key), "value": "%%%"}), "otherkey": range_of(value(b"/other/keyring")),
            "norevision": range_of(value(key, revision="0")), "two": range_of(value(key), value(key)),
            "negative": range_of(value(key, revision="-5")), "none": json.dumps({"header": REVISION}),
            "rubbish": range_of(value(key, bytes(range(256)) * 40)), "deep": "[" * 100000,
        }
        if lie in texts:
            self.answer(texts[lie])
        elif lie == "redirect":
            self.answer("", 302, Location="http://127.0.0.1:1/")
        elif lie == "refusal":
            self.answer(json.dumps({"code": 11, "message": "compacted\n\x1b[2J" + "x" * 5000}), 400)
        elif lie == "endless":
            self.endless(b" " * 65536)
        elif lie == "closes":
            self.close_connection = True


def serve():
    """Its port; it ends with the process."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Liar)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]
