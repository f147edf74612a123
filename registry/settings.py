"""Everything read from the environment, in one typed place. No other module reads it.

Secrets are `SecretStr`, so neither a repr nor a log line shows them.
"""

from __future__ import annotations

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """`PUHUI_*` environment variables; an unset one takes the default here."""

    model_config = SettingsConfigDict(env_prefix="PUHUI_", extra="ignore")

    keystore_password: SecretStr | None = None
    """Opens the keystores under `keys/`; without it a terminal is asked, and without a terminal the command fails."""
    database_url: SecretStr | None = None
    """`postgresql+psycopg://...`; unset means SQLite in the home folder. It may hold a password, so it stays here."""
    rpc_url: str | None = None
    """A node's JSON-RPC URL; unset means the one given to `puhui init`, or the embedded chain."""
    log: str = "text"
    """Log lines on stderr: `text` or `json`, and a level after a colon if wanted, as in `json:debug`."""
