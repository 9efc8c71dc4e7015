"""The session of tests that are code: a trusted tester runs them beside the candidate."""

from __future__ import annotations

import marshal

from prlcoder.executor.compiled_tests import TesterPlan
from prlcoder.executor.jailed import tester_rpc, wire
from prlcoder.executor.judging.candidate_records import CandidateRecords
from prlcoder.executor.judging.endings import Judgement, not_compiled, raised, unanswered
from prlcoder.executor.judging.orders import Order, RunOutcome, Session
from prlcoder.executor.judging.tally import Tally
from prlcoder.executor.verdicts import ExecutionRequest, ResourceLimits, Verdict


def run_tester(item: ExecutionRequest, plan: TesterPlan, limits: ResourceLimits, profile: str) -> Session:
    """Run the tests in a tester beside the candidate."""
    body = marshal.dumps((item.program, plan.entry_point), 2)
    outcome = yield Order(wire.SERVE, item.preamble, body, plan.tester, limits)
    tally = Tally(1, profile)
    tally.spend(outcome.report)
    records = _signed_records(outcome, plan.token)
    note = _note(records)
    if records and records[0].payload == tester_rpc.TEST_ERROR:
        return tally.faulty(note)
    tally.test_exception = note
    tally.note(not_compiled(outcome) or _judgement(records, outcome, limits))
    return tally.result()


def _signed_records(outcome: RunOutcome, token: bytes) -> list[wire.CandidateRecord]:
    """The tester's records without their token. Others are forged."""
    return [
        record._replace(payload=record.payload.removeprefix(token))
        for record in wire.records(outcome.output)
        if record.payload.startswith(token)
    ]


def _note(records: list[wire.CandidateRecord]) -> str:
    """What the tester said about an exception of the test code; empty if there was none."""
    note = next((one for one in records if one.call == tester_rpc.NOTE), None)
    return note.payload.decode("utf-8", "replace") if note is not None else ""


def _judgement(records: list[wire.CandidateRecord], outcome: RunOutcome, limits: ResourceLimits) -> Judgement:
    """The tester's record, which no candidate can forge, decides. Without a record, the candidate's end decides."""
    record = records[0] if records else None
    if record is not None and record.kind == wire.RAISED:
        return raised(record.payload)
    if record is not None and record.payload == tester_rpc.PASSED:
        return Verdict.PASSED, ""
    if record is not None and record.payload == tester_rpc.WRONG:
        return Verdict.WRONG_ANSWER, ""
    if record is not None and record.payload == tester_rpc.OWN_OBJECT:
        return Verdict.WRONG_ANSWER, "own_object"
    return unanswered(outcome, CandidateRecords(outcome.answers).loading, limits)
