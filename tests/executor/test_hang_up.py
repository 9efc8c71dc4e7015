"""How a candidate ends whose tester hangs up while it sends an answer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

# The candidate runs in a process of its own, because it changes its interpreter. Its tester reads the beginning of a
# long answer and closes the connection, as one does that will not hold so long a message.
SCRIPT = """
import os, socket, sys, threading
from prlcoder.executor.jailed import candidate_rpc
from prlcoder.executor.jailed.link import READY, REQUEST, Channel
from prlcoder.executor.jailed.tester_rpc import TesterLink

os.dup2(os.open(os.devnull, os.O_WRONLY), candidate_rpc.candidate.ANSWERS_FD)
ours, theirs = socket.socketpair()

def ask():
    link = TesterLink(Channel(ours.fileno()))
    assert link.channel.receive() == READY
    function = link.request("name", (None,))
    link._send((REQUEST, "call", []), (function,), sweep=True)
    ours.recv(4)
    ours.close()

threading.Thread(target=ask).start()
code = compile("def f():\\n    return 'x' * (16 << 20)", "program", "exec")
link = candidate_rpc.CandidateLink(Channel(theirs.detach()))
os._exit(10 + candidate_rpc.serve(link, ("", "f"), None, code))
"""


def test_a_tester_that_hangs_up_during_an_answer_is_no_crash_of_the_candidate(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 10, done.stderr  # 10 and the exit status of the candidate
