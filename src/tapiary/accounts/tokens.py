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
from dataclasses import dataclass

from sqlalchemy import select, update

from tapiary.accounts.actor import RIGHTS, Actor, Right
from tapiary.database import Database, Token
from tapiary.errors import InvalidInput, NotFound

PREFIX = "tap"
SECRET_BYTES = 32
#: `last_used_at` is written this often at most: it is for seeing what is still in use, not for counting.
LAST_USED_S = 60.0
#: How long an answer of the database may be used again; a token revoked by another process ends within it.
CACHE_S = 1.0
#: Tokens whose answer is remembered; beyond that, the memory starts anew.
CACHE_SIZE = 1024

_FORM = re.compile(rf"{PREFIX}_([1-9][0-9]{{0,17}})_([A-Za-z0-9_-]{{20,100}})")


@dataclass(frozen=True, slots=True)
class TokenView:
    """A token without its secret; times in Unix seconds."""

    id: int
    name: str
    rights: tuple[Right, ...]
    created_at: float
    last_used_at: float | None
    revoked_at: float | None


class Accounts:
    """Tokens in the database. Safe to share between threads; the constructor does no I/O."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, Actor | None]] = {}
        self._used: dict[int, float] = {}

    def create_token(self, name: str, rights: Iterable[Right] = ("read", "write")) -> str:
        """Make a token; the text is shown this once and cannot be had again. Raises InvalidInput."""
        wanted = set(rights)
        if not wanted or not wanted <= set(RIGHTS):
            raise InvalidInput(f"rights: must be some of {', '.join(RIGHTS)}", field="rights")
        if not name.strip() or len(name) > 200:
            raise InvalidInput("name: must have 1 to 200 characters", field="name")
        secret = secrets.token_urlsafe(SECRET_BYTES)
        token = Token(
            name=name.strip(), hash=_hash(secret), rights=[r for r in RIGHTS if r in wanted], created_at=time.time()
        )
        with self._database.session() as session:
            session.add(token)
            session.flush()
        return f"{PREFIX}_{token.id}_{secret}"

    def verify(self, token: str) -> Actor | None:
        """Whose token this is, None when it is not valid or was revoked."""
        found = _FORM.fullmatch(token)
        if found is None:
            return None
        now = time.monotonic()
        # The secret itself is not kept in memory.
        key = _hash(token)
        with self._lock:
            until, actor = self._known.get(key, (0.0, None))
        if now >= until:
            actor = self._look_up(int(found[1]), found[2])
            with self._lock:
                if len(self._known) >= CACHE_SIZE:
                    self._known.clear()
                self._known[key] = (now + CACHE_S, actor)
        if actor is not None:
            self._note_use(actor, now)
        return actor

    def revoke(self, token_id: int) -> TokenView:
        """End a token at once; one that was revoked before stays as it is. Raises NotFound."""
        with self._database.session() as session:
            token = session.get(Token, token_id)
            if token is None:
                raise NotFound(f"token: there is no token {token_id}", field="token")
            token.revoked_at = token.revoked_at or time.time()
            view = _view(token)
        with self._lock:
            self._known.clear()
        return view

    def list(self, *, revoked: bool = True) -> list[TokenView]:
        """The tokens in the order of their making; with `revoked` also those that are no longer valid."""
        query = select(Token).order_by(Token.id)
        if not revoked:
            query = query.where(Token.revoked_at.is_(None))
        with self._database.session(write=False) as session:
            return [_view(token) for token in session.scalars(query)]

    def _look_up(self, token_id: int, secret: str) -> Actor | None:
        with self._database.session(write=False) as session:
            token = session.get(Token, token_id)
        if token is None or token.revoked_at is not None or not hmac.compare_digest(token.hash, _hash(secret)):
            return None
        return Actor(token.name, frozenset(r for r in RIGHTS if r in token.rights), token.id)

    def _note_use(self, actor: Actor, now: float) -> None:
        assert actor.token_id is not None
        with self._lock:
            if now - self._used.get(actor.token_id, -LAST_USED_S) < LAST_USED_S:
                return
            self._used[actor.token_id] = now
        with self._database.session(durable=False) as session:
            session.execute(update(Token).where(Token.id == actor.token_id).values(last_used_at=time.time()))


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _view(token: Token) -> TokenView:
    rights = tuple(r for r in RIGHTS if r in token.rights)
    return TokenView(token.id, token.name, rights, token.created_at, token.last_used_at, token.revoked_at)
