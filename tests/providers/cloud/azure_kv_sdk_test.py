#!/usr/bin/python3
"""Microsoft's own Python SDKs against the fake: azure-identity for tokens, azure-keyvault-keys for keys."""

import datetime
import ipaddress
import os
import ssl
import tempfile
import unittest
import urllib.request
from unittest import mock

from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError
from azure.identity import (CertificateCredential, ClientAssertionCredential, ClientSecretCredential,
                            ManagedIdentityCredential)
from azure.keyvault.keys import KeyClient
from azure.keyvault.keys.crypto import CryptographyClient, KeyWrapAlgorithm
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from fake_azure_kv import TENANT
from fake_process import FakeProcess

TEXT = bytes(range(64))


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


class Sdk(unittest.TestCase):
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
        self.credential = self.secret_credential("right")
        self.keys = self.client(self.credential)

    def options(self):
        return {"authority": self.fake.url.removeprefix("https://"), "connection_verify": self.certificate,
                "instance_discovery": False}  # which would ask Microsoft, over the net, whether it knows this authority

    def secret_credential(self, secret, client="app"):
        return ClientSecretCredential(TENANT, client, secret, **self.options())

    def client(self, credential):
        return KeyClient(self.fake.url, credential, connection_verify=self.certificate, retry_total=0,
                         verify_challenge_resource=False)

    def crypto(self, key, credential=None):
        return CryptographyClient(key, credential or self.credential, connection_verify=self.certificate, retry_total=0,
                                  verify_challenge_resource=False)

    def blind(self, key):
        """Who may not get the key has everything done by the vault."""
        self.fake.do("add_application", client="blind", secret="s", permissions=["wrapKey", "unwrapKey"])
        return self.crypto(key.id, self.secret_credential("s", "blind"))

    def test_what_the_vault_or_the_sdk_wraps_the_vault_unwraps(self):
        key = self.keys.create_rsa_key("k", size=2048)
        blind = self.blind(key)
        for wrapping in (self.crypto(key), blind):
            wrapped = wrapping.wrap_key(KeyWrapAlgorithm.rsa_oaep_256, TEXT)
            opened = self.crypto(key).unwrap_key(KeyWrapAlgorithm.rsa_oaep_256, wrapped.encrypted_key)
            self.assertEqual((opened.key, opened.key_id), (TEXT, key.id))
        altered = bytes([wrapped.encrypted_key[0] ^ 1]) + wrapped.encrypted_key[1:]
        with self.assertRaises(HttpResponseError) as raised:
            blind.unwrap_key(KeyWrapAlgorithm.rsa_oaep_256, altered)
        self.assertEqual((raised.exception.status_code, raised.exception.error.code), (400, "BadParameter"))

    def test_symmetric_keys_wrap_by_aes(self):
        key = self.keys.create_oct_key("k", size=256, hardware_protected=True)
        blind = self.blind(key)
        wrapped = blind.wrap_key(KeyWrapAlgorithm.aes_256, TEXT)
        self.assertEqual(blind.unwrap_key(KeyWrapAlgorithm.aes_256, wrapped.encrypted_key).key, TEXT)

    def test_versions_and_attributes(self):
        first, second = (self.keys.create_rsa_key("k", size=2048) for _ in range(2))
        self.assertNotEqual(first.properties.version, second.properties.version)
        self.assertEqual(self.keys.get_key("k").id, second.id)
        self.assertEqual(self.keys.get_key("k", first.properties.version).id, first.id)
        wrapped = self.crypto(first).wrap_key(KeyWrapAlgorithm.rsa_oaep_256, TEXT).encrypted_key
        self.keys.update_key_properties("k", first.properties.version, enabled=False)
        with self.assertRaisesRegex(HttpResponseError, "disabled key") as raised:
            self.crypto(first).unwrap_key(KeyWrapAlgorithm.rsa_oaep_256, wrapped)
        self.assertEqual(raised.exception.status_code, 403)
        self.assertEqual(raised.exception.error.innererror["code"], "KeyDisabled")
        past = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=1)
        self.keys.update_key_properties("k", first.properties.version, enabled=True, expires_on=past)
        opened = self.crypto(first).unwrap_key(KeyWrapAlgorithm.rsa_oaep_256, wrapped)
        self.assertEqual(opened.key, TEXT, "an expired key unwraps")

    def test_deleted_keys_are_gone_and_keep_their_name(self):
        self.keys.create_rsa_key("k", size=2048)
        self.keys.begin_delete_key("k").wait()
        with self.assertRaises(ResourceNotFoundError):
            self.keys.get_key("k")
        with self.assertRaises(HttpResponseError) as raised:
            self.keys.create_rsa_key("k", size=2048)
        self.assertEqual(raised.exception.status_code, 409)

    def test_an_application_that_may_not_is_refused(self):
        self.fake.do("add_application", client="nobody", secret="s", permissions=["list"])
        with self.assertRaisesRegex(HttpResponseError, "does not have keys get permission"):
            self.client(self.secret_credential("s", "nobody")).get_key("k")

    def test_a_wrong_secret_gives_no_token(self):
        with self.assertRaisesRegex(ClientAuthenticationError, "AADSTS7000215"):
            self.client(self.secret_credential("wrong")).get_key("k")

    def assert_lets_in(self, credential):
        self.keys.create_rsa_key("k", size=2048)
        self.assertEqual(self.client(credential).get_key("k").name, "k")

    def test_certificates_let_in(self):
        pem = self.fake.do("add_application", client="signer", certificate=True)["pem"].encode()
        self.assert_lets_in(CertificateCredential(TENANT, "signer", certificate_data=pem, **self.options()))

    def test_workloads_tokens_let_in(self):
        self.fake.do("add_application", client="pod", federated="a.b.c")
        # This credential takes no options.
        with mock.patch.dict(os.environ, AZURE_AUTHORITY_HOST=self.fake.url, REQUESTS_CA_BUNDLE=self.certificate):
            self.assert_lets_in(ClientAssertionCredential(TENANT, "pod", lambda: "a.b.c"))

    def test_the_machines_identity_lets_in(self):
        with mock.patch.dict(os.environ, AZURE_POD_IDENTITY_AUTHORITY_HOST=self.fake.url):
            self.assert_lets_in(ManagedIdentityCredential(connection_verify=self.certificate))

    def test_the_app_services_identity_lets_in(self):
        self.fake.do("set", identity={"client": "machine", "header": "of the service"})
        with mock.patch.dict(os.environ, IDENTITY_ENDPOINT=self.fake.url + "/msi/token",
                             IDENTITY_HEADER="of the service"):
            self.assert_lets_in(ManagedIdentityCredential(connection_verify=self.certificate))


if __name__ == "__main__":
    unittest.main(warnings="ignore")
