#!/usr/bin/python3
"""A fake of Google Cloud KMS, Google's token endpoint and a machine's metadata server, in one.

Checked by Google's Python libraries (google-auth, google-api-python-client) in gcp_kms_sdk_test.py. Real: the keys,
AES-256-GCM, versions and their states, checksums both ways, service accounts' signatures, tokens that expire, HTTP
statuses and the form of errors. Not: IAM (an account may use all keys, or none), other purposes than encryption.
"""

import base64
import binascii
import json
import os
import re
import secrets
import struct
import time
import urllib.parse

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fake_rsa import RsaKeys
from fake_service import Answer, FakeService, Refusal, run

KEY_NAME = r"projects/[^/]+/locations/[^/]+/keyRings/[\w-]{1,63}/cryptoKeys/[\w-]{1,63}"
SCOPES = {"https://www.googleapis.com/auth/cloudkms", "https://www.googleapis.com/auth/cloud-platform"}
CODES = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
         409: "ALREADY_EXISTS", 429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE"}
CIPHERTEXT_START = b"\x0a\x24\x00"
NONCE_SIZE = 12


def crc32c(data):
    """Castagnoli's, bit by bit: independent of the one that is tested."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def refuse(status, message, reason=None):
    raise Refusal(status, {"error": {"code": status, "message": message, "status": reason or CODES[status]}})


def bytes_field(body, name):
    try:
        text = body.get(name, "").replace("-", "+").replace("_", "/")  # either alphabet, as in all of Google's JSON
        data = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (AttributeError, binascii.Error, TypeError, ValueError):
        refuse(400, f"Invalid value at '{name}' (TYPE_BYTES), Base64 decoding failed")
    sum_name = name + "Crc32c"
    if sum_name in body and int(body[sum_name]) != crc32c(data):
        refuse(400, f"The checksum in field {sum_name} did not match the data in field {name}.")
    return data


def decode_part(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class GcpKms(FakeService):
    def __init__(self, arguments):
        super().__init__(arguments.port, arguments.state)

    def begin(self, state_file):
        super().begin(state_file)
        self.rsa_keys = RsaKeys()

    def first_state(self):
        return {"keys": {}, "accounts": {}, "users": {}, "tokens": {}, "lifetime": 3600, "altered": {}}

    # ------------------------------------------------------------------------------------------------ /_fake/do

    def do_set(self, **values):
        self.state.update(values)

    def do_add_account(self, email, may_use=True):
        """The key file that Google would give to download."""
        private = self.rsa_keys.make()
        self.state["accounts"][email] = {
            "may_use": may_use, "key_id": secrets.token_hex(20),
            "public": private.public_key().public_bytes(serialization.Encoding.PEM,
                                                        serialization.PublicFormat.SubjectPublicKeyInfo).decode()}
        return {"type": "service_account", "client_email": email, "project_id": "p",
                "private_key_id": self.state["accounts"][email]["key_id"],
                "private_key": private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                                     serialization.NoEncryption()).decode(),
                "token_uri": self.token_uri()}

    def do_add_user(self):
        user = {"client_id": secrets.token_hex(8), "client_secret": secrets.token_hex(16),
                "refresh_token": secrets.token_urlsafe(32)}
        self.state["users"][user["refresh_token"]] = user
        return {"type": "authorized_user", "token_uri": self.token_uri(), **user}

    def do_revoke_tokens(self):
        self.state["tokens"] = {}

    def do_make_key(self, name):
        self.create(name)

    def do_remove_key(self, name):
        del self.state["keys"][name]

    def do_rotate(self, name):
        version = self.add_version(name)
        self.state["keys"][name]["primary"] = version
        return {"version": version}

    def do_set_state(self, name, version, state):
        self.state["keys"][name]["versions"][version]["state"] = state

    def do_secrets(self):
        versions = [version for key in self.state["keys"].values() for version in key["versions"].values()]
        return {"keys": [version["key"] for version in versions],
                "tokens": [token.encode().hex() for token in self.state["tokens"]]}

    # --------------------------------------------------------------------------------------------------- tokens

    def token_uri(self):
        return f"http://127.0.0.1:{self.server_address[1]}/token"

    def new_token(self, may_use):
        token = "ya29." + secrets.token_urlsafe(48)
        self.state["tokens"][token] = {"expires": time.time() + self.state["lifetime"], "may_use": may_use}
        self.save()
        return {"access_token": token, "expires_in": self.state["lifetime"], "token_type": "Bearer"}

    def refuse_grant(self, description, error="invalid_grant"):
        raise Refusal(400, {"error": error, "error_description": description})

    def token(self, request):
        if request.method != "POST" or \
                request.headers.get("content-type", "").split(";")[0] != "application/x-www-form-urlencoded":
            self.refuse_grant("expected a form", "invalid_request")
        form = dict(urllib.parse.parse_qsl(request.body.decode(), strict_parsing=True))
        if form.get("grant_type") == "refresh_token":
            user = self.state["users"].get(form.get("refresh_token"))
            if user is None or any(form.get(name) != user[name] for name in ("client_id", "client_secret")):
                self.refuse_grant("Bad Request")
            return Answer(200, self.new_token(True))
        if form.get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer":
            self.refuse_grant(f"Invalid grant_type: {form.get('grant_type')}", "unsupported_grant_type")
        return Answer(200, self.new_token(self.account_of(form.get("assertion", ""))["may_use"]))

    def account_of(self, assertion):
        try:
            signed, _, signature = assertion.rpartition(".")
            header, claims = (json.loads(decode_part(part)) for part in signed.split("."))
        except (ValueError, binascii.Error):
            self.refuse_grant("Bad Request")
        account = self.state["accounts"].get(claims.get("iss"))
        if account is None:
            self.refuse_grant("Invalid grant: account not found")
        try:
            serialization.load_pem_public_key(account["public"].encode()).verify(
                decode_part(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            self.refuse_grant("Invalid JWT Signature.")
        now = time.time()
        if header.get("alg") != "RS256" or header.get("typ") != "JWT" or header.get("kid") != account["key_id"]:
            self.refuse_grant("Invalid JWT header.")
        if not now - 3600 < claims["iat"] <= now + 60 or not 0 < claims["exp"] - claims["iat"] <= 3600:
            self.refuse_grant("Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable "
                              "timeframe.")
        if claims.get("aud") != self.token_uri():
            self.refuse_grant("Invalid JWT: Failed audience check.")
        if not set(claims.get("scope", "").split()) & SCOPES:
            self.refuse_grant("Invalid OAuth scope or ID token audience provided.", "invalid_scope")
        return account

    def metadata(self, request):
        if request.headers.get("metadata-flavor") != "Google":
            raise Refusal(403, b"Missing Metadata-Flavor:Google header.", {"Content-Type": "text/html"})
        flavor = {"Metadata-Flavor": "Google"}
        if request.path.endswith("/token"):
            return Answer(200, self.new_token(True), flavor)
        if request.path.endswith("/service-accounts/default/"):
            return Answer(200, {"aliases": ["default"], "email": "machine@p.iam", "scopes": sorted(SCOPES)}, flavor)
        return Answer(200, b"", {**flavor, "Content-Type": "application/text"})

    def authorize(self, request):
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        known = self.state["tokens"].get(token)
        if scheme != "Bearer" or known is None or known["expires"] < time.time():
            refuse(401, "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie "
                        "or other valid authentication credential.")
        return known

    # ----------------------------------------------------------------------------------------------------- keys

    def answer(self, request):
        if request.path == "/token":
            return self.token(request)
        if request.path.startswith("/computeMetadata/v1/") or request.path == "/":
            return self.metadata(request)
        if not request.path.startswith("/v1/"):
            raise Refusal(404, b"<html>Error 404 (Not Found)</html>", {"Content-Type": "text/html"})
        if request.headers.get("content-type", "application/json").split(";")[0] != "application/json":
            refuse(400, "Invalid content type.")
        try:
            body = json.loads(request.body or b"{}")
        except ValueError:
            refuse(400, "Invalid JSON payload received. Unexpected token.")
        known = self.authorize(request)
        resource, _, verb = urllib.parse.unquote(request.path.removeprefix("/v1/")).partition(":")
        if not known["may_use"]:
            refuse(403, f"Permission 'cloudkms.cryptoKeyVersions.useTo{verb.title()}' denied on resource '{resource}' "
                        "(or it may not exist).")
        answer = self.operate(request, resource, verb, body)
        self.save()
        return Answer(200, answer)

    def operate(self, request, resource, verb, body):
        if verb in ("encrypt", "decrypt") and request.method == "POST":
            return getattr(self, verb)(resource, body)
        query = dict(urllib.parse.parse_qsl(request.query))
        if request.method == "POST" and resource.endswith("/cryptoKeys") and not verb:
            return self.create(f"{resource}/{query['cryptoKeyId']}")
        if request.method == "POST" and resource.endswith("/cryptoKeyVersions") and not verb:
            name = resource.removesuffix("/cryptoKeyVersions")
            self.key(name)
            return self.describe_version(name, self.add_version(name))
        if request.method == "POST" and verb == "updatePrimaryVersion":
            self.key(resource)["primary"] = body["cryptoKeyVersionId"]
            return self.describe(resource)
        name, _, version = resource.partition("/cryptoKeyVersions/")
        if request.method == "GET" and not verb:
            return self.describe_version(name, version) if version else self.describe(name)
        if request.method == "PATCH" and query.get("updateMask") == "state" and version:
            self.version(name, version)["state"] = body["state"]
            return self.describe_version(name, version)
        if request.method == "POST" and verb == "destroy" and version:
            self.version(name, version)["state"] = "DESTROY_SCHEDULED"
            return self.describe_version(name, version)
        refuse(404, "Method not found.")

    def key(self, name):
        if not re.fullmatch(KEY_NAME, name):
            refuse(400, f"Resource name [{name}] does not match the expected format.")
        if name not in self.state["keys"]:
            refuse(404, f"CryptoKey {name} not found.")
        return self.state["keys"][name]

    def version(self, name, version):
        versions = self.key(name)["versions"]
        if version not in versions:
            refuse(404, f"CryptoKeyVersion {name}/cryptoKeyVersions/{version} not found.")
        return versions[version]

    def usable(self, name, version):
        state = self.version(name, version)["state"]
        if state != "ENABLED":
            refuse(400, f"{name}/cryptoKeyVersions/{version} is not enabled, current state is: {state}.",
                   "FAILED_PRECONDITION")
        return AESGCM(bytes.fromhex(self.version(name, version)["key"]))

    def create(self, name):
        if name in self.state["keys"]:
            refuse(409, f"CryptoKey {name} already exists.")
        self.state["keys"][name] = {"primary": "1", "versions": {}}
        self.add_version(name)
        return self.describe(name)

    def add_version(self, name):
        versions = self.state["keys"][name]["versions"]
        version = str(len(versions) + 1)
        versions[version] = {"key": os.urandom(32).hex(), "state": "ENABLED"}
        return version

    def describe(self, name):
        return {"name": name, "purpose": "ENCRYPT_DECRYPT",
                "primary": self.describe_version(name, self.key(name)["primary"])}

    def describe_version(self, name, version):
        return {"name": f"{name}/cryptoKeyVersions/{version}", "state": self.version(name, version)["state"],
                "protectionLevel": "SOFTWARE", "algorithm": "GOOGLE_SYMMETRIC_ENCRYPTION"}

    # ------------------------------------------------------------------------------------ encryption, decryption

    def check_fields(self, body, names):
        for name in body:
            if name not in names and name.removesuffix("Crc32c") not in names:
                refuse(400, f'Invalid JSON payload received. Unknown name "{name}": Cannot find field.')

    def altered(self, what):
        """Something on the way alters messages, as often as it was told to (do_set altered)."""
        left = self.state["altered"].get(what, 0)
        self.state["altered"][what] = max(0, left - 1)
        return left > 0

    def encrypt(self, resource, body):
        self.check_fields(body, {"plaintext", "additionalAuthenticatedData"})
        name, _, version = resource.partition("/cryptoKeyVersions/")
        version = version or self.key(name)["primary"]
        cipher = self.usable(name, version)
        plaintext, data = (bytes_field(body, field) for field in ("plaintext", "additionalAuthenticatedData"))
        if not plaintext:
            refuse(400, "The plaintext is empty.")
        start = CIPHERTEXT_START + struct.pack(">I", int(version))
        nonce = os.urandom(NONCE_SIZE)
        ciphertext = bytearray(start + nonce + cipher.encrypt(nonce, self.to_wrap(plaintext), start + data))
        checksum = crc32c(ciphertext)
        if self.altered("answer"):
            ciphertext[-1] ^= 1
        verified = not self.altered("request")
        answer = {"name": f"{name}/cryptoKeyVersions/{version}", "ciphertext": base64.b64encode(ciphertext).decode(),
                  "ciphertextCrc32c": str(checksum), "protectionLevel": "SOFTWARE"}
        if "plaintextCrc32c" in body:
            answer["verifiedPlaintextCrc32c"] = verified
        if "additionalAuthenticatedDataCrc32c" in body:
            answer["verifiedAdditionalAuthenticatedDataCrc32c"] = verified
        return answer

    def decrypt(self, name, body):
        self.check_fields(body, {"ciphertext", "additionalAuthenticatedData"})
        key = self.key(name)
        ciphertext, data = (bytes_field(body, field) for field in ("ciphertext", "additionalAuthenticatedData"))
        size = len(CIPHERTEXT_START) + 4
        start, nonce, sealed = ciphertext[:size], ciphertext[size:size + NONCE_SIZE], ciphertext[size + NONCE_SIZE:]
        version = str(struct.unpack(">I", start[3:])[0]) if len(start) == size else ""
        if not start.startswith(CIPHERTEXT_START) or version not in key["versions"]:
            refuse(400, "Decryption failed: verify that 'name' refers to the correct CryptoKey.")
        try:
            plaintext = bytearray(self.usable(name, version).decrypt(nonce, sealed, start + data))
        except (InvalidTag, ValueError):
            refuse(400, "Decryption failed: the ciphertext is invalid.")
        checksum = crc32c(plaintext)
        if self.altered("answer"):
            plaintext[0] ^= 1
        return {"plaintext": base64.b64encode(plaintext).decode(), "plaintextCrc32c": str(checksum),
                "usedPrimary": version == key["primary"], "protectionLevel": "SOFTWARE"}


if __name__ == "__main__":
    run(GcpKms)
