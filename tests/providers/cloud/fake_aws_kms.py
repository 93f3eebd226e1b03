#!/usr/bin/python3
"""A fake of AWS KMS, and of what lends credentials for it: STS, the container service, the instance metadata.

Checked by AWS's Python SDK (botocore) in aws_kms_sdk_test.py. Real: the keys, AES-256-GCM with the encryption context,
signatures, key states, aliases, error names. Not: policies (an access key may do everything, or what its list says),
grants, key material rotation, the form of ciphertext blobs, which is AWS's secret.
"""

import base64
import binascii
import json
import os
import secrets
import time
import urllib.parse
import uuid

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import fake_aws_signature
from fake_service import Answer, FakeService, Refusal, run

ACCOUNT = "111122223333"
NONCE_SIZE = 12
PLAINTEXT_SIZE_MAX = 4096


def refuse(code, message, status=400):
    raise Refusal(status, {"__type": code, "message": message}, {"Content-Type": "application/x-amz-json-1.1"})


def decode(text, name):
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError):
        refuse("SerializationException", f"{name} is not base64")


def utc(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


class AwsKms(FakeService):
    def __init__(self, arguments):
        super().__init__(arguments.port, arguments.state)
        self.region = arguments.region

    def begin(self, state_file):
        super().begin(state_file)
        self.sessions = set()  # of the metadata service

    def first_state(self):
        return {
            "users": {"AKIDEXAMPLE": {"secret": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "token": None,
                                      "expires": None, "may": None}},
            "keys": {},
            "aliases": {},
            "identities": {},  # role ARN → the token that may have it
            "instance_role": None,
            "container_token": None,
            "lent_seconds": 3600,
        }

    # ------------------------------------------------------------------------------------------------ /_fake/do

    def do_set(self, **values):
        self.state.update(values)

    def do_call(self, operation, **body):
        """An operation of KMS without a signature."""
        return self.operation(operation)(body)

    def do_add_user(self, access_key, secret, may=None):
        self.state["users"][access_key] = {"secret": secret, "token": None, "expires": None, "may": may}

    def do_remove_key(self, key):
        """As when the days of its pending deletion are over; its aliases go with it."""
        key_id = self.find(key)["id"]
        del self.state["keys"][key_id]
        self.state["aliases"] = {alias: target for alias, target in self.state["aliases"].items() if target != key_id}

    def do_revoke_lent(self):
        self.state["users"] = {name: user for name, user in self.state["users"].items() if user["token"] is None}

    def do_secrets(self):
        return {"keys": [key["material"] for key in self.state["keys"].values()],
                "users": [user["secret"].encode().hex() for user in self.state["users"].values()]}

    # ---------------------------------------------------------------------------------------------------- paths

    def answer(self, request):
        if request.path.startswith("/latest/"):
            return self.instance_metadata(request)
        if request.path == "/container/credentials":
            return self.container(request)
        if request.method != "POST" or request.path != "/":
            raise Refusal(404, b"<UnknownOperationException/>", {"Content-Type": "text/xml"})
        if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return self.sts(request)
        answer = self.kms(request)
        self.save()
        return answer

    def kms(self, request):
        target, _, name = request.headers.get("x-amz-target", "").partition(".")
        if target != "TrentService" or request.headers.get("content-type") != "application/x-amz-json-1.1":
            refuse("UnknownOperationException", "")
        try:
            access_key = fake_aws_signature.verify(request, self.region, "kms", self.find_secret)
        except fake_aws_signature.SignatureError as error:
            refuse(error.code, str(error))
        may = self.state["users"][access_key]["may"]
        if may is not None and name not in may:
            refuse("AccessDeniedException", f"User: arn:aws:iam::{ACCOUNT}:user/{access_key} is not authorized to "
                                            f"perform: kms:{name} because no identity-based policy allows it")
        try:
            body = json.loads(request.body)
        except ValueError:
            refuse("SerializationException", "")
        return Answer(200, self.operation(name)(body), {"Content-Type": "application/x-amz-json-1.1"})

    def find_secret(self, access_key, token):
        user = self.state["users"].get(access_key)
        if user is None or user["token"] != token:
            raise fake_aws_signature.SignatureError("UnrecognizedClientException",
                                                    "The security token included in the request is invalid.")
        if user["expires"] is not None and user["expires"] < time.time():
            raise fake_aws_signature.SignatureError("ExpiredTokenException",
                                                    "The security token included in the request is expired")
        return user["secret"]

    def operation(self, name):
        operations = {"CreateKey": self.create_key, "DescribeKey": self.describe_key, "Encrypt": self.encrypt,
                      "Decrypt": self.decrypt, "CreateAlias": self.create_alias, "UpdateAlias": self.update_alias,
                      "DisableKey": lambda body: self.set_state(body, "Disabled"),
                      "EnableKey": lambda body: self.set_state(body, "Enabled"),
                      "ScheduleKeyDeletion": self.schedule_deletion,
                      "CancelKeyDeletion": lambda body: self.set_state(body, "Disabled")}
        if name not in operations:
            refuse("UnknownOperationException", "")
        return operations[name]

    # ----------------------------------------------------------------------------------------------------- keys

    def arn(self, key_id):
        return f"arn:aws:kms:{self.region}:{ACCOUNT}:key/{key_id}"

    def find(self, name):
        """By key id, key ARN, alias name or alias ARN."""
        prefix = f"arn:aws:kms:{self.region}:{ACCOUNT}:"
        if str(name).startswith("arn:") and not name.startswith(prefix):
            refuse("NotFoundException", f"Invalid arn {name}")
        short = str(name).removeprefix(prefix).removeprefix("key/")
        if short.startswith("alias/"):
            if short not in self.state["aliases"]:
                refuse("NotFoundException", f"Alias {prefix}{short} is not found.")
            short = self.state["aliases"][short]
        if short not in self.state["keys"]:
            refuse("NotFoundException", f"Key '{self.arn(short)}' does not exist")
        return self.state["keys"][short]

    def usable(self, name):
        key = self.find(name)
        if key["state"] == "Disabled":
            refuse("DisabledException", f"{self.arn(key['id'])} is disabled.")
        if key["state"] != "Enabled":
            refuse("KMSInvalidStateException", f"{self.arn(key['id'])} is pending deletion.")
        if key["usage"] != "ENCRYPT_DECRYPT":
            refuse("InvalidKeyUsageException", f"{self.arn(key['id'])} key usage is {key['usage']}")
        return key

    def metadata(self, key):
        return {"AWSAccountId": ACCOUNT, "KeyId": key["id"], "Arn": self.arn(key["id"]), "CreationDate": key["created"],
                "Enabled": key["state"] == "Enabled", "Description": "", "KeyUsage": key["usage"],
                "KeyState": key["state"], "Origin": "AWS_KMS", "KeyManager": "CUSTOMER", "MultiRegion": False,
                "CustomerMasterKeySpec": key["spec"], "KeySpec": key["spec"],
                "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"]}

    def create_key(self, body):
        key_id = str(uuid.uuid4())
        self.state["keys"][key_id] = {"id": key_id, "material": os.urandom(32).hex(), "state": "Enabled",
                                      "usage": body.get("KeyUsage", "ENCRYPT_DECRYPT"),
                                      "spec": body.get("KeySpec", "SYMMETRIC_DEFAULT"), "created": time.time()}
        return {"KeyMetadata": self.metadata(self.state["keys"][key_id])}

    def describe_key(self, body):
        return {"KeyMetadata": self.metadata(self.find(body.get("KeyId")))}

    def set_state(self, body, state):
        self.find(body["KeyId"])["state"] = state
        return {}

    def schedule_deletion(self, body):
        self.set_state(body, "PendingDeletion")
        return {"KeyId": self.arn(self.find(body["KeyId"])["id"]), "DeletionDate": time.time() + 30 * 86400}

    def create_alias(self, body):
        if body["AliasName"] in self.state["aliases"]:
            refuse("AlreadyExistsException", f"An alias with the name {body['AliasName']} already exists")
        return self.set_alias(body)

    def update_alias(self, body):
        if body["AliasName"] not in self.state["aliases"]:
            refuse("NotFoundException", f"Alias {body['AliasName']} is not found.")
        return self.set_alias(body)

    def set_alias(self, body):
        self.state["aliases"][body["AliasName"]] = self.find(body["TargetKeyId"])["id"]
        return {}

    # -------------------------------------------------------------------------------------------------- ciphers

    @staticmethod
    def context(body):
        context = body.get("EncryptionContext") or {}
        if not all(isinstance(value, str) for value in context.values()):
            refuse("SerializationException", "EncryptionContext is not a map of strings")
        return json.dumps(context, sort_keys=True).encode()

    def encrypt(self, body):
        key = self.usable(body.get("KeyId"))
        plaintext = decode(body.get("Plaintext"), "Plaintext")
        if not 1 <= len(plaintext) <= PLAINTEXT_SIZE_MAX:
            refuse("ValidationException", "Value at 'plaintext' failed to satisfy constraint: length")
        nonce = os.urandom(NONCE_SIZE)
        head = b"\x01\x02\x02\x00" + uuid.UUID(key["id"].removeprefix("mrk-")).bytes
        sealed = AESGCM(bytes.fromhex(key["material"])).encrypt(nonce, self.to_wrap(plaintext),
                                                                  head + self.context(body))
        return {"CiphertextBlob": base64.b64encode(head + nonce + sealed).decode(), "KeyId": self.arn(key["id"]),
                "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}

    def decrypt(self, body):
        blob = decode(body.get("CiphertextBlob"), "CiphertextBlob")
        if not blob:
            refuse("ValidationException", "Value at 'ciphertextBlob' failed to satisfy constraint: length")
        head, rest = blob[:20], blob[20:]
        if len(rest) < NONCE_SIZE + 16 or head[:4] != b"\x01\x02\x02\x00":
            refuse("InvalidCiphertextException", "")
        key_id = str(uuid.UUID(bytes=head[4:]))
        multi_region = "mrk-" + uuid.UUID(bytes=head[4:]).hex
        key_id = multi_region if multi_region in self.state["keys"] else key_id
        if body.get("KeyId") is not None and self.usable(body["KeyId"])["id"] != key_id:
            refuse("IncorrectKeyException", "The key ID in the request does not identify a CMK that can perform this "
                                            "operation.")
        key = self.usable(key_id)
        try:
            plaintext = AESGCM(bytes.fromhex(key["material"])).decrypt(rest[:NONCE_SIZE], rest[NONCE_SIZE:],
                                                                       head + self.context(body))
        except InvalidTag:
            refuse("InvalidCiphertextException", "")
        return {"KeyId": self.arn(key_id), "Plaintext": base64.b64encode(plaintext).decode(),
                "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}

    # --------------------------------------------------------------------------------------- credentials that are lent

    def lend(self):
        access_key = "ASIA" + secrets.token_hex(8).upper()
        user = {"secret": secrets.token_urlsafe(30), "token": secrets.token_urlsafe(120),
                "expires": time.time() + self.state["lent_seconds"], "may": None}
        self.state["users"][access_key] = user
        self.save()
        return access_key, user

    def lent_json(self):
        access_key, user = self.lend()
        return Answer(200, {"Code": "Success", "Type": "AWS-HMAC", "LastUpdated": utc(time.time()),
                            "AccessKeyId": access_key, "SecretAccessKey": user["secret"], "Token": user["token"],
                            "Expiration": utc(user["expires"])})

    def instance_metadata(self, request):
        if self.state["instance_role"] is None:
            raise Refusal(404)
        if request.path == "/latest/api/token":
            if request.method != "PUT" or not request.headers.get("x-aws-ec2-metadata-token-ttl-seconds", "").isdigit():
                raise Refusal(400)
            session = secrets.token_urlsafe(40)
            self.sessions.add(session)
            return Answer(200, session.encode(), {"Content-Type": "text/plain"})
        if request.headers.get("x-aws-ec2-metadata-token") not in self.sessions:
            raise Refusal(401)
        path = request.path.removeprefix("/latest/meta-data/iam/security-credentials/")
        if path == "":
            return Answer(200, self.state["instance_role"].encode(), {"Content-Type": "text/plain"})
        if path == self.state["instance_role"]:
            return self.lent_json()
        raise Refusal(404)

    def container(self, request):
        if request.headers.get("authorization") != self.state["container_token"]:
            raise Refusal(403, {"code": "AccessDenied", "message": "Invalid token"})
        return self.lent_json()

    def sts(self, request):
        form = dict(urllib.parse.parse_qsl(request.body.decode()))
        if form.get("Action") != "AssumeRoleWithWebIdentity" or form.get("Version") != "2011-06-15":
            self.sts_error(400, "InvalidAction", "Could not find operation")
        expected = self.state["identities"].get(form.get("RoleArn"))
        if not form.get("RoleSessionName"):
            self.sts_error(400, "ValidationError", "RoleSessionName is missing")
        if expected is None:
            self.sts_error(403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")
        if form.get("WebIdentityToken") != expected:
            self.sts_error(400, "InvalidIdentityToken", "No OpenIDConnect provider found in your account")
        access_key, user = self.lend()
        return Answer(200, f"""<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleWithWebIdentityResult>
    <SubjectFromWebIdentityToken>system:serviceaccount:db:db</SubjectFromWebIdentityToken>
    <Credentials>
      <AccessKeyId>{access_key}</AccessKeyId>
      <SecretAccessKey>{user["secret"]}</SecretAccessKey>
      <SessionToken>{user["token"]}</SessionToken>
      <Expiration>{utc(user["expires"])}</Expiration>
    </Credentials>
    <AssumedRoleUser><Arn>{form["RoleArn"]}/{form["RoleSessionName"]}</Arn><AssumedRoleId>AROA:x</AssumedRoleId>
    </AssumedRoleUser>
  </AssumeRoleWithWebIdentityResult>
  <ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata>
</AssumeRoleWithWebIdentityResponse>""".encode(), {"Content-Type": "text/xml"})

    @staticmethod
    def sts_error(status, code, message):
        raise Refusal(status, f"""<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>
  <RequestId>{uuid.uuid4()}</RequestId></ErrorResponse>""".encode(), {"Content-Type": "text/xml"})


if __name__ == "__main__":
    run(AwsKms, lambda parser: parser.add_argument("--region", default="eu-west-1"))
