"""Talking to an LDAP server: bind as the user, then read the user's own entry.

ldap3 is pure Python, so that nothing is compiled and no OpenLDAP headers are needed; nothing here is loaded before
somebody logs in by LDAP. TLS is Python's own, with the host's name checked against the certificate.
"""

from __future__ import annotations

import math
import ssl
from dataclasses import dataclass
from typing import Any

from tapiary.config import LdapConfig
from tapiary.errors import Unavailable
from tapiary.telemetry import logger

_log = logger("accounts")

_ATTRIBUTES = ["cn", "mail", "memberOf"]

#: Results of a bind that mean "not with this name and password" (RFC 4511, appendix A): noSuchObject,
#: invalidDNSyntax, inappropriateAuthentication, invalidCredentials, insufficientAccessRights, and
#: unwillingToPerform, which servers answer for accounts that are locked.
_REFUSED = frozenset({32, 34, 48, 49, 50, 53})

#: What must be escaped anywhere in a DN's value (RFC 4514, section 2.4), written there as hexadecimal pairs.
_DN_SPECIAL = frozenset('"+,;<>\\=\0')


@dataclass(frozen=True, slots=True)
class Entry:
    """What the directory says of a user."""

    dn: str
    name: str
    email: str
    groups: tuple[str, ...]


def escape_dn(value: str) -> str:
    """The text as a value within a DN (RFC 4514, section 2.4)."""
    last = len(value) - 1
    return "".join(
        f"\\{ord(c):02X}" if c in _DN_SPECIAL or (at == 0 and c in "# ") or (at == last and c == " ") else c
        for at, c in enumerate(value)
    )


def escape_filter(value: str) -> str:
    """The text as a value within a search filter (RFC 4515, section 3)."""
    return "".join(f"\\{ord(c):02x}" if c in "*()\\\0" else c for c in value)


def authenticate(config: LdapConfig, name: str, password: str) -> Entry | None:
    """The entry of the user of that name, None when the server refuses the password or knows no such user.

    An empty password is refused without asking: servers take it for an anonymous bind and say yes (RFC 4513,
    section 5.1.2). Raises Unavailable when the server does not answer, or not as it should.
    """
    try:
        # As bytes, for the library would drop some characters of a text (SASLprep), down to an empty password.
        secret = password.encode()
    except UnicodeEncodeError:  # bytes that were no UTF-8 in the request
        return None
    if not secret:
        return None
    try:
        import ldap3  # type: ignore[import-untyped]
        from ldap3.core.exceptions import LDAPException  # type: ignore[import-untyped]
    except ModuleNotFoundError:
        raise Unavailable("logging in by LDAP needs ldap3; install it: pip install 'tapiary[ldap]'") from None
    user = config.user_dn.replace("{name}", escape_dn(name))
    try:
        server = ldap3.Server(config.uri, connect_timeout=config.timeout_s, get_info=ldap3.NONE, tls=_tls(config))
        connection = ldap3.Connection(
            server, user, secret, authentication=ldap3.SIMPLE, read_only=True, auto_referrals=False,
            receive_timeout=math.ceil(config.timeout_s),  # whole seconds only
        )
        try:
            connection.open()
            if config.start_tls and not server.ssl:
                connection.start_tls(read_server_info=False)
            if not connection.bind(read_server_info=False):
                _check_refusal(config, connection.result)
                return None
            return _read(config, connection, name)
        finally:
            connection.unbind()
    except (LDAPException, OSError) as error:
        _log.error("ldap: %s: %s", config.uri, error)
        raise Unavailable(
            f"the LDAP server {config.uri} does not answer as it should; try again later, or see the server's log",
            code="ldap_unavailable",
        ) from None


def _tls(config: LdapConfig) -> Any:
    """The library's TLS with Python's own check of the certificate, which knows addresses as well as names."""
    import ldap3

    class Tls(ldap3.Tls):  # type: ignore[misc]
        def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:
            context = ssl.create_default_context(cafile=config.ca_file or None)
            connection.socket = context.wrap_socket(connection.socket, server_hostname=connection.server.host)

    return Tls(validate=ssl.CERT_REQUIRED)


def _check_refusal(config: LdapConfig, result: dict[str, Any]) -> None:
    """Raise Unavailable when the server refused a bind for something else than the name or the password."""
    if result["result"] in _REFUSED:
        return
    _log.error("ldap: %s: bind: %s %s", config.uri, result["description"], result["message"])
    raise Unavailable(f"the LDAP server {config.uri} refuses all logins for now ({result['description']})",
                      code="ldap_unavailable")


def _read(config: LdapConfig, connection: Any, name: str) -> Entry | None:
    """The one entry that the filter finds; None, and a word in the log, when it finds none or several."""
    import ldap3

    connection.search(
        config.base_dn, config.user_filter.replace("{name}", escape_filter(name)), ldap3.SUBTREE,
        attributes=_ATTRIBUTES, size_limit=2, time_limit=max(1, int(config.timeout_s)),
    )
    found = [item for item in connection.response or () if item.get("type") == "searchResEntry"]
    if len(found) != 1:
        _log.error("ldap: %s: the filter finds %s entries of %r under %s (%s)", config.uri,
                   "no" if not found else "several", name, config.base_dn, connection.result["description"])
        return None
    attributes = {key.lower(): _texts(values) for key, values in found[0]["raw_attributes"].items()}
    first = {key: values[0] for key, values in attributes.items() if values}
    return Entry(found[0]["dn"], first.get("cn", ""), first.get("mail", ""), attributes.get("memberof", ()))


def _texts(values: list[bytes]) -> tuple[str, ...]:
    return tuple(value.decode("utf-8", "replace") for value in values)
