"""The code that runs inside a jail.

``zygote`` is the process that every run is cloned from, ``run`` and ``process`` are one run as the zygote sees it, and
``kernel`` holds the system calls. ``candidate`` executes the untrusted program; ``tester_rpc`` executes test code and
calls the candidate over the channel of ``candidate_rpc``. ``wire`` and ``values`` define the bytes that cross.

These modules are sent into the jail as compiled code. They import only the standard library and each other, and hold
no secret, because a candidate can read all memory of its own process.
"""
