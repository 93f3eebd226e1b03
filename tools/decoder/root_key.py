"""Files that hold a root key: docs/keys.md."""

import base64
import json
import re

from .primitives import Failure

# A key of 128, 192 or 256 bits, alone or behind an id of 32 bytes.
RAW_SIZES = (16, 24, 32, 48, 56, 64)


def read_root_key(data):
    """The key of a key file: JWK or JWKS, `cipher:bits:base64` line, raw id ‖ key, or a bare key."""
    # A bare key may begin like a text by chance; it is one only if all of it is.
    is_text = all(byte in b"\t\n\r" or 0x20 <= byte < 0x7F for byte in data)
    if data.lstrip()[:1] == b"{" and (is_text or len(data) not in RAW_SIZES):
        return root_key_of_jwk(data)
    line = re.fullmatch(rb"[A-Za-z0-9/_-]+:(\d+):([A-Za-z0-9+/=]+)\s*", data)
    if line:
        key = base64.b64decode(line[2], validate=True)
        if len(key) * 8 != int(line[1]):
            raise Failure("failed", "the key file's line says another number of bits than its key has")
        return key
    if len(data) in (48, 56, 64):
        return data[32:]
    if len(data) in (16, 24, 32):
        return data
    raise Failure("failed", f"a key file of {len(data)} bytes is none of the known forms")


def root_key_of_jwk(data):
    try:
        document = json.loads(data)
        keys = document.get("keys", [document])
        if len(keys) != 1 or keys[0]["kty"] != "oct":
            raise Failure("failed", "the key file must hold exactly one key with kty oct")
        text = keys[0]["k"]
        key = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Failure("failed", f"the key file is not a JWK: {error}") from error
    if len(key) not in (16, 24, 32):
        raise Failure("failed", f"the JWK has a key of {len(key)} bytes")
    return key
