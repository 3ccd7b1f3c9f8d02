"""What a long-running command says of what happened, in words."""

import pytest

from stillhere.cli.events import Announcer


@pytest.mark.parametrize(
    ("kind", "shelves", "records", "incomplete", "said"),
    [
        ("contacts", 2, 3, 0, "stage contacts: 3 contacts of 2 people are back"),
        ("tasks", 1, 1, 0, "stage tasks: 1 to-do of 1 person is back"),
        ("account", 1, 2, 0, "stage account: 2 records of 1 person are back"),
        ("notes", 0, 0, 0, "stage notes: nobody had any"),
        ("calendar", 3, 9, 1, "9 events of 3 people are back; 1 person lacks something of it"),
        ("calendar", 3, 9, 2, "9 events of 3 people are back; 2 people lack something of it"),
    ],
)
def test_a_stage_is_told_in_the_words_of_its_kind(
    capsys: pytest.CaptureFixture[str],
    kind: str,
    shelves: int,
    records: int,
    incomplete: int,
    said: str,
) -> None:
    announce = Announcer(as_json=False)
    announce("stage", kind=kind, shelves=shelves, records=records, incomplete=incomplete, seconds=1)
    assert capsys.readouterr().out.endswith(f"{said}\n")
