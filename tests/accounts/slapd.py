"""A real OpenLDAP server in a folder of the tests' own: LDAP, StartTLS and LDAPS, with the memberOf overlay."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

BASE = "dc=example,dc=org"
PASSWORD = "directory secret"
#: Names as people have them, and as somebody would choose who tries to break out of a DN or a filter.
NAMES = ("anna", "bert", "carl", "admin", "o'neil, jr", "a+b=c;d", "#hash", "we(ird)*", "back\\slash", '"<q>"', "žofie")

_CONFIG = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
pidfile {folder}/pid
# As Active Directory does: a name with an empty password is an anonymous bind, and a success.
allow bind_anon_cred
TLSCACertificateFile {folder}/ca.pem
TLSCertificateFile {folder}/server.pem
TLSCertificateKeyFile {folder}/server.key
database mdb
maxsize 16777216
suffix "{base}"
rootdn "cn=root,{base}"
rootpw "{password}"
directory {folder}/db
overlay memberof
access to attrs=userPassword by anonymous auth by * none
access to * by users read by anonymous read
"""

_PEOPLE = f"""dn: {BASE}
objectClass: dcObject
objectClass: organization
o: Example
dc: example

dn: ou=People,{BASE}
objectClass: organizationalUnit
ou: People

dn: ou=Groups,{BASE}
objectClass: organizationalUnit
ou: Groups
"""


@dataclass
class Slapd:
    """A running server; `folder` has its CA's certificate as `ca.pem`."""

    folder: Path
    port: int = 0
    tls_port: int = 0
    process: subprocess.Popen[bytes] | None = None
    environ: dict[str, str] = field(default_factory=lambda: {**os.environ, "LDAPNOINIT": "1"})

    @property
    def uri(self) -> str:
        return f"ldap://127.0.0.1:{self.port}"

    @property
    def ca_file(self) -> str:
        return str(self.folder / "ca.pem")

    def start(self) -> None:
        """Fill the folder and start the server; skips the test where Debian's slapd is not installed."""
        self.folder.chmod(0o755)
        (self.folder / "db").mkdir()
        self._certificates()
        config = self.folder / "slapd.conf"
        config.write_text(_CONFIG.format(folder=self.folder, base=BASE, password=PASSWORD))
        people = _PEOPLE + "".join(_person(name) for name in NAMES)
        subprocess.run(
            [find("slapadd"), "-f", config], input=people.encode(), check=True, capture_output=True, env=self.environ
        )
        for _ in range(5):  # a port that was free a moment ago may be taken now
            self.port, self.tls_port = _free_port(), _free_port()
            urls = f"{self.uri} ldaps://127.0.0.1:{self.tls_port} ldaps://127.0.0.2:{self.tls_port}"
            self.process = subprocess.Popen(
                [find("slapd"), "-f", config, "-h", urls, "-d", "0"], env=self.environ,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )
            if self._answers():
                break
        else:
            pytest.fail("slapd does not start")
        # slapadd goes around the overlay, so groups come over the wire.
        self.modify("".join(_group(name, members) for name, members in {
            "tci-users": [name for name in NAMES if name not in ("bert", "admin")], "masters": ["anna", "carl"],
            "admins": ["carl"],
        }.items()))

    def modify(self, ldif: str) -> None:
        """Change the directory as its root."""
        subprocess.run(
            [find("ldapmodify"), "-a", "-x", "-H", self.uri, "-D", f"cn=root,{BASE}", "-w", PASSWORD],
            input=ldif.encode(), check=True, capture_output=True, env=self.environ,
        )

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(30)

    def _answers(self) -> bool:
        assert self.process is not None
        deadline = time.monotonic() + 30
        while self.process.poll() is None and time.monotonic() < deadline:
            try:
                for port in (self.port, self.tls_port):
                    socket.create_connection(("127.0.0.1", port), 1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return True
        self.stop()
        return False

    def _certificates(self) -> None:
        """A CA and a certificate of it for localhost and 127.0.0.1."""
        def openssl(*arguments: str) -> None:
            subprocess.run([find("openssl"), *arguments], cwd=self.folder, check=True, capture_output=True)

        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem",
                "-subj", "/CN=Test CA", "-days", "2", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "server.key", "-out", "server.csr",
                "-subj", "/CN=localhost")
        (self.folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n"
                                           "authorityKeyIdentifier=keyid\n")
        openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-days", "2", "-extfile", "names", "-out", "server.pem")


def find(program: str) -> str:
    """The program's path; skips the test where it is not installed, except in CI."""
    path = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/bin")
    if path is None:
        reason = f"{program} is not installed (apt-get install slapd ldap-utils openssl)"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    return path


def dn(name: str) -> str:
    """The DN of a person: every character that is not plain as a pair of digits, by another rule than the code's."""
    safe = "".join(c if c.isalnum() and c.isascii() else "".join(f"\\{b:02x}" for b in c.encode()) for c in name)
    return f"uid={safe},ou=People,{BASE}"


def _person(name: str) -> str:
    mail = f"mail: {name}@example.org\n" if name.isascii() and name.isalnum() and name != "bert" else ""
    uid = subprocess.run(["base64", "-w0"], input=name.encode(), capture_output=True, check=True).stdout.decode()
    return (f"\ndn: {dn(name)}\nobjectClass: inetOrgPerson\nuid:: {uid}\ncn: Person\nsn: Person\n{mail}"
            f"userPassword: {PASSWORD}\n")


def _group(name: str, members: list[str]) -> str:
    lines = "".join(f"member: {dn(member)}\n" for member in members)
    return f"dn: cn={name},ou=Groups,{BASE}\nobjectClass: groupOfNames\ncn: {name}\n{lines}\n"


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
