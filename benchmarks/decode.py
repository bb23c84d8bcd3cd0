"""Structure of one decoded answer, against msgspec from bytes to Structs."""

import json
import timeit
from collections.abc import Callable
from datetime import datetime
from functools import partial

import plain_models
from cattrs import Converter
from report import Table, interleave, rows
from wire import body

from nango_client._wire.converter import _structure_hook
from nango_client.models import Connection

MSGSPEC = "msgspec, bytes to Structs"


def _time(call: Callable[[], object], number: int) -> float:
    return timeit.timeit(call, number=number) / number * 1e6


def run(*, quick: bool) -> list[Table]:
    number, rounds = (10, 1) if quick else (2000, 41)
    answer = body()
    document = json.loads(answer)
    plain = Converter()
    plain.register_structure_hook(datetime, lambda text, _: datetime.fromisoformat(text))
    calls: dict[str, Callable[[], object]] = {
        "nango_client": lambda: _structure_hook(Connection)(document, Connection),
        "plain cattrs": lambda: plain.structure(document, plain_models.Connection),
    }
    skipped = []
    try:
        import msgspec
    except ImportError:
        skipped.append("msgspec, the reference")
    else:
        decoder = msgspec.json.Decoder(plain_models.as_structs())
        calls[MSGSPEC] = lambda: decoder.decode(answer)
    reference = MSGSPEC if MSGSPEC in calls else "plain cattrs"
    for call in calls.values():
        call()  # Hooks are made on first use.
    contestants = {name: partial(_time, call, number) for name, call in calls.items()}
    found = rows(
        interleave(contestants, rounds),
        sorted(calls),
        reference,
        {"nango_client": 3.3} if reference == MSGSPEC else None,
    )
    note = "Ours checks types strictly and freezes mappings; msgspec and plain cattrs do not."
    return [Table("Structure of one answer", "µs", note, found, skipped)]
