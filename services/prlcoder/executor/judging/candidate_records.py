"""The answers that a candidate has written, and their judgements."""

from __future__ import annotations

from prlcoder.executor.compiled_tests import Case
from prlcoder.executor.jailed import wire
from prlcoder.executor.judging.endings import Judgement, raised
from prlcoder.executor.verdicts import Verdict


class CandidateRecords:
    """A candidate's records, up to the first one that is out of order.

    The candidate can write anything into the file of records. A record only counts at its own position, so a forged
    record can replace a right answer by a wrong one but cannot make an answer right whose value is unknown to it.
    """

    def __init__(self, answers: bytes) -> None:
        self.loading: Judgement | None = None
        self.checked: list[bool] | None = None  # what a checker says of the first answers, one call per case
        self._records: list[wire.CandidateRecord] = []
        for record in wire.records(answers):
            if record.call == wire.LOADED and record.kind == wire.RAISED:
                self.loading = raised(record.payload)
            elif record.call != len(self._records):
                break
            else:
                self._records.append(record)

    def answer(self, case: Case) -> bytes | None:
        """The encoded answer to a case of one call, or None if there is no answer."""
        records = self._records[case.first : case.first + case.count]
        return records[0].payload if len(records) == 1 and records[0].kind == wire.ANSWER else None

    def judge(self, case: Case) -> Judgement | None:
        """The judgement of one case, or None if it was not answered."""
        records = self._records[case.first : case.first + case.count]
        for record in records:
            if record.kind != wire.ANSWER:
                return raised(record.payload)
        if len(records) < case.count or (case.count == 0 and self.loading is not None):
            return None
        if self.checked is not None:
            return (Verdict.PASSED if self.checked[case.first] else Verdict.WRONG_ANSWER), ""
        if case.passes([record.payload for record in records]):
            return Verdict.PASSED, ""
        return Verdict.WRONG_ANSWER, ""
