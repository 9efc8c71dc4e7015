"""Checks of what concerns clusters only. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from prlcoder.spec.check_registry import SpecCheck, SpecFinding, registrar
from prlcoder.spec.section import CelRule
from prlcoder.spec.servers import gpus, needed_servers, server_container
from prlcoder.spec.trainingrun import Spec

CHECKS: list[SpecCheck] = []
check = registrar(CHECKS)


@check(
    CelRule(
        "!has(self.serve) || !self.serve.prm || (has(self.reward) && self.reward.kind == 'prm')",
        "serve.prm: there is no process reward model to serve; add `reward` with `kind: prm`, or set this to false",
    )
)
def _served_model(spec: Spec) -> Iterator[SpecFinding]:
    if spec.serve.prm and (spec.reward is None or spec.reward.kind != "prm"):
        remedy = "add `reward` with `kind: prm`, or set this to false"
        yield SpecFinding(("serve", "prm"), "there is no process reward model to serve", remedy)


@check(
    CelRule(
        "!has(self.evaluate) || self.evaluate.nodes == 1",
        "evaluate.nodes: the stage evaluate runs in one pod; set it to 1",
    ),
    at=("stages",),
)
def _evaluate_in_one_pod(spec: Spec) -> Iterator[SpecFinding]:
    if spec.stages.of("evaluate").nodes > 1:
        yield SpecFinding(("stages", "evaluate", "nodes"), "the stage evaluate runs in one pod", "set it to 1")


@check()
def _server_resources(spec: Spec) -> Iterator[SpecFinding]:
    """A server without a word about its resources would compute on CPUs beside a trainer that has GPUs."""
    for name in needed_servers(spec) if gpus(spec.stages.of("policy").resources) else ():
        given = server_container(spec.stages, name).resources
        if not (given.requests or given.limits or given.claims):
            what = f"missing; the trainer has GPUs, and without any of its own the {name} server computes on CPUs"
            remedy = (
                "give it GPUs (`limits: {nvidia.com/gpu: 1}`), or the CPUs that it shall use (`requests: {cpu: 8}`)"
            )
            yield SpecFinding(("stages", "policy", "servers", name, "resources"), what, remedy)
