"""Tokens (JWT) as those who make them would, and as those who forge them would: nothing of the node's own code is in them."""

import base64
import hashlib
import hmac
import json
import time

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

ALGORITHMS = ("HS256", "RS256", "ES256", "EdDSA")


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value: int, length: int | None = None) -> str:
    return b64(value.to_bytes(length or (value.bit_length() + 7) // 8, "big"))


def encoded(document) -> str:
    return b64(document if isinstance(document, bytes) else json.dumps(document, separators=(",", ":")).encode())


def soon(seconds: float = 600) -> int:
    return int(time.time() + seconds)


def hs256(secret: bytes, data: bytes) -> bytes:
    return hmac.new(secret, data, hashlib.sha256).digest()


class Signer:
    """Somebody who makes tokens, with a key of their own."""

    def __init__(self, algorithm: str, kid: str):
        self.algorithm = algorithm
        self.kid = kid
        if algorithm == "HS256":
            self.secret = hashlib.sha256(kid.encode()).hexdigest().encode()
        elif algorithm == "RS256":
            self.private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        elif algorithm == "ES256":
            self.private = ec.generate_private_key(ec.SECP256R1())
        else:
            self.private = ed25519.Ed25519PrivateKey.generate()

    def signature(self, data: bytes) -> bytes:
        if self.algorithm == "HS256":
            return hs256(self.secret, data)
        if self.algorithm == "RS256":
            return self.private.sign(data, padding.PKCS1v15(), hashes.SHA256())
        if self.algorithm == "ES256":
            r, s = decode_dss_signature(self.private.sign(data, ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")
        return self.private.sign(data)

    def token(self, claims=None, header=None, **more) -> str:
        """A token for ten minutes, unless `claims` or `more` say otherwise; a value of `None` leaves a claim out."""
        if not isinstance(claims, bytes):
            claims = {"exp": soon()} | (claims or {}) | more
            claims = {name: value for name, value in claims.items() if value is not None}
        header = {"alg": self.algorithm, "typ": "JWT", "kid": self.kid} | (header or {})
        header = {name: value for name, value in header.items() if value is not None}
        signed = f"{encoded(header)}.{encoded(claims)}"
        return f"{signed}.{b64(self.signature(signed.encode()))}"

    @property
    def jwk(self) -> dict:
        """What nodes are given."""
        common = {"kid": self.kid, "alg": self.algorithm, "use": "sig"}
        if self.algorithm == "HS256":
            return common | {"kty": "oct", "k": b64(self.secret)}
        if self.algorithm == "RS256":
            numbers = self.private.public_key().public_numbers()
            return common | {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e)}
        if self.algorithm == "ES256":
            point = self.private.public_key().public_numbers()
            return common | {"kty": "EC", "crv": "P-256", "x": number(point.x, 32), "y": number(point.y, 32)}
        raw = self.private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return common | {"kty": "OKP", "crv": "Ed25519", "x": b64(raw)}

    @property
    def public_forms(self) -> list[bytes]:
        """The public key in all forms in which somebody may take it for a secret."""
        public = self.private.public_key()
        encoding, form = serialization.Encoding, serialization.PublicFormat
        forms = [public.public_bytes(kind, form.SubjectPublicKeyInfo) for kind in (encoding.PEM, encoding.DER)]
        forms += [forms[0].strip(), json.dumps(self.jwk).encode(), json.dumps(self.jwk, separators=(",", ":")).encode()]
        if self.algorithm == "RS256":
            forms.append(public.public_bytes(encoding.PEM, form.PKCS1))
            forms.append(base64.urlsafe_b64decode(self.jwk["n"] + "=="))
        elif self.algorithm == "ES256":
            forms += [public.public_bytes(encoding.X962, kind) for kind in (form.UncompressedPoint, form.CompressedPoint)]
        else:
            forms.append(public.public_bytes(encoding.Raw, form.Raw))
        return forms


def key_set(*signers: Signer) -> str:
    return json.dumps({"keys": [signer.jwk for signer in signers]})
