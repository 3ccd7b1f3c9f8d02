"""What a day needs of the service whose core is lost; Stillhere and Radicale each have one."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol


class Login(NamedTuple):
    """What a person types into a phone."""

    name: str
    password: str


@dataclass(frozen=True)
class Returned:
    """How a service came back; seconds since its new process was started, None where unknown."""

    serving_s: float | None = None
    contacts_s: float | None = None
    """Every shelf of contacts is in the core again."""
    mirrored_s: float | None = None
    whole_s: float | None = None
    complete: int | None = None
    """Shelves with the verdict 'complete': those of each kind, and the account's own."""
    incomplete: int | None = None


class Service(Protocol):
    """A service with one core, in the order in which the day calls it."""

    name: str
    """What the page of figures calls it."""
    port: int
    """On 127.0.0.1, the same all day."""

    def open(self, names: list[str]) -> list[Login]:
        """Set up, make the accounts and serve."""

    def take_in(self, login: Login, kind: str, items: list[tuple[str, bytes]]) -> bool:
        """Take a whole collection of a kind in one request, if it can; says whether it did."""

    def back_up(self) -> None:
        """Make the backup of the day, if this service needs one made."""

    def kill(self) -> None:
        """Kill the server, without warning."""

    def lose(self) -> None:
        """Destroy the core: everything that the server had on its own disk."""

    def start_recovery(self) -> float:
        """Start the way back and return its first moment (`time.monotonic`)."""

    def contacts_are_back(self) -> float | None:
        """Return when (`time.monotonic`) every shelf was back, None while it isn't."""

    def wait_until_whole(self, seconds: float) -> Returned:
        """Return when the recovery says that it is done."""

    def stop(self) -> None:
        """End what was started, whatever state it is in."""

    @staticmethod
    def same(one: bytes, other: bytes) -> bool:
        """Say whether what the server returned is what was sent."""
