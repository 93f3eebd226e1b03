"""The keyring: docs/format.md, section 7."""

import hashlib
import hmac
import os
import re
import struct

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .primitives import TAG_SIZE, Failure, crc32c, derive, hkdf_sha256, kwp_unwrap, open_sealed

LINEAGE = {1: "linked", 2: "adopted", 3: "older"}
KEY_STATES = {1: "pre-active", 2: "active", 3: "suspended", 4: "deactivated", 5: "compromised", 6: "destroyed"}
BACKUP_STATES = {1: "being made", 2: "whole", 3: "being forgotten"}
KEYRING_BODY_SIZE_MAX = 16 << 20


class Fields:
    """Reads fields from front to back; running out is the Failure given."""

    def __init__(self, data, failure):
        self.data = data
        self.at = 0
        self.failure = failure

    def bytes(self, count):
        if self.at + count > len(self.data):
            raise Failure(self.failure, "the keyring ends in the middle of a field")
        self.at += count
        return self.data[self.at - count:self.at]

    def number(self, size):
        return int.from_bytes(self.bytes(size), "little")

    def sized(self, size_of_size, size_max):
        size = self.number(size_of_size)
        if size > size_max:
            raise Failure(self.failure, f"a keyring field of {size} bytes where {size_max} are the limit")
        return self.bytes(size)


def read_slot(fields):
    slot = {"id": fields.bytes(16), "created": fields.number(8), "root": fields.sized(2, 64),
            "handle": fields.sized(2, 512), "algorithm": fields.number(1)}
    slot["wrapped"] = fields.sized(2, 2048)
    return slot


def check_slots(slots):
    if len({slot["id"] for slot in slots}) != len(slots):
        raise Failure("tampered", "a slot id stands in the keyring twice")
    for slot in slots:
        if not re.fullmatch(rb"[A-Za-z0-9._-]{1,64}", slot["root"]) or not slot["wrapped"] or not any(slot["id"]):
            raise Failure("tampered", "a slot without id or key, or whose root has no proper name")


def read_keyring_slots(data):
    """(slots, where the sealed body begins). Nothing here is authenticated yet."""
    if data[:8] != b"COFFKEYR"[:len(data)]:
        raise Failure("plaintext", "not a keyring: no magic")
    if len(data) < 108:
        raise Failure("truncated", "the keyring is shorter than its header")
    intact = struct.unpack_from("<I", data, len(data) - 4)[0] == crc32c(data[:-4])
    version, slot_count, sealed_size = struct.unpack_from("<HHI", data, 8)
    if intact and version != 1:
        raise Failure("unsupported", f"keyring format version {version}")
    fields = Fields(data, "tampered" if intact else "truncated")
    fields.at = 104
    slots = []
    for _ in range(min(slot_count, 16)):
        slots.append(read_slot(fields))
    total = fields.at + sealed_size + 4
    if not intact:
        if len(data) < total <= 17 << 20:
            raise Failure("truncated", f"the keyring has {len(data)} of {total} bytes")
        raise Failure("damaged", "the keyring's checksum differs")
    if not 1 <= slot_count <= 16 or not TAG_SIZE <= sealed_size <= KEYRING_BODY_SIZE_MAX or len(data) != total:
        raise Failure("tampered", "the keyring's sizes do not fit together")
    check_slots(slots)
    return slots, fields.at


def fingerprint(root_key):
    return hkdf_sha256(root_key, b"", b"coffer/v1 root fingerprint\0", 16)


def read_handle(handle):
    """(scheme, fields): "Handles"."""
    fields = Fields(handle, "tampered")
    scheme = fields.sized(1, 32)
    values = []
    while fields.at < len(handle):
        values.append(fields.sized(2, 512))
    return scheme, values


def keyring_key_of(slots, coffer_id, root_key):
    for slot in slots:
        if slot["algorithm"] != 1 or read_handle(slot["handle"])[1][:1] != [fingerprint(root_key)]:
            continue
        wrap_key = hkdf_sha256(root_key, coffer_id, b"coffer/v1 root wrap\0" + slot["id"], 32)
        key = kwp_unwrap(wrap_key, slot["wrapped"])
        if key is None or len(key) != 32:
            raise Failure("tampered", "the slot names this root key, but does not open under it")
        return key
    raise Failure("wrong_key", f"no slot is for the root key with fingerprint {fingerprint(root_key).hex()}")


def group_key_of(group, root_key):
    """"Key groups": a slot of a group is bound to the group in place of the coffer."""
    context = hashlib.sha256(b"coffer/v1 key group\0" + group["id"]).digest()[:16]
    key = keyring_key_of(group["slots"], context, root_key)
    if derive(key, b"group key id", group["id"], 16) != group["key_id"]:
        raise Failure("tampered", f"the slot of key group {group['name']!r} wraps another key than the group's")
    return key


def unwrap_domain_key(key, group, group_key):
    bytes_ = kwp_unwrap(derive(group_key, b"group domain key", group["id"] + key["id"], 32), key["bytes"])
    if bytes_ is None or len(bytes_) != 32 or derive(bytes_, b"domain key id", key["id"][:2], 14) != key["id"][2:]:
        raise Failure("tampered", "what a key group holds as a domain key does not open as that key")
    return bytes_


def read_groups(fields):
    """number → group, of a body."""
    groups = {}
    count = fields.number(2)
    if count > 4096:
        raise Failure("tampered", f"{count} key groups")
    for _ in range(count):
        group = {"number": fields.number(2), "id": fields.bytes(16), "name": fields.sized(1, 64),
                 "created": fields.number(8), "key_id": fields.bytes(16)}
        slot_count = fields.number(2)
        if not 1 <= slot_count <= 16 or group["number"] <= max(groups, default=0):
            raise Failure("tampered", "the slots of a key group, or its number, break a rule")
        group["slots"] = [read_slot(fields) for _ in range(slot_count)]
        check_slots(group["slots"])
        if not re.fullmatch(rb"[a-z0-9._-]+", group["name"]) or not any(group["id"]):
            raise Failure("tampered", f"key group {group['name']!r}")
        groups[group["number"]] = group
    for what in ("id", "name"):
        if len({group[what] for group in groups.values()}) != len(groups):
            raise Failure("tampered", f"two key groups have the same {what}")
    return groups


def read_domain_key(fields, in_group):
    key = {"id": fields.bytes(16), "version": fields.number(4), "state": fields.number(1)}
    key.update(zip(("created", "activated", "deactivated", "compromised", "destroyed", "expires"),
                   (fields.number(8) for _ in range(6))))
    key["bytes"] = fields.sized(1, 40)
    if key["state"] not in KEY_STATES or len(key["bytes"]) != (0 if key["state"] == 6 else 40 if in_group else 32):
        raise Failure("tampered", "a domain key's state or size is not one there is")
    if key["bytes"] and not in_group and derive(key["bytes"], b"domain key id", key["id"][:2], 14) != key["id"][2:]:
        raise Failure("tampered", "a domain key does not have the id it is filed under")
    return key


def read_store(fields):
    store = {"id": fields.bytes(16), "created": fields.number(8), "flags": fields.number(1),
             "path": fields.sized(2, 4096), "also_at": fields.sized(2, 4096), "node": fields.sized(1, 64)}
    store["lineage"] = [{"store": fields.bytes(16), "since": fields.number(8), "how": fields.number(1)}
                        for _ in range(fields.number(2))]
    store["domains"] = [fields.sized(1, 64) for _ in range(fields.number(2))]
    allowed = [each["store"] for each in store["lineage"]
               if each["store"] != store["id"] or LINEAGE.get(each["how"]) != "older"]
    older = len(store["lineage"]) - len(allowed)  # of the store itself
    if (store["flags"] > 3 or len(store["lineage"]) > 4096 or older > 1 or len(store["domains"]) > 4096
            or any(each["how"] not in LINEAGE for each in store["lineage"])
            or len({store["id"], *allowed}) != len(allowed) + 1 or len(set(store["domains"])) != len(store["domains"])
            or not all(map(any, allowed))
            or (store["node"] and not re.fullmatch(rb"[A-Za-z0-9._-]+", store["node"]))
            or (store["domains"] != [b"*"]
                and not all(re.fullmatch(rb"[a-z0-9._-]+", name) for name in store["domains"]))):
        raise Failure("tampered", f"store {store['path']!r} breaks a rule")
    return store


def read_nodes(fields):
    """The list at the end of a body, which is left out where it would be empty."""
    member_key, nodes, names = fields.sized(1, 32), [], []
    for _ in range(fields.number(2)):
        nodes.append({"name": fields.sized(1, 64), "agreement": fields.bytes(32), "signing": fields.bytes(32),
                      "enrolled": fields.number(8)})
        names.append(nodes[-1]["name"])
    if len(member_key) not in (0, 32) or not (member_key or nodes) or len(nodes) > 16384:
        raise Failure("tampered", "the list of nodes has a size that there is none of")
    if names != sorted(set(names)) or not all(re.fullmatch(rb"[A-Za-z0-9._-]+", name) for name in names):
        raise Failure("tampered", "the names of nodes break a rule")
    if any(len({node[key] for node in nodes}) != len(nodes) for key in ("agreement", "signing")):
        raise Failure("tampered", "two nodes have the same key")
    return nodes


def read_backups(fields):
    """The list at the very end of a body, which begins with its mark."""
    fields.bytes(1)
    backups = []
    for _ in range(fields.number(2)):
        backup = {"id": fields.bytes(16), "target": fields.sized(1, 255), "begun": fields.number(8),
                  "state": fields.number(1), "index": fields.bytes(32)}
        if (not any(backup["id"]) or not backup["target"] or any(c < 0x20 or c == 0x7f for c in backup["target"])
                or backup["state"] not in BACKUP_STATES
                or (backup["state"] == 1 and any(backup["index"]))
                or (backup["state"] == 2 and not any(backup["index"]))):
            raise Failure("tampered", f"backup {backup['id'].hex()} breaks a rule")
        backups.append(backup)
    if not 1 <= len(backups) <= 4096 or len({backup["id"] for backup in backups}) != len(backups):
        raise Failure("tampered", "the list of backups breaks a rule")
    return backups


def read_rollouts(fields):
    """Rotations that some nodes use first, docs/format.md, section 27; left out where there are none."""
    fields.bytes(1)
    rollouts = []
    for _ in range(fields.number(2)):
        rollouts.append({"domain": fields.sized(1, 64), "version": fields.number(4), "share": fields.number(2),
                         "begun": fields.number(8), "keyring_version": fields.number(8), "halted": fields.number(8),
                         "node": fields.sized(1, 64), "why": fields.sized(2, 512)})
    domains = [rollout["domain"] for rollout in rollouts]
    if not 1 <= len(rollouts) <= 1024 or domains != sorted(set(domains)):
        raise Failure("tampered", "the number or the order of rollouts breaks a rule")
    for rollout in rollouts:
        if rollout["share"] not in (10, 100) or not rollout["halted"] and (rollout["node"] or rollout["why"]):
            raise Failure("tampered", "the share or the halt of a rollout breaks a rule")
    return rollouts


def read_questions(fields):
    """Keys that nodes are asked about, docs/format.md, section 29; left out where there are none."""
    fields.bytes(1)
    questions = [{"id": fields.bytes(16), "key": fields.bytes(16), "asked": fields.number(8)}
                 for _ in range(fields.number(2))]
    if not 1 <= len(questions) <= 128 or not all(any(question["id"]) for question in questions):
        raise Failure("tampered", "the number of questions, or the id of one, breaks a rule")
    if any(len({question[what] for question in questions}) != len(questions) for what in ("id", "key")):
        raise Failure("tampered", "two questions have the same id, or are of the same key")
    return questions


def read_domains(fields, keyring, first=0, depth=0):
    """name → keys, of the shard whose tags begin with the first `depth` bits of `first`."""
    domains = {}
    for _ in range(fields.number(2)):
        name = fields.sized(1, 64)
        if not re.fullmatch(rb"[a-z0-9._-]+", name) or name in domains:
            raise Failure("tampered", f"domain name {name!r}")
        keyring["locked"][name] = fields.number(8)
        group = fields.number(2)
        if name == b"system" and (keyring["locked"][name] or group):
            raise Failure("tampered", "the domain system is locked, or in a key group")
        if group and group not in keyring["groups"]:
            raise Failure("tampered", f"domain {name!r} is in a key group that is not there")
        keyring["group_of"][name] = group
        keys = [read_domain_key(fields, group != 0) for _ in range(fields.number(2))]
        if not keys:
            raise Failure("tampered", f"domain {name!r} has no key")
        if [key["version"] for key in keys] != list(range(1, len(keys) + 1)):
            raise Failure("tampered", f"the keys of domain {name!r} are not in the order of their versions")
        if sum(key["state"] == 2 for key in keys) > 1:
            raise Failure("tampered", f"domain {name!r} has more than one active key")
        tag = derive(keyring["tag_key"], b"domain tag", name, 2)
        if any(key["id"][:2] != tag for key in keys):
            raise Failure("tampered", f"the ids of the keys of domain {name!r} do not begin with its tag")
        if int.from_bytes(tag, "big") >> (16 - depth) != first >> (16 - depth):
            raise Failure("tampered", f"domain {name!r} is in the shard of another tag")
        domains[name] = keys
    return domains


def read_shard_table(fields, count):
    shards, first = [], 0
    for _ in range(count):
        shard = {"first": first, "depth": fields.number(1), "size": fields.number(4), "key": fields.bytes(32),
                 "name": fields.bytes(32)}
        if not 1 <= shard["depth"] <= 16 or not 48 <= shard["size"] <= 16 << 20:
            raise Failure("tampered", "the depth or size of a shard is none there is")
        tags = 1 << 16 - shard["depth"]
        if first >= 1 << 16 or first % tags:
            raise Failure("tampered", "the shards do not share out the tags")
        first += tags
        shards.append(shard)
    if first != 1 << 16:
        raise Failure("tampered", "the shards do not share out the tags")
    return shards


def open_shard(data, shard, keyring):
    """name → keys."""
    if data[:8] != b"COFFSHRD"[:len(data)]:
        raise Failure("plaintext", "not a shard of a keyring: no magic")
    if len(data) < shard["size"]:
        raise Failure("truncated", f"the shard has {len(data)} of {shard['size']} bytes")
    if len(data) != shard["size"] or struct.unpack_from("<I", data, len(data) - 4)[0] != crc32c(data[:-4]):
        raise Failure("damaged", "the shard's size or checksum differs")
    if struct.unpack_from("<H", data, 8)[0] != 1:
        raise Failure("unsupported", "another format version of a shard")
    if data[10:26] != keyring["coffer_id"]:
        raise Failure("foreign", "the shard is another coffer's")
    if hashlib.sha256(data).digest() != shard["name"]:
        raise Failure("tampered", "it is another shard than the keyring names")
    context = keyring["coffer_id"] + struct.pack(">HB", shard["first"], shard["depth"])
    material = derive(shard["key"], b"keyring shard", context, 44)
    body = open_sealed(AESGCM(material[:32]), material[32:], data[26:-4], data[:26])
    if body is None:
        raise Failure("tampered", "the shard does not authenticate")
    fields = Fields(body, "tampered")
    domains = read_domains(fields, keyring, shard["first"], shard["depth"])
    if fields.at != len(body):
        raise Failure("tampered", "bytes after the end of the shard's domains")
    return domains


def read_keyring_body(body, shard_of):
    """`shard_of` gives the bytes of a shard by its name in hexadecimal."""
    fields = Fields(body, "tampered")
    keyring = {"coffer_id": fields.bytes(16), "version": fields.number(8), "domains": {}, "locked": {}, "group_of": {},
               "stores": [], "nodes": [], "backups": [], "rollouts": [], "questions": []}
    keyring["ancestors"] = [fields.bytes(32) for _ in range(max(0, min(keyring["version"] - 1, 64)))]
    keyring["created"], keyring["updated"] = fields.number(8), fields.number(8)
    keyring["audit_key"] = fields.bytes(32)
    keyring["audit_count"], keyring["audit_mac"] = fields.number(8), fields.bytes(32)
    keyring["tag_key"] = fields.bytes(32)
    keyring["groups"] = read_groups(fields)
    shard_count = fields.number(4)
    if shard_count == 1:
        keyring["domains"] = read_domains(fields, keyring)
    else:
        for shard in read_shard_table(fields, shard_count):
            data = shard_of(shard["name"].hex())
            keyring["domains"].update(open_shard(data, shard, keyring))
    for _ in range(fields.number(2)):
        keyring["stores"].append(read_store(fields))
    if fields.at != len(body) and body[fields.at] < 0x40:
        keyring["nodes"] = read_nodes(fields)
    if fields.at != len(body) and body[fields.at] == ord("B"):
        keyring["backups"] = read_backups(fields)
    if fields.at != len(body) and body[fields.at] == ord("R"):
        keyring["rollouts"] = read_rollouts(fields)
    if fields.at != len(body) and body[fields.at] == ord("Q"):
        keyring["questions"] = read_questions(fields)
    if fields.at != len(body):
        raise Failure("tampered", "bytes after the end of the keyring's body")
    check_keyring(keyring)
    return keyring


def check_keyring(keyring):
    """The rules that concern more than one field."""
    key_ids = [key["id"] for keys in keyring["domains"].values() for key in keys]
    store_ids = [store["id"] for store in keyring["stores"]]
    places = [(store["node"], store[path]) for store in keyring["stores"] for path in ("path", "also_at")
              if store[path]]
    for what, values in (("key id", key_ids), ("store id", store_ids), ("store path", places)):
        if len(values) != len(set(values)):
            raise Failure("tampered", f"a {what} stands in the keyring twice")
    if b"system" not in keyring["domains"]:
        raise Failure("tampered", "there is no domain system")
    if not all(map(any, [keyring["coffer_id"], *key_ids, *store_ids])):
        raise Failure("tampered", "an id is zero")
    for rollout in keyring["rollouts"]:
        keys = keyring["domains"].get(rollout["domain"], [])
        new = [key for key in keys if key["version"] == rollout["version"]]
        if not any(KEY_STATES[key["state"]] == "active" for key in keys) or not new or \
                KEY_STATES[new[0]["state"]] != "pre-active":
            raise Failure("tampered", "the keys of a rollout are not in its states")
    states = {key["id"]: KEY_STATES[key["state"]] for keys in keyring["domains"].values() for key in keys}
    if any(states.get(question["key"]) not in ("deactivated", "compromised") for question in keyring["questions"]):
        raise Failure("tampered", "a question is of a key that nobody is asked about")
    if keyring["version"] == 0:
        raise Failure("tampered", "versions count from 1")
    for _, path in places:
        if not re.fullmatch(rb"(/|(/[^/\0]+)+)", path) or {b".", b".."} & set(path.split(b"/")):
            raise Failure("tampered", f"store path {path!r}")


def no_shard(name):
    raise Failure("truncated", f"shard {name} of the keyring is not there")


def open_keyring_of(directory, root_key):
    """With its shards, from the files of a coffer."""
    def read(name):
        try:
            with open(os.path.join(directory, name), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return no_shard(name)
    return open_keyring(read("keyring"), root_key, lambda name: read(os.path.join("keyring.d", name)))


def open_keyring(data, root_key, shard_of=no_shard):
    slots, body_at = read_keyring_slots(data)
    coffer_id, version, salt, commitment = struct.unpack_from("<16sQ32s32s", data, 16)
    keyring_key = keyring_key_of(slots, coffer_id, root_key)
    material = derive(keyring_key, b"keyring", coffer_id + struct.pack("<Q", version) + salt, 76)
    if not hmac.compare_digest(material[44:], commitment):
        raise Failure("wrong_key", "the keyring's commitment does not fit the keyring key in its slot")
    body = open_sealed(AESGCM(material[:32]), material[32:44], data[body_at:-4], data[:body_at])
    if body is None:
        raise Failure("tampered", "the keyring does not authenticate")
    keyring = read_keyring_body(body, shard_of)
    if keyring["coffer_id"] != coffer_id or keyring["version"] != version:
        raise Failure("tampered", "the keyring's inside is of another coffer or version")
    keyring["slots"] = slots
    return keyring


def describe_keyring(keyring):
    """Everything but the keys themselves."""
    def text(value):
        return value.decode("utf-8", "replace")

    domains = {text(name): [{"id": key["id"].hex(), "version": key["version"], "state": KEY_STATES[key["state"]]}
                            for key in keys] for name, keys in keyring["domains"].items()}
    return {
        "coffer_id": keyring["coffer_id"].hex(),
        "version": keyring["version"],
        "ancestors": [ancestor.hex() for ancestor in keyring["ancestors"]],
        "created": keyring["created"],
        "updated": keyring["updated"],
        "groups": [{"name": text(group["name"]), "id": group["id"].hex(),
                    "roots": [text(slot["root"]) for slot in group["slots"]]} for group in keyring["groups"].values()],
        "domains": domains,
        "group_of": {text(name): text(keyring["groups"][group]["name"])
                     for name, group in keyring["group_of"].items() if group},
        "locked": {text(name): since for name, since in keyring["locked"].items() if since},
        "stores": [{"id": store["id"].hex(), "path": text(store["path"]), "node": text(store["node"]),
                    "confirmed": store["flags"] & 1 == 1,
                    "names_encrypted": store["flags"] & 2 == 2,
                    "lineage": [{"store": each["store"].hex(), "how": LINEAGE[each["how"]]}
                                for each in store["lineage"]],
                    "domains": [text(name) for name in store["domains"]]} for store in keyring["stores"]],
        "nodes": {text(node["name"]): node["signing"].hex() for node in keyring["nodes"]},
        "backups": [{"id": backup["id"].hex(), "target": text(backup["target"]), "begun": backup["begun"],
                     "state": BACKUP_STATES[backup["state"]], "index": backup["index"].hex()}
                    for backup in keyring["backups"]],
        "rollouts": [{"domain": text(each["domain"]), "version": each["version"], "share": each["share"],
                      "halted": text(each["why"]) if each["halted"] else None} for each in keyring["rollouts"]],
        "questions": [{"id": each["id"].hex(), "key": each["key"].hex()} for each in keyring["questions"]],
        "slots": [{"id": slot["id"].hex(), "root": text(slot["root"]), "algorithm": slot["algorithm"]}
                  for slot in keyring["slots"]],
    }
