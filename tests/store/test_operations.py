"""The queue of operations on both databases: what is due, what blocks what, and which step leads to which state."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlmodel import Session

from registry.errors import ConflictError, NotFoundError, StorageError
from registry.store import operations
from registry.store.operation_tables import AttemptRow, AttemptState, OperationRow, OperationState
from registry.store.operations import Signed
from registry.store.session import Database

NOW = 1_760_000_000_000
ALICE, BOB = "0x" + "a1" * 20, "0x" + "b2" * 20
HELD, PENDING, IN_FLIGHT = OperationState.HELD, OperationState.PENDING, OperationState.IN_FLIGHT
ENDS = [OperationState.CONFIRMED, OperationState.UNCHANGED, OperationState.REFUSED, OperationState.LAPSED]


def operation(name: str, **given: object) -> OperationRow:
    """An operation that nobody recorded yet."""
    usual = {
        "id": f"op-{name}",
        "kind": "Diary.record",
        "subject": f"entry {name}",
        "stream": f"Diary.record/{name}",
        "role": "platform",
        "signer": ALICE,
        "contract": "0x" + "d1" * 20,
        "calldata": "0x" + name.encode().hex(),
        "gas": 4_000_000,
        "digest": f"digest of {name}",
        "next_at": NOW,
        "created_at": NOW,
    }
    return OperationRow(**{**usual, **given})


def added(database: Database, name: str, **given: object) -> int:
    """Record an operation; its place in the queue."""
    return database.write(lambda session: operations.seq_of(operations.enqueue(session, operation(name, **given))))


def do(database: Database, step: Callable[..., None], *arguments: object) -> None:
    """Take one step in a transaction of its own."""
    database.write(lambda session: step(session, *arguments))


def row_of(database: Database, seq: int) -> OperationRow:
    """The operation as it is recorded now."""
    with database.read() as session:
        return operations.by_seq(session, seq)


def sign(database: Database, seq: int, nonce: int, tx_hash: str = "", signer: str = ALICE, token: int = 1) -> str:
    """Commit signed bytes for an operation; the hash of the transaction."""
    made = Signed(seq, tx_hash or f"0xhash{seq}-{nonce}", nonce, f"0xraw{seq}-{nonce}")
    do(database, operations.commit_signed, signer, [made], token, NOW + 5)
    return made.tx_hash


def bring(database: Database, seq: int, state: OperationState) -> None:
    """Bring a pending operation to a state in the way the product does."""
    if state is IN_FLIGHT:
        sign(database, seq, seq)
    elif state is HELD:
        do(database, operations.hold, seq, "held by the test")
    elif state is OperationState.CONFIRMED:
        do(database, operations.confirm, seq, NOW + 7, sign(database, seq, seq), 12, 34_567)
    elif state is not PENDING:
        do(database, operations.end, seq, state, NOW + 7, "ended by the test")


def ready(database: Database, signer: str = ALICE, now: int = NOW, limit: int = 100) -> list[str]:
    """The ids of what can be carried out."""
    with database.read() as session:
        return [row.id for row in operations.ready(session, signer, now, limit)]


# --- recording


@pytest.mark.parametrize("state", [PENDING, IN_FLIGHT, HELD])
def test_the_same_call_while_it_is_open_is_one_operation(database: Database, state: OperationState) -> None:
    first = added(database, "a")
    bring(database, first, state)
    again = added(database, "a", id="op-later", subject="said otherwise")
    assert again == first
    with database.read() as session:
        found = operations.listed(session, list(OperationState), 10)
    assert [(row.id, row.subject, row.state) for row in found] == [("op-a", "entry a", state)]


@pytest.mark.parametrize("state", ENDS)
def test_the_same_call_after_its_end_is_another_operation(database: Database, state: OperationState) -> None:
    first = added(database, "a")
    bring(database, first, state)
    second = added(database, "a", id="op-later")
    assert second > first
    with database.read() as session:
        known = operations.open_by_digest(session, "digest of a")
        found = operations.listed(session, list(OperationState), 10)
    assert known is not None
    assert known.id == "op-later"
    assert [(row.id, row.state) for row in found] == [("op-later", PENDING), ("op-a", state)]


def test_a_new_operation_is_pending_and_untouched(database: Database) -> None:
    seq = added(database, "a", lapses_at=NOW + 60_000)
    row = row_of(database, seq)
    assert (row.state, row.attempts, row.next_at, row.lapses_at) == (PENDING, 0, NOW, NOW + 60_000)
    assert (row.reason, row.tx_hash, row.block, row.gas_used, row.finished_at) == (None, None, None, None, None)


def test_the_database_keeps_the_open_digest_unique_by_itself(database: Database) -> None:
    added(database, "a")
    with pytest.raises(ConflictError) as caught:
        database.write(lambda session: session.add(operation("a", id="op-other")))
    assert caught.value.message == "another row is recorded under the same key"


def test_what_is_not_open_is_not_found_by_its_digest(database: Database) -> None:
    with database.read() as session:
        assert operations.open_by_digest(session, "digest of a") is None


def test_the_newest_open_operation_of_a_stream_is_the_signers_own(database: Database) -> None:
    first = added(database, "a", stream="s")
    added(database, "b", stream="s")
    ended = added(database, "c", stream="s")
    added(database, "d", stream="s", signer=BOB)
    added(database, "e", stream="other")
    bring(database, ended, OperationState.REFUSED)
    bring(database, first, HELD)
    with database.read() as session:
        found = [operations.open_in_stream(session, "s", signer) for signer in (ALICE, BOB, "0xcc")]
    assert [None if row is None else row.id for row in found] == ["op-b", "op-d", None]


# --- finding


def test_an_operation_is_found_by_its_id_or_said_to_be_missing(database: Database) -> None:
    seq = added(database, "a")
    with database.read() as session:
        assert operations.seq_of(operations.get(session, "op-a")) == seq
        with pytest.raises(NotFoundError) as caught:
            operations.get(session, "op-b")
    assert (caught.value.message, caught.value.hint) == ("there is no operation op-b", "puhui ops list")


def test_a_row_that_was_not_recorded_has_no_place() -> None:
    with pytest.raises(StorageError) as caught:
        operations.seq_of(operation("a"))
    assert caught.value.message == "operation op-a was not recorded"


def test_the_list_is_newest_first_and_only_of_the_states_asked_for(database: Database) -> None:
    for name in "abcd":
        added(database, name)
    bring(database, 2, HELD)
    bring(database, 3, OperationState.UNCHANGED)
    with database.read() as session:
        assert [row.id for row in operations.listed(session, [PENDING, HELD], 10)] == ["op-d", "op-b", "op-a"]
        assert [row.id for row in operations.listed(session, [PENDING, HELD], 2)] == ["op-d", "op-b"]
        assert operations.listed(session, [], 10) == []


# --- what is due


def test_what_is_due_comes_in_the_order_it_was_decided_and_up_to_the_limit(database: Database) -> None:
    for name in "cab":
        added(database, name)
    added(database, "z", signer=BOB)
    assert ready(database) == ["op-c", "op-a", "op-b"]
    assert ready(database, limit=2) == ["op-c", "op-a"]
    assert ready(database, limit=0) == []
    assert ready(database, BOB) == ["op-z"]


@pytest.mark.parametrize("state", [PENDING, IN_FLIGHT, HELD])
def test_an_open_operation_blocks_the_rest_of_its_stream_and_no_other(
    database: Database, state: OperationState
) -> None:
    first = added(database, "a", stream="s")
    added(database, "b", stream="s")
    added(database, "c", stream="other")
    bring(database, first, state)
    assert ready(database) == (["op-a"] if state is PENDING else []) + ["op-c"]


@pytest.mark.parametrize("state", ENDS)
def test_an_ended_operation_lets_the_next_of_its_stream_go(database: Database, state: OperationState) -> None:
    first = added(database, "a", stream="s")
    added(database, "b", stream="s")
    added(database, "c", stream="s")
    bring(database, first, state)
    assert ready(database) == ["op-b"]


def test_a_stream_waits_whoever_signed_what_is_before(database: Database) -> None:
    added(database, "a", stream="s")
    added(database, "b", stream="s", signer=BOB)
    assert ready(database, BOB) == []


def test_nothing_is_due_before_its_time_and_its_stream_waits_for_it(database: Database) -> None:
    added(database, "a", stream="s", next_at=NOW + 250)
    added(database, "b", stream="s")
    added(database, "c", stream="other")
    assert ready(database, now=NOW) == ["op-c"]
    assert ready(database, now=NOW + 249) == ["op-c"]
    assert ready(database, now=NOW + 250) == ["op-a", "op-c"]


# --- signed bytes


def test_committing_signed_bytes_puts_operations_in_flight(database: Database) -> None:
    first, second = added(database, "a"), added(database, "b")
    made = [Signed(first, "0xf1", 7, "0xraw1"), Signed(second, "0xf2", 8, "0xraw2")]
    do(database, operations.commit_signed, ALICE, made, 3, NOW + 5)
    with database.read() as session:
        flying = operations.in_flight(session, ALICE)
        assert operations.in_flight(session, BOB) == []
    assert [
        (attempt.tx_hash, attempt.operation, attempt.nonce, attempt.raw, attempt.token, attempt.created_at)
        for attempt, _ in flying
    ] == [("0xf1", first, 7, "0xraw1", 3, NOW + 5), ("0xf2", second, 8, "0xraw2", 3, NOW + 5)]
    assert [(attempt.state, row.state, row.tx_hash) for attempt, row in flying] == [
        (AttemptState.LIVE, IN_FLIGHT, "0xf1"),
        (AttemptState.LIVE, IN_FLIGHT, "0xf2"),
    ]
    assert ready(database) == []


@pytest.mark.parametrize("state", [IN_FLIGHT, HELD, *ENDS])
def test_bytes_for_an_operation_that_is_not_pending_change_nothing(database: Database, state: OperationState) -> None:
    moved, first = added(database, "a"), added(database, "b")
    bring(database, moved, state)
    before = row_of(database, moved)
    made = [Signed(first, "0xf1", 70, "0xraw1"), Signed(moved, "0xf2", 71, "0xraw2")]
    with pytest.raises(ConflictError) as caught:
        do(database, operations.commit_signed, ALICE, made, 1, NOW)
    assert caught.value.message == f"operation {moved} is not pending any more"
    assert vars(row_of(database, moved)).items() >= {"state": state, "tx_hash": before.tx_hash}.items()
    assert (row_of(database, first).state, row_of(database, first).tx_hash) == (PENDING, None)
    with database.read() as session:
        assert session.get(AttemptRow, "0xf1") is None
        assert session.get(AttemptRow, "0xf2") is None


@pytest.mark.parametrize("state", [AttemptState.LIVE, AttemptState.MINED])
def test_a_nonce_has_one_transaction_that_can_be_mined(database: Database, state: AttemptState) -> None:
    first, second = added(database, "a"), added(database, "b")
    do(database, operations.end_attempt, sign(database, first, 7), state)
    with pytest.raises(ConflictError) as caught:
        sign(database, second, 7)
    assert caught.value.message == "another row is recorded under the same key"
    assert row_of(database, second).state is PENDING
    with database.read() as session:
        assert operations.attempts_of(session, second) == []


def test_a_nonce_is_free_again_when_its_transaction_is_given_up_and_for_another_signer(database: Database) -> None:
    first, second = added(database, "a"), added(database, "b")
    theirs = added(database, "c", signer=BOB)
    do(database, operations.end_attempt, sign(database, first, 7), AttemptState.DEAD)
    sign(database, second, 7)
    sign(database, theirs, 7, signer=BOB)
    with database.read() as session:
        assert [attempt.operation for attempt, _ in operations.in_flight(session, ALICE)] == [second]
        assert [attempt.operation for attempt, _ in operations.in_flight(session, BOB)] == [theirs]


def test_the_first_nonce_that_may_be_free_is_after_every_one_that_was_seen_mined(database: Database) -> None:
    def after_mined() -> int:
        with database.read() as session:
            return operations.after_mined(session, ALICE)

    first, second, theirs = added(database, "a"), added(database, "b"), added(database, "c", signer=BOB)
    assert after_mined() == 0
    do(database, operations.end_attempt, sign(database, theirs, 90, signer=BOB), AttemptState.MINED)
    sent = [sign(database, first, 5), sign(database, second, 6)]
    assert after_mined() == 0
    do(database, operations.end_attempt, sent[0], AttemptState.MINED)
    assert after_mined() == 6
    do(database, operations.end_attempt, sent[1], AttemptState.DEAD)
    assert after_mined() == 6
    do(database, operations.end_attempt, sent[1], AttemptState.MINED)
    assert after_mined() == 7


def test_the_newest_block_anything_is_in_is_known(database: Database) -> None:
    def last_block() -> int:
        with database.read() as session:
            return operations.last_block(session)

    assert last_block() == 0
    for name, block in (("a", 12), ("b", 40), ("c", 39)):
        do(database, operations.confirm, added(database, name, signer=f"0x{name}"), NOW, f"0xf{name}", block, 1)
    assert last_block() == 40


def test_everything_signed_for_an_operation_stays_known(database: Database) -> None:
    seq = added(database, "a")
    do(database, operations.end_attempt, sign(database, seq, 7), AttemptState.DEAD)
    do(database, operations.again, seq, NOW, "its nonce was used")
    second = sign(database, seq, 9)
    with database.read() as session:
        found = operations.attempts_of(session, seq)
    assert [(attempt.nonce, attempt.state) for attempt in found] == [(7, AttemptState.DEAD), (9, AttemptState.LIVE)]
    assert row_of(database, seq).tx_hash == second


# --- from state to state


@pytest.mark.parametrize("state", [PENDING, IN_FLIGHT, HELD])
def test_an_open_operation_is_confirmed_with_its_block(database: Database, state: OperationState) -> None:
    seq = added(database, "a")
    bring(database, seq, state)
    do(database, operations.confirm, seq, NOW + 9, "0xmined", 12, 34_567)
    row = row_of(database, seq)
    assert (row.state, row.finished_at, row.reason) == (OperationState.CONFIRMED, NOW + 9, None)
    assert (row.tx_hash, row.block, row.gas_used) == ("0xmined", 12, 34_567)


@pytest.mark.parametrize("state", [OperationState.UNCHANGED, OperationState.REFUSED, OperationState.LAPSED])
def test_an_operation_that_is_not_sent_ends_with_its_reason(database: Database, state: OperationState) -> None:
    seq = added(database, "a")
    do(database, operations.end, seq, state, NOW + 9, "why")
    row = row_of(database, seq)
    assert (row.state, row.finished_at, row.reason, row.tx_hash) == (state, NOW + 9, "why", None)


def test_trying_again_counts_and_waits(database: Database) -> None:
    seq = added(database, "a")
    bring(database, seq, IN_FLIGHT)
    do(database, operations.again, seq, NOW + 250, "reverted")
    row = row_of(database, seq)
    assert (row.state, row.attempts, row.next_at, row.reason) == (PENDING, 1, NOW + 250, "reverted")
    assert row.finished_at is None
    do(database, operations.again, seq, NOW + 750, "reverted again")
    assert row_of(database, seq).attempts == 2


def test_a_postponed_operation_is_due_later_and_has_been_tried_no_more_often(database: Database) -> None:
    seq = added(database, "a")
    do(database, operations.postpone, seq, NOW + 3_000, "waits until nonce 4 is used")
    row = row_of(database, seq)
    assert (row.state, row.attempts, row.reason) == (PENDING, 0, "waits until nonce 4 is used")
    assert (ready(database, now=NOW + 2_999), ready(database, now=NOW + 3_000)) == ([], ["op-a"])


def test_a_held_operation_waits_for_a_person_and_a_retry_starts_it_afresh(database: Database) -> None:
    seq = added(database, "a")
    do(database, operations.again, seq, NOW, "reverted")
    do(database, operations.hold, seq, "reverted five times")
    row = row_of(database, seq)
    assert (row.state, row.attempts, row.reason, row.finished_at) == (HELD, 2, "reverted five times", None)
    assert ready(database) == []
    tried = database.write(lambda session: operations.retry(session, "op-a", NOW + 60_000))
    assert (tried.state, tried.attempts, tried.next_at) == (PENDING, 0, NOW + 60_000)
    assert ready(database, now=NOW + 60_000) == ["op-a"]


@pytest.mark.parametrize("state", [PENDING, IN_FLIGHT, *ENDS])
def test_only_a_held_operation_is_tried_again_by_hand(database: Database, state: OperationState) -> None:
    seq = added(database, "a")
    bring(database, seq, state)
    before = vars(row_of(database, seq)).copy()
    with pytest.raises(ConflictError) as caught:
        database.write(lambda session: operations.retry(session, "op-a", NOW + 1))
    assert (caught.value.message, caught.value.fields) == (f"operation op-a is {state}, not HELD", {"state": state})
    after = vars(row_of(database, seq))
    assert {name: after[name] for name in OperationRow.model_fields} == {
        name: before[name] for name in OperationRow.model_fields
    }


def test_an_operation_that_does_not_exist_is_not_tried_again(database: Database) -> None:
    with pytest.raises(NotFoundError, match="there is no operation op-x"):
        database.write(lambda session: operations.retry(session, "op-x", NOW))


def test_what_the_last_answer_was_can_be_said_of_an_open_operation(database: Database) -> None:
    seq = added(database, "a")
    do(database, operations.note, seq, "the node is full")
    assert (row_of(database, seq).state, row_of(database, seq).reason) == (PENDING, "the node is full")


def _confirm(session: Session, seq: int) -> None:
    operations.confirm(session, seq, NOW + 99, "0xlate", 99, 99)


def _end(session: Session, seq: int) -> None:
    operations.end(session, seq, OperationState.REFUSED, NOW + 99, "late")


def _again(session: Session, seq: int) -> None:
    operations.again(session, seq, NOW + 99, "late")


def _postpone(session: Session, seq: int) -> None:
    operations.postpone(session, seq, NOW + 99, "late")


def _hold(session: Session, seq: int) -> None:
    operations.hold(session, seq, "late")


def _note(session: Session, seq: int) -> None:
    operations.note(session, seq, "late")


@pytest.mark.parametrize("state", ENDS)
@pytest.mark.parametrize("step", [_confirm, _end, _again, _postpone, _hold, _note])
def test_nothing_moves_an_operation_that_has_ended(
    database: Database, state: OperationState, step: Callable[[Session, int], None]
) -> None:
    seq = added(database, "a")
    bring(database, seq, state)
    before = row_of(database, seq).model_dump()
    do(database, step, seq)
    assert row_of(database, seq).model_dump() == before


# --- for people


def test_what_an_operation_waits_behind_is_the_oldest_held_one_of_its_stream(database: Database) -> None:
    places = {name: added(database, name, stream="s") for name in "abcd"}
    other = added(database, "e", stream="other")

    def blocker(seq: int) -> str | None:
        with database.read() as session:
            found = operations.blocker(session, operations.by_seq(session, seq))
        return None if found is None else found.id

    assert blocker(places["d"]) is None
    for name in "cb":
        bring(database, places[name], HELD)
    assert [blocker(places[name]) for name in "abcd"] == [None, None, "op-b", "op-b"]
    assert blocker(other) is None
    bring(database, places["b"], OperationState.REFUSED)
    assert blocker(places["d"]) == "op-c"


def test_operations_are_counted_by_state(database: Database) -> None:
    with database.read() as session:
        assert operations.counts(session) == {}
    for name, state in zip("abcde", [PENDING, HELD, HELD, IN_FLIGHT, OperationState.CONFIRMED], strict=True):
        bring(database, added(database, name), state)
    with database.read() as session:
        found = operations.counts(session)
    assert found == {PENDING: 1, HELD: 2, IN_FLIGHT: 1, OperationState.CONFIRMED: 1}
    assert all(isinstance(state, OperationState) for state in found)


def test_the_oldest_open_operation_is_pending_or_in_flight(database: Database) -> None:
    def oldest() -> int | None:
        with database.read() as session:
            return operations.oldest_open(session)

    assert oldest() is None
    ages = {"a": 1, "b": 2, "c": 3, "d": 4}
    places = {name: added(database, name, created_at=NOW + age) for name, age in ages.items()}
    assert oldest() == NOW + 1
    bring(database, places["a"], HELD)
    bring(database, places["b"], OperationState.CONFIRMED)
    bring(database, places["c"], IN_FLIGHT)
    assert oldest() == NOW + 3
    do(database, operations.confirm, places["c"], NOW, "0xf", 1, 1)
    assert oldest() == NOW + 4


def test_signers_with_work_are_named_once_with_the_role_they_sign_for(database: Database) -> None:
    states = {"a": PENDING, "b": IN_FLIGHT, "c": HELD, "d": OperationState.CONFIRMED}
    signers = {"a": ALICE, "b": ALICE, "c": BOB, "d": "0xcc"}
    for name, state in states.items():
        bring(database, added(database, name, signer=signers[name]), state)
    added(database, "e", signer=ALICE, role="bank")
    with database.read() as session:
        assert operations.signers_with_work(session) == [("bank", ALICE), ("platform", ALICE)]
