"""A cloud that begins to charge in another currency: held and told, never added up."""

from __future__ import annotations

from dataclasses import replace

from tests.clouds.world import AWS_PROD, AZURE_DEV, AZURE_PROD, BY_ACCOUNT, COMPANY, Clouds, flat, march


def turn_to_euros(clouds: Clouds, first: int) -> None:
    clouds.azure.table = [
        replace(charge, currency="EUR") if charge.day >= march(first) else charge for charge in clouds.azure.table
    ]


def test_a_circuit_with_another_currency_is_held_and_its_money_is_never_added(clouds: Clouds) -> None:
    clouds.spend()
    clouds.configure(COMPANY, BY_ACCOUNT, sources=("aws", "azure"))
    clouds.read(march(16))
    before = clouds.status(march(16))["circuits"]
    turn_to_euros(clouds, 17)
    told = clouds.read(march(17))

    for who in ("company", f"Microsoft / {AZURE_PROD}", f"Microsoft / {AZURE_DEV}"):
        assert f"{who} has charges in a currency other than its own: it is held" in told
    for circuit in ("company", f"accounts/Microsoft/{AZURE_PROD}", f"accounts/Microsoft/{AZURE_DEV}"):
        assert clouds.decide(circuit, march(17)) == (30, "allow", {"currency_mismatch"})
    assert clouds.decide(f"accounts/AWS/{AWS_PROD}", march(17)) == (0, "allow", {"healthy"})

    # 17 March: 95 dollars of AWS, which was read first, and none of the 55 euros.
    spent = {each["circuit"]: each["spend"] for each in [*before, *clouds.status(march(17))["circuits"]]}
    assert (before[0]["circuit"], float(before[0]["spend"]), float(spent["company"])) == ("company", 2400.0, 2495.0)
    assert "it has charges in EUR" in clouds.explain("company", march(17))
    again = clouds.read(march(18))
    assert "other than its own" not in again
    assert clouds.decide("company", march(18)) == (30, "allow", {"currency_mismatch"})
    assert float(clouds.status(march(18))["circuits"][0]["spend"]) == 2495.0


def test_a_live_check_names_the_monitor_and_the_currency_beforehand(clouds: Clouds) -> None:
    clouds.spend()
    turn_to_euros(clouds, 10)
    clouds.configure(COMPANY, BY_ACCOUNT, sources=("azure", "lake"))
    live = clouds.run("check", "--live")
    assert live.code == 1
    told = flat(live.out)
    assert "✘ source azure monitor company is in USD, and this source charges in EUR" in told
    assert "monitor accounts is in USD, and this source charges in EUR: set its currency, or convert with" in told
    assert "in EUR, USD" in told
    assert "✔ source lake" in told
    assert not clouds.state.exists()


def test_money_that_is_converted_observes_and_never_blocks(clouds: Clouds) -> None:
    clouds.spend()
    turn_to_euros(clouds, 1)
    rate = '[[fx]]\ncurrency = "EUR"\ninto = "USD"\nrate = "1.5"\nfrom = 2026-03-01\n'
    clouds.configure(COMPANY.replace("enforce", "observe"), rate, sources=("azure", "lake"))
    clouds.read(march(16))
    assert clouds.decide("company", march(16)) == (0, "allow", {"healthy"})
    (company,) = clouds.status(march(16))["circuits"]
    assert float(company["spend"]) == 16 * (55 * 1.5 + 20)
