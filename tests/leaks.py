"""Everything that an error shows to a log or an error tracker, as one text."""

from pathlib import Path
from traceback import StackSummary, TracebackException

_HERE = str(Path(__file__).parent)


def all_that_shows(error: BaseException) -> str:
    """Format an error with the locals of all frames but the tests' own, causes and contexts too."""
    shown = TracebackException.from_exception(error, capture_locals=True)
    todo = [shown]
    while todo:
        part = todo.pop()
        part.stack = StackSummary.from_list(
            [frame for frame in part.stack if not frame.filename.startswith(_HERE)]
        )
        todo += [p for p in (part.__cause__, part.__context__, *(part.exceptions or ())) if p]
    return "".join([*shown.format(), str(error), repr(error), repr(error.args)])
