"""What can happen to the node of a world."""

from __future__ import annotations

from tests.sim.sim_node import Tx
from tests.sim.sim_world import ACCOUNTS, World


class Weathered(World):
    """A world whose node has bad days. Lengths are milliseconds."""

    def _until(self, fault: str, *lengths: int) -> int:
        self.counts[fault] += 1
        length = self.rng.choice(lengths)
        self.say(f"! {fault} for {length} ms")
        return self.now + length

    def stall(self) -> None:
        """No blocks are made for a while."""
        self.node.stalled_until = self._until("blocks stall", 2_000, 8_000, 30_000)

    def fill_pool(self) -> None:
        """The node takes nothing new for a while."""
        self.node.full_until = self._until("pool full", 1_000, 6_000, 40_000)

    def index_late(self) -> None:
        """Receipts come some time after their block, until this changes."""
        self.node.index_lag_ms = self.rng.choice((0, 500, 2_500, 7_000))
        self.counts["receipts indexed late"] += self.node.index_lag_ms > 0
        self.say(f"! receipts come {self.node.index_lag_ms} ms late")

    def lag(self) -> None:
        """A replica stays where it is for a while, and answers half of the requests."""
        if self.lagging_until <= self.now:
            self.replica_at = self.node.head
        self.lagging_until = self._until("a replica lags", 8_000, 40_000, 300_000)

    def _waiting(self) -> list[Tx]:
        return [tx for signer in sorted(self.node.pool) for _, tx in sorted(self.node.pool[signer].items())]

    def evict(self) -> None:
        """The node forgets a transaction that waits."""
        if waiting := self._waiting():
            tx = self.rng.choice(waiting)
            self.node.evict(tx.signer, tx.nonce)
            self.counts["evicted"] += 1
            self.say(f"! evicted {tx.call} {tx.signer[:6]}/{tx.nonce}")

    def foreign(self) -> None:
        """Somebody else sends something with one of the keys."""
        signer = ACCOUNTS[self.rng.choice(sorted(ACCOUNTS))].address.lower()
        nonce = self.node.nonce_of(signer) + self.rng.choice((0, 0, 1, 2))
        self.node.usurp(Tx(f"0xf0{self.rng.getrandbits(240):060x}", signer, nonce, None))
        self.counts["foreign transaction"] += 1
        self.say(f"! foreign {signer[:6]}/{nonce}")

    def refuse(self) -> None:
        """The node does not take the bytes of one attempt for a while."""
        statement = "SELECT tx_hash FROM attempts WHERE state = 'LIVE' ORDER BY nonce"
        live = [tx_hash for (tx_hash,) in self.oracle.rows(statement) if tx_hash not in self.node.mined]
        if live:
            chosen = self.rng.choice(live)
            self.node.refused_until[chosen] = self._until("bytes refused", 4_000, 20_000, 90_000)
            for tx in self._waiting():
                if tx.hash == chosen:
                    self.node.evict(tx.signer, tx.nonce)
