"""The code that runs inside a jail.

``zygote`` is the process that every run is cloned from, ``run`` and ``process`` are one run as the zygote sees it, and
``kernel`` holds the system calls. ``candidate`` executes the untrusted program. ``tester_rpc`` executes test code, and
``candidate_rpc`` serves it the objects of the program over a ``link``. ``shared_objects`` and ``remote_objects`` turn
objects into messages. ``proxies`` stand for the other side's objects, ``operations`` are what a proxy forwards, and
``class_contents`` is what its class is made from. ``own_objects`` says which answers count. ``patches``, ``logs`` and
``program_warnings`` carry a test's patches and its assertions about logs and warnings over. ``rehearsal`` runs this
connection once before any clone uses it. ``line_trace`` records the lines that a program executes. ``wire`` and
``values`` define the other bytes.

These modules are sent into the jail as compiled code. They import only the standard library and each other, and hold
no secret, because a candidate can read all memory of its own process.
"""
