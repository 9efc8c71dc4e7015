"""Process supervision: labelled steps and preference pairs, made from problems, teachers and the sandbox.

``labelling`` goes from problems to labelled steps in memory; ``build`` makes a resumable folder of them (``store``,
``rows``, ``merging``, ``statistics``), ``pairs`` the preference pairs and ``export`` other trainers' formats. Strict
labels: ``differential`` compares answers on ``generated_inputs``, which ``input_ranges``, ``input_invariants``,
``argument_mutation`` and ``stdin_text`` produce. ``coverage`` drops variants that no test reaches; ``policy_teacher``,
``first_wrong_step`` and ``first_wrong_by_rollout`` label the policy's own programs; ``verification`` checks canonical
solutions; ``stage`` is the run's stage.
"""

from prlcoder.supervision.labelling import labelled_steps
from prlcoder.supervision.rows import Pair, Program, Step

__all__ = ["Pair", "Program", "Step", "labelled_steps"]
