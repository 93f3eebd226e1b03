#!/usr/bin/python3
"""Google's own Python libraries against the fake: service accounts' tokens, and the REST methods of Cloud KMS."""

import base64
import os
import subprocess
import sys
import unittest
from unittest import mock

import google.auth.exceptions
import google.auth.transport.requests
import google.oauth2.credentials
import google.oauth2.service_account
from google.auth.transport.requests import AuthorizedSession
from googleapiclient.discovery import build_from_document
from googleapiclient.errors import HttpError
from googleapiclient.http import HttpRequest

import cloudkms_v1_discovery
from fake_gcp_kms import crc32c
from fake_process import FakeProcess

RING = "projects/p/locations/global/keyRings/r"
KEY = RING + "/cryptoKeys/k"
MACHINE_TOKEN = """
from google.auth import compute_engine
from google.auth.transport.requests import Request
credentials = compute_engine.Credentials()
credentials.refresh(Request())
print(credentials.token, end="")
"""
SCOPES = ["https://www.googleapis.com/auth/cloudkms"]


class HttpByRequests:
    """What google-api-python-client wants of httplib2, over google-auth's own session."""

    def __init__(self, credentials):
        self.session = AuthorizedSession(credentials)

    def request(self, uri, method="GET", body=None, headers=None, **_):
        answer = self.session.request(method, uri, data=body, headers=headers)
        response = mock.Mock(status=answer.status_code, reason=answer.reason)
        response.get = answer.headers.get
        response.__getitem__ = lambda _, name: answer.headers[name]
        return response, answer.content


def b64(data):
    return base64.b64encode(data).decode()


class Sdk(unittest.TestCase):
    def setUp(self):
        self.fake = FakeProcess("fake_gcp_kms.py")
        self.addCleanup(self.fake.stop)
        self.keys = self.keys_with(self.account("db@p.iam.gserviceaccount.com"))
        self.keys.create(parent=RING, cryptoKeyId="k", body={"purpose": "ENCRYPT_DECRYPT"}).execute()

    def account(self, email, **changes):
        info = self.fake.do("add_account", email=email)
        return google.oauth2.service_account.Credentials.from_service_account_info({**info, **changes}, scopes=SCOPES)

    def keys_with(self, credentials):
        service = build_from_document(cloudkms_v1_discovery.document(self.fake.url + "/"),
                                      http=HttpByRequests(credentials), requestBuilder=HttpRequest)
        return service.projects().locations().keyRings().cryptoKeys()

    def encrypt(self, text, name=KEY, data=b""):
        body = {"plaintext": b64(text), "plaintextCrc32c": str(crc32c(text)), "additionalAuthenticatedData": b64(data)}
        return self.keys.encrypt(name=name, body=body).execute()

    def decrypt(self, ciphertext, data=b""):
        body = {"ciphertext": ciphertext, "additionalAuthenticatedData": b64(data)}
        return base64.b64decode(self.keys.decrypt(name=KEY, body=body).execute()["plaintext"])

    def assert_refused(self, status, words, call, *arguments, **named):
        with self.assertRaises(HttpError) as raised:
            call(*arguments, **named)
        self.assertEqual(raised.exception.resp.status, status)
        self.assertIn(words, raised.exception.content.decode())

    def test_the_checksum_is_the_published_one(self):
        self.assertEqual(crc32c(b"123456789"), 0xE3069283)

    def test_what_is_encrypted_is_decrypted_with_its_data_only(self):
        answer = self.encrypt(b"text", data=b"here")
        self.assertEqual(answer["name"], KEY + "/cryptoKeyVersions/1")
        self.assertTrue(answer["verifiedPlaintextCrc32c"])
        self.assertEqual(int(answer["ciphertextCrc32c"]), crc32c(base64.b64decode(answer["ciphertext"])))
        self.assertEqual(self.decrypt(answer["ciphertext"], b"here"), b"text")
        self.assert_refused(400, "Decryption failed", self.decrypt, answer["ciphertext"], b"there")

    def test_versions_rotate_are_pinned_disabled_and_destroyed(self):
        first = self.encrypt(b"one")["ciphertext"]
        versions = self.keys.cryptoKeyVersions()
        self.assertTrue(versions.create(parent=KEY, body={}).execute()["name"].endswith("/2"))
        self.keys.updatePrimaryVersion(name=KEY, body={"cryptoKeyVersionId": "2"}).execute()
        self.assertTrue(self.keys.get(name=KEY).execute()["primary"]["name"].endswith("/2"))
        self.assertTrue(self.encrypt(b"two")["name"].endswith("/2"))
        self.assertTrue(self.encrypt(b"two", name=KEY + "/cryptoKeyVersions/1")["name"].endswith("/1"))
        version = KEY + "/cryptoKeyVersions/1"
        versions.patch(name=version, updateMask="state", body={"state": "DISABLED"}).execute()
        self.assert_refused(400, "current state is: DISABLED", self.decrypt, first)
        versions.patch(name=version, updateMask="state", body={"state": "ENABLED"}).execute()
        self.assertEqual(self.decrypt(first), b"one")
        versions.destroy(name=version, body={}).execute()
        self.assertEqual(versions.get(name=version).execute()["state"], "DESTROY_SCHEDULED")
        self.assert_refused(400, "FAILED_PRECONDITION", self.decrypt, first)

    def test_a_key_that_is_not_there_and_a_wrong_checksum_are_refused(self):
        self.assert_refused(404, "NOT_FOUND", self.encrypt, b"text", name=RING + "/cryptoKeys/none")
        body = {"plaintext": b64(b"text"), "plaintextCrc32c": "1"}
        self.assert_refused(400, "checksum", self.keys.encrypt(name=KEY, body=body).execute)

    def test_an_account_that_may_not_is_refused(self):
        info = self.fake.do("add_account", email="nobody@p.iam", may_use=False)
        credentials = google.oauth2.service_account.Credentials.from_service_account_info(info, scopes=SCOPES)
        keys = self.keys_with(credentials)
        self.assert_refused(403, "PERMISSION_DENIED",
                            keys.encrypt(name=KEY, body={"plaintext": b64(b"text")}).execute)

    def test_a_signature_by_another_key_gives_no_token(self):
        other = self.fake.do("add_account", email="other@p.iam")
        credentials = self.account("db@p.iam", private_key=other["private_key"])
        with self.assertRaisesRegex(google.auth.exceptions.RefreshError, "Invalid JWT Signature"):
            credentials.refresh(google.auth.transport.requests.Request())

    def test_users_refresh_their_tokens(self):
        user = self.fake.do("add_user")
        credentials = google.oauth2.credentials.Credentials(
            None, refresh_token=user["refresh_token"], token_uri=user["token_uri"], client_id=user["client_id"],
            client_secret=user["client_secret"])
        self.assertTrue(self.keys_with(credentials).get(name=KEY).execute()["primary"]["name"].endswith("/1"))

    def test_a_machine_has_tokens_by_its_metadata_server(self):
        # The library looks at this variable when it is loaded.
        environment = {**os.environ, "GCE_METADATA_ROOT": self.fake.url.removeprefix("http://")}
        token = subprocess.run([sys.executable, "-B", "-W", "ignore", "-c", MACHINE_TOKEN], env=environment, check=True,
                               capture_output=True, text=True).stdout
        keys = self.keys_with(google.oauth2.credentials.Credentials(token))
        self.assertTrue(keys.get(name=KEY).execute()["primary"]["name"].endswith("/1"))


if __name__ == "__main__":
    os.environ.pop("GOOGLE_APPLICATION_CREDENTIALS", None)
    unittest.main(warnings="ignore")
