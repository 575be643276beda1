"""The forms of the pages, by Flask-WTF: each has the CSRF token in it."""

from __future__ import annotations

from typing import Any

from flask_wtf import FlaskForm  # type: ignore[import-untyped]
from wtforms import (  # type: ignore[import-untyped]
    DateField,
    EmailField,
    HiddenField,
    PasswordField,
    SelectChoice,
    SelectMultipleField,
    StringField,
    SubmitField,
)
from wtforms.validators import EqualTo, InputRequired, Length, Optional  # type: ignore[import-untyped]
from wtforms.widgets import CheckboxInput, ListWidget  # type: ignore[import-untyped]

from tapiary.accounts import SCOPES

_MEANINGS = {
    "read": "read: look at everything that the user may see",
    "write": "write: bring, change, order and delete",
    "admin": "admin: everything else that the user may do",
}


class LoginForm(FlaskForm):  # type: ignore[misc]
    """Name and password."""

    username = StringField("User name", [InputRequired()], render_kw={"autocomplete": "username", "autofocus": True})
    password = PasswordField("Password", [InputRequired()], render_kw={"autocomplete": "current-password"})
    next = HiddenField()
    submit = SubmitField("Log in")


class PasswordForm(FlaskForm):  # type: ignore[misc]
    """A new password."""

    current = PasswordField("Current password", [InputRequired()], render_kw={"autocomplete": "current-password"})
    password = PasswordField(
        "New password", [InputRequired(), Length(8, 500)], render_kw={"autocomplete": "new-password"},
        description="8 to 500 characters",
    )
    again = PasswordField(
        "New password again", [EqualTo("password", "is not the same")], render_kw={"autocomplete": "new-password"}
    )
    change_password = SubmitField("Change password")


class EmailForm(FlaskForm):  # type: ignore[misc]
    """Another e-mail address."""

    email = EmailField("E-mail address", [Length(max=70)], render_kw={"autocomplete": "email"})
    change_email = SubmitField("Change e-mail address")


class _Boxes(SelectMultipleField):  # type: ignore[misc]
    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()


class TokenForm(FlaskForm):  # type: ignore[misc]
    """An application token to be."""

    name = StringField("Name", [InputRequired(), Length(max=30)], description="What it is for")
    scopes = _Boxes(
        "Good for", [InputRequired("choose at least one")],
        choices=[SelectChoice(scope, _MEANINGS[scope]) for scope in SCOPES],
        default=list(SCOPES),
    )
    expires = DateField("Last day (UTC)", [Optional()], description="Empty: it does not expire")
    create = SubmitField("Make token")


def complaints(form: Any) -> list[str]:
    """What is wrong with a form that was sent."""
    return [f"{form[name].label.text}: {word}" for name, words in form.errors.items() if name for word in words]
