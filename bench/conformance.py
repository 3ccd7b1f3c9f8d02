"""What caldav-server-tester finds, of Stillhere and of stock Radicale: `make conformance`.

Writes docs/conformance.md: every feature that it looks at, side by side, and in words each that
Stillhere does not have in full. Ends with 1 when such a feature is not in WORDS, or when one of
these is in full by now: then the page is not written.
"""

from __future__ import annotations

import argparse
import ast
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from peers import Server, start_radicale, start_stillhere

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/conformance.md"
PATIENCE_S = 600
Findings = Mapping[str, str]

WORDS = {
    "create-calendar.auto": "A calendar is there once it was made. "
    "What is written to a path where none is gets 409, as RFC 4918 has it.",
    "principal-search": "Nobody finds out who else has an account. "
    "The search is refused by name, 403 with `DAV:supported-report`.",
    "principal-search.by-name.self": "The same.",
    "principal-search.list-all": "The same.",
    "save-load.journal.mixed-calendar": "A calendar takes one component: events, to-dos and notes "
    "are three kinds, and each opens by itself after a loss "
    "([decision 33](decisions/0033-one-calendar-home-three-shelves.md)). "
    "A calendar says which it takes (`supported-calendar-component-set`), "
    "and programs go by that.",
    "save-load.todo.mixed-calendar": "The same.",
    "save.if-none-match": "The tester sends the same bytes again, and a repeated PUT is no "
    "conflict here: it is what a phone does that did not hear the answer to its first. "
    "Other bytes get 412.",
    "scheduling": "Stillhere invites nobody: it sends no mail, and programs that have an account "
    "for mail do it themselves.",
    "search.text.comp-type-optional": "A filter that names no component asks about properties of "
    "the VCALENDAR itself (RFC 4791, 9.7.1), which has neither a summary nor categories.",
    "sync-token.invalid-token": "400 with `DAV:valid-sync-token`: programs relist when they read "
    "the name, and Thunderbird's address book never syncs again after a 403.",
    "url.encode-at.identity": "A path is read before it is compared: `@` and `%40` are one name. "
    "Programs write both, also for one and the same item.",
    "url.encode-at.literal.principal": "Not asked: the account of this run has no `@` in its name.",
    "well-known": "Not asked of a server on the loopback interface. "
    "`/.well-known/caldav` leads to `/dav/`.",
}

HEAD = """\
# Conformance
[caldav-server-tester]({tester_url}) looks at a CalDAV server feature by feature, with the library `caldav`, as programs in Python use it.
`make conformance` runs it against Stillhere and against stock Radicale, each as it comes, and writes this page; a feature that Stillhere does not have in full, and that has no words below, fails it.

Version {tester} with `caldav` {caldav}, Radicale {radicale}: of {all} features Stillhere has {ours} in full, Radicale {theirs}.

| Level | What the tester means by it |
|---|---|
| full | as the RFCs have it, or as programs expect it |
| quirk | there, and a program that knows how can use it |
| unsupported | not there |
| ungraceful | refused with an error |
| broken | there, and wrong |
| unknown | it did not find out |

"""  # noqa: E501 (a line of the page)


def main() -> int:
    """Runs the tester twice and writes the page."""
    arguments = _parse()
    with tempfile.TemporaryDirectory(prefix="stillhere-conformance-") as scratch:
        ours = _look_at_stillhere(Path(scratch) / "stillhere", arguments)
        theirs = _look_at_radicale(Path(scratch) / "radicale", arguments)
    lacking = {feature for feature in ours | theirs if ours.get(feature) not in ("full", "yes")}
    wrong = [f"{feature}: no words for {ours.get(feature)}" for feature in lacking - WORDS.keys()]
    wrong += [f"{feature}: words, and it is in full" for feature in WORDS.keys() - lacking]
    if wrong:
        print("\n".join(sorted(wrong)), file=sys.stderr)
        return 1
    PAGE.write_text(_page(ours, theirs), "utf-8")
    return 0


def _parse() -> argparse.Namespace:
    beside = Path(sys.executable).parent
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tools", type=Path, default=beside, help="where Radicale is")
    parser.add_argument(
        "--tester",
        type=Path,
        default=beside.parent / "tester/bin/caldav-server-tester",
        help="where the tester is: it has an environment of its own",
    )
    return parser.parse_args()


def _look_at_stillhere(scratch: Path, arguments: argparse.Namespace) -> dict[str, str]:
    scratch.mkdir()
    with start_stillhere(scratch, arguments.tools) as server:
        return _look_at(server, "/dav/", scratch, arguments.tester)


def _look_at_radicale(scratch: Path, arguments: argparse.Namespace) -> dict[str, str]:
    scratch.mkdir()
    with start_radicale(scratch, arguments.tools) as server:
        return _look_at(server, server.books, scratch, arguments.tester)


def _look_at(server: Server, path: str, scratch: Path, tester: Path) -> dict[str, str]:
    """Levels by feature; for what is seen rather than had, yes or no."""
    host, port = server.address
    done = subprocess.run(
        [
            *(str(tester), "--format", "hints", "--caldav-url", f"http://{host}:{port}{path}"),
            *("--caldav-user", server.login.name, "--caldav-pass", server.login.password),
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        # No settings of whoever runs this: the server named above, and no other.
        env={"PATH": os.environ["PATH"], "HOME": str(scratch)},
        timeout=PATIENCE_S,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the tester ended with {done.returncode}: {done.stderr}")
    found: dict[str, dict[str, object]] = ast.literal_eval(done.stdout)
    return {
        feature: str(of.get("support", "yes" if of.get("value") else "no"))
        for feature, of in found.items()
    }


def _page(ours: Findings, theirs: Findings) -> str:
    features = sorted({*ours, *theirs})
    head = HEAD.format(
        tester_url="https://github.com/python-caldav/caldav-server-tester",
        tester=_version("conformance", "caldav-server-tester"),
        caldav=_version("conformance", "caldav"),
        radicale=_version("bench", "radicale"),
        all=len(features),
        ours=sum(level == "full" for level in ours.values()),
        theirs=sum(level == "full" for level in theirs.values()),
    )
    words = ["## What Stillhere does not have, or does otherwise"]
    for feature in sorted(WORDS):
        sentences = re.sub(r"([a-z)`]\.) (?=[A-Z`])", r"\1\n", WORDS[feature])
        words.append(f"**{feature}**: {ours.get(feature, '–')}.\n{sentences}\n")
    rows = ["## Feature by feature", "| Feature | Stillhere | Radicale |", "|---|---|---|"]
    rows += [f"| {one} | {ours.get(one, '–')} | {theirs.get(one, '–')} |" for one in features]
    return head + "\n".join((*words, *rows)) + "\n"


def _version(lock: str, name: str) -> str:
    text = (ROOT / f"requirements/{lock}.txt").read_text("utf-8")
    found = re.search(rf"(?m)^{name}==(\S+)", text)
    assert found, name
    return found[1]


if __name__ == "__main__":
    sys.exit(main())
