"""RSA keys for the fakes: making one takes a second, and reading one a tenth of that, on a busy machine."""

import functools

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

_made = []


class RsaKeys:
    """Of one test: each a new one, though an earlier test may have had it."""

    def __init__(self):
        self.used = 0

    def make(self):
        if self.used == len(_made):
            _made.append(rsa.generate_private_key(65537, 2048))
        self.used += 1
        return _made[self.used - 1]


@functools.lru_cache(maxsize=64)
def private_key_of(pem):
    return serialization.load_pem_private_key(pem.encode(), None)
