"""Orders the runs of one execution and judges their outcomes (``docs/reference/contracts.md``, 2).

A session is a generator: it yields orders, is sent their outcomes, and returns the result. It does no I/O, so that
the pool can interleave any number of sessions. ``sessions`` opens the session of a plan; ``calls``, ``stdio`` and
``testers`` hold one kind of session each. ``candidate_records`` and ``endings`` judge what a run has left.
``line_traces`` runs a program once more to find out which lines it executes.
"""
