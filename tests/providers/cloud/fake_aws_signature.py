"""AWS Signature Version 4, from the service's side: what is signed must be what arrived, and just now."""

import calendar
import hashlib
import hmac
import re
import time
import urllib.parse

ALLOWED_SKEW_SECONDS = 300
EMPTY_HASH = hashlib.sha256(b"").hexdigest()


class SignatureError(Exception):
    """code: AWS's name for what is wrong."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def _mac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def _encode(text):
    return urllib.parse.quote(text, safe="-_.~")


def _canonical_query(query):
    pairs = [part.partition("=") for part in query.split("&") if part]
    decoded = sorted((_encode(urllib.parse.unquote(name)), _encode(urllib.parse.unquote(value)))
                     for name, _, value in pairs)
    return "&".join(f"{name}={value}" for name, value in decoded)


def _parse(header):
    match = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=([^/,]+)/(\d{8})/([^/,]+)/([^/,]+)/aws4_request, ?"
                         r"SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})", header)
    if not match:
        raise SignatureError("IncompleteSignatureException", "Authorization header is not of the expected form")
    return match.groups()


def verify(request, region, service, find_secret):
    """The access key id that signed. find_secret(access_key_id, session_token) gives the secret key, or raises."""
    if "authorization" not in request.headers:
        raise SignatureError("MissingAuthenticationTokenException", "Missing Authentication Token")
    access_key, day, signed_region, signed_service, names, signature = _parse(request.headers["authorization"])
    if (signed_region, signed_service) != (region, service):
        raise SignatureError("InvalidSignatureException", f"Credential should be scoped to {region}/{service}")
    date = request.headers.get("x-amz-date", "")
    if not re.fullmatch(r"\d{8}T\d{6}Z", date) or date[:8] != day:
        raise SignatureError("IncompleteSignatureException", f"Date must be in ISO-8601 basic format. Got '{date}'")
    if abs(calendar.timegm(time.strptime(date, "%Y%m%dT%H%M%SZ")) - time.time()) > ALLOWED_SKEW_SECONDS:
        raise SignatureError("InvalidSignatureException", f"Signature expired or not yet current: {date}")
    signed = names.split(";")
    if signed != sorted(signed):
        raise SignatureError("IncompleteSignatureException", "SignedHeaders is not sorted")
    must = {"host"} | {name for name in request.headers if name.startswith("x-amz-") or name == "content-type"}
    if must - set(signed):
        raise SignatureError("InvalidSignatureException", f"headers not signed: {sorted(must - set(signed))}")
    headers = "".join(f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in signed)
    path = "/".join(_encode(part) for part in request.path.split("/"))
    canonical = "\n".join([request.method, path, _canonical_query(request.query), headers, names,
                           hashlib.sha256(request.body).hexdigest()])
    scope = f"{day}/{region}/{service}/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", date, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = ("AWS4" + find_secret(access_key, request.headers.get("x-amz-security-token"))).encode()
    for step in (day, region, service, "aws4_request"):
        key = _mac(key, step)
    if not hmac.compare_digest(_mac(key, text).hex(), signature):
        raise SignatureError("InvalidSignatureException",
                             "The request signature we calculated does not match the signature you provided.")
    return access_key
