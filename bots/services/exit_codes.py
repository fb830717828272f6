"""How a command that played ends; `bots.services.cli` adds 2: the user has something to mend."""

from __future__ import annotations

from collections.abc import Sequence

from bots.analysis.run_data import TraderResult
from bots.domain.records import RunOutcome
from bots.services.loop import EXIT_INTERRUPTED, EXIT_UNDECIDED
from bots.services.runner import RunReport

EXIT_CODES = {
    RunOutcome.FINISHED: 0,
    RunOutcome.FAILED: 1,
    RunOutcome.SEATS_FAILED: 3,
    RunOutcome.TIMED_OUT: 4,
    RunOutcome.INTERRUPTED: EXIT_INTERRUPTED,
}


def exit_code(report: RunReport, results: Sequence[TraderResult]) -> int:
    """Return how a run's command ends."""
    undecided = any(one.undecided for one in results)
    return EXIT_CODES[report.end.outcome] or (EXIT_UNDECIDED if undecided else 0)
