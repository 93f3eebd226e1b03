#!/usr/bin/python3
"""Vault's own Python SDK against the fake: what the fake says is what Vault's users are used to."""

import base64
import unittest

import hvac

from fake_process import FakeProcess


class Sdk(unittest.TestCase):
    def setUp(self):
        self.fake = FakeProcess("fake_vault.py")
        self.addCleanup(self.fake.stop)
        self.client = self.client_with("root")

    def client_with(self, token):
        return hvac.Client(url=self.fake.url, token=token)

    def encrypt(self, text, **arguments):
        plaintext = base64.b64encode(text).decode()
        return self.client.secrets.transit.encrypt_data("key", plaintext=plaintext, **arguments)["data"]["ciphertext"]

    def decrypt(self, ciphertext, **arguments):
        answer = self.client.secrets.transit.decrypt_data("key", ciphertext=ciphertext, **arguments)
        return base64.b64decode(answer["data"]["plaintext"])

    def test_the_sdk_finds_a_running_unsealed_server_that_knows_it(self):
        self.assertTrue(self.client.sys.is_initialized())
        self.assertFalse(self.client.sys.is_sealed())
        self.assertTrue(self.client.is_authenticated())
        self.assertFalse(self.client_with("nobody").is_authenticated())

    def test_keys_are_made_rotated_configured_and_deleted(self):
        transit = self.client.secrets.transit
        transit.create_key("key")
        first = self.encrypt(b"one")
        transit.rotate_key("key")
        second = self.encrypt(b"two")
        self.assertTrue(first.startswith("vault:v1:") and second.startswith("vault:v2:"))
        self.assertEqual(self.decrypt(first), b"one")
        rewrapped = transit.rewrap_data("key", ciphertext=first)["data"]["ciphertext"]
        self.assertTrue(rewrapped.startswith("vault:v2:"))
        self.assertEqual(self.decrypt(rewrapped), b"one")
        data = transit.read_key("key")["data"]
        self.assertEqual((data["latest_version"], sorted(data["keys"])), (2, ["1", "2"]))
        transit.update_key_configuration("key", min_decryption_version=2)
        with self.assertRaisesRegex(hvac.exceptions.InvalidRequest, "too old"):
            self.decrypt(first)
        with self.assertRaisesRegex(hvac.exceptions.InvalidRequest, "deletion is not allowed"):
            transit.delete_key("key")
        transit.update_key_configuration("key", deletion_allowed=True)
        transit.delete_key("key")
        with self.assertRaises(hvac.exceptions.InvalidPath):
            transit.read_key("key")
        with self.assertRaisesRegex(hvac.exceptions.InvalidRequest, "encryption key not found"):
            self.decrypt(second)

    def test_altered_ciphertext_is_refused(self):
        self.client.secrets.transit.create_key("key")
        ciphertext = self.encrypt(b"text")
        raw = bytearray(base64.b64decode(ciphertext.split(":")[2]))
        raw[-1] ^= 1
        with self.assertRaisesRegex(hvac.exceptions.InvalidRequest, "message authentication failed"):
            self.decrypt("vault:v1:" + base64.b64encode(raw).decode())

    def test_derived_keys_want_their_context(self):
        self.client.secrets.transit.create_key("key", derived=True)
        context = base64.b64encode(b"here").decode()
        ciphertext = self.encrypt(b"text", context=context)
        self.assertEqual(self.decrypt(ciphertext, context=context), b"text")
        with self.assertRaises(hvac.exceptions.InvalidRequest):
            self.decrypt(ciphertext, context=base64.b64encode(b"there").decode())

    def test_associated_data_is_bound(self):
        self.client.secrets.transit.create_key("key")
        here, there = (base64.b64encode(text).decode() for text in (b"here", b"there"))
        body = {"plaintext": base64.b64encode(b"text").decode(), "associated_data": here}
        ciphertext = self.client.write("transit/encrypt/key", **body)["data"]["ciphertext"]
        answer = self.client.write("transit/decrypt/key", ciphertext=ciphertext, associated_data=here)
        self.assertEqual(base64.b64decode(answer["data"]["plaintext"]), b"text")
        with self.assertRaises(hvac.exceptions.InvalidRequest):
            self.client.write("transit/decrypt/key", ciphertext=ciphertext, associated_data=there)

    def test_logins_give_tokens_that_renew(self):
        self.fake.do("set", roles={"role": "secret"}, jwts={"db": "a.b.c"})
        client = self.client_with(None)
        client.auth.approle.login("role", "secret")
        self.assertTrue(client.is_authenticated())
        self.assertEqual(client.auth.token.renew_self()["auth"]["lease_duration"], 3600)
        self.assertTrue(client.auth.token.lookup_self()["data"]["renewable"])
        with self.assertRaises(hvac.exceptions.InvalidRequest):
            client.auth.approle.login("role", "guess")
        client = self.client_with(None)
        client.auth.kubernetes.login("db", "a.b.c")
        self.assertTrue(client.is_authenticated())
        with self.assertRaises(hvac.exceptions.Forbidden):
            client.auth.kubernetes.login("db", "x.y.z")

    def test_a_sealed_server_says_so(self):
        self.fake.do("set", health=503)
        self.assertTrue(self.client.sys.is_sealed())
        with self.assertRaisesRegex(hvac.exceptions.VaultDown, "sealed"):
            self.client.secrets.transit.read_key("key")


if __name__ == "__main__":
    unittest.main(warnings="ignore")
