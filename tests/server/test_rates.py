"""How fast a vault would be brought back is measured on whatever can be."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.rooms import make_service, put

from stillhere.server.rates import last_measured, measure
from stillhere.vault.keys import key_copies


def test_an_account_whose_key_is_lost_is_left_out_of_the_sample(tmp_path: Path) -> None:
    service = make_service(tmp_path)
    with service.at_work() as working:
        accounts = [working.store.accounts.create(name) for name in ("anna", "ben")]
        for account in accounts:
            put(working, account, "1.vcf")
    shutil.rmtree(service.home)
    for name in key_copies(min(accounts)):
        (service.place / name).unlink()
    with service.recovered() as working:
        rates = measure(working)
        assert rates is not None
        assert (rates.shelves, rates.records) == (1, 1)
        assert last_measured(working.core) == rates
