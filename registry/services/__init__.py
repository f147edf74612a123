"""The use cases. The only room that sees store, evidence and chain together.

Each service is safe to call again after a crash: it asks the chain first, then resumes or confirms.
"""
