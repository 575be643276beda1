"""What must stand beside places: the attribution that the licences of geographic data ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from tapiary.cli.layout import Screen
    from tapiary.services import Services


def attribution_lines(services: Services, screen: Screen) -> list[str]:
    """The attribution of the files in use, wrapped to the screen and never cut."""
    lines = [line for text in services.attribution() for line in click.wrap_text(text, screen.width).splitlines()]
    return [screen.style(line, dim=True) for line in lines]
