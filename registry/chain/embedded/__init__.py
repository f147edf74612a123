"""A real EVM chain in one SQLite file: see `chain.EmbeddedChain`, `server.serve`, `provider.EmbeddedProvider`."""
