"""What should not be done, and mostly is refused: calls with one thing changed, repeats, and doors that are shut."""

from __future__ import annotations

from typing import Any, Final

from registry.chain.wiring import PAUSABLE
from tests.properties.calls import NOBODY, ZERO32, Batch, Call, Order, Request, Rule, Signature
from tests.properties.draw import Draw, Drawn, authorise
from tests.properties.evm import function
from tests.properties.model_access import GUARDED
from tests.properties.world import ACCOUNTS

# One past the last value, by the end of the enum's name.
ENUM_ENDS: Final = {"Channel": 4, "Kind": 4, "Purpose": 3, "Side": 2}
Path = tuple[int, ...]


def changed(d: Draw, call: Call) -> Call:
    """The call with another caller, or with one argument changed; half of the signed ones are signed again."""
    inner = call.args[0] if call.contract == "AccessManager" else None
    if isinstance(inner, Call) and d.chance(70):
        return call._replace(args=(changed(d, inner), *call.args[1:]))
    places = [] if isinstance(inner, Call) else _places(call)
    if not places or d.chance(15):
        return call._replace(caller=d.anyone())
    path, entry = d.one_of(places)
    changed_call = call._replace(args=_replace(call.args, path, lambda old: _other(d, entry, old)))
    return authorise(changed_call) if d.chance(50) else changed_call


def _places(call: Call) -> list[tuple[Path, dict[str, Any]]]:
    """Where the arguments have a value, with its entry in the ABI."""
    found: list[tuple[Path, dict[str, Any]]] = []

    def look(entry: dict[str, Any], value: Any, path: Path) -> None:
        if entry["type"].endswith("[]"):
            found.append((path, entry))
            for n, one in enumerate(value):
                look({**entry, "type": entry["type"][:-2]}, one, (*path, n))
        elif entry["type"] == "tuple":
            for n, member in enumerate(entry["components"]):
                look(member, value[n], (*path, n))
        else:
            found.append((path, entry))

    for n, entry in enumerate(function(call.contract, call.function).inputs):
        look(entry, call.args[n], (n,))
    return found


def _replace(values: Any, path: Path, other: Any) -> Any:
    if not path:
        return other(values)
    changed_one = _replace(values[path[0]], path[1:], other)
    if isinstance(values, Batch | Order | Request | Rule):
        return type(values)(*values[: path[0]], changed_one, *values[path[0] + 1 :])
    return (*values[: path[0]], changed_one, *values[path[0] + 1 :])


def _other(d: Draw, entry: dict[str, Any], old: Any) -> Any:
    kind = entry["type"]
    if kind.endswith("[]"):
        longer = (*old, d.one_of(old)) if old else old
        return d.one_of((longer, old[1:], old[:-1], old[::-1], ()))
    if kind == "address":
        return d.one_of((d.anyone(), d.anyone(), NOBODY, d.model.at["ProgrammeTreasury"]))
    if kind == "bytes32":
        return d.one_of((ZERO32, d.ref(), d.reason()))
    if kind == "bytes":
        return _forged(d, old)
    if kind == "bool":
        return not old
    enum = entry.get("internalType", "").split(".")[-1]
    if enum in ENUM_ENDS:
        return d.rng.randrange(ENUM_ENDS[enum])
    most = min(2 ** int(kind.removeprefix("uint")) - 1, 2**62)
    return min(max(0, d.one_of((old + 1, old + 1, old - 1, old - 1, 0, old * 2, old + 10**9, most))), most)


def _forged(d: Draw, old: Signature | bytes) -> Signature | bytes:
    if not isinstance(old, Signature):
        return old
    if d.chance(50):
        return old._replace(signer=d.anyone())
    return old._replace(fields=(*old.fields[:-1], old.fields[-1] + 1))


def repeated(d: Draw, history: list[Call]) -> Call | None:
    """A call that was made before: the same again, or another one under the same key."""
    call = d.likely(history[-60:])
    if call is None:
        return None
    return call if d.chance(50) else changed(d, call)


# --- doors that are shut


def forbidden(d: Draw) -> Call:
    """Functions of the programme's own contracts, and those the standards offer and the ledger does not."""
    number, word = d.rng.randint(0, 3), d.reason()
    units = (number, d.rng.randint(0, 9))
    contract, name, args = d.one_of(
        (
            ("TripAnchors", "issue", ((word,),)),
            ("TripAnchors", "release", (tuple(list(d.model.anchors.batches)[:1]),)),
            ("CertifiedReductions", "issue", (number, 133_097, 5, word, d.trader())),
            ("CertifiedReductions", "list", (d.trader(), *units)),
            ("CertifiedReductions", "unlist", (d.trader(), *units)),
            ("CertifiedReductions", "settle", (d.trader(), d.trader(), *units)),
            ("CertifiedReductions", "retire", (d.trader(), *units)),
            ("SettlementCash", "transfer", (d.trader(), number)),
            ("SettlementCash", "transferFrom", (d.trader(), d.trader(), number)),
            ("SettlementCash", "approve", (d.trader(), number)),
            ("ProceedsDistributor", "fund", units),
            ("CarbonPoints", "safeTransferFrom", (d.person(), d.person(), 133_097, number, b"")),
            ("CarbonPoints", "setApprovalForAll", (d.trader(), True)),
            ("RetirementCertificates", "transferFrom", (d.trader(), d.trader(), number)),
            ("RetirementCertificates", "approve", (d.trader(), number)),
        )
    )
    return Call(d.anyone(), contract, name, args)


def through_manager(d: Draw) -> Call:
    """An act of judgement that is sent by way of the AccessManager, where nobody has a face."""
    contract, name, args, role = d.one_of(
        (
            ("ReductionCertification", "approve", (1, d.reason()), "regulator"),
            ("TripAnchors", "attest", (d.reason(),), "verifier"),
            ("SettlementCash", "confirmMint", (d.reason(), d.trader(), 1), "bank"),
            ("ReductionCertification", "refute", (d.rng.randint(1, 3), d.reason()), "verifier"),
            ("CertifiedReductions", "freeze", (d.trader(), 1, d.rng.randint(0, 2), d.reason()), "regulator"),
        )
    )
    assert GUARDED[contract, name] == role
    caller = ACCOUNTS[role] if d.chance(85) else d.anyone()
    return Call(caller, "AccessManager", "execute", (Call(caller, contract, name, args),))


def stop_scheduled(d: Draw) -> Call | None:
    """Somebody cancels what the regulator scheduled: the regulator itself, a guardian, or one who may not."""
    waiting = list(d.model.access.scheduled)
    if not waiting:
        return None
    caller = d.one_of((ACCOUNTS["regulator"], ACCOUNTS["guardian"], d.anyone()))
    return Call(caller, "AccessManager", "cancel", (d.one_of(waiting),))


def pause(d: Draw) -> Call:
    return Call(ACCOUNTS["guardian"], d.one_of(PAUSABLE), "pause", ())


def unpause(d: Draw) -> Call | None:
    contract = d.likely(sorted(d.model.access.paused), PAUSABLE)
    return contract and d.delayed(contract, "unpause")


def do_scheduled(d: Draw) -> Call | None:
    """What the regulator scheduled and can do now."""
    waiting = d.model.access.scheduled
    ready = [one for one in waiting if waiting[one] <= d.model.now]
    call = d.likely(ready, waiting)
    if call is None or d.chance(65):
        return call
    return Call(call.caller, "AccessManager", "execute", (call,))


OPERATIONS: Final[dict[Drawn, int]] = {
    forbidden: 8,
    through_manager: 4,
    stop_scheduled: 2,
    pause: 2,
    unpause: 5,
    do_scheduled: 14,
}
