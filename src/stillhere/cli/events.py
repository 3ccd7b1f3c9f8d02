"""What a long-running command tells while it runs: one line per event, as it happens."""

import os
import time

from stillhere.cli.output import line, print_error
from stillhere.errors import StillhereError


class Announcer:
    """Prints events on standard output, and why a core may not serve on standard error.

    Every event carries `at_s`, seconds since the process started. Any thread may call.
    """

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json

    def __call__(self, event: str, **facts: object) -> None:
        """Announces `event` with its facts."""
        at_s = round(since_start(), 3)
        if self._as_json:
            print(line({"event": event, "at_s": at_s, **_plain(facts)}), flush=True)
        else:
            print(f"{at_s:8.3f} s  {_words(event, facts)}", flush=True)

    def refuse(self, error: StillhereError) -> None:
        """Says on standard error why nothing is served."""
        print_error(error, as_json=self._as_json)


def since_start() -> float:
    """Seconds since this process started, its interpreter's own start included."""
    try:
        with open("/proc/self/stat", "rb") as stat:
            ticks = int(stat.read().rpartition(b")")[2].split()[19])
    except OSError:
        return time.process_time()
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


def _plain(facts: dict[str, object]) -> dict[str, object]:
    end = facts.get("end")
    if not isinstance(end, dict):
        return facts
    from stillhere.status.person import VaultEnd
    from stillhere.status.words import plain

    return facts | {"end": plain(VaultEnd(**end))}


def _words(event: str, facts: dict[str, object]) -> str:
    if event == "whole" and isinstance(facts.get("end"), dict):
        from stillhere.status.person import VaultEnd, ending

        end = VaultEnd(**facts["end"])  # type: ignore[arg-type]
        return f"whole: everybody has everything, or knows what is missing, {ending(end)}"
    if event == "salvaged":
        return _salvaged(facts)
    if event == "stage":
        return _stage(**facts)  # type: ignore[arg-type]
    if event == "sealed" and not facts.get("old_core_fenced"):
        return "the vault cannot be written: the old core is NOT sealed, make sure it is off"
    if event == "sealed" and (facts.get("not_sealed") or facts.get("behind")):
        return _sealed_in_part(facts)
    shown = {
        "serving": "serving {url}",
        "refusing": "answering 503 to everything at {url}",
        "sealed": "sealed the old core: it can acknowledge nothing any more",
        "unreached": "no copy of the vault can be read in {place}: {cause}",
        "mirrored": "mirrored: the vault is no longer needed to read",
        "whole": "whole: everybody has everything, or knows what is missing",
    }
    try:
        return shown[event].format(**facts)
    except KeyError:
        return " ".join([event, *(f"{name}={value}" for name, value in facts.items())])


def _sealed_in_part(facts: dict[str, object]) -> str:
    others, behind = (
        ", ".join(map(str, facts.get(name) or ()))  # type: ignore[call-overload]
        for name in ("not_sealed", "behind")
    )
    told = "sealed the old core: it can acknowledge nothing any more"
    if others:
        told = f"sealed the old core in the copies that could be written, not in {others}"
    if behind:
        told += (
            f"; left behind, and only read: {behind} (stillhere vault add makes it a copy again)"
        )
    return told


def _stage(kind: str, shelves: int, records: int, incomplete: int = 0, **_: object) -> str:
    from stillhere.status.words import count, count_of

    if not shelves:
        return f"stage {kind}: nobody had any"
    people, are = count(shelves, "person", "people"), "is" if records == 1 else "are"
    told = f"stage {kind}: {count_of(records, kind)} of {people} {are} back"
    if not incomplete:
        return told
    lack = "lacks" if incomplete == 1 else "lack"
    return f"{told}; {count(incomplete, 'person', 'people')} {lack} something of it"


def _salvaged(facts: dict[str, object]) -> str:
    from stillhere.status.words import count

    n = {name: number for name, number in facts.items() if isinstance(number, int)}
    told = f"salvaged from {facts['file']}: "
    if n["looked_for"]:
        told += f"{n['healed']:,} of {count(n['looked_for'], 'missing record')} came back"
    else:
        told += "nothing was missing"
    if n["held"]:
        told += f", {n['held']:,} are missing still"
    if n["accounts"]:
        told += f"; {count(n['accounts'], 'account')} made again that no vault had"
    if n["found_beyond"]:
        taken = n["written"] + n["deleted"] + n["history"]
        rest = n["found_beyond"] - taken - n["on_closed"]
        parts = {
            "came back": n["written"],
            "deleted something": n["deleted"],
            "went into the history": n["history"],
            "there already, or not to be taken": rest,
            "wait on closed shelves, for accept --salvage": n["on_closed"],
        }
        what = ", ".join(f"{number:,} {how}" for how, number in parts.items() if number)
        told += f"; of {count(n['found_beyond'], 'change')} that no vault had {what}"
    return told
