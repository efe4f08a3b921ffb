"""The local OpenID Connect issuer: a key, two public documents about it, and the tokens it signs.

The documents are objects in a bucket of the emulator, so that no further server has to run.
"""

import base64
import hashlib
import json
import time
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

AUDIENCE = "relocation"
LIFETIME_SECONDS = 12 * 3600


class Issuer:
    """Signs tokens under one URL."""

    def __init__(self, url: str, key: rsa.RSAPrivateKey):
        self.url = url
        self._key = key

    @classmethod
    def load(cls, url: str, path: Path) -> "Issuer":
        """Reads the key at `path`, or makes one there."""
        if path.exists():
            key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        else:
            key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            path.touch(mode=0o600)
            path.write_bytes(
                key.private_bytes(
                    serialization.Encoding.PEM,
                    serialization.PrivateFormat.PKCS8,
                    serialization.NoEncryption(),
                )
            )
        return cls(url, key)

    def documents(self) -> dict[str, bytes]:
        """What the issuer publishes, by path below its URL."""
        numbers = self._key.public_key().public_numbers()
        jwk = {
            "kty": "RSA",
            "alg": "RS256",
            "use": "sig",
            "kid": self._key_id(),
            "n": _base64url(_big_endian(numbers.n)),
            "e": _base64url(_big_endian(numbers.e)),
        }
        configuration = {"issuer": self.url, "jwks_uri": f"{self.url}/.well-known/jwks.json"}
        return {
            ".well-known/openid-configuration": json.dumps(configuration).encode(),
            ".well-known/jwks.json": json.dumps({"keys": [jwk]}).encode(),
        }

    def token(self, user_id: int, username: str, *, staff: bool = False, permissions: str = "") -> str:
        """A token for that user, who need not exist. Permissions are separated by spaces."""
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + LIFETIME_SECONDS,
            "sub": str(user_id),
            "preferred_username": username,
            "email": f"{username}@example.com",
            "relocation_staff": staff,
            "relocation_permissions": permissions,
        }
        header = {"alg": "RS256", "typ": "JWT", "kid": self._key_id()}
        signed = b".".join(_base64url(json.dumps(part).encode()).encode() for part in (header, claims))
        signature = self._key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
        return f"{signed.decode()}.{_base64url(signature)}"

    def _key_id(self) -> str:
        public = self._key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return hashlib.sha256(public).hexdigest()[:16]


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _big_endian(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")
