"""The part of Google's discovery document of Cloud KMS (cloudkms, v1) that the SDK test uses.

google-api-python-client makes its methods from such a document; the test must not fetch it from the net.
"""

ANY = {"$ref": "Any"}
KEY = "^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$"
RING = "^projects/[^/]+/locations/[^/]+/keyRings/[^/]+$"
VERSION = "^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+/cryptoKeyVersions/[^/]+$"


def method(identity, verb, path, first, pattern, body=True, **query):
    parameters = {first: {"type": "string", "location": "path", "required": True, "pattern": pattern}}
    parameters.update({name: {"type": "string", "location": "query"} for name in query})
    out = {"id": "cloudkms." + identity, "httpMethod": verb, "path": path, "flatPath": path,
           "parameterOrder": [first], "parameters": parameters, "response": ANY}
    if body:
        out["request"] = ANY
    return out


VERSIONS = {
    "create": method("versions.create", "POST", "v1/{+parent}/cryptoKeyVersions", "parent", KEY),
    "get": method("versions.get", "GET", "v1/{+name}", "name", VERSION, body=False),
    "patch": method("versions.patch", "PATCH", "v1/{+name}", "name", VERSION, updateMask=True),
    "destroy": method("versions.destroy", "POST", "v1/{+name}:destroy", "name", VERSION),
}
KEYS = {
    "create": method("keys.create", "POST", "v1/{+parent}/cryptoKeys", "parent", RING, cryptoKeyId=True),
    "get": method("keys.get", "GET", "v1/{+name}", "name", KEY, body=False),
    "encrypt": method("keys.encrypt", "POST", "v1/{+name}:encrypt", "name", "^projects/.*$"),
    "decrypt": method("keys.decrypt", "POST", "v1/{+name}:decrypt", "name", KEY),
    "updatePrimaryVersion": method("keys.updatePrimaryVersion", "POST", "v1/{+name}:updatePrimaryVersion", "name", KEY),
}


def document(root):
    rings = {"resources": {"cryptoKeys": {"methods": KEYS, "resources": {"cryptoKeyVersions": {"methods": VERSIONS}}}}}
    return {
        "kind": "discovery#restDescription", "name": "cloudkms", "version": "v1", "id": "cloudkms:v1",
        "protocol": "rest", "rootUrl": root, "servicePath": "", "batchPath": "batch", "parameters": {},
        "schemas": {"Any": {"id": "Any", "type": "object", "additionalProperties": {"type": "any"}}},
        "resources": {"projects": {"resources": {"locations": {"resources": {"keyRings": rings}}}}},
    }
