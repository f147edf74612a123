"""`puhui metrics`: the ledger's state for Prometheus."""

from __future__ import annotations

import sys

from registry.cli.common import HomeOption, ledger
from registry.services.metrics import exposition


def metrics(home: HomeOption = None) -> None:
    """Print the metrics in the text format of Prometheus, for its node exporter's textfile collector or a check."""
    with ledger(home) as opened:
        sys.stdout.write(exposition(opened))
