"""Who is told what happens while a core serves or comes back."""

from typing import Protocol

from stillhere.errors import StillhereError


class Announce(Protocol):
    """An operator, or the program that started this one. Any thread may tell."""

    def __call__(self, event: str, **facts: object) -> None:
        """Something happened."""

    def refuse(self, error: StillhereError) -> None:
        """Why something is not done, or nothing is served."""
