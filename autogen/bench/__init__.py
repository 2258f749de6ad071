"""Benchmarks of chats: cases, scorers, runs that survive a kill, and reports with intervals.

>>> from autogen.bench import evaluate
>>> evaluate([("What is 6 * 7?", 42)], lambda case: "It is 42.", ["number"]).pass_rate
1.0
"""

from typing import TYPE_CHECKING

from .._lazy_imports import attach as _lazy

# Read by editors and type checkers.
if TYPE_CHECKING:
    from ._records import Record as Record
    from ._runs import ReplyNotRecorded as ReplyNotRecorded
    from ._runs import RunContext as RunContext
    from .cases import Case as Case
    from .cases import Limits as Limits
    from .cases import read_cases as read_cases
    from .evaluation import a_evaluate as a_evaluate
    from .evaluation import bench as bench
    from .evaluation import evaluate as evaluate
    from .readers import read_suite as read_suite
    from .report import Comparison as Comparison
    from .report import Report as Report
    from .report import compare as compare
    from .report import read_report as read_report
    from .scorers import Output as Output
    from .scorers import Score as Score
    from .scorers import make_scorer as make_scorer
    from .suites import Suite as Suite
    from .suites import load_suite as load_suite

# Read by the interpreter on first use of a name.
_HOME = {
    "Case": "cases",
    "Comparison": "report",
    "Limits": "cases",
    "Output": "scorers",
    "Record": "_records",
    "ReplyNotRecorded": "_runs",
    "Report": "report",
    "RunContext": "_runs",
    "Score": "scorers",
    "Suite": "suites",
    "a_evaluate": "evaluation",
    "bench": "evaluation",
    "compare": "report",
    "evaluate": "evaluation",
    "load_suite": "suites",
    "make_scorer": "scorers",
    "read_cases": "cases",
    "read_report": "report",
    "read_suite": "readers",
}

__getattr__, __dir__, __all__ = _lazy(globals(), _HOME, ("readers", "scorers", "statistics", "systems"))
