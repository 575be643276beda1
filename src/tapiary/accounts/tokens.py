"""Application tokens: `tap_<id>_<secret>`, shown once; the database keeps a hash.

The secret has 256 random bits, so a plain SHA-256 of it cannot be turned back by guessing and costs nothing per
request; slow password hashes are for secrets that people choose.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
import time
from collections.abc import Iterable
from dataclasses import replace

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tapiary.accounts.actor import LOCAL, SCOPES, Actor, Permission, Scope
from tapiary.accounts.audit import AuditLog
from tapiary.accounts.cache import CACHE_SIZE, MomentCache
from tapiary.accounts.queries import actor_of, admins, changing, find_user
from tapiary.accounts.rules import check_rank, require
from tapiary.accounts.views import TokenView, token_view
from tapiary.database import Database, Level, Token, User
from tapiary.errors import Conflict, Forbidden, InvalidInput, NotFound

PREFIX = "tap"
SECRET_BYTES = 32
#: Longest name, in characters.
NAME_LENGTH = 200
#: `last_used_at` is written this often at most: it is for seeing what is still in use, not for counting.
LAST_USED_S = 60.0

_FORM = re.compile(rf"{PREFIX}_([1-9][0-9]{{0,17}})_([A-Za-z0-9_-]{{20,100}})")


class Tokens:
    """The application tokens in the database. Safe to share between threads."""

    def __init__(self, database: Database, audit: AuditLog, cache: MomentCache[Actor | None]) -> None:
        self._database, self._audit, self._cache = database, audit, cache
        self._lock = threading.Lock()
        self._used: dict[str, float] = {}

    def list(self, actor: Actor, *, everyone: bool = False, revoked: bool = False) -> list[TokenView]:
        """The actor's tokens in the order of their making; with `revoked` also those that are no longer valid.

        `everyone`: all users' tokens, for who has ADMIN; else raises Forbidden.
        """
        query = select(Token, User.name).outerjoin(User, User.id == Token.user_id).order_by(Token.id)
        if everyone:
            if not actor.has(Permission.ADMIN):
                raise Forbidden("only users with ADMIN see the tokens of others")
        else:
            query = query.where(Token.user_id == actor.user_id)
        if not revoked:
            query = query.where(Token.revoked_at.is_(None))
        with self._database.session(write=False) as session:
            return [token_view(token, owner) for token, owner in session.execute(query)]

    def create(
        self, actor: Actor, name: str, *, scopes: Iterable[Scope] = SCOPES, expires_at: float | None = None,
        owner: str | None = None,
    ) -> tuple[TokenView, str]:
        """Make a token of the actor's; the text is shown this once and cannot be had again.

        Only the shell may name another `owner`. Raises InvalidInput, NotFound, and Forbidden for who is no
        user or acts by a token without the scope admin.
        """
        require(actor)
        wanted = set(scopes)
        if not wanted or not wanted <= set(SCOPES):
            raise InvalidInput(f"scopes: must be some of {', '.join(SCOPES)}", field="scopes")
        name = name.strip()
        if not 1 <= len(name) <= NAME_LENGTH:
            raise InvalidInput(f"name: must have 1 to {NAME_LENGTH} characters", field="name")
        if expires_at is not None and not time.time() < expires_at < float("inf"):
            raise InvalidInput("expires_at: must lie in the future", field="expires_at")
        secret = secrets.token_urlsafe(SECRET_BYTES)
        with changing(self._database) as session:
            user = _owner(session, actor, owner)
            token = Token(name=name, hash=_hash(secret), user_id=user.id, rights=[s for s in SCOPES if s in wanted],
                          created_at=time.time(), expires_at=expires_at)
            session.add(token)
            session.flush()
            self._audit.write(actor, "token.create", str(token.id),
                              {"name": name, "owner": user.name, "scopes": token.rights}, session=session)
        return token_view(token, user.name), f"{PREFIX}_{token.id}_{secret}"

    def renew(self, actor: Actor, token_id: int) -> str:
        """A new secret for a token of the actor's; the old one is good for nothing from now on.

        Raises NotFound, Forbidden for another user's token, and Conflict for one that was revoked or has expired.
        """
        require(actor)
        secret = secrets.token_urlsafe(SECRET_BYTES)
        with changing(self._database) as session:
            token = _find(session, actor, token_id)
            if token.revoked_at is not None or _is_expired(token):
                raise Conflict(f"token {token_id} is no longer valid; make a new one", field="token")
            token.hash = _hash(secret)
            self._audit.write(actor, "token.renew", str(token_id), {"name": token.name}, session=session)
        self._cache.clear()
        return f"{PREFIX}_{token_id}_{secret}"

    def revoke(self, actor: Actor, token_id: int) -> TokenView:
        """End a token at once; one that was revoked before stays as it is.

        Who has ADMIN may end those of others, too, unless they outrank. Raises NotFound, and Forbidden.
        """
        with changing(self._database) as session:
            token = _find(session, actor, token_id, others=actor.has(Permission.ADMIN))
            user = None if token.user_id is None else session.get(User, token.user_id)
            if user is not None:
                check_rank(actor, user.level, f"user {user.name!r}")
            if token.revoked_at is None:
                token.revoked_at = time.time()
                self._audit.write(actor, "token.revoke", str(token_id), {"name": token.name}, session=session)
        self._cache.clear()
        return token_view(token, user.name if user is not None else None)

    def verify(self, token: str, *, address: str = "") -> Actor | None:
        """Whose token this is, None when it is not valid: its owner, as far as its scopes allow."""
        found = _FORM.fullmatch(token)
        if found is None:
            return None
        # The secret itself is not kept in memory.
        actor = self._cache.get(_hash(token), lambda: self._look_up(int(found[1]), found[2]))
        if actor is None:
            return None
        self._note_use(found[1])
        return replace(actor, address=address) if address else actor

    def _look_up(self, token_id: int, secret: str) -> Actor | None:
        query = (
            select(Token, User, Level.permissions).outerjoin(User, User.id == Token.user_id)
            .outerjoin(Level, Level.level == User.level).where(Token.id == token_id)
        )
        with self._database.session(write=False) as session:
            row = session.execute(query).first()
        if row is None or not hmac.compare_digest(row[0].hash, _hash(secret)):
            return None
        token, user, permissions = row
        if token.revoked_at is not None or _is_expired(token):
            return None
        scopes, means = frozenset(scope for scope in SCOPES if scope in token.rights), f"token:{token.id}"
        if token.user_id is None:  # from before there were users, and not adopted yet
            return replace(LOCAL, name=token.name, scopes=scopes, means=means)
        return actor_of(user, permissions, means=means, scopes=scopes)

    def _note_use(self, token_id: str) -> None:
        now = time.monotonic()
        with self._lock:
            if now - self._used.get(token_id, -LAST_USED_S) < LAST_USED_S:
                return
            if len(self._used) >= CACHE_SIZE:
                self._used.clear()
            self._used[token_id] = now
        with self._database.session(durable=False) as session:
            session.execute(update(Token).where(Token.id == int(token_id)).values(last_used_at=time.time()))


def _owner(session: Session, actor: Actor, name: str | None) -> User:
    """Who is to have a new token: the actor; from the shell whom it names, else the first user with ADMIN."""
    if actor.means == LOCAL.means:
        user = find_user(session, name) if name is not None else session.scalar(admins().limit(1))
        if user is None:
            raise Conflict("no user has ADMIN; name the user that the token is to belong to", field="owner")
        return user
    user = None if actor.user_id is None else session.get(User, actor.user_id)
    if user is None:
        raise Forbidden("a token needs a user that it belongs to")
    if name is not None and find_user(session, name).id != user.id:
        raise Forbidden("nobody can make tokens for others", field="owner")
    return user


def _find(session: Session, actor: Actor, token_id: int, *, others: bool = False) -> Token:
    token = session.get(Token, token_id) if 0 < token_id < 1 << 63 else None
    if token is None:
        raise NotFound(f"token: there is no token {token_id}", field="token")
    if not others and (actor.user_id is None or token.user_id != actor.user_id):
        raise Forbidden(f"token {token_id} is not yours", field="token")
    return token


def _is_expired(token: Token) -> bool:
    return token.expires_at is not None and token.expires_at <= time.time()


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
