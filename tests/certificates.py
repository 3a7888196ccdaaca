"""Certificates for the tests: an authority of its own, and what it signs."""

import datetime
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class Identity:
    """The files of a certificate and its key."""

    certificate: Path
    key: Path


class Authority:
    """Signs certificates for 127.0.0.1 and writes them into a folder; `file` is its own."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        self.file = folder / f"{name}.crt"
        self._certificate = self._sign(self._name, self._key, x509.BasicConstraints(ca=True, path_length=None))
        self._write(self._certificate, self.file)

    def issue(self, name: str, *, password: str = "", old: bool = False) -> Identity:
        """A certificate of this name; issued again, another one in the same files. old: with an RSA key, for old ciphers."""
        key: PrivateKey = rsa.generate_private_key(65537, 2048) if old else ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        identity = Identity(self._folder / f"{name}.crt", self._folder / f"{name}.key")
        self._write(self._sign(subject, key, x509.BasicConstraints(ca=False, path_length=None)), identity.certificate)
        encryption = serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
        pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        identity.key.write_bytes(key.private_bytes(pem, pkcs8, encryption))
        return identity

    def _sign(self, subject: x509.Name, key: PrivateKey, constraints: x509.BasicConstraints) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1")), x509.DNSName("localhost")])
        builder = x509.CertificateBuilder(
            issuer_name=self._name,
            subject_name=subject,
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=now - datetime.timedelta(hours=1),
            not_valid_after=now + datetime.timedelta(days=1),
        )
        extended = builder.add_extension(constraints, critical=True).add_extension(names, critical=False)
        return extended.sign(self._key, hashes.SHA256())

    def _write(self, certificate: x509.Certificate, path: Path) -> None:
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
