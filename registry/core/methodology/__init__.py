"""One frozen module per methodology version. A new version is a new module; no old one is edited.

Each module offers `SPEC`, a `Methodology`. `by_id` and `by_name` find it; nothing branches on a version.
"""

from __future__ import annotations

from registry.core.methodology import sz_transit_v1
from registry.core.methodology.spec import Methodology
from registry.errors import InputError

ALL: tuple[Methodology, ...] = (sz_transit_v1.SPEC,)
DEFAULT = sz_transit_v1.SPEC


def by_id(methodology_id: int) -> Methodology:
    """The methodology with this on-chain id; raises InputError when this build does not know it."""
    for spec in ALL:
        if spec.id == methodology_id:
            return spec
    raise InputError(f"methodology {methodology_id} is not known to this build", hint="use a newer release")


def by_name(name: str) -> Methodology:
    """The methodology called e.g. `sz_transit/1`; raises InputError when unknown."""
    for spec in ALL:
        if spec.name == name:
            return spec
    known = ", ".join(spec.name for spec in ALL)
    raise InputError(f"unknown methodology {name!r}", hint=f"known: {known}")


__all__ = ["ALL", "DEFAULT", "Methodology", "by_id", "by_name"]
