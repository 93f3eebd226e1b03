"""Kind ctr: docs/format.md, section 6."""

import hmac

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from .envelope import ENVELOPE_SIZE
from .primitives import BODY_SIZE_MAX, SUITES, Failure, derive

def decode_ctr(data, slot, file_key, about):
    body = data[ENVELOPE_SIZE:]
    if len(body) > BODY_SIZE_MAX:
        raise Failure("unsupported", "more than 2^40 bytes")
    sealed = bool(slot.flags & 1)
    about["authenticated"] = sealed
    if sealed:
        if len(body) != slot.body_size:
            kind = "truncated" if len(body) < slot.body_size else "tampered"
            raise Failure(kind, f"the body has {len(body)} bytes, its envelope says {slot.body_size}")
        material = derive(file_key, b"ctr mac", slot.file_id, 44)
        gmac = Cipher(algorithms.AES(material[:32]), modes.GCM(material[32:])).encryptor()
        gmac.authenticate_additional_data(body)
        gmac.finalize()
        if not hmac.compare_digest(gmac.tag, slot.body_mac):
            raise Failure("tampered", "the body does not fit its MAC")
    key_size = SUITES[slot.suite][1]
    material = derive(file_key, b"ctr body", slot.file_id, key_size + 12)
    cipher = Cipher(algorithms.AES(material[:key_size]), modes.CTR(material[key_size:] + bytes(4))).decryptor()
    return cipher.update(body) + cipher.finalize()
