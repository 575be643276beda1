"""What people and scripts have written about addresses: the inventory.

A device is named by the identifier that the stream `assetDevices` has for it: its own, or its address where nobody
has written about it yet.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tapiary.errors import Conflict, Forbidden, InvalidInput, NotFound

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from tapiary.accounts import Actor
    from tapiary.database import Device
    from tapiary.services import Services

#: Additional fields of a device, and their longest name and text, in characters.
MOST_FIELDS, NAME_LENGTH, TEXT_LENGTH = 200, 128, 4096


@dataclass(frozen=True, slots=True)
class DeviceView:
    """A device; the time is in Unix seconds."""

    id: str
    ip: str
    name: str
    domain_name: str
    description: str
    tags: tuple[str, ...]
    additional: Mapping[str, str]
    dns_records: tuple[str, ...]
    modified_at: float


class Devices:
    """The devices in the database."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def list(self, actor: Actor) -> list[DeviceView]:
        """All devices that somebody has written about, by address text; everybody may see them."""
        from sqlalchemy import select

        from tapiary.database import Device

        with self._services.database.session(write=False) as session:
            return [_view(row) for row in session.scalars(select(Device).order_by(Device.ip))]

    def get(self, id: str) -> DeviceView:
        """One device, by its identifier or address. Raises NotFound."""
        with self._services.database.session(write=False) as session:
            row = _find(session, id)
            if row is None:
                raise _missing(id)
            return _view(row)

    def set_additional(self, actor: Actor, id: str, additional: object) -> DeviceView:
        """Replace a device's additional texts; `{}` clears them. An address makes it one that is written about.

        Raises NotFound for what is neither a device's identifier nor an address, Forbidden for who is no user,
        InvalidInput (additional), and Conflict when somebody wrote about the address at the same moment.
        """
        from sqlalchemy.exc import IntegrityError

        from tapiary.accounts import Permission
        from tapiary.database import Device
        from tapiary.services.elements.elements import new_id

        if actor.user_id is None and not actor.has(Permission.ADMIN):
            raise Forbidden("the inventory is written by users: log in as one")
        texts = _checked(additional)
        try:
            with self._services.database.session() as session:
                row = _find(session, id)
                if row is None:
                    row = Device(id=new_id(), ip=_address(id) or _refused(id), name="", domain_name="", description="",
                                 tags=[], dns_records=[])
                    session.add(row)
                row.additional, row.modified_at = texts, time.time()
                self._services.accounts.audit.write(
                    actor, "device.additional", row.ip, {"fields": sorted(texts)}, session=session)
                return _view(row)
        except IntegrityError:
            raise Conflict("somebody wrote about this address at the same moment; try again") from None


def _find(session: Session, id: str) -> Device | None:
    from sqlalchemy import select

    from tapiary.database import Device

    address = _address(id)
    if address is not None:
        return session.scalars(select(Device).where(Device.ip == address)).first()
    return session.get(Device, id) if id.isascii() and id.isprintable() else None


def _address(text: str) -> str | None:
    """The address in the form in which flows show it, None for what is none."""
    from tapiary.schema import address_bytes, address_text

    try:
        return address_text(address_bytes(text)) if "%" not in text else None
    except ValueError:
        return None


def _checked(additional: object) -> dict[str, str]:
    if not isinstance(additional, Mapping) or not all(
            isinstance(key, str) and isinstance(value, str) for key, value in additional.items()):
        raise _bad("must be an object whose values are texts")
    if len(additional) > MOST_FIELDS:
        raise _bad(f"may have at most {MOST_FIELDS} fields")
    for name, text in additional.items():
        if not 1 <= len(name) <= NAME_LENGTH or len(text) > TEXT_LENGTH:
            raise _bad(f"names must have 1 to {NAME_LENGTH} characters, and texts at most {TEXT_LENGTH}")
        if not _is_kept(name) or not _is_kept(text):
            raise _bad(f"{name!a} holds NUL or what is not valid Unicode")
    return dict(additional)


def _is_kept(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _view(row: Device) -> DeviceView:
    return DeviceView(row.id, row.ip, row.name, row.domain_name, row.description, tuple(map(str, row.tags)),
                      row.additional, tuple(map(str, row.dns_records)), row.modified_at)


def _missing(id: str) -> NotFound:
    return NotFound(f"id: there is no device {id[:64]!a}; give its id or its address", field="id")


def _refused(id: str) -> Any:
    raise _missing(id)


def _bad(reason: str) -> InvalidInput:
    return InvalidInput(f"additional: {reason}", field="additional")
