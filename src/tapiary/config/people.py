"""The settings of accounts and of LDAP."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct


class AccountsConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Passwords, logins and the tokens that come of them."""

    access_token_s: Annotated[int, Meta(gt=0, description="Seconds that an access JWT is good for")] = 3600
    refresh_token_s: Annotated[int, Meta(gt=0, description="Seconds that a refresh JWT is good for")] = 604_800
    session_idle_s: Annotated[int, Meta(gt=0, description="A browser's session unused for this long has ended")] = 3600
    session_s: Annotated[int, Meta(gt=0, description="A browser's session ends after this long in any case")] = 43_200
    login_attempts: Annotated[
        int, Meta(ge=1, description="Failed logins for one name or from one address, within `login_window_s`")
    ] = 10
    login_window_s: Annotated[float, Meta(gt=0, description="Seconds for which failed logins count")] = 300.0
    audit_days: Annotated[int, Meta(ge=0, description="Days that the audit log keeps its rows; 0: for ever")] = 0


class LdapConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Logins by LDAP, for names that have no local password."""

    uri: Annotated[str, Meta(description="`ldap://host` or `ldaps://host`; empty: no LDAP")] = ""
    start_tls: Annotated[bool, Meta(description="Whether to go over to TLS on an `ldap://` connection")] = False
    ca_file: Annotated[str, Meta(description="CA certificates of the server, PEM; empty: the system's")] = ""
    user_dn: Annotated[
        str, Meta(description="DN to bind as; `{name}` stands for the user's name")
    ] = "uid={name},ou=People,dc=example,dc=org"
    base_dn: Annotated[str, Meta(description="Where users are searched")] = "dc=example,dc=org"
    user_filter: Annotated[str, Meta(description="Filter that finds the user; `{name}` as above")] = "(uid={name})"
    required_group: Annotated[
        str, Meta(description="DN of the group that may log in, or a part of it; empty: everybody")
    ] = ""
    levels: Annotated[
        dict[str, int],
        Meta(description="Level by group (DN or a part of it), highest rank of all that match, set at each login"),
    ] = {}
    default_level: Annotated[
        int, Meta(ge=0, description="Level of users whom `levels` does not name; 0: the lowest rank there is")
    ] = 0
    timeout_s: Annotated[float, Meta(gt=0, description="Seconds to wait for the LDAP server")] = 5.0
