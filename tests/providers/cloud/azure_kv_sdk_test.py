#!/usr/bin/python3
"""Clients that others wrote, or that were written from the service's reference, against the fake: Microsoft's own MSAL
for tokens, plain requests for the keys' REST methods, and Python's `cryptography` for what a client wraps itself."""

import base64
import datetime
import ipaddress
import os
import re
import ssl
import tempfile
import time
import unittest
import urllib.request

import msal
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from fake_azure_kv import TENANT
from fake_process import FakeProcess

TEXT = bytes(range(64))
OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)


def make_certificate(path):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "fake vault")])
    now = datetime.datetime.utcnow()
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            .serial_number(1).not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1)).add_extension(names, critical=False)
            .sign(key, hashes.SHA256()))
    with open(path, "wb") as file:
        file.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                     serialization.NoEncryption()))
        file.write(made.public_bytes(serialization.Encoding.PEM))


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_b64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Refused(Exception):
    def __init__(self, answer):
        error = answer.json()["error"]
        super().__init__(error["message"])
        self.status, self.code, self.inner = answer.status_code, error["code"], error.get("innererror", {}).get("code")


class Vault:
    """The REST methods of "Azure Key Vault keys", version 7.4, with a token as the vault's challenge asks for it."""

    def __init__(self, url, certificate, token):
        self.url, self.certificate, self.token = url, certificate, token
        self.headers = {}

    def ask(self, method, path, body=None):
        url = path if path.startswith("https:") else f"{self.url}/{path}"
        answer = self.send(method, url, body)
        if answer.status_code == 401 and not self.headers:
            resource = re.search(r'resource="([^"]*)"', answer.headers["WWW-Authenticate"])[1]
            self.headers = {"Authorization": "Bearer " + self.token(resource)}
            answer = self.send(method, url, body)
        if answer.status_code >= 400:
            raise Refused(answer)
        return answer.json()

    def send(self, method, url, body):
        return requests.request(method, url, params={"api-version": "7.4"}, json=body, headers=self.headers,
                                verify=self.certificate, timeout=20)

    def create(self, name, **body):
        return self.ask("POST", f"keys/{name}/create", body)["key"]

    def get(self, *path):
        return self.ask("GET", "/".join(("keys", *path)))["key"]

    def update(self, kid, **attributes):
        return self.ask("PATCH", kid, {"attributes": attributes})["attributes"]

    def wrap(self, kid, algorithm, text):
        return from_b64url(self.ask("POST", kid + "/wrapkey", {"alg": algorithm, "value": b64url(text)})["value"])

    def unwrap(self, kid, algorithm, wrapped):
        answer = self.ask("POST", kid + "/unwrapkey", {"alg": algorithm, "value": b64url(wrapped)})
        return from_b64url(answer["value"]), answer["kid"]


class Clients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.certificate = os.path.join(cls.directory.name, "server.pem")
        make_certificate(cls.certificate)
        opener = urllib.request.build_opener(urllib.request.HTTPSHandler(
            context=ssl.create_default_context(cafile=cls.certificate)))
        urllib.request.install_opener(opener)

    @classmethod
    def tearDownClass(cls):
        cls.directory.cleanup()

    def setUp(self):
        self.fake = FakeProcess("fake_azure_kv.py", "--tls-cert", self.certificate, "--tls-key", self.certificate)
        self.fake.url = self.fake.url.replace("http:", "https:")
        self.addCleanup(self.fake.stop)
        self.fake.do("add_application", client="app", secret="right")
        self.vault = self.vault_of("app", "right")

    def token_of(self, client, credential):
        """By MSAL, which asks the authority where its tokens are, but not Microsoft whether it knows that authority."""
        session = requests.Session()
        session.trust_env = False  # a variable that names other certificates would go before `verify`
        session.verify = self.certificate
        application = msal.ConfidentialClientApplication(
            client, authority=f"{self.fake.url}/{TENANT}", client_credential=credential, http_client=session,
            validate_authority=False, instance_discovery=False)

        def token(resource):
            answer = application.acquire_token_for_client([resource + "/.default"])
            self.assertIn("access_token", answer, answer.get("error_description"))
            return answer["access_token"]
        return token

    def vault_of(self, client, credential):
        return Vault(self.fake.url, self.certificate, self.token_of(client, credential))

    def blind(self):
        """Who may not get the key has everything done by the vault."""
        self.fake.do("add_application", client="blind", secret="s", permissions=["wrapKey", "unwrapKey"])
        return self.vault_of("blind", "s")

    def test_what_the_vault_or_a_client_wraps_the_vault_unwraps(self):
        key = self.vault.create("k", kty="RSA", key_size=2048)
        numbers = (int.from_bytes(from_b64url(key[part]), "big") for part in ("e", "n"))
        by_client = rsa.RSAPublicNumbers(*numbers).public_key().encrypt(TEXT, OAEP)
        by_vault = self.blind().wrap(key["kid"], "RSA-OAEP-256", TEXT)
        for wrapped in (by_client, by_vault):
            self.assertEqual(self.vault.unwrap(key["kid"], "RSA-OAEP-256", wrapped), (TEXT, key["kid"]))
        altered = bytes([by_vault[0] ^ 1]) + by_vault[1:]
        with self.assertRaises(Refused) as raised:
            self.blind().unwrap(key["kid"], "RSA-OAEP-256", altered)
        self.assertEqual((raised.exception.status, raised.exception.code), (400, "BadParameter"))

    def test_symmetric_keys_wrap_by_aes(self):
        kid = self.vault.create("k", kty="oct-HSM", key_size=256)["kid"]
        blind = self.blind()
        self.assertEqual(blind.unwrap(kid, "A256KW", blind.wrap(kid, "A256KW", TEXT)), (TEXT, kid))

    def test_versions_and_attributes(self):
        first, second = (self.vault.create("k", kty="RSA", key_size=2048)["kid"] for _ in range(2))
        self.assertNotEqual(first, second)
        self.assertEqual(self.vault.get("k")["kid"], second)
        self.assertEqual(self.vault.get("k", first.rsplit("/", 1)[1])["kid"], first)
        wrapped = self.vault.wrap(first, "RSA-OAEP-256", TEXT)
        self.assertFalse(self.vault.update(first, enabled=False)["enabled"])
        with self.assertRaisesRegex(Refused, "disabled key") as raised:
            self.vault.unwrap(first, "RSA-OAEP-256", wrapped)
        self.assertEqual((raised.exception.status, raised.exception.inner), (403, "KeyDisabled"))
        self.vault.update(first, enabled=True, exp=int(time.time()) - 86400)
        self.assertEqual(self.vault.unwrap(first, "RSA-OAEP-256", wrapped)[0], TEXT, "an expired key unwraps")
        with self.assertRaisesRegex(Refused, "expired key"):
            self.vault.wrap(first, "RSA-OAEP-256", TEXT)

    def test_deleted_keys_are_gone_and_keep_their_name(self):
        self.vault.create("k", kty="RSA", key_size=2048)
        self.vault.ask("DELETE", "keys/k")
        self.assertIn("recoveryId", self.vault.ask("GET", "deletedkeys/k"))
        for status, call in ((404, lambda: self.vault.get("k")), (409, lambda: self.vault.create("k", kty="RSA"))):
            with self.assertRaises(Refused) as raised:
                call()
            self.assertEqual(raised.exception.status, status)

    def test_an_application_that_may_not_is_refused(self):
        self.fake.do("add_application", client="nobody", secret="s", permissions=["list"])
        with self.assertRaisesRegex(Refused, "does not have keys get permission"):
            self.vault_of("nobody", "s").get("k")

    def test_a_wrong_secret_gives_no_token(self):
        with self.assertRaisesRegex(AssertionError, "AADSTS7000215"):
            self.vault_of("app", "wrong").get("k")

    def assert_lets_in(self, vault):
        self.vault.create("k", kty="RSA", key_size=2048)
        self.assertIn("/keys/k/", vault.get("k")["kid"])

    def test_certificates_let_in(self):
        pem = self.fake.do("add_application", client="signer", certificate=True)["pem"]
        certificate = x509.load_pem_x509_certificate(pem[pem.index("-----BEGIN CERTIFICATE"):].encode())
        self.assert_lets_in(self.vault_of("signer", {
            "private_key": pem, "thumbprint": certificate.fingerprint(hashes.SHA1()).hex()}))

    def test_workloads_tokens_let_in(self):
        self.fake.do("add_application", client="pod", federated="a.b.c")
        self.assert_lets_in(self.vault_of("pod", {"client_assertion": "a.b.c"}))

    def assert_identity_lets_in(self, path, parameters, headers):
        def token(resource):
            answer = requests.get(self.fake.url + path, {**parameters, "resource": resource}, headers=headers,
                                  verify=self.certificate, timeout=20)
            self.assertEqual((answer.status_code, answer.json()["token_type"]), (200, "Bearer"), answer.text)
            self.assertGreater(int(answer.json()["expires_on"]), time.time())
            return answer.json()["access_token"]
        self.assert_lets_in(Vault(self.fake.url, self.certificate, token))

    def test_the_machines_identity_lets_in(self):
        self.assert_identity_lets_in("/metadata/identity/oauth2/token", {"api-version": "2018-02-01"},
                                     {"Metadata": "true"})

    def test_the_app_services_identity_lets_in(self):
        self.fake.do("set", identity={"client": "machine", "header": "of the service"})
        self.assert_identity_lets_in("/msi/token", {"api-version": "2019-08-01"},
                                     {"X-IDENTITY-HEADER": "of the service"})


if __name__ == "__main__":
    unittest.main(warnings="ignore")
