"""The demo: paced, judged, shown and summed up."""

import io

from rich.console import Console
from rich.live import Live

from stream.chatter.generate import Chatter, Pace
from stream.demo import Demo, Line, Progress
from stream.demo_view import LiveView, PlainView, closing, printable
from tests.support.judges import NOW, a_judge


class ManualTime:
    """A clock that rests move, and every look a little."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 0.001
        return self.now

    def rest(self, seconds: float) -> None:
        self.now += seconds


class Collected:
    def __init__(self) -> None:
        self.lines: list[Line] = []

    def show(self, lines: list[Line], progress: Progress) -> None:
        self.lines += lines


def run(rate: float, seconds: float) -> tuple[Demo, Collected]:
    time, view = ManualTime(), Collected()
    demo = Demo(a_judge(), Chatter(1), Pace(rate, seconds), time, 512)
    demo.run(view, NOW, time.rest)
    return demo, view


def test_every_message_due_is_judged_and_shown() -> None:
    demo, view = run(rate=500, seconds=4)
    summary = demo.progress.summary
    assert 1_950 < summary.records <= 2_000
    assert len(view.lines) == summary.records == len(demo.progress.latencies)
    assert summary.dead_letters.total() > 0
    assert {line.action for line in view.lines} >= {"allow", "dead letter"}
    assert max(demo.progress.latencies) < 0.1
    assert min(demo.progress.latencies) >= 0


def test_the_closing_counts_by_action_by_who_answered_and_by_cause() -> None:
    demo, _ = run(rate=500, seconds=4)
    text = closing(demo.progress)
    assert "actions      allow 1," in text
    assert "classifier 1," in text
    assert "dead letters" in text
    assert "latency      p50 " in text


def test_nothing_judged_says_what_to_do() -> None:
    assert "--duration" in closing(Progress())


def test_the_plain_view_is_brief_and_prefers_what_was_not_allowed() -> None:
    output, time = io.StringIO(), ManualTime()
    view = PlainView(output, time, per_second=3)
    allowed, blocked = (
        Line("allow", "non_toxic", 0.9, "rule", "p", "gg"),
        Line("block", "insult", 0.9, "rule", "p", "x"),
    )
    view.show([allowed, allowed, blocked, blocked, blocked, blocked], Progress())
    assert output.getvalue().splitlines() == [
        "allow       non_toxic      0.900  rule        gg",
        "block       insult         0.900  rule        x",
        "block       insult         0.900  rule        x",
    ]


def test_the_live_view_shows_messages_as_they_are_and_figures() -> None:
    console = Console(file=io.StringIO(), width=120, height=40, force_terminal=True)
    with Live(console=console, auto_refresh=False) as live:
        view = LiveView(console, live)
        view.show([Line("block", "insult", 0.912, "classifier", "player-7", "[bold]not markup[/]")], Progress())
        live.refresh()
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert "[bold]not markup[/]" in shown
    assert "0.912" in shown
    assert "0 messages" in shown


def test_what_could_move_a_cursor_is_not_printed() -> None:
    assert printable("a\x1b[2Jb\nc\u202ed") == "a·[2Jb·c·d"
    assert len(printable("x" * 500)) == 60
