"""Puhui Ledger: a ledger of record for a city's carbon-inclusion programme."""

__version__ = "0.1.0"
