"""Replaying serials against a plain table of who has which."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.audit.serials import SerialPlaces
from registry.chain.contracts.certified_reductions import Place
from registry.core.serial import SerialRange, merge
from registry.errors import VerificationError

FIRST, LAST = 101, 140
NOWHERE = ("0x" + "0" * 40, Place.NOWHERE)
A, B = ("a", Place.HELD), ("b", Place.LISTED)
OWNERS = [A, B, ("b", Place.HELD), ("c", Place.RETIRED)]


@given(st.lists(st.tuples(st.integers(FIRST, LAST), st.integers(1, 12), st.sampled_from(OWNERS)), max_size=40))
def test_moves_equal_a_table_of_serials(steps: list[tuple[int, int, tuple[str, Place]]]) -> None:
    places = SerialPlaces(SerialRange(FIRST, LAST))
    places.move(SerialRange(FIRST, LAST), NOWHERE, A)
    table = dict.fromkeys(range(FIRST, LAST + 1), A)
    for first, count, target in steps:
        moved = range(first, min(first + count, LAST + 1))
        origins = {table[serial] for serial in moved}
        serials = SerialRange(moved[0], moved[-1])
        if len(origins) == 1 and target not in origins:
            places.move(serials, origins.pop(), target)
            table |= dict.fromkeys(moved, target)
        elif len(origins) > 1:
            with pytest.raises(VerificationError, match="were not"):
                places.move(serials, table[first], target)
    for owner in OWNERS:
        mine = [SerialRange(serial, serial) for serial, who in table.items() if who == owner]
        assert places.ranges(owner) == merge(mine)
        assert places.of(*owner) == len(mine)
    assert places.tonnes(*Place) == LAST - FIRST + 1


@pytest.mark.parametrize("serials", [SerialRange(104, 106), SerialRange(99, 101), SerialRange(110, 141)])
def test_serials_that_are_elsewhere_do_not_move(serials: SerialRange) -> None:
    places = SerialPlaces(SerialRange(101, 140))
    places.move(SerialRange(101, 140), NOWHERE, A)
    places.move(SerialRange(105, 105), A, B)
    with pytest.raises(VerificationError) as error:
        places.move(serials, A, B)
    assert error.value.message == f"serials {serials} were not HELD of a"
    assert places.ranges(A) == [SerialRange(101, 104), SerialRange(106, 140)]
    assert places.ranges(B) == [SerialRange(105, 105)]
    assert set(places.owners()) == {A, B}
