"""What a run has logged can be read while its pods run, and after they and the run are gone."""

from __future__ import annotations

from tests.e2e.cluster import NAMESPACE, Cluster, eventually
from tests.e2e.runs import pretraining

BEGINNING = "stage pretrain, attempt 1"
LAST_STEP = "pretrain: 10/10 steps"


def test_logs_are_followed_and_outlive_the_run(cluster: Cluster) -> None:
    run = pretraining("brief", ttlSecondsAfterFinished=30)
    run["spec"]["pretrain"] = {"programs": 160, "noisy": False}
    cluster.apply(run)
    followed = cluster.prlcoder("logs", "brief", "--follow", "-n", NAMESPACE)
    assert followed.returncode == 0, followed.stderr
    assert LAST_STEP in followed.stdout
    eventually(lambda: not cluster.exists("trun/brief") or None, "the end of the run's time")
    eventually(lambda: not cluster.pods("brief", "pretrain") or None, "the end of its pods")
    gone = cluster.prlcoder("logs", "brief", "-n", NAMESPACE)
    assert (gone.returncode, "has no such run" in gone.stderr) == (2, True)
    command = ("prlcoder", "logs", "brief", "--storage", "/var/lib/prlcoder")
    stored = cluster.kubectl("exec", "-n", NAMESPACE, "reader", "--", *command).stdout
    assert BEGINNING in stored
    assert LAST_STEP in stored
