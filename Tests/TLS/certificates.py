"""Certificates of an authority of our own, made by openssl for one test and gone with it."""

import base64
import datetime
import hashlib
import pathlib
import subprocess
from dataclasses import dataclass

CONFIGURATION = """
[ca]
default_ca = ours
[ours]
database = {folder}/index
new_certs_dir = {folder}
rand_serial = yes
default_md = sha256
policy = names
copy_extensions = copy
unique_subject = no
[names]
commonName = supplied
[req]
distinguished_name = subject
[subject]
"""


def openssl(*arguments, data: bytes | None = None) -> bytes:
    done = subprocess.run(["openssl", *map(str, arguments)], input=data, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@dataclass
class Pair:
    """A certificate with its chain, and its key."""

    certificate: pathlib.Path
    key: pathlib.Path

    @property
    def flags(self) -> list[str]:
        return ["--tls-certificate", str(self.certificate), "--tls-key", str(self.key)]

    @property
    def pin(self) -> str:
        """As RFC 7469 section 2.4 makes it."""
        public = openssl("x509", "-in", self.certificate, "-noout", "-pubkey")
        key = openssl("pkey", "-pubin", "-outform", "DER", data=public)
        return "sha256/" + base64.b64encode(hashlib.sha256(key).digest()).decode()

    @property
    def expires(self) -> float:
        """Unix time."""
        text = openssl("x509", "-in", self.certificate, "-noout", "-enddate").decode().strip().removeprefix("notAfter=")
        end = datetime.datetime.strptime(text, "%b %d %H:%M:%S %Y %Z")
        return end.replace(tzinfo=datetime.timezone.utc).timestamp()

    def take_the_place_of(self, other: "Pair") -> None:
        """As a program that renews certificates does it: each file at once."""
        for new, old in ((self.certificate, other.certificate), (self.key, other.key)):
            copy = old.with_suffix(".copy")
            copy.write_bytes(new.read_bytes())
            copy.rename(old)


def _time(days: float) -> str:
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)).strftime("%Y%m%d%H%M%SZ")


class Authority:
    def __init__(self, folder: pathlib.Path, name: str = "authority"):
        self.folder = folder / name
        self.folder.mkdir()
        (self.folder / "index").touch()
        self._configuration = self.folder / "openssl.cnf"
        self._configuration.write_text(CONFIGURATION.format(folder=self.folder))
        self.certificate = self.folder / "ca.pem"
        self._key = self.folder / "ca.key"
        openssl("req", "-x509", *self._new_key(self._key), "-days", "2", "-subj", f"/CN={name}", "-out", self.certificate)

    @staticmethod
    def _new_key(path, kind="ec") -> list:
        curve = ["-pkeyopt", "ec_paramgen_curve:P-256"] if kind == "ec" else []
        return ["-newkey", kind, *curve, "-nodes", "-keyout", path]

    def issue(
        self, name: str = "server", names: str = "DNS:localhost,IP:127.0.0.1", begins: float = -1, ends: float = 30,
        kind: str = "ec",
    ) -> Pair:
        """- begins, ends: days from now."""
        request, pair = self.folder / f"{name}.csr", Pair(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        openssl(
            "req", "-new", "-config", self._configuration, *self._new_key(pair.key, kind), "-subj", f"/CN={name}",
            "-addext", f"subjectAltName={names}", "-out", request)
        openssl(
            "ca", "-batch", "-notext", "-config", self._configuration, "-cert", self.certificate, "-keyfile", self._key,
            "-in", request, "-out", pair.certificate, "-startdate", _time(begins), "-enddate", _time(ends))
        return pair
