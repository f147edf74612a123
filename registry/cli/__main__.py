"""`python -m registry.cli` is `puhui`."""

from registry.cli.main import run

run()
