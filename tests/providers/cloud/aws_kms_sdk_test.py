#!/usr/bin/python3
"""AWS's own Python SDK against the fake: what the fake says is what AWS's users are used to."""

import os
import unittest
from unittest import mock

import botocore.session
from botocore.client import Config
from botocore.exceptions import ClientError

from fake_process import FakeProcess

REGION = "eu-west-1"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
CONTEXT = {"coffer": "40", "slot": "50"}


class Sdk(unittest.TestCase):
    def setUp(self):
        self.fake = FakeProcess("fake_aws_kms.py")
        self.addCleanup(self.fake.stop)
        clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        clean.update(HOME="/nonexistent", AWS_EC2_METADATA_SERVICE_ENDPOINT=self.fake.url)
        patch = mock.patch.dict(os.environ, clean, clear=True)
        patch.start()
        self.addCleanup(patch.stop)
        self.kms = self.client(aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key=SECRET)

    def client(self, service="kms", retries=1, **arguments):
        config = Config(retries={"total_max_attempts": retries}, **arguments.pop("config", {}))
        return botocore.session.Session().create_client(service, region_name=REGION, endpoint_url=self.fake.url,
                                                        config=config, **arguments)

    def make_key(self, **arguments):
        return self.kms.create_key(**arguments)["KeyMetadata"]["Arn"]

    def refused(self, code):
        return self.assertRaisesRegex(ClientError, code)

    def test_what_is_encrypted_decrypts_in_its_context_only(self):
        arn = self.make_key()
        answer = self.kms.encrypt(KeyId=arn, Plaintext=b"text", EncryptionContext=CONTEXT)
        self.assertEqual(answer["KeyId"], arn)
        blob = answer["CiphertextBlob"]
        opened = self.kms.decrypt(KeyId=arn, CiphertextBlob=blob, EncryptionContext=CONTEXT)
        self.assertEqual((opened["Plaintext"], opened["KeyId"]), (b"text", arn))
        self.assertEqual(self.kms.decrypt(CiphertextBlob=blob, EncryptionContext=CONTEXT)["Plaintext"], b"text")
        for context in ({}, {**CONTEXT, "slot": "51"}):
            with self.refused("InvalidCiphertextException"):
                self.kms.decrypt(KeyId=arn, CiphertextBlob=blob, EncryptionContext=context)
        with self.refused("InvalidCiphertextException"):
            self.kms.decrypt(KeyId=arn, CiphertextBlob=blob[:-1] + bytes([blob[-1] ^ 1]), EncryptionContext=CONTEXT)
        with self.refused("IncorrectKeyException"):
            self.kms.decrypt(KeyId=self.make_key(), CiphertextBlob=blob, EncryptionContext=CONTEXT)

    def test_states_and_aliases(self):
        first, second = self.make_key(), self.make_key()
        self.kms.create_alias(AliasName="alias/db", TargetKeyId=first)
        self.assertEqual(self.kms.describe_key(KeyId="alias/db")["KeyMetadata"]["Arn"], first)
        self.kms.update_alias(AliasName="alias/db", TargetKeyId=second)
        self.assertEqual(self.kms.describe_key(KeyId="alias/db")["KeyMetadata"]["Arn"], second)
        self.kms.disable_key(KeyId=second)
        self.assertEqual(self.kms.describe_key(KeyId=second)["KeyMetadata"]["KeyState"], "Disabled")
        with self.refused("DisabledException"):
            self.kms.encrypt(KeyId="alias/db", Plaintext=b"x")
        self.kms.enable_key(KeyId=second)
        self.kms.encrypt(KeyId="alias/db", Plaintext=b"x")
        self.kms.schedule_key_deletion(KeyId=second)
        with self.refused("KMSInvalidStateException"):
            self.kms.encrypt(KeyId=second, Plaintext=b"x")
        with self.refused("NotFoundException"):
            self.kms.describe_key(KeyId="alias/other")

    def test_wrong_credentials_regions_and_clocks_are_refused(self):
        for arguments, code in (({"aws_access_key_id": "AKIDOTHER", "aws_secret_access_key": SECRET},
                                 "UnrecognizedClientException"),
                                ({"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "guessed"},
                                 "InvalidSignatureException"),
                                ({"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": SECRET,
                                  "aws_session_token": "invented"}, "UnrecognizedClientException")):
            with self.refused(code):
                self.client(**arguments).create_key()
        with self.refused("InvalidSignatureException.*scoped"):
            botocore.session.Session().create_client(
                "kms", region_name="us-east-1", endpoint_url=self.fake.url, aws_access_key_id="AKIDEXAMPLE",
                aws_secret_access_key=SECRET, config=Config(retries={"total_max_attempts": 1})).create_key()

    def test_an_unsigned_request_is_refused(self):
        with self.refused("MissingAuthenticationTokenException"):
            self.client(config={"signature_version": botocore.UNSIGNED}).create_key()

    def test_a_user_may_do_what_its_list_says(self):
        self.fake.do("add_user", access_key="AKIDREADER", secret="s3", may=["Decrypt"])
        with self.refused("AccessDeniedException"):
            self.client(aws_access_key_id="AKIDREADER", aws_secret_access_key="s3").create_key()

    def test_the_sdk_takes_throttling_for_throttling(self):
        self.fake.fault("status", count=2, status=400, body='{"__type":"ThrottlingException","message":"slower"}')
        kms = self.client(retries=4, aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key=SECRET)
        self.assertIn("KeyMetadata", kms.create_key())

    def test_a_web_identity_is_lent_credentials(self):
        role = "arn:aws:iam::111122223333:role/db"
        self.fake.do("set", identities={role: "a.b.c"})
        sts = self.client("sts")
        lent = sts.assume_role_with_web_identity(RoleArn=role, RoleSessionName="test",
                                                 WebIdentityToken="a.b.c")["Credentials"]
        kms = self.client(aws_access_key_id=lent["AccessKeyId"], aws_secret_access_key=lent["SecretAccessKey"],
                          aws_session_token=lent["SessionToken"])
        self.assertIn("KeyMetadata", kms.create_key())
        with self.refused("InvalidIdentityToken"):
            sts.assume_role_with_web_identity(RoleArn=role, RoleSessionName="test", WebIdentityToken="x.y.z")
        self.fake.do("revoke_lent")
        with self.refused("UnrecognizedClientException"):
            kms.create_key()

    def test_an_instance_is_lent_credentials(self):
        self.fake.do("set", instance_role="db-role")
        self.assertIn("KeyMetadata", self.client().create_key())

    def test_a_container_is_lent_credentials(self):
        self.fake.do("set", container_token="letmein")
        os.environ.update(AWS_CONTAINER_CREDENTIALS_FULL_URI=self.fake.url + "/container/credentials",
                          AWS_CONTAINER_AUTHORIZATION_TOKEN="letmein")
        self.assertIn("KeyMetadata", self.client().create_key())


if __name__ == "__main__":
    unittest.main(warnings="ignore")
