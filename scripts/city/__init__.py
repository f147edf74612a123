"""An invented city whose trip files come with the exact result they must have.

Names, network and people are made up; only the shape follows published statistics of a real metro (edge lengths,
fare rule, share of defects). Everything is integer arithmetic on a seeded PCG64, so a seed means the same files
on any machine. The expected result is computed from how each row was made, with this package's own constants:
it shares no code with `registry.sources`, which it exists to check.
"""
