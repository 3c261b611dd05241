"""Signing by hand, as an attacker or a careless backend might: every part can be another one than it should be."""

import base64
import json
import pathlib
import time

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def read_key(path: pathlib.Path) -> tuple[str, Ed25519PrivateKey]:
    _, id, secret = path.read_text().split()
    return id, Ed25519PrivateKey.from_private_bytes(base64.urlsafe_b64decode(secret + "="))


def sign(path, client: str, id: str, name: str, data: str, *, key: str | None = None, ago: int = 0, seconds: int = 300) -> dict:
    """The member `signature`; `ago`: seconds since it was issued."""
    own, private = read_key(path)
    issued = int(time.time()) - ago
    parts = ["switchboard-command-v1", key or own, client, id, issued, issued + seconds, name, "data", data]
    value = private.sign("\n".join(map(str, parts)).encode())
    encoded = base64.urlsafe_b64encode(value).rstrip(b"=").decode()
    return {"key": key or own, "issued": issued, "expires": issued + seconds, "value": encoded}


def body(id: str, name: str, data: str, signature: dict | None = None) -> bytes:
    """The body of the request, with the payload as it is written here."""
    more = f', "signature": {json.dumps(signature)}' if signature else ""
    return f'{{"id": {json.dumps(id)}, "name": {json.dumps(name)}, "data": {data}{more}}}'.encode()
