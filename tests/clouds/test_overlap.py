"""The same bill twice in one monitor: refused once it is seen, in words that name it, and judged again once mended."""

from __future__ import annotations

import pytest

from tests.aws.table import PAYER
from tests.azure.build import ACCOUNT as ENROLMENT
from tests.clouds.world import BY_ACCOUNT, COMPANY, Clouds, march
from tests.gcp.build import ACCOUNT as BILLING

REASONS = {"no_data", "not_judged"}


@pytest.mark.parametrize(
    ("cloud", "account"), [("aws", PAYER), ("azure", f"/{ENROLMENT}"), ("gcp", BILLING)], ids=["aws", "azure", "gcp"]
)
def test_a_cloud_and_its_own_export_are_not_added_up(clouds: Clouds, cloud: str, account: str) -> None:
    """The file is what that cloud exports as FOCUS: it has the account's name as the cloud writes it."""
    clouds.spend()
    clouds.write_lake(account)
    clouds.configure(COMPANY, BY_ACCOUNT, sources=(cloud, "lake"))
    told = clouds.read(march(16))
    for name in ("company", "accounts"):
        words = f"monitor {name} cannot be judged: its sources {cloud} and lake both bring billing account {account}"
        assert f"{words}, which would count it twice; look at one of them" in told
    assert clouds.decide("company", march(16)) == (30, "allow", REASONS)
    assert f"both bring billing account {account}" in clouds.explain("company", march(16))
    assert "cannot be judged" not in clouds.read(march(17))  # it was said

    clouds.configure(COMPANY.replace("budget", f'sources = ["{cloud}"]\nbudget'), sources=(cloud, "lake"))
    clouds.read(march(18))
    assert clouds.decide("company", march(18)) == (0, "allow", {"healthy"})


@pytest.mark.parametrize("cloud", ["aws", "azure", "gcp"])
def test_a_cloud_that_is_configured_twice_is_not_added_up(clouds: Clouds, cloud: str) -> None:
    clouds.spend()
    clouds.configure(clouds.source(cloud, name="again"), COMPANY, sources=(cloud,))
    assert f"its sources {' and '.join(sorted(('again', cloud)))} both bring billing account" in clouds.read(march(16))
    assert clouds.decide("company", march(16)) == (30, "allow", REASONS)
