"""Times as a person types them: how long from now, or which moment."""

import re
from datetime import datetime

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def read_time(text: str, now: int) -> int | None:
    """Milliseconds since 1970 of "90s", "15m", "2h" or "1d" from `now`, or of an ISO 8601 time
    ("2026-11-30T14:00", in the zone of whoever runs this unless it names one). None for anything
    else."""
    span = re.fullmatch(r"(\d{1,6})([smhd])", text.strip())
    if span:
        return now + 1000 * int(span[1]) * _UNITS[span[2]]
    try:
        at = datetime.fromisoformat(text.strip())
        return round(at.astimezone().timestamp() * 1000)
    except (ValueError, OverflowError, OSError):
        return None
