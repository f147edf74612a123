"""A command that is killed once or several times, given again until it is done, and the ledger that comes of it.

Everything runs in processes forked from one that has imported the program and never run Polars, whose threads do not
survive a fork. Each works on a copy of the ledger as it was before the command.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.faults import kill_checks, kill_hooks, kill_scenario
from tests.faults.kill_points import Trap, acknowledged, partial
from tests.faults.kill_process import give, in_child, let_pass, noting_when_ready
from tests.faults.kill_scenario import Command
from tests.services.homes import PASSWORD, opened

SOON_S: Final = 3
WARMING: Final = ("cash confirm", "settle", "offer")  # of what needs no Polars


@dataclass(frozen=True)
class History:
    """A command, the kills it meets, each (point, nth hit) in a process of its own, and the time between processes.

    Unless it is `strict`, a command that is done before it meets a later kill meets no more.
    """

    command: str
    kills: tuple[tuple[str, int], ...]
    later_s: int = SOON_S
    strict: bool = True

    def __str__(self) -> str:
        kills = ", ".join(f"{point} {nth}" for point, nth in self.kills)
        return f"{self.command}: {kills}" + (f", {self.later_s} s apart" if self.later_s != SOON_S else "")


@dataclass
class Outcome:
    """What came of a history. Times are of the last process, from its fork: ledger open, and command done."""

    killed: int = 0
    lost: list[str] = field(default_factory=list)
    differs: list[str] = field(default_factory=list)
    unsound: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    left_open: int = 0
    ready_ms: int = 0
    done_ms: int = 0

    @property
    def wrong(self) -> list[str]:
        """Everything that may not be, as lines of text; none if all is well."""
        told = {"lost": self.lost, "differs": self.differs, "unsound": self.unsound, "refused": self.refused}
        return [f"{kind}: {line}" for kind, lines in told.items() for line in lines]


class Histories:
    """Plays histories below one folder. Made, it has run the whole line of commands once, uninterrupted."""

    def __init__(self, folder: Path) -> None:
        os.environ["PUHUI_KEYSTORE_PASSWORD"] = PASSWORD
        self.folder = folder
        kill_scenario.prepare_process()
        in_child(lambda: kill_scenario.build(folder, self._note))
        self.commands = kill_scenario.given(folder)
        for name in WARMING:
            give(self._copy(name), self.commands[name], expect=0)

    def hits(self, command: str) -> dict[str, int]:
        """How often a command comes to each point when nothing interrupts it."""
        home = self._copy(command)

        def work() -> dict[str, int]:
            trap = Trap(home, self._backup, self.folder / "journal")
            let_pass(self.commands[command].since_s)
            kill_hooks.install(trap)
            give(home, self.commands[command], expect=0)
            return dict(trap.hits)

        return dict(in_child(work)[0])

    def play(self, history: History) -> Outcome:
        """One history. The ledger is kept below `wrong` if anything is."""
        home, outcome = self._copy(history.command), Outcome()
        try:
            for number, (point, nth) in enumerate(history.kills):
                if not self._kill(history, home, number, point, nth, outcome):
                    break
                outcome.killed += 1
            self._make_room()
            found, ended = in_child(lambda: self._after(history, home))
            if ended:
                outcome.refused.append(f"the last process was ended by signal {ended}")
            else:
                vars(outcome).update({**found, "lost": outcome.lost})
        except (RuntimeError, NotReached) as error:
            outcome.refused.append(str(error))
        if outcome.wrong:
            name = "".join(each if each.isalnum() else "-" for each in str(history))
            shutil.rmtree(self.folder / "wrong" / name, ignore_errors=True)
            shutil.copytree(home, self.folder / "wrong" / name)
        return outcome

    def _kill(self, history: History, home: Path, number: int, point: str, nth: int, outcome: Outcome) -> bool:
        """One process that gives the command and ends itself, and a look at what it could rely on by then."""
        journal, command = self.folder / "journal", self.commands[history.command]
        journal.unlink(missing_ok=True)

        def victim() -> str:
            let_pass(command.since_s + history.later_s * number)
            kill_hooks.install(Trap(home, self._backup, journal, point, nth))
            return "it ended with {}: {}".format(*give(home, command, expect=None))

        self._make_room()
        said, ended = in_child(victim)
        if ended != signal.SIGKILL:
            if number and not history.strict and not ended:
                return False
            raise NotReached(f"{point} was not hit {nth} times ({f'signal {ended}' if ended else said})")
        copy = self.folder / "looked-at"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(home, copy)
        outcome.lost += kill_checks.lost(copy, acknowledged(journal))
        return True

    def _after(self, history: History, home: Path) -> dict[str, Any]:
        """The last process: the same command to its end, whatever is left open, and everything is looked at."""
        command, ready = self.commands[history.command], list[int]()
        let_pass(command.since_s + history.later_s * len(history.kills))
        start = time.monotonic()
        with noting_when_ready(ready, start):
            code, said = give(home, command, expect=None)
        done = round((time.monotonic() - start) * 1_000)
        refused = [] if code in (0, command.done_before) else [f"given again it ended with {code}: {said}"]
        left_open = kill_checks.open_operations(home)
        if left_open:
            give(home, Command("ops run", ("ops", "run")), expect=0)
        if left_open or code:
            give(home, Command("events", ("events", "--limit", "1")), expect=0)  # whoever reads them has them read
        unsound = kill_checks.faults(home)
        if command.name == "backup":
            unsound += kill_checks.backup_faults(self._backup)
        actual = _figures(home)
        expected = json.loads(self._noted(history.command).read_text("utf-8"))
        differs = [
            f"{name}: {actual.get(name)}, and uninterrupted {expected.get(name)}"
            for name in sorted(set(expected) | set(actual))
            if actual.get(name) != expected.get(name)
        ]
        return {
            "differs": differs,
            "unsound": unsound,
            "refused": refused,
            "left_open": left_open,
            "ready_ms": ready[0] if ready else done,
            "done_ms": done,
        }

    def _note(self, command: str, home: Path) -> None:
        """Write down the figures of a ledger after a command that nothing interrupted."""
        self._noted(command).parent.mkdir(exist_ok=True)
        self._noted(command).write_text(json.dumps(_figures(home)), "utf-8")

    def _noted(self, command: str) -> Path:
        return self.folder / "figures" / f"{command}.json"

    @property
    def _backup(self) -> Path:
        return kill_scenario.backup_of(self.folder)

    def _make_room(self) -> None:
        """Remove a backup that was not finished, as the command says it wants to have it."""
        shutil.rmtree(partial(self._backup), ignore_errors=True)

    def _copy(self, command: str) -> Path:
        home = self.folder / "run"
        for left in (home, self._backup):
            shutil.rmtree(left, ignore_errors=True)
        return Path(shutil.copytree(kill_scenario.stage(self.folder, command), home))


class NotReached(Exception):
    """A process came to its end without meeting the point it was to be killed at."""


def _figures(home: Path) -> dict[str, Any]:
    """What a ledger has in common with one on which the same was done without an interruption."""
    with opened(home, writing=False) as ledger:
        found = kill_checks.facts(ledger)
    return {**found, "doctor": kill_checks.complaints(home)}
