#!/usr/bin/python3
"""An example of a command behind Coffer's exec: URI (docs/providers/exec.md): AES-256-GCM keys in a file of its own.

  exec_provider.py FILE add NAME          a new key for NAME; from now on the current one
  exec_provider.py FILE deactivate NAME   the current key of NAME is kept for what was wrapped under it
  exec_provider.py FILE remove NAME       every key of NAME is gone, and with them what they wrapped
  exec_provider.py FILE                   one request on standard input, one answer on standard output

Coffer runs only commands whose name says what they are for, so it is installed under such a name:

  install -m 755 exec_provider.py /usr/local/lib/coffer/coffer-exec-example
  coffer init DIRECTORY --root 'exec:/usr/local/lib/coffer/coffer-exec-example/NAME?arg1=/etc/coffer/keys.json'

A real one would ask a card, a daemon or a service here instead of reading keys from a file.
"""

import base64
import json
import os
import sys

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

REQUEST_SIZE_MAX = 4096
NONCE_SIZE = 12


class Refused(Exception):
    """An answer that is an error: one of the codes of the contract, and words for a person."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class KeyFile:
    """Names, and for each its keys from the oldest to the newest: id, key, state."""

    def __init__(self, path):
        self.path = path

    def load(self):
        try:
            with open(self.path, encoding="utf-8") as file:
                return json.load(file)
        except FileNotFoundError:
            return {}
        except PermissionError as error:
            raise Refused("permission_denied", f"{self.path}: {error.strerror}") from error
        except (OSError, ValueError) as error:
            raise Refused("unavailable", f"{self.path} cannot be read as a key file") from error

    def save(self, names):
        temporary = f"{self.path}.{os.getpid()}"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(names, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, self.path)

    def current(self, name):
        keys = self.load().get(name)
        if not keys:
            raise Refused("not_found", f"{self.path} has no key {name!r}")
        return keys[-1]

    def by_handle(self, request):
        """The key that the handle names. It may only be one of the name that Coffer was set up with: the handle comes
        out of a file that others may have written."""
        handle = request["handle"]
        name, _, wanted = handle.rpartition("/")
        if name != request["key"]:
            raise Refused("wrong_key", f"{handle!r} is no key of {request['key']!r}")
        for key in self.load().get(name, ()):
            if key["id"] == wanted:
                return key
        raise Refused("not_found", f"{self.path} has no key {handle!r}")


def decoded(request, member):
    return base64.b64decode(request[member], validate=True)


def associated_data(request):
    """What a wrapping belongs to: it opens for this slot of this coffer, and under this key, only."""
    context = request["context"]
    return f"{context['coffer_id']} {context['slot_id']} {request['handle']}".encode()


def wrap(keys, request):
    key = keys.by_handle(request)
    if key["state"] != "active":
        raise Refused("key_unavailable", f"key {request['handle']} is deactivated")
    nonce = os.urandom(NONCE_SIZE)
    sealed = AESGCM(bytes.fromhex(key["key"])).encrypt(nonce, decoded(request, "plaintext"), associated_data(request))
    return {"ciphertext": base64.b64encode(nonce + sealed).decode()}


def unwrap(keys, request):
    key = keys.by_handle(request)
    wrapped = decoded(request, "ciphertext")
    try:
        plaintext = AESGCM(bytes.fromhex(key["key"])).decrypt(
            wrapped[:NONCE_SIZE], wrapped[NONCE_SIZE:], associated_data(request))
    except (InvalidTag, ValueError) as error:
        raise Refused("wrong_key", f"not wrapped by {request['handle']} for this slot, or altered") from error
    return {"plaintext": base64.b64encode(plaintext).decode()}


def answer(keys, request):
    if request.get("version") != 1:
        raise Refused("unsupported", "this command speaks version 1")
    if request["operation"] == "current":
        return {"handle": f"{request['key']}/{keys.current(request['key'])['id']}"}
    if request["operation"] == "wrap":
        return wrap(keys, request)
    if request["operation"] == "unwrap":
        return unwrap(keys, request)
    raise Refused("unsupported", f"this command has no operation {request['operation']!r}")


def serve(keys):
    """Returns the exit status: 0 with a result, 1 with an error."""
    try:
        try:
            request = json.loads(sys.stdin.buffer.read(REQUEST_SIZE_MAX))
            result = answer(keys, request)
        except (KeyError, TypeError, ValueError) as error:
            raise Refused("invalid_argument", f"the request is malformed ({type(error).__name__})") from error
    except Refused as error:
        json.dump({"version": 1, "error": {"code": error.code, "message": str(error)}}, sys.stdout)
        return 1
    json.dump({"version": 1, **result}, sys.stdout)
    return 0


def administer(keys, verb, name):
    names = keys.load()
    if verb == "add":
        names.setdefault(name, []).append(
            {"id": os.urandom(4).hex(), "key": os.urandom(32).hex(), "state": "active"})
    elif verb == "deactivate" and names.get(name):
        names[name][-1]["state"] = "deactivated"
    elif verb == "remove" and name in names:
        del names[name]
    else:
        sys.exit(f"{keys.path}: cannot {verb} {name!r}; verbs are add, deactivate and remove, of a name that is there")
    keys.save(names)
    return 0


def main():
    if len(sys.argv) == 2:
        return serve(KeyFile(sys.argv[1]))
    if len(sys.argv) == 4:
        return administer(KeyFile(sys.argv[1]), sys.argv[2], sys.argv[3])
    sys.exit(__doc__)


if __name__ == "__main__":
    sys.exit(main())
