"""What must hold, whatever goes wrong: looked at when bytes arrive, after every commit, after every step, at the end.

The database is read through a connection of its own, so that only what was committed counts.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any, Final

from registry.core import acts as core_acts
from registry.store import acts
from registry.store.session import Database
from tests.sim.sim_contract import RECORD, Call
from tests.sim.sim_node import SimNode, Tx

OPEN: Final = ("PENDING", "IN_FLIGHT", "HELD")


class Violation(AssertionError):
    """Something that must always hold does not."""


class Oracle:
    """Checks one world. `retried` are the operations a person had tried again after they were held."""

    def __init__(self, node: SimNode, path: Path, counts: Counter[str]) -> None:
        self._node, self._counts = node, counts
        self._reader = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)
        unended = "SELECT * FROM operations WHERE state IN ('PENDING', 'IN_FLIGHT', 'HELD')"
        self._reader.execute("CREATE TEMP VIEW unended AS " + unended)
        self._signed: dict[str, int] = {}
        self._tokens: dict[str, int] = {}
        self._ended: dict[int, tuple[str, str | None]] = {}
        self._concluded: set[str] = set()
        self.retried: set[int] = set()

    def close(self) -> None:
        """Close the connection."""
        self._reader.close()

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """What is committed now."""
        return self._reader.execute(statement, values).fetchall()

    def arriving(self, tx: Tx) -> None:
        """Signed bytes reach the node: they must have been committed before."""
        found = self.rows("SELECT signer, nonce FROM attempts WHERE tx_hash = ?", tx.hash)
        if found != [(tx.signer, tx.nonce)]:
            raise Violation(f"bytes of {tx.call} with nonce {tx.nonce} arrived before they were committed: {found}")

    def committed(self, holder: str) -> None:
        """A process committed something: new attempts under its lease, for one operation one that can be mined."""
        wanted = "SELECT tx_hash, operation, signer, nonce, token FROM attempts ORDER BY token, rowid"
        for tx_hash, operation, signer, nonce, token in self.rows(wanted):
            if self._signed.get(tx_hash) == token:
                continue
            self._signed[tx_hash] = token
            self._fenced(holder, signer, nonce, token)
            self._alone(tx_hash, operation, signer, nonce)
            before = "SELECT seq FROM unended WHERE seq < ? AND stream = (SELECT stream FROM operations WHERE seq = ?)"
            if waits := self.rows(before, operation, operation):
                raise Violation(f"operation {operation} was signed while {waits} before it in its stream are open")
            if nonce < self._node.nonce_of(signer):
                self._counts["(signed for a nonce that was used)"] += 1
            if tx_hash in self._node.mined:
                raise Violation(f"{tx_hash} was mined before it was committed")

    def _fenced(self, holder: str, signer: str, nonce: int, token: int) -> None:
        lease = self.rows("SELECT holder, token FROM leases WHERE name = ?", signer)
        if lease != [(holder, token)]:
            raise Violation(f"{holder} committed nonce {nonce} with token {token}, but the lease is {lease}")
        if token < self._tokens.get(signer, 0):
            raise Violation(f"nonce {nonce} has token {token}, after one with {self._tokens[signer]}")
        self._tokens[signer] = token

    def _alone(self, signed: str, operation: int, signer: str, nonce: int) -> None:
        """What was signed before, for the operation or with the nonce, can be mined no more, or a person decided."""
        on_chain = self._node.nonce_of(signer)
        rivals = """SELECT tx_hash, nonce, operation, state, raw FROM attempts
            WHERE tx_hash <> ? AND signer = ? AND (operation = ? OR nonce = ?)"""
        for tx_hash, other, op, state, raw in self.rows(rivals, signed, signer, operation, nonce):
            if other < on_chain:
                mined = self._node.mined.get(tx_hash)
                done = op == operation and mined is not None and mined.ok and mined.tx.call is not None
                self._counts["(signed again though mined: receipt late)"] += done
                continue
            held = op in self.retried or self.rows("SELECT 1 FROM operations WHERE seq = ? AND state = 'HELD'", op)
            if (state != "DEAD" or not held) and (other == nonce or self._node.tx_of(raw).call is not None):
                raise Violation(
                    f"operation {operation} was signed with nonce {nonce} while nonce {other} of operation {op}"
                    f" ({state}) could still be mined"
                )

    def step(self) -> None:
        """What is recorded agrees with itself and with the chain."""
        live: Counter[int] = Counter()
        mined_ops: dict[int, str] = {}
        for tx_hash, operation, state, raw in self.rows("SELECT tx_hash, operation, state, raw FROM attempts"):
            live[operation] += state == "LIVE" and self._node.tx_of(raw).call is not None
            if tx_hash in self._node.mined and self._node.mined[tx_hash].changed:
                mined_ops[operation] = tx_hash
            if state == "MINED":
                self._concluded.add(tx_hash)
                if tx_hash not in self._node.mined:
                    raise Violation(f"attempt {tx_hash} of operation {operation} is MINED, and not on the chain")
            elif tx_hash in self._concluded:
                raise Violation(f"attempt {tx_hash} of operation {operation} was MINED and is {state}")
        for seq, state, tx_hash, data in self.rows("SELECT seq, state, tx_hash, calldata FROM operations"):
            if live[seq] != (state == "IN_FLIGHT"):
                raise Violation(f"operation {seq} is {state} and has {live[seq]} live attempts")
            if self._ended.get(seq, (state, tx_hash)) != (state, tx_hash):
                raise Violation(f"operation {seq} ended as {self._ended[seq]} and is {state} now")
            if state not in OPEN:
                self._ending(seq, state, tx_hash, Call.of(bytes.fromhex(data[2:])), mined_ops.get(seq))
                self._ended[seq] = state, tx_hash

    def _ending(self, seq: int, state: str, tx_hash: str | None, call: Call, mined: str | None) -> None:
        if state in ("REFUSED", "LAPSED") and mined is not None:
            raise Violation(f"operation {seq}, {call}, is {state}, but {mined} did it")
        if state in ("CONFIRMED", "UNCHANGED") and not self._done(call):
            raise Violation(f"operation {seq}, {call}, is {state}, and the chain does not have it")
        if state == "UNCHANGED" and mined is not None and seq not in self._ended:
            self._counts["(unchanged by its own bytes: receipt late)"] += 1
        if state == "CONFIRMED" and (tx_hash not in self._node.mined or not self._node.mined[tx_hash].ok):
            raise Violation(f"operation {seq}, {call}, is CONFIRMED by {tx_hash}, which did not do it")
        if state == "REFUSED" and (call.function != RECORD or self._done(call)):
            raise Violation(f"operation {seq}, {call}, is REFUSED, and nothing stands against it")

    def _done(self, call: Call) -> bool:
        diary = self._node.diary
        if call.function == RECORD:
            return diary.values.get(call.first, (None, 0))[0] == call.second
        return len(diary.chains.get(call.first, [])) > call.second

    def unblocked(self) -> list[tuple[Any, ...]]:
        """What is open, is not held, and waits behind nothing that is held."""
        return self.rows("""SELECT seq, id, state, reason FROM unended AS it WHERE NOT EXISTS (
            SELECT 1 FROM unended AS held WHERE held.stream = it.stream AND held.seq <= it.seq AND held.state = 'HELD'
        ) ORDER BY seq""")

    def held(self) -> list[tuple[int, str]]:
        """(number, id) of what waits for a person."""
        return [(seq, op) for seq, op in self.rows("SELECT seq, id FROM unended WHERE state = 'HELD' ORDER BY seq")]

    def open(self) -> list[tuple[Any, ...]]:
        """(number, id, state, reason) of what is not at its end."""
        return self.rows("SELECT seq, id, state, reason FROM unended ORDER BY seq")

    def roles_at_work(self) -> list[str]:
        """The roles whose operations are not at their end."""
        return [role for (role,) in self.rows("SELECT DISTINCT role FROM unended ORDER BY role")]

    def states(self) -> Counter[str]:
        """How many operations are in each state."""
        return Counter(dict(self.rows("SELECT state, count(*) FROM operations GROUP BY state")))

    def end(self, db: Database, genesis: bytes, decided: list[str]) -> None:
        """Everything came to its end, the effects are those that were decided, and the log of acts verifies."""
        self.step()
        if left := self.open():
            raise Violation(f"not at an end although everything works: {left}")
        known = [row for (row,) in self.rows("SELECT id FROM operations ORDER BY seq")]
        if lost := [each for each in decided if each not in known]:
            raise Violation(f"decided and lost: {lost}")
        calls = dict(self.rows("SELECT attempts.tx_hash, calldata FROM attempts JOIN operations ON seq = operation"))
        effects: Counter[Call] = Counter()
        times: Counter[str] = Counter()
        for mined in self._node.mined.values():
            if mined.tx.call is None:
                continue
            if Call.of(bytes.fromhex(calls[mined.tx.hash][2:])) != mined.tx.call:
                raise Violation(f"{mined.tx.hash} is not what was decided")
            effects[mined.tx.call] += mined.changed
            times[calls[mined.tx.hash]] += mined.ok
        if twice := [str(call) for call, count in effects.items() if count > 1]:
            raise Violation(f"done twice: {twice}")
        self._in_order()
        with db.read() as session:
            log = list(acts.all_acts(session))
        core_acts.verify(genesis, log)
        if (logged := [act.after["operation"] for act, _ in log]) != known:
            raise Violation(f"the log of acts tells of {logged}, decided were {known}")

    def _in_order(self) -> None:
        last: dict[str, tuple[int, int]] = {}
        wanted = "SELECT seq, stream, tx_hash FROM operations WHERE state = 'CONFIRMED' ORDER BY seq"
        for seq, stream, tx_hash in self.rows(wanted):
            mined = self._node.mined[tx_hash]
            if (mined.block, mined.index) <= last.get(stream, (-1, -1)):
                raise Violation(f"operation {seq} was mined before one that is earlier in {stream}")
            last[stream] = mined.block, mined.index
