"""Programs run by hand and by CI; importable from the repository root."""
