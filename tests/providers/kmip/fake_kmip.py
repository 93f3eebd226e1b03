#!/usr/bin/python3
"""A small KMIP server for what PyKMIP's does not do: fake_kmip.py CERTIFICATES

Speaks KMIP 2.1 as well, over TLS 1.3 as well, keeps destroyed keys as such, takes dates and custom attributes, knows
Re-key and Check, and answers badly on request. Keeps its keys in memory. Says "ready PORT" once it listens. A line of
options (parse_options() below) on its standard input makes another server of it, without keys, which it says by "ok";
it ends when that input does. PyKMIP's own client is content with it: fake_kmip_check.py.
"""

import argparse
import os
import socketserver
import ssl
import struct
import sys
import threading
import time
import warnings

warnings.simplefilter("ignore")
from cryptography.exceptions import InvalidTag  # noqa: E402
from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: E402
from kmip.core.enums import Operation, ResultReason  # noqa: E402

from fake_kmip_message import (  # noqa: E402
    BYTES, DATE, ENUMERATION, INTEGER, STRUCTURE, TEXT, Item, decode, number_of, structure)

PRE_ACTIVE, ACTIVE, DEACTIVATED, COMPROMISED, DESTROYED, DESTROYED_COMPROMISED = range(1, 7)
REPLACED_OBJECT = 0x107  # a Link Type
KEY_COMPROMISE = 2
GCM = 9
DATES = ("Initial Date", "Activation Date", "Process Start Date", "Protect Stop Date", "Deactivation Date",
         "Compromise Date", "Destroy Date")
SINGLE = {"Cryptographic Algorithm": ENUMERATION, "Cryptographic Length": INTEGER, "Cryptographic Usage Mask": INTEGER,
          "Operation Policy Name": TEXT, "State": ENUMERATION, "Object Type": ENUMERATION,
          **{date: DATE for date in DATES}}


class Refusal(Exception):
    def __init__(self, reason, message):
        super().__init__(message)
        self.reason = ResultReason[reason].value


class Key:
    def __init__(self, number):
        self.id = f"fake-{number}"
        self.single = {"State": PRE_ACTIVE, "Object Type": 2, "Initial Date": int(time.time())}
        self.names = []
        self.groups = []
        self.custom = {}
        self.replaces = None
        self.value = b""

    def put(self, name, item):
        if name == "Name":
            self.names.append(item.get("Name Value"))
        elif name == "Object Group":
            self.groups.append(item.value)
        elif name.startswith("x-"):
            self.custom[name] = item.value
        elif name in SINGLE:
            self.single[name] = item.value
        else:
            raise Refusal("INVALID_FIELD", f"no attribute {name}")

    def attributes(self):
        """(name, item under any tag), multi-valued ones several times."""
        yield from ((name, Item("Attribute Value", SINGLE[name], value)) for name, value in self.single.items())
        for name in self.names:
            yield "Name", structure("Attribute Value", Item("Name Value", TEXT, name),
                                    Item("Name Type", ENUMERATION, 1))
        yield from (("Object Group", Item("Attribute Value", TEXT, group)) for group in self.groups)
        yield from ((name, Item("Attribute Value", TEXT, text)) for name, text in self.custom.items())
        if self.replaces:
            yield "Link", structure("Attribute Value", Item("Link Type", ENUMERATION, REPLACED_OBJECT),
                                    Item("Linked Object Identifier", TEXT, self.replaces))

    def matches(self, name, item):
        wanted = item.get("Name Value") if name == "Name" else item.value
        return any(known == name and (value.get("Name Value") if name == "Name" else value.value) == wanted
                   for known, value in self.attributes())


def read_attributes(holder, version):
    """(name, value item) of each attribute in a structure, as the version writes them."""
    for item in holder.value:
        if item.tag == number_of("Attribute"):
            vendor = item.get("Vendor Identification")
            yield ("x-" if vendor else "") + item.get("Attribute Name"), item.find("Attribute Value")
        elif version >= (2, 0):
            name = next((known for known in (*SINGLE, "Name", "Object Group") if number_of(known) == item.tag), None)
            if name:
                yield name, item


def write_attribute(name, value, version):
    if version < (2, 0):
        return structure("Attribute", Item("Attribute Name", TEXT, name), value)
    if name.startswith("x-"):
        return structure("Attribute", Item("Vendor Identification", TEXT, "x"), Item("Attribute Name", TEXT, name[2:]),
                         value)
    return value.tagged(name)


class Store:
    """The keys, and one method for each operation: from a payload to the fields of the answer's."""

    def __init__(self, options):
        self.options = options
        self.keys = {}

    def operations(self):
        return [operation for operation in Operation if hasattr(self, operation.name.lower())
                and operation.name not in self.options.without]

    def key_of(self, payload):
        key = self.keys.get(payload.get("Unique Identifier"))
        if key is None:
            raise Refusal("ITEM_NOT_FOUND", "no such key")
        return key

    def living(self, payload):
        key = self.key_of(payload)
        if key.single["State"] >= DESTROYED:
            raise Refusal(self.options.destroyed_reason, "that key is destroyed")
        return key

    @staticmethod
    def id_item(key):
        return Item("Unique Identifier", TEXT, key.id)

    def new_key(self):
        key = Key(len(self.keys) + 1)
        self.keys[key.id] = key
        return key

    def discover_versions(self, _payload, _version):
        return [structure("Protocol Version", Item("Protocol Version Major", INTEGER, major),
                          Item("Protocol Version Minor", INTEGER, minor)) for major, minor in self.options.discovered]

    def query(self, _payload, _version):
        return [*(Item("Operation", ENUMERATION, operation.value) for operation in self.operations()),
                Item("Object Type", ENUMERATION, 2), Item("Vendor Identification", TEXT, "fake of Coffer's tests")]

    def create(self, payload, version):
        return [Item("Object Type", ENUMERATION, 2), *self.register(payload, version, new=True)]

    def register(self, payload, version, new=False):
        key = self.new_key()
        holder = payload.find("Attributes" if version >= (2, 0) else "Template-Attribute")
        for name, value in read_attributes(holder, version):
            key.put(name, value)
        if new:
            key.value = os.urandom(key.single["Cryptographic Length"] // 8)
        else:
            block = payload.find("Symmetric Key").find("Key Block")
            key.value = block.find("Key Value").get("Key Material")
            for name in ("Cryptographic Algorithm", "Cryptographic Length"):
                key.put(name, block.find(name))
        return [self.id_item(key)]

    def rekey(self, payload, _version):
        old, new = self.living(payload), self.new_key()
        new.single.update({name: old.single[name] for name in ("Cryptographic Algorithm", "Cryptographic Length",
                                                               "Cryptographic Usage Mask")})
        new.single.update({"State": ACTIVE, "Activation Date": int(time.time())})
        new.names, old.names = old.names, []
        new.replaces = old.id
        new.groups, new.custom, new.value = list(old.groups), dict(old.custom), os.urandom(len(old.value))
        return [self.id_item(new)]

    def locate(self, payload, version):
        wanted = list(read_attributes(payload.find("Attributes") or structure("Attributes"), version)) \
            if version >= (2, 0) else list(read_attributes(payload, version))
        found = [key for key in self.keys.values() if key.single["State"] < DESTROYED
                 and all(key.matches(name, value) for name, value in wanted)]
        offset = payload.get("Offset Items", 0)
        return [self.id_item(key) for key in found[offset:offset + payload.get("Maximum Items", len(found))]]

    def get(self, payload, _version):
        key = self.living(payload)
        value = structure("Key Value", Item("Key Material", BYTES, key.value))
        block = structure("Key Block", Item("Key Format Type", ENUMERATION, 1), value,
                          Item("Cryptographic Algorithm", ENUMERATION, key.single["Cryptographic Algorithm"]),
                          Item("Cryptographic Length", INTEGER, key.single["Cryptographic Length"]))
        return [Item("Object Type", ENUMERATION, 2), self.id_item(key), structure("Symmetric Key", block)]

    def get_attributes(self, payload, version):
        key = self.key_of(payload)
        wanted = {item.value for item in payload.all("Attribute Name")}
        for item in payload.all("Attribute Reference"):
            wanted.add("x-" + item.get("Attribute Name") if item.kind == STRUCTURE else item.value)
        written = [write_attribute(name, value, version) for name, value in key.attributes()
                   if not wanted or name in wanted or (not name.startswith("x-") and number_of(name) in wanted)]
        return [self.id_item(key), *(written if version < (2, 0) else [structure("Attributes", *written)])]

    def get_attribute_list(self, payload, version):
        key = self.key_of(payload)
        names = dict.fromkeys(name for name, _ in key.attributes())
        if version < (2, 0):
            return [self.id_item(key), *(Item("Attribute Name", TEXT, name) for name in names)]
        return [self.id_item(key), *(Item("Attribute Reference", ENUMERATION, number_of(name)) for name in names
                                     if not name.startswith("x-"))]

    def changed(self, payload, version, holder):
        key = self.living(payload)
        for name, value in read_attributes(holder, version):
            key.put(name, value)
        return [self.id_item(key)]

    def add_attribute(self, payload, version):
        if version >= (2, 0):
            return self.changed(payload, version, payload.find("New Attribute"))
        name, value = next(read_attributes(payload, version))
        if name in self.living(payload).single:
            raise Refusal("ILLEGAL_OPERATION", f"{name} is set already")
        return [*self.changed(payload, version, payload), write_attribute(name, value, version)]

    def modify_attribute(self, payload, version):
        if version >= (2, 0):
            return self.changed(payload, version, payload.find("New Attribute"))
        name, value = next(read_attributes(payload, version))
        if name not in self.living(payload).single:
            raise Refusal("ILLEGAL_OPERATION", f"{name} is not set yet")
        return [*self.changed(payload, version, payload), write_attribute(name, value, version)]

    def set_attribute(self, payload, version):
        if version < (2, 0):
            raise Refusal("OPERATION_NOT_SUPPORTED", "begins with 2.0")
        return self.changed(payload, version, payload.find("New Attribute"))

    def activate(self, payload, _version):
        key = self.living(payload)
        if key.single["State"] != PRE_ACTIVE:
            raise Refusal("WRONG_KEY_LIFECYCLE_STATE", "not pre-active")
        key.single.update({"State": ACTIVE, "Activation Date": int(time.time())})
        return [self.id_item(key)]

    def revoke(self, payload, _version):
        key = self.living(payload)
        compromised = payload.find("Revocation Reason").get("Revocation Reason Code") == KEY_COMPROMISE
        key.single["State"] = COMPROMISED if compromised else DEACTIVATED
        key.single["Compromise Date" if compromised else "Deactivation Date"] = int(time.time())
        return [self.id_item(key)]

    def destroy(self, payload, _version):
        key = self.living(payload)
        if key.single["State"] == ACTIVE:
            raise Refusal("WRONG_KEY_LIFECYCLE_STATE", "still active")
        compromised = key.single["State"] == COMPROMISED
        key.single.update({"State": DESTROYED_COMPROMISED if compromised else DESTROYED,
                           "Destroy Date": int(time.time())})
        key.value = b""
        return [self.id_item(key)]

    def check(self, payload, _version):
        key = self.living(payload)
        mask = payload.get("Cryptographic Usage Mask", 0)
        if key.single["Cryptographic Usage Mask"] & mask != mask:
            return [Item("Cryptographic Usage Mask", INTEGER, mask)]
        return [self.id_item(key)]

    def cipher_of(self, payload, allowed):
        key = self.living(payload)
        if key.single["State"] not in allowed:
            raise Refusal("WRONG_KEY_LIFECYCLE_STATE", "not for this use")
        if payload.find("Cryptographic Parameters").get("Block Cipher Mode") != GCM:
            raise Refusal("UNSUPPORTED_CRYPTOGRAPHIC_PARAMETERS", "AES-GCM only")
        return key, AESGCM(key.value), payload.get("IV/Counter/Nonce")

    def encrypt(self, payload, _version):
        key, cipher, nonce = self.cipher_of(payload, (ACTIVE,))
        associated = payload.get("Authenticated Encryption Additional Data")
        sealed = cipher.encrypt(nonce, payload.get("Data"), associated)
        return [self.id_item(key), Item("Data", BYTES, sealed[:-16]),
                Item("Authenticated Encryption Tag", BYTES, sealed[-16:])]

    def decrypt(self, payload, _version):
        key, cipher, nonce = self.cipher_of(payload, (ACTIVE, DEACTIVATED, COMPROMISED))
        sealed = payload.get("Data") + payload.get("Authenticated Encryption Tag")
        try:
            plain = cipher.decrypt(nonce, sealed, payload.get("Authenticated Encryption Additional Data"))
        except InvalidTag:
            raise Refusal("CRYPTOGRAPHIC_FAILURE", "the tag does not fit") from None
        return [self.id_item(key), Item("Data", BYTES, plain)]


class Fake:
    """From the bytes of a request to those of its answer, spoilt or not."""

    def __init__(self, options):
        self.options = options
        self.store = Store(options)
        self.lock = threading.Lock()
        self.troubles_left = options.trouble_count

    def answer(self, data):
        request, _ = decode(data)
        header = request.find("Request Header")
        asked = header.find("Protocol Version")
        version = (asked.get("Protocol Version Major"), asked.get("Protocol Version Minor"))
        batch = request.all("Batch Item")
        names = [Operation(item.get("Operation")).name for item in batch]
        if version not in self.options.versions:
            refused = structure("Batch Item", *self.refused(Refusal(self.options.version_reason, "another version")))
            return self.message(self.options.refused_as, [refused]), names
        with self.lock:
            items = [self.batch_item(item, version) for item in batch]
        return self.message(version, items), names

    def message(self, version, items):
        count = 7 if self.options.trouble == "count" else len(items)
        if self.options.trouble == "version":
            version = (9, 9)
        return structure("Response Message", structure(
            "Response Header", structure("Protocol Version", Item("Protocol Version Major", INTEGER, version[0]),
                                         Item("Protocol Version Minor", INTEGER, version[1])),
            Item("Time Stamp", DATE, int(time.time())), Item("Batch Count", INTEGER, count)), *items)

    @staticmethod
    def refused(refusal):
        return (Item("Result Status", ENUMERATION, 1), Item("Result Reason", ENUMERATION, refusal.reason),
                Item("Result Message", TEXT, str(refusal)))

    def batch_item(self, item, version):
        operation = Operation(item.get("Operation"))
        fixed = [item.find("Operation"), item.find("Unique Batch Item ID")]
        try:
            if operation not in self.store.operations():
                raise Refusal("OPERATION_NOT_SUPPORTED", "unknown here")
            if self.options.trouble == "failure" and self.is_due([operation.name]):
                raise Refusal("GENERAL_FAILURE", "something went wrong")
            fields = getattr(self.store, operation.name.lower())(item.find("Request Payload"), version)
        except (AttributeError, KeyError, StopIteration, TypeError) as error:
            return structure("Batch Item", *fixed, *self.refused(Refusal("INVALID_MESSAGE", repr(error))))
        except Refusal as refusal:
            return structure("Batch Item", *fixed, *self.refused(refusal))
        status = 2 if self.options.trouble == "pending" and self.is_due([operation.name]) else 0
        return structure("Batch Item", *fixed, Item("Result Status", ENUMERATION, status),
                         structure("Response Payload", *fields))

    def is_due(self, names):
        operation = self.options.trouble_operation
        if (operation and operation not in names) or self.troubles_left == 0:
            return False
        self.troubles_left -= 1
        return True

    def send(self, connection, answer, names):
        data = answer.encode()
        trouble = self.options.trouble
        if trouble in ("", "count", "version", "failure", "pending") or not self.is_due(names):
            return connection.sendall(data)
        if trouble == "late":
            time.sleep(0.3)
            return connection.sendall(data)
        if trouble == "silent":
            return time.sleep(3600)
        if trouble == "slow":
            for byte in data:
                connection.sendall(bytes([byte]))
                time.sleep(0.1)
            return None
        spoilt = {
            "cut": data[:len(data) // 2],
            "close": b"",
            "oversized": data[:4] + struct.pack(">I", 0x7FFFFFF8) + data[8:],
            "long": data[:4] + struct.pack(">I", len(data)) + data[8:] + bytes(8),
            "garbage": data[:8] + os.urandom(len(data) - 8),
            "deep": nested(100),
            "http": b"HTTP/1.1 400 Bad Request\r\n\r\n",
        }[trouble]
        connection.sendall(spoilt)
        raise ConnectionAbortedError


def nested(depth):
    item = structure("Response Message")
    for _ in range(depth):
        item = structure("Response Message", item)
    return item.encode()


class Session(socketserver.BaseRequestHandler):
    def handle(self):
        try:
            connection = self.server.fake.tls.wrap_socket(self.request, server_side=True)
            while True:
                header = self.receive(connection, 8)
                data = header + self.receive(connection, struct.unpack(">I", header[4:])[0])
                self.server.fake.send(connection, *self.server.fake.answer(data))
        except OSError:
            self.request.close()

    @staticmethod
    def receive(connection, size):
        data = b""
        while len(data) < size:
            part = connection.recv(size - len(data))
            if not part:
                raise ConnectionResetError
            data += part
        return data


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


def parse_version(text):
    major, minor = text.split(".")
    return int(major), int(minor)


def parse_options(words):
    def versions(text):
        return [parse_version(part) for part in text.split(",")]

    parser = argparse.ArgumentParser()
    parser.add_argument("--versions", type=versions, default=versions("2.1,2.0,1.4,1.3,1.2,1.1,1.0"))
    parser.add_argument("--discovered", type=versions, help="what it says that it speaks, if not the truth")
    parser.add_argument("--version-reason", default="INVALID_MESSAGE")
    parser.add_argument("--refused-as", type=parse_version, default=(1, 0))
    parser.add_argument("--destroyed-reason", default="OBJECT_DESTROYED")
    parser.add_argument("--without", type=lambda text: text.split(","), default=[])
    parser.add_argument("--tls", choices=("1.2", "1.3"), default="1.3")
    parser.add_argument("--certificate", default="server")
    parser.add_argument("--trouble", default="")
    parser.add_argument("--trouble-operation", default="")
    parser.add_argument("--trouble-count", type=int, default=-1)
    options = parser.parse_args(words)
    options.discovered = options.discovered or options.versions
    return options


def tls_context(certificates, options):
    version = ssl.TLSVersion.TLSv1_3 if options.tls == "1.3" else ssl.TLSVersion.TLSv1_2
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.minimum_version = tls.maximum_version = version
    at = os.path.join(certificates, options.certificate)
    tls.load_cert_chain(at + ".pem", at + ".key")
    tls.load_verify_locations(os.path.join(certificates, "ca.pem"))
    tls.verify_mode = ssl.CERT_REQUIRED
    return tls


def make_fake(certificates, words):
    options = parse_options(words)
    fake = Fake(options)
    fake.tls = tls_context(certificates, options)
    return fake


def main():
    os.setsid()
    certificates = sys.argv[1]
    with Server(("127.0.0.1", 0), Session) as server:
        server.fake = make_fake(certificates, [])
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print("ready", server.server_address[1], flush=True)
        for line in sys.stdin:
            server.fake = make_fake(certificates, line.split())
            print("ok", flush=True)


if __name__ == "__main__":
    main()
