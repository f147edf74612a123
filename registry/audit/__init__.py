"""The auditor's room: recompute everything from evidence and chain, trusting nobody's database.

Imports core, evidence (to read) and chain (to read); never store, services or settings.
"""
