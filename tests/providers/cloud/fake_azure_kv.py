#!/usr/bin/python3
"""A fake of Azure Key Vault (and, for oct-HSM keys, Managed HSM), of Microsoft Entra ID's token endpoint, and of a
machine's managed identity, in one.

Checked by Microsoft's own MSAL and by a client written from the service's reference, in azure_kv_sdk_test.py. Real:
the keys, RSA-OAEP-256 and AES key wrap, versions, enabled and expired keys, deleted ones, permissions, challenges,
client secrets, certificates' signatures, tokens that expire, HTTP statuses and the form of errors. Not: tenants (there
is one).
"""

import base64
import binascii
import datetime
import json
import os
import secrets
import time
import urllib.parse

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, keywrap, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from fake_rsa import RsaKeys, private_key_of
from fake_service import Answer, FakeService, Refusal, run

TENANT = "11111111-2222-3333-4444-555555555555"
RESOURCE = "https://vault.azure.net"
VERSIONS_OF_SERVICE = {"2016-10-01", "7.0", "7.1", "7.2", "7.3", "7.4", "7.4-preview.1", "7.5"}
ALL = ["get", "list", "create", "update", "delete", "wrapKey", "unwrapKey"]
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
AES_WRAPS = {"A128KW": 16, "A192KW": 24, "A256KW": 32}


def refuse(status, code, message, inner=None, headers=None):
    error = {"code": code, "message": message}
    if inner:
        error["innererror"] = {"code": inner}
    raise Refusal(status, {"error": error}, headers)


def refuse_token(error, description):
    raise Refusal(400 if error != "invalid_client" else 401, {
        "error": error, "error_description": f"{description}\r\nTrace ID: {secrets.token_hex(8)}",
        "error_codes": [7000215]})


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_b64url(text):
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, TypeError, ValueError):
        refuse(400, "BadParameter", "The request body is malformed: not base64url")


def pem_of(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                             serialization.NoEncryption()).decode()


class Entra:
    """Applications and their tokens."""

    def __init__(self, service):
        self.service = service

    def add(self, client, secret=None, federated=None, certificate=False, permissions=None):
        application = {"secret": secret, "federated": federated, "permissions": permissions or ALL}
        self.service.state["applications"][client] = application
        if not certificate:
            return {}
        private = self.service.rsa_keys.make()
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, client)])
        now = datetime.datetime.utcnow()
        made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(private.public_key())
                .serial_number(1).not_valid_before(now - datetime.timedelta(days=1))
                .not_valid_after(now + datetime.timedelta(days=1)).sign(private, hashes.SHA256()))
        application["certificate"] = made.public_bytes(serialization.Encoding.PEM).decode()
        return {"pem": pem_of(private) + application["certificate"]}

    def new_token(self, application, resource):
        lifetime = self.service.state["lifetime"]
        token = "eyJ0eXAiOiJKV1Qi." + secrets.token_urlsafe(64)
        self.service.state["tokens"][token] = {"expires": time.time() + lifetime, "resource": resource,
                                               "permissions": application["permissions"]}
        self.service.save()
        return {"token_type": "Bearer", "expires_in": lifetime, "ext_expires_in": lifetime, "access_token": token}

    def token(self, request):
        form = dict(urllib.parse.parse_qsl(request.body.decode(), strict_parsing=True))
        if form.get("grant_type") != "client_credentials":
            refuse_token("unsupported_grant_type", "AADSTS70003: The app requested an unsupported grant type.")
        application = self.service.state["applications"].get(form.get("client_id"))
        if application is None:
            refuse_token("unauthorized_client", "AADSTS700016: Application with identifier "
                                                f"'{form.get('client_id')}' was not found in the directory.")
        if not form.get("scope", "").endswith("/.default"):
            refuse_token("invalid_scope", "AADSTS1002012: The provided value for scope is not valid.")
        if "client_assertion" in form:
            if form.get("client_assertion_type") != ASSERTION_TYPE:
                refuse_token("invalid_request", "AADSTS90014: client_assertion_type is missing.")
            self.check_assertion(request, application, form)
        elif not application["secret"] or form.get("client_secret") != application["secret"]:
            refuse_token("invalid_client", "AADSTS7000215: Invalid client secret provided.")
        return Answer(200, self.new_token(application, form["scope"].removesuffix("/.default")))

    def check_assertion(self, request, application, form):
        assertion = form["client_assertion"]
        if application.get("federated") and assertion == application["federated"]:
            return
        if "certificate" not in application:
            refuse_token("invalid_client", "AADSTS700027: Client assertion failed validation.")
        certificate = x509.load_pem_x509_certificate(application["certificate"].encode())
        try:
            signed, _, signature = assertion.rpartition(".")
            header, claims = (json.loads(from_b64url(part)) for part in signed.split("."))
            certificate.public_key().verify(from_b64url(signature), signed.encode(), padding.PKCS1v15(),
                                            hashes.SHA256())
        except (InvalidSignature, ValueError):
            refuse_token("invalid_client", "AADSTS700027: The certificate's signature is not valid.")
        if header.get("alg") != "RS256" or \
                from_b64url(header.get("x5t", "")) != certificate.fingerprint(hashes.SHA1()):
            refuse_token("invalid_client", "AADSTS700027: The certificate with this thumbprint was not found.")
        path = f"://{request.headers.get('host')}{request.path}"
        now = time.time()
        if claims["iss"] != form["client_id"] or claims["sub"] != form["client_id"] or not claims.get("jti") or \
                not claims["aud"].endswith(path) or not now < claims["exp"] < now + 3700:
            refuse_token("invalid_client", "AADSTS700023: Client assertion audience or time is wrong.")

    def managed(self, request):
        query = dict(urllib.parse.parse_qsl(request.query))
        identity = self.service.state["identity"]
        if request.path == "/msi/token":
            good = request.headers.get("x-identity-header") == identity["header"]
        else:
            good = request.headers.get("metadata") == "true" and query.get("api-version") == "2018-02-01"
        if not good or query.get("resource", "").rstrip("/") != RESOURCE:
            raise Refusal(400, {"error": "invalid_request", "error_description": "Required metadata header not "
                                                                                 "specified or resource wrong"})
        if query.get("client_id") not in (None, identity["client"]):
            raise Refusal(400, {"error": "invalid_request", "error_description": "Identity not found"})
        token = self.new_token({"permissions": ALL}, query["resource"].rstrip("/"))
        return Answer(200, {**token, "expires_in": str(token["expires_in"]), "client_id": identity["client"],
                            "expires_on": str(int(time.time()) + token["expires_in"]), "resource": query["resource"]})

    def document(self, request):
        host = "https://" + request.headers.get("host")
        if request.path.endswith("/discovery/instance"):
            return Answer(200, {"tenant_discovery_endpoint": f"{host}/{TENANT}/v2.0/.well-known/openid-configuration",
                                "metadata": []})
        return Answer(200, {"token_endpoint": f"{host}/{TENANT}/oauth2/v2.0/token", "issuer": f"{host}/{TENANT}/v2.0",
                            "authorization_endpoint": f"{host}/{TENANT}/oauth2/v2.0/authorize"})


class AzureKeyVault(FakeService):
    def __init__(self, arguments):
        super().__init__(arguments.port, arguments.state)
        self.entra = Entra(self)

    def begin(self, state_file):
        super().begin(state_file)
        self.rsa_keys = RsaKeys()

    def first_state(self):
        return {"keys": {}, "deleted": {}, "applications": {}, "tokens": {}, "lifetime": 3600, "resource": RESOURCE,
                "identity": {"client": "machine", "header": secrets.token_hex(8)}}

    # ------------------------------------------------------------------------------------------------ /_fake/do

    def do_set(self, **values):
        self.state.update(values)

    def do_add_application(self, **arguments):
        return self.entra.add(**arguments)

    def do_revoke_tokens(self):
        self.state["tokens"] = {}

    def do_make_key(self, name, kty="RSA"):
        self.add_version(name, {"kty": kty})

    def do_set_attributes(self, name, version=None, **attributes):
        versions = self.state["keys"][name]
        versions[version or list(versions)[-1]]["attributes"].update(attributes)

    def do_drop_first_version(self, name):
        """What no operator can do but by deleting the key and making one of the same name."""
        versions = self.state["keys"][name]
        del versions[next(iter(versions))]

    def do_remove_key(self, name):
        del self.state["keys"][name]

    def do_secrets(self):
        found = [version for versions in self.state["keys"].values() for version in versions.values()]
        return {"keys": [version["secret"].encode().hex() if version["kty"].startswith("RSA") else version["secret"]
                         for version in found], "tokens": [token.encode().hex() for token in self.state["tokens"]]}

    # ---------------------------------------------------------------------------------------------------- paths

    def answer(self, request):
        if request.path.endswith("/oauth2/v2.0/token") and request.method == "POST":
            if request.path.split("/")[1] != TENANT:
                refuse_token("invalid_request", f"AADSTS90002: Tenant '{request.path.split('/')[1]}' not found.")
            return self.entra.token(request)
        if request.path.endswith(("/discovery/instance", "/.well-known/openid-configuration")):
            return self.entra.document(request)
        if request.path in ("/metadata/identity/oauth2/token", "/msi/token"):
            return self.entra.managed(request)
        token = self.authorize(request)
        if dict(urllib.parse.parse_qsl(request.query)).get("api-version") not in VERSIONS_OF_SERVICE:
            refuse(400, "BadParameter", "The request's api-version is not supported.")
        answer = self.vault(request, token, [part for part in request.path.split("/") if part])
        self.save()
        return Answer(200, answer)

    def authorize(self, request):
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        known = self.state["tokens"].get(token)
        if scheme != "Bearer" or known is None or known["expires"] < time.time() or known["resource"] != RESOURCE:
            error = "" if not token else ', error="invalid_token"'
            challenge = f'Bearer authorization="https://login.microsoftonline.com/{TENANT}", ' \
                        f'resource="{self.state["resource"]}"{error}'
            refuse(401, "Unauthorized", "AKV10000: Request is missing a Bearer or PoP token.",
                   headers={"WWW-Authenticate": challenge})
        return known

    def permit(self, token, permission):
        if permission not in token["permissions"]:
            refuse(403, "Forbidden", f"The user, group or application 'appid=a;oid=o' does not have keys {permission} "
                                     "permission on key vault 'v;location=westeurope'.", "AccessDenied")

    def vault(self, request, token, path):
        method = request.method
        if path[0] == "deletedkeys" and len(path) == 2 and method == "GET":
            self.permit(token, "get")
            if path[1] not in self.state["deleted"]:
                refuse(404, "KeyNotFound", f"A deleted key with (name/id) {path[1]} was not found in this key vault.")
            return {**self.bundle(request, path[1], self.state["deleted"][path[1]]),
                    "recoveryId": self.id_of(request, *path)}
        if path[0] != "keys" or len(path) < 2:
            refuse(404, "NotFound", "No such path.")
        name = path[1]
        if method == "POST" and path[2:] == ["create"]:
            self.permit(token, "create")
            if name in self.state["deleted"]:
                refuse(409, "Conflict", f"Key {name} is currently in a deleted but recoverable state, and its name "
                                        "cannot be reused.", "ObjectIsDeletedButRecoverable")
            self.add_version(name, request.json())
            return self.bundle(request, name, self.state["keys"][name])
        if method == "GET" and len(path) <= 3:
            self.permit(token, "get")
            self.enabled(*self.find(name, path[2:]), "get")
            return self.bundle(request, name, self.state["keys"][name], *path[2:])
        if method == "PATCH" and len(path) <= 3:
            self.permit(token, "update")
            self.find(name, path[2:])[1]["attributes"].update(request.json()["attributes"])
            return self.bundle(request, name, self.state["keys"][name], *path[2:])
        if method == "DELETE" and len(path) == 2:
            self.permit(token, "delete")
            self.find(name, [])
            self.state["deleted"][name] = self.state["keys"].pop(name)
            return {**self.bundle(request, name, self.state["deleted"][name]),
                    "recoveryId": self.id_of(request, "deletedkeys", name), "deletedDate": int(time.time())}
        operation = path[-1].lower()
        if method == "POST" and operation in ("wrapkey", "unwrapkey") and len(path) in (3, 4):
            return self.operate(request, token, name, path[2:-1], operation)
        refuse(405, "MethodNotAllowed", "The HTTP method is not allowed.")

    # ----------------------------------------------------------------------------------------------------- keys

    def id_of(self, request, *parts):
        return "https://" + request.headers.get("host") + "/" + "/".join(parts)

    def find(self, name, version):
        versions = self.state["keys"].get(name)
        wanted = version[0] if version else list(versions)[-1] if versions else None
        if not versions or wanted not in versions:
            refuse(404, "KeyNotFound", f"A key with (name/id) {'/'.join([name, *version])} was not found in this key "
                                       "vault. If you recently deleted this key you may be able to recover it.")
        return wanted, versions[wanted]

    def enabled(self, _, key, operation):
        attributes = key["attributes"]
        if not attributes["enabled"]:
            refuse(403, "Forbidden", f"Operation {operation} is not allowed on a disabled key.", "KeyDisabled")
        if operation == "wrapKey" and attributes.get("exp", time.time() + 1) <= time.time():
            refuse(403, "Forbidden", f"Operation {operation} is not allowed on an expired key.", "KeyExpired")
        if operation == "wrapKey" and attributes.get("nbf", 0) > time.time():
            refuse(403, "Forbidden", f"Operation {operation} is not allowed on a not yet valid key.", "KeyNotYetValid")

    def add_version(self, name, body):
        kty = body.get("kty")
        now = int(time.time())
        key = {"kty": kty, "key_ops": body.get("key_ops") or ["wrapKey", "unwrapKey"],
               "attributes": {"enabled": True, "created": now, "updated": now, **(body.get("attributes") or {})}}
        if kty in ("RSA", "RSA-HSM"):
            size = body.get("key_size") or 2048
            key["secret"] = pem_of(self.rsa_keys.make() if size == 2048 else rsa.generate_private_key(65537, size))
        elif kty in ("oct", "oct-HSM"):
            key["secret"] = os.urandom((body.get("key_size") or 256) // 8).hex()
        elif kty in ("EC", "EC-HSM"):
            key["secret"] = ""
        else:
            refuse(400, "BadParameter", f"Property kty has invalid value {kty}")
        self.state["keys"].setdefault(name, {})[secrets.token_hex(16)] = key

    def bundle(self, request, name, versions, version=None):
        version = version or list(versions)[-1]
        key = versions[version]
        described = {"kid": self.id_of(request, "keys", name, version), "kty": key["kty"], "key_ops": key["key_ops"]}
        if key["kty"].startswith("RSA"):
            numbers = private_key_of(key["secret"]).public_key().public_numbers()
            described.update({part: b64url(value.to_bytes((value.bit_length() + 7) // 8, "big"))
                              for part, value in (("n", numbers.n), ("e", numbers.e))})
        return {"key": described, "attributes": key["attributes"], "tags": {}}

    def operate(self, request, token, name, version, operation):
        permission = {"wrapkey": "wrapKey", "unwrapkey": "unwrapKey"}[operation]
        self.permit(token, permission)
        version, key = self.find(name, version)
        self.enabled(version, key, permission)
        if permission not in key["key_ops"]:
            refuse(403, "Forbidden", f"Operation {permission} is not permitted on this key.", "KeyOperationForbidden")
        body = request.json()
        if set(body) - {"alg", "value", "iv", "tag", "aad"}:
            refuse(400, "BadParameter", "The request has a member that is not known.")
        value = from_b64url(body.get("value", ""))
        if permission == "wrapKey":
            value = self.to_wrap(value)
        try:
            by_kind = self.by_rsa if key["kty"].startswith("RSA") else self.by_aes
            result = by_kind(key, body.get("alg"), value, permission)
        except (ValueError, keywrap.InvalidUnwrap):
            refuse(400, "BadParameter", "The parameter is incorrect.")
        return {"kid": self.id_of(request, "keys", name, version), "value": b64url(result)}

    def by_rsa(self, key, algorithm, value, permission):
        if algorithm != "RSA-OAEP-256":
            refuse(400, "BadParameter", f"Key and signing algorithm are incompatible. Algorithm: {algorithm}")
        private = private_key_of(key["secret"])
        return private.public_key().encrypt(value, OAEP) if permission == "wrapKey" else private.decrypt(value, OAEP)

    def by_aes(self, key, algorithm, value, permission):
        secret = bytes.fromhex(key["secret"])
        if AES_WRAPS.get(algorithm) != len(secret):
            refuse(400, "BadParameter", f"Key and algorithm are incompatible. Algorithm: {algorithm}")
        wrap = keywrap.aes_key_wrap if permission == "wrapKey" else keywrap.aes_key_unwrap
        return wrap(secret, value)


if __name__ == "__main__":
    run(AzureKeyVault)
