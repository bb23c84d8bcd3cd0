"""Draws the figures of the documentation: ``python docs/figures/make.py`` writes the SVG files.

They are drawn upright, so that they can be read on a phone, and take their colours from the theme of
the page they stand in; on their own they follow the system's.
"""
# ruff: noqa: E501  what a figure says stays on one line

from collections.abc import Iterable
from html import escape
from pathlib import Path
from textwrap import wrap

WIDTH = 480
LINE = 19
"""Height of a line of text."""

STYLE = """
.nc-fig { --ink: var(--color-foreground-primary, #1f2328); --muted: var(--color-foreground-secondary, #57606a);
 --card: var(--color-background-secondary, #f6f8fa); --box: var(--color-background-primary, #ffffff);
 --rule: var(--color-foreground-muted, #8c959f);
 font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif; font-size: 14.5px }
@media (prefers-color-scheme: dark) { .nc-fig { --ink: var(--color-foreground-primary, #e6edf3);
 --muted: var(--color-foreground-secondary, #9da7b1); --card: var(--color-background-secondary, #161b22);
 --box: var(--color-background-primary, #0d1117); --rule: var(--color-foreground-muted, #6e7681) } }
.nc-fig text { fill: var(--ink) }
.nc-fig .m { fill: var(--muted) }
.nc-fig .b { font-weight: 600 }
.nc-fig .c { font-family: ui-monospace, "Liberation Mono", Menlo, monospace; font-size: 13px }
.nc-fig .card { fill: var(--card) }
.nc-fig .box { fill: var(--box); stroke: var(--rule) }
.nc-fig .rule { stroke: var(--rule); fill: none; stroke-width: 1.4 }
.nc-fig .head { fill: var(--rule) }
.nc-fig .good { fill: #2da44e } .nc-fig .due { fill: #1f8fb8 }
.nc-fig .stale { fill: #d4a017 } .nc-fig .gone { fill: #d1445b }
.nc-fig .tint { opacity: .16 }
"""

Element = str


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> Element:
    """Write one line."""
    return f'<text x="{x}" y="{y}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>'


def lines(
    x: float, y: float, words: str, width: int, kind: str = ""
) -> tuple[list[Element], float]:
    """Write words on lines of at most `width` characters; give also the height of them all."""
    rows = wrap(words, width, break_on_hyphens=False)
    return [text(x, y + i * LINE, row, kind) for i, row in enumerate(rows)], len(rows) * LINE


def arrow(points: Iterable[tuple[float, float]]) -> list[Element]:
    """Draw a line with a head at its end; the last part is straight down or to the right."""
    path = list(points)
    (before, _), (x, y) = path[-2], path[-1]
    head = f"M{x} {y} l-5 -9 h10 z" if before == x else f"M{x} {y} l-9 -5 v10 z"
    d = "M" + " L".join(f"{a} {b}" for a, b in path)
    return [f'<path class="rule" d="{d}"/>', f'<path class="head" d="{head}"/>']


def drawing(title: str, description: str, height: float, elements: Iterable[Element]) -> str:
    """Put elements on a card."""
    body = "\n".join(elements)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="nc-fig" role="img" '
        f'viewBox="0 0 {WIDTH} {height:g}" width="{WIDTH}" height="{height:g}">\n'
        f"<title>{escape(title)}</title>\n<desc>{escape(description)}</desc>\n"
        f"<style>{STYLE}</style>\n"
        f'<rect class="card" width="{WIDTH}" height="{height:g}" rx="10"/>\n{body}\n</svg>\n'
    )


def token_life() -> str:
    """Draw what a call gets, by the age of the cached answer."""
    phases = [
        ("0 s", "the request begins", "good", "Fresh",
         "The cached answer, at once."),
        ("240 s", "soft line", "due", "Renewal is due",
         "The cached answer, at once. One renewal runs in the background; when it works, all starts over."),
        ("300 s", "max_age", "stale", "Served while fetches fail",
         "The call waits for a fetch. Only if that fails: the cached answer. From then on the cached answer at once, with a try in the background every error_ttl."),
        ("3,900 s", "max_age + stale_if_error", "gone", "Too old",
         "The answer of a fetch, or its error."),
        ("7,170 s", "expires_at - expiry_margin", "gone", "Inside the margin",
         "The answer of a fetch, or its error. For a token that ends sooner, this line comes sooner and cuts off all that is above."),
        ("7,200 s", "expires_at", "gone", "Ended",
         "The answer of a fetch, or its error."),
    ]  # fmt: skip
    out: list[Element] = [
        text(76, 30, "Age", "b", "end"),
        text(112, 30, "What a call gets", "b"),
    ]
    y = 48.0
    for age, name, colour, phase, gets in phases:
        body, height = lines(112, y + 62, gets, 41)
        band = height + 58
        out += [
            f'<path class="rule" d="M84 {y + 6} H{WIDTH - 16}"/>',
            text(76, y + 11, age, "b", "end"),
            text(WIDTH - 22, y + 22, name, "m c", "end"),
            f'<rect class="{colour}" x="88" y="{y + 7}" width="9" height="{band - 2}"/>',
            f'<rect class="{colour} tint" x="97" y="{y + 7}" width="{WIDTH - 113}" height="{band - 2}"/>',
            text(112, y + 41, phase, "b"),
            *body,
        ]
        y += band
    return drawing(
        "The life of a cached token",
        "A token of two hours under the default policy, not renewed because Nango is down: "
        + " ".join(f"From {age} ({name}), {phase}: {gets}" for age, name, _, phase, gets in phases),
        y + 20,
        out,
    )


def call_path() -> str:
    """Draw the parts that one call passes."""
    steps = [
        ("get_connection", "_client.py", "Is the answer in the cache, and before its soft line? Then it is given at once."),
        ("Cache", "_credentials/lookup.py, cache.py", "May the answer still be served? Then it is given, and a renewal may begin in the background. Is a failure of this key remembered? Then it is raised."),
        ("Single flight", "_http/single_flight.py", "Is a request for this key under way? Then the call waits for that one; else a task begins one."),
        ("Retries", "_http/requester.py, retry.py", "Up to three attempts, before one deadline, out of one budget."),
        ("Transport", "_http/transport.py", "One GET by aiohttp, with time limits, without redirects, 4 MiB at most."),
        ("Nango", "the server", "It answers, after it has renewed the token if less than 15 minutes were left."),
        ("Status", "_http/errors.py", "An error status becomes an error class, by the code first and the status second."),
        ("Decoding", "_wire/converter.py", "JSON becomes frozen classes; a field that is wrong is named. Is it the connection that was asked for?"),
        ("Cache", "_credentials/cache.py", "The answer is kept, unless something newer is known. Every waiting call gets it."),
    ]  # fmt: skip
    out: list[Element] = []
    y = 18.0
    for index, (name, file, does) in enumerate(steps):
        body, height = lines(34, y + 46, does, 49)
        box = height + 40
        out += [
            f'<rect class="box" x="18" y="{y}" width="{WIDTH - 36}" height="{box}" rx="7"/>',
            text(34, y + 24, name, "b"),
            text(WIDTH - 34, y + 24, file, "m c", "end"),
            *body,
        ]
        y += box
        if index < len(steps) - 1:
            out += arrow([(WIDTH / 2, y), (WIDTH / 2, y + 22)])
            y += 22
    return drawing(
        "The path of one call",
        " ".join(f"{name} ({file}): {does}" for name, file, does in steps),
        y + 18,
        out,
    )


def retry_decision() -> str:
    """Draw what is asked before a request is sent again."""
    questions = [
        ("May the failure pass by itself?", "A lost connection, a timeout, 408, 429, 500, 502, 503, 504. Not TLS, not invalid_credentials.", "no"),
        ("Might a force_refresh run twice?", "Bytes had left, and the answer is not a 429 nor a 503 with Retry-After.", "yes"),
        ("Is an attempt left?", "max_attempts, 3 by default.", "no"),
        ("Is the wait short enough?", "The server's own wait is at most max_retry_after, 30 s.", "no"),
        ("Does the wait fit?", "It ends before the call's deadline: total, 60 s.", "no"),
        ("Is there budget?", "A retry takes 1 of the client's 100; a call adds 0.1.", "no"),
    ]  # fmt: skip
    right = 362.0
    out: list[Element] = []
    y = 18.0
    out += [
        f'<rect class="box" x="18" y="{y}" width="312" height="40" rx="7"/>',
        text(34, y + 25, "An attempt has failed", "b"),
    ]
    y += 40
    stay = ""
    for question, detail, leave in questions:
        out += arrow([(183, y), (183, y + 24)])
        out.append(text(192, y + 17, stay, "m"))
        stay = "no" if leave == "yes" else "yes"
        y += 24
        body, height = lines(34, y + 45, detail, 35)
        box = height + 38
        middle = y + box / 2
        out += [
            f'<rect class="box" x="18" y="{y}" width="312" height="{box}" rx="7"/>',
            text(34, y + 24, question, "b"),
            *body,
            *arrow([(330, middle), (right + 2, middle)]),
            text(334, middle - 8, leave, "m"),
        ]
        y += box
    out += arrow([(183, y), (183, y + 24)])
    out.append(text(192, y + 17, "yes", "m"))
    out += [
        f'<rect class="gone" x="{right + 2}" y="18" width="9" height="{y - 18}"/>',
        f'<rect class="gone tint" x="{right + 11}" y="18" width="{WIDTH - right - 27}" height="{y - 18}"/>',
    ]
    words = ["The error", "is raised;", "the cache", "may still", "serve its", "answer."]
    for index, row in enumerate(words):
        out.append(text(right + 17, 190 + index * LINE, row, "b" if index < 2 else ""))  # noqa: PLR2004
    y += 24
    out += [
        f'<rect class="good" x="18" y="{y}" width="9" height="46"/>',
        f'<rect class="good tint" x="27" y="{y}" width="{WIDTH - 43}" height="46"/>',
        text(40, y + 28, "Wait, and send the request again.", "b"),
    ]
    return drawing(
        "Whether a failed request is sent again",
        "Questions, in order; the first that leaves raises the error. "
        + " ".join(
            f"{question} {detail} Leaves on {leave}." for question, detail, leave in questions
        ),
        y + 64,
        out,
    )


def shared_cache() -> str:
    """Draw one call through the cache in memory and the one that a fleet shares."""
    questions = [
        ("Is it in memory?", "And was it compared with the store less than local_max_age ago, 5 s by default?",
         "yes", "good", "The cached answer, at once"),
        ("Has the store an answer?", "One that a key opens, for this connection, alive by the store's clock and by ours.",
         "yes", "good", "That answer: a hit"),
        ("Has a fetch just failed?", "That of another process, less than a second ago.",
         "yes", "gone", "Its error, or the stale answer"),
        ("Is the lease free?", "Who fetches or renews holds it, and keeps it alive.",
         "no", "stale", "Wait, and ask the store again"),
        ("Has one come meanwhile?", "Between the last look and the lease.",
         "yes", "good", "That answer: a hit"),
    ]  # fmt: skip
    right, width = 336.0, 284.0
    out: list[Element] = []
    y = 18.0
    for question, detail, leave, colour, answer in questions:
        body, height = lines(34, y + 45, detail, 31)
        box = height + 38
        middle = y + box / 2
        words, tall = lines(right + 21, 0, answer, 13)
        shift = middle - tall / 2 + 14
        out += [
            f'<rect class="box" x="18" y="{y}" width="{width}" height="{box}" rx="7"/>',
            text(34, y + 24, question, "b"),
            *body,
            *arrow([(18 + width, middle), (right, middle)]),
            text(18 + width + 3, middle - 8, leave, "m"),
            f'<rect class="{colour}" x="{right}" y="{y}" width="9" height="{box}"/>',
            f'<rect class="{colour} tint" x="{right + 9}" y="{y}" width="{WIDTH - right - 27}" height="{box}"/>',
            f'<g transform="translate(0 {shift:g})">{"".join(words)}</g>',
        ]
        y += box
        out += arrow([(164, y), (164, y + 26)])
        out.append(text(173, y + 18, "yes" if leave == "no" else "no", "m"))
        y += 26
    does = "One request for the whole fleet. Its answer goes into the store, the lease is released, and those who wait find it."
    body, height = lines(40, y + 46, does, 50)
    out += [
        f'<rect class="due" x="18" y="{y}" width="9" height="{height + 40}"/>',
        f'<rect class="due tint" x="27" y="{y}" width="{WIDTH - 45}" height="{height + 40}"/>',
        text(40, y + 24, "Fetch from Nango", "b"),
        *body,
    ]
    y += height + 40
    fails = "Where the store fails, or takes longer than timeout, the call goes on as if there were none."
    note, height = lines(18, y + 28, fails, 58, "m")
    return drawing(
        "One call through both caches",
        " ".join(
            f"{question} {detail} If {leave}: {answer}."
            for question, detail, leave, _, answer in questions
        )
        + f" Else fetch from Nango. {does} {fails}",
        y + height + 28,
        [*out, *note],
    )


def provider_call() -> str:
    """Draw where a call to a provider goes: directly, and through Nango's proxy."""
    lanes = [
        ("client.direct", [
            ("Your process", "The token comes from the cache, and we put it into the request."),
            ("The provider", "It answers you."),
        ], "Nango is asked for a token once in a few minutes, and sees none of the calls."),
        ("client.proxy", [
            ("Your process", "It sends the request with no token in it."),
            ("Nango", "It puts the token into the request, and sends it on."),
            ("The provider", "It answers Nango, and Nango you."),
        ], "Each call counts against Nango's limits, and can be seen in its logs."),
    ]  # fmt: skip
    lane_width = (WIDTH - 54) / 2
    out: list[Element] = []
    lowest = 0.0
    for index, (name, stops, note) in enumerate(lanes):
        x = 18 + index * (lane_width + 18)
        out.append(text(x + lane_width / 2, 34, name, "c b", "middle"))
        y = 50.0
        for number, (who, does) in enumerate(stops):
            body, height = lines(x + 14, y + 46, does, 24)
            box = height + 38
            out += [
                f'<rect class="box" x="{x}" y="{y}" width="{lane_width}" height="{box}" rx="7"/>',
                text(x + 14, y + 24, who, "b"),
                *body,
            ]
            y += box
            if number < len(stops) - 1:
                out += arrow([(x + lane_width / 2, y), (x + lane_width / 2, y + 24)])
                y += 24
        body, height = lines(x, y + 26, note, 27, "m")
        out += body
        lowest = max(lowest, y + 26 + height)
    return drawing(
        "Where a call to a provider goes",
        " ".join(
            f"{name}: " + " ".join(f"{who}: {does}" for who, does in stops) + f" {note}"
            for name, stops, note in lanes
        ),
        lowest,
        out,
    )


FIGURES = {
    "token-life.svg": token_life,
    "call-path.svg": call_path,
    "retry-decision.svg": retry_decision,
    "shared-cache.svg": shared_cache,
    "provider-call.svg": provider_call,
}


def main() -> None:
    """Write all figures beside this file."""
    for name, draw in FIGURES.items():
        Path(__file__).with_name(name).write_text(draw(), encoding="utf-8")


if __name__ == "__main__":
    main()
