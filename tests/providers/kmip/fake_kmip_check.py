#!/usr/bin/python3
"""PyKMIP's own client against the fake server: fake_kmip_check.py CERTIFICATES PORT VERSION…, such as 1.4"""

import sys
import warnings

warnings.simplefilter("ignore")
from kmip.core import enums  # noqa: E402
from kmip.core.factories.attributes import AttributeFactory  # noqa: E402
from kmip.pie import client, exceptions, objects  # noqa: E402


def expect(condition, what):
    if not condition:
        sys.exit(f"PyKMIP's client: {what}")


def refused(call, what):
    try:
        call()
    except exceptions.KmipOperationFailure:
        return
    sys.exit(f"PyKMIP's client: {what} was not refused")


def check_life(kmip):
    mask = [enums.CryptographicUsageMask.ENCRYPT, enums.CryptographicUsageMask.DECRYPT]
    key = kmip.create(enums.CryptographicAlgorithm.AES, 256, name="checked", cryptographic_usage_mask=mask)
    factory = AttributeFactory()
    name = factory.create_attribute(enums.AttributeType.NAME, "checked")
    expect(kmip.locate(attributes=[name]) == [key], "locate")
    kmip.activate(key)
    fetched = kmip.get(key)
    expect(len(fetched.value) == 32 and fetched.cryptographic_length == 256, "get")
    _, attributes = kmip.get_attributes(key, ["State", "Cryptographic Algorithm"])
    values = {item.attribute_name.value: item.attribute_value.value for item in attributes}
    expect(values["State"] == enums.State.ACTIVE, "get attributes: state")
    expect(values["Cryptographic Algorithm"] == enums.CryptographicAlgorithm.AES, "get attributes: algorithm")
    expect("State" in kmip.get_attribute_list(key), "get attribute list")
    refused(lambda: kmip.destroy(key), "destroying an active key")
    kmip.revoke(enums.RevocationReasonCode.CESSATION_OF_OPERATION, key)
    kmip.destroy(key)
    refused(lambda: kmip.get(key), "getting a destroyed key")


def check_register(kmip):
    value = bytes(range(16))
    key = kmip.register(objects.SymmetricKey(enums.CryptographicAlgorithm.AES, 128, value,
                                             masks=[enums.CryptographicUsageMask.ENCRYPT], name="registered"))
    expect(kmip.get(key).value == value, "register")
    new = kmip.rekey(uid=key)
    expect(new != key and kmip.get(new).value != value, "re-key")
    expect(kmip.check(uid=new, cryptographic_usage_mask=[enums.CryptographicUsageMask.ENCRYPT]) == new, "check")


def check_encrypt(kmip):
    mask = [enums.CryptographicUsageMask.ENCRYPT, enums.CryptographicUsageMask.DECRYPT]
    key = kmip.create(enums.CryptographicAlgorithm.AES, 256, cryptographic_usage_mask=mask)
    kmip.activate(key)
    parameters = {"cryptographic_algorithm": enums.CryptographicAlgorithm.AES,
                  "block_cipher_mode": enums.BlockCipherMode.GCM, "tag_length": 16}
    # PyKMIP's client has no way to give associated data or to see the tag: that it is understood has to do.
    sealed, _ = kmip.encrypt(b"sixteen bytes ..", uid=key, cryptographic_parameters=parameters,
                             iv_counter_nonce=bytes(12))
    expect(len(sealed) == 16, "encrypt")


def check(certificates, port, version):
    with client.ProxyKmipClient(
            hostname="127.0.0.1", port=port, cert=certificates + "/client.pem", key=certificates + "/client.key",
            ca=certificates + "/ca.pem", ssl_version="PROTOCOL_SSLv23",
            kmip_version=enums.KMIPVersion["KMIP_" + version.replace(".", "_")]) as kmip:
        check_life(kmip)
        check_register(kmip)
        if version >= "1.4":
            check_encrypt(kmip)


def main():
    certificates, port, versions = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    for version in versions:
        check(certificates, port, version)


if __name__ == "__main__":
    main()
