#!/usr/bin/python3
"""A fake of HashiCorp Vault, as far as its Transit engine, tokens, AppRole and Kubernetes logins are concerned.

Checked by Vault's Python SDK (hvac) in vault_sdk_test.py. Real: the keys, AES-256-GCM, the ciphertext's form, key
versions and their minimums, tokens that expire and are renewed, HTTP statuses and error texts. Not: policies (a token
may do everything, or what its list of path beginnings says), namespaces (there is one), storage.
"""

import base64
import binascii
import math
import os
import secrets
import time

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from fake_service import Answer, FakeService, Refusal, run

AEAD_TYPES = {"aes128-gcm96": 16, "aes256-gcm96": 32}
NONCE_SIZE = 12


def refuse(status, *errors):
    raise Refusal(status, {"errors": list(errors)})


def decode(text, what):
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError):
        refuse(400, f"failed to base64-decode {what}")


class Vault(FakeService):
    def __init__(self, arguments):
        super().__init__(arguments.port, arguments.state)
        self.namespace = arguments.namespace

    def first_state(self):
        return {
            "tokens": {"root": {"expires": None, "ttl": 0, "renewable": False, "paths": None}},
            "keys": {},
            "last_created": 0,
            "roles": {},  # AppRole: role id → secret id
            "jwts": {},  # Kubernetes: role → the service account's token
            "login_ttl": 3600,
            "health": 200,
            "binds_associated_data": True,
        }

    # ------------------------------------------------------------------------------------------------ /_fake/do

    def do_set(self, **values):
        self.state.update(values)

    def do_add_token(self, token, ttl=0, renewable=False, paths=None):
        expires = time.time() + ttl if ttl else None
        self.state["tokens"][token] = {"expires": expires, "ttl": ttl, "renewable": renewable, "paths": paths}

    def do_revoke_tokens(self):
        """All but root's."""
        self.state["tokens"] = {"root": self.state["tokens"]["root"]}

    def do_make_key(self, name, **options):
        self.create(name, options)

    def do_remove_key(self, name):
        del self.state["keys"][name]

    def do_rotate_key(self, name):
        self.add_version(self.state["keys"][name])

    def do_configure_key(self, name, **options):
        self.configure(self.state["keys"][name], options)

    def do_secrets(self):
        return {"keys": [version["key"] for key in self.state["keys"].values() for version in key["versions"]]}

    def do_tokens(self):
        return {"tokens": sorted(self.state["tokens"])}

    # ---------------------------------------------------------------------------------------------------- paths

    def answer(self, request):
        if not request.path.startswith("/v1/"):
            refuse(404)
        path = request.path.removeprefix("/v1/")
        if path.startswith("sys/"):
            return self.system(path)
        self.check_standby()
        if (request.headers.get("x-vault-namespace") or "").strip("/") != self.namespace:
            refuse(404, f'no handler for route "{path}". route entry not found.')
        if path == "auth/approle/login":
            return self.login_approle(request.json())
        if path == "auth/kubernetes/login":
            return self.login_kubernetes(request.json())
        token = self.token_of(request, path)
        if path.startswith("auth/token/"):
            return self.token_operation(request, token, path.removeprefix("auth/token/"))
        if path.startswith("transit/"):
            answer = self.transit(request, path.split("/")[1:])
            self.save()
            return answer
        refuse(404, f'no handler for route "{path}". route entry not found.')

    def system(self, path):
        sealed = self.state["health"] == 503
        if path == "sys/health":
            return Answer(self.state["health"], {"initialized": True, "sealed": sealed, "version": "1.15.0",
                                                 "standby": self.state["health"] == 429})
        if path == "sys/init":
            return Answer(200, {"initialized": True})
        if path == "sys/seal-status":
            return Answer(200, {"type": "shamir", "initialized": True, "sealed": sealed, "t": 1, "n": 1, "progress": 0})
        refuse(404)

    def check_standby(self):
        health = self.state["health"]
        if health == 503:
            refuse(503, "Vault is sealed")
        if health == 307:
            raise Refusal(307, b"", {"Location": "https://active.example:8200/v1/"})
        if health != 200:
            refuse(health)

    # --------------------------------------------------------------------------------------------------- tokens

    def token_of(self, request, path):
        name = request.headers.get("x-vault-token", "")
        token = self.state["tokens"].get(name)
        if token is None or (token["expires"] is not None and token["expires"] < time.time()):
            refuse(403, "permission denied")
        if token["paths"] is not None and not any(path.startswith(begin) for begin in token["paths"]):
            refuse(403, "1 error occurred:\n\t* permission denied\n\n")
        return name

    def new_token(self):
        name = "hvs." + secrets.token_urlsafe(24)
        ttl = self.state["login_ttl"]
        self.do_add_token(name, ttl, renewable=True)
        self.save()
        return Answer(200, {"auth": {"client_token": name, "accessor": secrets.token_hex(8), "policies": ["default"],
                                     "token_policies": ["default"], "metadata": {}, "lease_duration": ttl,
                                     "renewable": True}})

    def login_approle(self, body):
        if self.state["roles"].get(body.get("role_id")) != body.get("secret_id") or not body.get("secret_id"):
            refuse(400, "invalid role or secret ID")
        return self.new_token()

    def login_kubernetes(self, body):
        if body.get("role") not in self.state["jwts"]:
            refuse(400, f'invalid role name "{body.get("role")}"')
        if self.state["jwts"][body["role"]] != body.get("jwt"):
            refuse(403, "permission denied")
        return self.new_token()

    def token_operation(self, request, name, operation):
        token = self.state["tokens"][name]
        left = max(0, math.ceil(token["expires"] - time.time())) if token["expires"] is not None else 0
        if operation == "lookup-self" and request.method == "GET":
            return Answer(200, {"data": {"id": name, "ttl": left, "creation_ttl": token["ttl"], "type": "service",
                                         "renewable": token["renewable"], "policies": ["default"]}})
        if operation == "renew-self":
            if not token["renewable"]:
                refuse(400, "lease is not renewable")
            token["expires"] = time.time() + token["ttl"]
            self.save()
            return Answer(200, {"auth": {"client_token": name, "lease_duration": token["ttl"], "renewable": True,
                                         "policies": ["default"]}})
        refuse(405, "unsupported operation")

    # -------------------------------------------------------------------------------------------------- Transit

    def transit(self, request, path):
        if path[0] == "keys":
            return self.keys(request, path[1:])
        if len(path) != 2 or request.method not in ("POST", "PUT"):
            refuse(404)
        operation = {"encrypt": self.encrypt, "decrypt": self.decrypt, "rewrap": self.rewrap}.get(path[0])
        if operation is None:
            refuse(404)
        key = self.state["keys"].get(path[1])
        if key is None:
            refuse(400, "encryption key not found")
        return Answer(200, {"data": operation(key, request.json())})

    def keys(self, request, path):
        if request.method == "LIST" or (request.method == "GET" and request.query == "list=true"):
            return Answer(200, {"data": {"keys": sorted(self.state["keys"])}})
        name = path[0]
        if len(path) == 1 and request.method in ("POST", "PUT"):
            return self.create(name, request.json())
        key = self.state["keys"].get(name)
        if key is None:
            if request.method == "GET":
                refuse(404)
            refuse(400, f"no existing key named {name} could be found")
        if len(path) == 1 and request.method == "GET":
            return Answer(200, {"data": self.describe(name, key)})
        if len(path) == 1 and request.method == "DELETE":
            if not key["deletion_allowed"]:
                refuse(400, f"error deleting policy {name}: deletion is not allowed for this policy")
            del self.state["keys"][name]
            return Answer(204)
        if path[1] == "rotate":
            self.add_version(key)
            return Answer(204)
        if path[1] == "config":
            return self.configure(key, request.json())
        refuse(404)

    def add_version(self, key):
        # Two keys made within a second would look alike; Vault's clock is not this precise either, but nobody makes
        # keys that fast there.
        created = max(int(time.time()), self.state["last_created"] + 1)
        self.state["last_created"] = created
        size = AEAD_TYPES.get(key["type"], 32)
        key["versions"].append({"key": os.urandom(size).hex(), "created": created})

    def create(self, name, body):
        if name in self.state["keys"]:
            return Answer(204)
        kind = body.get("type", "aes256-gcm96")
        if kind not in AEAD_TYPES and kind != "rsa-2048":
            refuse(400, f'unknown key type "{kind}"')
        key = {"type": kind, "versions": [], "min_decryption_version": 1, "min_encryption_version": 0,
               "deletion_allowed": False, "derived": bool(body.get("derived", False))}
        self.add_version(key)
        self.state["keys"][name] = key
        return Answer(204)

    def describe(self, name, key):
        first = key["min_decryption_version"]
        versions = {str(number): version["created"] for number, version in enumerate(key["versions"], 1)
                    if number >= first}
        if key["type"] not in AEAD_TYPES:
            versions = {number: {"creation_time": "2026-01-01T00:00:00Z", "public_key": "…"} for number in versions}
        return {"name": name, "type": key["type"], "keys": versions, "latest_version": len(key["versions"]),
                "min_decryption_version": first, "min_encryption_version": key["min_encryption_version"],
                "min_available_version": 0, "deletion_allowed": key["deletion_allowed"], "derived": key["derived"],
                "exportable": False, "supports_encryption": True, "supports_decryption": True,
                "supports_derivation": True, "supports_signing": False}

    def configure(self, key, body):
        latest = len(key["versions"])
        for name in ("min_decryption_version", "min_encryption_version"):
            if name in body:
                if not 0 <= int(body[name]) <= latest:
                    refuse(400, f"cannot set {name} of {body[name]}, latest key version is {latest}")
                key[name] = max(int(body[name]), 1 if name == "min_decryption_version" else 0)
        if "deletion_allowed" in body:
            key["deletion_allowed"] = str(body["deletion_allowed"]).lower() == "true"
        return Answer(204)

    def cipher(self, key, number, body):
        raw = bytes.fromhex(key["versions"][number - 1]["key"])
        if key["derived"]:
            context = decode(body.get("context", ""), "context")
            if not context:
                refuse(400, "missing 'context' for key derivation; the key was created using a derived key, which "
                            "means additional, per-request information must be included in order to perform "
                            "operations with the key")
            raw = HKDF(hashes.SHA256(), len(raw), None, context).derive(raw)
        return AESGCM(raw)

    def associated_data(self, body):
        data = decode(body.get("associated_data", ""), "associated_data")
        return data if self.state["binds_associated_data"] else b""

    def encrypt(self, key, body):
        latest = len(key["versions"])
        number = int(body.get("key_version") or latest)
        if number > latest:
            refuse(400, "requested version for encryption is higher than the latest key version")
        if number < key["min_encryption_version"]:
            refuse(400, "requested version for encryption is less than the minimum encryption key version")
        if "plaintext" not in body:
            refuse(400, "missing plaintext to encrypt")
        plaintext = decode(body["plaintext"], "plaintext")
        nonce = os.urandom(NONCE_SIZE)
        sealed = self.cipher(key, number, body).encrypt(nonce, self.to_wrap(plaintext),
                                                              self.associated_data(body))
        return {"ciphertext": f"vault:v{number}:" + base64.b64encode(nonce + sealed).decode(), "key_version": number}

    def open(self, key, body):
        text = body.get("ciphertext", "")
        if not text:
            refuse(400, "missing ciphertext to decrypt")
        parts = text.split(":", 2)
        if len(parts) != 3 or parts[0] != "vault" or not parts[1].startswith("v"):
            refuse(400, "invalid ciphertext: no prefix")
        if not parts[1][1:].isdigit():
            refuse(400, "invalid ciphertext: version number could not be decoded")
        number = int(parts[1][1:])
        if number > len(key["versions"]) or number == 0:
            refuse(400, "invalid ciphertext: version is too new")
        if number < key["min_decryption_version"]:
            refuse(400, "ciphertext or signature version is disallowed by policy (too old)")
        sealed = decode(parts[2], "ciphertext")
        if len(sealed) < NONCE_SIZE + 16:
            refuse(400, "invalid ciphertext length")
        try:
            return self.cipher(key, number, body).decrypt(sealed[:NONCE_SIZE], sealed[NONCE_SIZE:],
                                                          self.associated_data(body))
        except InvalidTag:
            refuse(400, "cipher: message authentication failed")

    def decrypt(self, key, body):
        return {"plaintext": base64.b64encode(self.open(key, body)).decode()}

    def rewrap(self, key, body):
        plaintext = base64.b64encode(self.open(key, body)).decode()
        return self.encrypt(key, {**body, "plaintext": plaintext, "key_version": 0})


if __name__ == "__main__":
    run(Vault, lambda parser: parser.add_argument("--namespace", default=""))
