"""The steps of `scripts/check_contracts.py`, each with its tool, and the environments the tools run in."""
