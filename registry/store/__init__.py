"""Workflow state: tables, sessions, queries, migrations. The only SQL of the ledger; rows of trips never come here."""
