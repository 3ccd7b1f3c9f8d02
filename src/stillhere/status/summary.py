"""A bulletin in the shape of Statuspage's `summary.json` (v2), which status readers know.

What that shape has no place for, which is every figure, is under "stillhere".
"""

from hashlib import sha256
from typing import Any

from stillhere.status.bulletin import (
    DEGRADED,
    MAJOR,
    OPERATIONAL,
    PARTIAL,
    Bulletin,
    component,
    figures,
    headline,
)
from stillhere.status.elements import stamp
from stillhere.status.incident import Incident

INDICATORS = {OPERATIONAL: "none", DEGRADED: "minor", PARTIAL: "major", MAJOR: "critical"}
_ORDER = (OPERATIONAL, DEGRADED, PARTIAL, MAJOR)


def summary(bulletin: Bulletin) -> dict[str, Any]:
    """The summary. Its status is decided by figures: the worst of its components."""
    page = _id(bulletin.key)
    components = [_component(bulletin, kind.kind, n) for n, kind in enumerate(bulletin.kinds, 1)]
    worst = max((each["status"] for each in components), key=_ORDER.index, default=OPERATIONAL)
    incident = bulletin.incident
    if incident is not None and worst == OPERATIONAL and not bulletin.current:
        worst = PARTIAL  # something is the matter, and no figure says yet what
    told = [] if incident is None else [_incident(bulletin, incident, worst, components)]
    return {
        "page": {
            "id": page,
            "name": bulletin.name,
            "url": bulletin.url,
            "time_zone": "Etc/UTC",
            "updated_at": stamp(bulletin.told_at),
        },
        "components": components,
        "incidents": told,
        "scheduled_maintenances": [],
        "status": {"indicator": INDICATORS[worst], "description": headline(bulletin)},
        "stillhere": figures(bulletin),
    }


def _component(bulletin: Bulletin, kind: str, position: int) -> dict[str, Any]:
    people, back = bulletin.people(kind), bulletin.back(kind)
    at = bulletin.figures_at or bulletin.told_at
    name = "accounts" if kind == "account" else kind
    described = f"{back:,} people" if people is None else f"{back:,} of {people:,} people"
    return {
        "id": _id(f"{bulletin.key} {kind}"),
        "name": name,
        "status": component(bulletin, kind),
        "created_at": stamp(at),
        "updated_at": stamp(at),
        "position": position,
        "description": described,
        "showcase": True,
        "start_date": None,
        "group_id": None,
        "page_id": _id(bulletin.key),
        "group": False,
        "only_show_if_degraded": False,
    }


def _incident(
    bulletin: Bulletin, incident: Incident, worst: str, components: list[dict[str, Any]]
) -> dict[str, Any]:
    state = _state(bulletin, incident)
    page = _id(bulletin.key)
    return {
        "id": incident.id,
        "name": incident.title,
        "status": state,
        "created_at": stamp(incident.opened_at),
        "updated_at": stamp(incident.told_at),
        "monitoring_at": _monitoring_at(bulletin, incident),
        "resolved_at": None,
        "impact": INDICATORS[worst],
        "shortlink": bulletin.url,
        "started_at": stamp(incident.began_at),
        "page_id": page,
        "incident_updates": [
            {
                "id": _id(f"{incident.id} {number}"),
                "status": state,
                "body": update.text,
                "incident_id": incident.id,
                "created_at": stamp(update.told_at),
                "updated_at": stamp(update.told_at),
                "display_at": stamp(update.told_at),
                "affected_components": None,
                "deliver_notifications": False,
                "custom_tweet": None,
                "tweet_id": None,
            }
            for number, update in reversed(list(enumerate(incident.updates)))
        ],
        "components": [each for each in components if each["status"] != OPERATIONAL],
    }


def _state(bulletin: Bulletin, incident: Incident) -> str:
    if _monitoring_at(bulletin, incident) is not None:
        return "monitoring"
    return "identified" if incident.cause else "investigating"


def _monitoring_at(bulletin: Bulletin, incident: Incident) -> str | None:
    """When everything was back, if that was in this incident."""
    whole = None if bulletin.recovery is None else bulletin.recovery.whole_at
    return stamp(whole) if whole is not None and whole >= incident.began_at else None


def _id(seed: str) -> str:
    """Short and always the same, as Statuspage's are."""
    return sha256(f"stillhere {seed}".encode()).hexdigest()[:12]
