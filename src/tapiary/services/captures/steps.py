"""The one way in which a capture changes its status: a step of `tapiary.capture.STEPS`, by one guarded UPDATE."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import update

from tapiary.capture import sources, target
from tapiary.database import Capture

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def step(session: Session, capture_id: int, event: str, message: str, **values: Any) -> Capture | None:
    """Take a step, with the message that users see; None when the capture is in no state that allows it."""
    statement = (
        update(Capture)
        .where(Capture.id == capture_id, Capture.status.in_(sources(event)))
        .values(status=target(event), status_msg=message, **values)
    )
    return session.scalars(
        statement.returning(Capture).execution_options(synchronize_session=False, populate_existing=True)
    ).first()
