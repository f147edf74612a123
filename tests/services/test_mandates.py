"""Mandates: given once, under one document, by the wallet's own key; nothing is sent when one of a list cannot be."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from eth_account import Account

from registry.chain.contracts.mandates import Mandate
from registry.errors import AuthError, ChainRevert, ConflictError, EvidenceError, InputError, NotFoundError
from registry.services import mandates
from registry.services.ledger import Ledger
from registry.services.mandates import Given, give_mandates, mandate_of, revoke_mandate
from registry.services.owners import Owner, find_owner
from registry.services.signing import deadline, owner_key, sign
from tests.audit.market_ledger import people, person
from tests.services.homes import PEOPLE, Puhui, opened
from tests.services.market_stages import TERMS, Clock

DIGEST = hashlib.sha256(TERMS).digest()
OUTSIDER = Account.from_key(bytes([7]) * 32)


@pytest.fixture
def ledger(market_at: Callable[[str], Puhui]) -> Iterator[Ledger]:
    """Sixty people, none of whom gave a mandate."""
    with opened(market_at("people").home) as found:
        yield found


def given(ledger: Ledger) -> list[tuple[str, str]]:
    """(holder, transaction) of every mandate ever given."""
    first, head = ledger.contracts.deployment.first_block, ledger.contracts.chain.head()
    found = ledger.contracts.mandates.history(("MandateGiven",), first, head)
    return [(event["holder"], event.transaction) for event in found]


def refused(ledger: Ledger, error: type[Exception], owners: list[Owner], terms: bytes = TERMS, **how: object) -> str:
    """The message of a refusal that sent nothing and kept nothing."""
    head, kept = ledger.contracts.chain.head(), sorted((ledger.home.evidence / "documents").glob("*"))
    with pytest.raises(error) as raised:
        give_mandates(ledger, owners, terms, **how)  # type: ignore[arg-type]
    assert ledger.contracts.chain.head() == head
    assert sorted((ledger.home.evidence / "documents").glob("*")) == kept
    return str(raised.value)


def test_a_mandate_is_given_once(ledger: Ledger) -> None:
    owners = people(ledger, range(1, 4))
    first = give_mandates(ledger, owners, TERMS)
    assert (first.given, first.standing, first.terms, len(first.transactions)) == (3, 0, "0x" + DIGEST.hex(), 1)
    assert first.gas > 0
    head = ledger.contracts.chain.head()
    assert give_mandates(ledger, owners, TERMS) == Given(0, 3, first.terms, [], 0)
    assert ledger.contracts.chain.head() == head
    more = give_mandates(ledger, [*owners, *people(ledger, range(3, 6)), *people(ledger, range(4, 6))], TERMS)
    assert (more.given, more.standing, len(more.transactions)) == (2, 3, 1)
    holders = [holder for holder, _ in given(ledger)]
    assert holders == [owner.wallet for owner in people(ledger, range(1, 6))]
    state = ledger.contracts.mandates.state(holders[0])
    assert (state.terms, state.number, state.revoked_at, state.active) == (DIGEST, 1, 0, True)


def test_other_terms_are_refused_for_the_whole_list(ledger: Ledger) -> None:
    give_mandates(ledger, [person(ledger, 2)], TERMS)
    with pytest.raises(ConflictError) as raised:
        give_mandates(ledger, people(ledger, range(1, 4)), b"other terms")
    assert raised.value.message == "the mandate of A2 is under other terms"
    assert raised.value.fields == {"terms": "0x" + DIGEST.hex()}
    refused(ledger, ConflictError, people(ledger, range(1, 4)), b"other terms")
    assert len(given(ledger)) == 1


@pytest.mark.parametrize("terms", [b"", b" \n\t"])
def test_empty_terms_are_refused(ledger: Ledger, terms: bytes) -> None:
    assert refused(ledger, InputError, people(ledger, range(1, 3)), terms) == "the terms are empty"


def test_a_wallet_whose_key_is_not_at_hand_is_refused_for_the_whole_list(ledger: Ledger) -> None:
    unknown = find_owner(ledger, OUTSIDER.address)
    assert unknown == Owner(None, OUTSIDER.address, False)
    said = refused(ledger, AuthError, [person(ledger, 1), unknown])
    assert said == f"the programme does not hold the key of {OUTSIDER.address}"
    wallet = person(ledger, 1).wallet
    said = refused(ledger, AuthError, [person(ledger, 1)], signer=OUTSIDER)
    assert said == f"the keystore is of {OUTSIDER.address}, the account's wallet is {wallet}"
    said = refused(ledger, AuthError, [unknown, person(ledger, 1)], signer=OUTSIDER)
    assert said == f"the keystore is of {OUTSIDER.address}, the account's wallet is {wallet}"


def test_a_wallet_of_ones_own_signs_with_its_keystore(market_at: Callable[[str], Puhui], tmp_path: Path) -> None:
    puhui = market_at("people")
    line = f"OWN,CX,individual,{OUTSIDER.address},2020-01-01 00:00:00"
    (tmp_path / "own.csv").write_text(f"{PEOPLE}\n{line}\n", "utf-8")
    puhui("accounts", "import", tmp_path / "own.csv")
    with opened(puhui.home) as ledger:
        owner = find_owner(ledger, "OWN")
        assert owner == find_owner(ledger, OUTSIDER.address) == Owner("OWN", OUTSIDER.address, False)
        refused(ledger, AuthError, [owner])
        assert give_mandates(ledger, [owner], TERMS, OUTSIDER).given == 1
        with pytest.raises(AuthError):
            revoke_mandate(ledger, owner)
        assert revoke_mandate(ledger, owner, OUTSIDER).changed is True


def test_a_mandate_after_a_revocation_is_number_2_and_the_first_never_comes_back(ledger: Ledger) -> None:
    owner, contract = person(ledger, 1), ledger.contracts.mandates
    old = Mandate(owner.wallet, DIGEST, 1, deadline())
    signature = sign(owner_key(ledger, owner, None), contract.typed_mandate(old))
    give_mandates(ledger, [owner], TERMS)
    assert revoke_mandate(ledger, owner).changed is True
    assert revoke_mandate(ledger, owner).changed is False
    with pytest.raises(ChainRevert) as raised:
        ledger.submitter("platform").send(contract.give_for([old], [signature]))
    assert raised.value.fields["error"] == "MandatesUnexpectedNumber"
    other = give_mandates(ledger, [owner], b"other terms")
    state, text = mandate_of(ledger, owner)
    assert (other.given, state.number, state.active, text) == (1, 2, True, "other terms")
    assert contract.state(owner.wallet).revoked_at == 0


def test_revoking_what_was_never_given_is_refused(ledger: Ledger) -> None:
    with pytest.raises(NotFoundError) as raised:
        revoke_mandate(ledger, person(ledger, 1))
    assert raised.value.message == "A1 never gave a mandate"
    assert ledger.contracts.mandates.state(person(ledger, 1).wallet).number == 0


def test_the_terms_are_kept_as_they_were_signed(ledger: Ledger) -> None:
    owner = person(ledger, 1)
    assert mandate_of(ledger, owner) == (ledger.contracts.mandates.state(owner.wallet), None)
    give_mandates(ledger, [owner], TERMS)
    path = ledger.home.evidence / "documents" / DIGEST.hex() / "document"
    assert path.read_bytes() == TERMS
    assert mandate_of(ledger, owner)[1] == TERMS.decode()
    path.write_bytes(TERMS + b" and more")
    with pytest.raises(EvidenceError):
        mandate_of(ledger, owner)
    path.unlink()
    assert mandate_of(ledger, owner)[1] is None


def test_a_long_list_is_split_over_calls(market_at: Callable[[str], Puhui], tmp_path: Path) -> None:
    puhui = market_at("people")
    lines = [f"B{n},D{n},individual,,2020-01-01 00:00:00" for n in range(1, 8)]
    (tmp_path / "more.csv").write_text("\n".join([PEOPLE, *lines]) + "\n", "utf-8")
    puhui("accounts", "import", tmp_path / "more.csv")
    said: list[str] = []
    with opened(puhui.home) as ledger:
        owners = [*people(ledger, range(1, 61)), *(find_owner(ledger, f"B{n}") for n in range(1, 8))]
        done = give_mandates(ledger, owners, TERMS, progress=said.append)
        found = given(ledger)
        assert (done.given, len(done.transactions)) == (67, 2)
        assert found == [(owner.wallet, done.transactions[place // 64]) for place, owner in enumerate(owners)]
        assert ledger.contracts.mandates.contract.functions.changes().call() == 67
    assert said == ["64 of 67 mandates", "67 of 67 mandates"]


def test_a_list_that_takes_long_is_signed_as_it_is_sent(
    ledger: Ledger, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mandates, "MAX_MANDATES", 2)
    done = give_mandates(ledger, people(ledger, range(1, 6)), TERMS, progress=lambda _: clock.advance(500))
    assert (done.given, len(done.transactions), len(given(ledger))) == (5, 3, 5)


def test_an_interrupted_list_is_finished(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mandates, "MAX_MANDATES", 2)
    owners = people(ledger, range(1, 6))

    def stop(said: str) -> None:
        if said.startswith("4"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        give_mandates(ledger, owners, TERMS, progress=stop)
    assert len(given(ledger)) == 2
    again = give_mandates(ledger, owners, TERMS)
    assert (again.given, again.standing) == (3, 2)
    assert sorted(holder for holder, _ in given(ledger)) == sorted(owner.wallet for owner in owners)
