"""The time left on simulated commands with known rates, on a clock of the test's own."""

import itertools
import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from tfp_insects.progress.costs import Costs
from tfp_insects.progress.countdown import Countdown, clock_words
from tfp_insects.progress.memory import NAME, kept_costs, read_costs, write_costs
from tfp_insects.progress.meter import Meter
from tfp_insects.progress.work import NETWORK, SECONDS, Part

# Seconds of a unit, and before the first: what the machine of these tests really takes.
TRUE = {"train": 0.5, "predict": 0.03, "compile train": 12.0, "compile predict": 8.0}
# Guesses of another machine, four times as fast, and half wrong in relation to each other.
TRAIN = Part("training", 200, "train", 0.125, "compile train", 2.0)
PREDICT = Part("predicting", 2000, "predict", 0.015, "compile predict", 2.0)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def work_on(meter: Meter, clock: Clock, name: str, slowness: float = 1.0) -> Iterator[None]:
    """Does a run's work in small pieces; after each one time stands still for a look."""
    meter.start(name)
    for part, size in ((TRAIN, 1), (PREDICT, 50)):
        clock.now += slowness * TRUE[part.start_key]
        for _ in range(int(part.units) // size):
            clock.now += slowness * size * TRUE[part.key]
            meter.tell(name, part.phase, size)
            yield
    meter.end(name)


def whole(num_runs: int = 1) -> float:
    return num_runs * sum(one.units * TRUE[one.key] + TRUE[one.start_key] for one in (TRAIN, PREDICT))


def test_with_remembered_costs_the_time_left_is_right_from_the_start() -> None:
    clock = Clock()
    meter = Meter(Costs(TRUE), clock=clock)
    for name in ("a", "b"):
        meter.plan(name, [TRAIN, PREDICT])
    assert meter.seconds_left() == pytest.approx(whole(2))
    for name in ("a", "b"):
        for _ in work_on(meter, clock, name):
            assert meter.seconds_left() == pytest.approx(whole(2) - meter.elapsed(), abs=1e-6)
    assert meter.seconds_left() == 0.0
    assert meter.share() == 1.0


def test_without_any_the_estimate_converges_and_is_right_once_each_phase_was_seen() -> None:
    clock = Clock()
    meter = Meter(Costs(), clock=clock)
    for name in ("a", "b", "c"):
        meter.plan(name, [TRAIN, PREDICT])
    assert meter.seconds_left() is None
    errors = []
    for name in ("a", "b", "c"):
        for _ in work_on(meter, clock, name):
            left = meter.seconds_left()
            errors.append(math.inf if left is None else abs(left + meter.elapsed() - whole(3)) / whole(3))
    num_events = len(errors) // 3
    assert errors[0] == math.inf  # Nobody knows how much of its time was that before the first unit.
    assert all(map(math.isfinite, errors[1:]))
    assert max(errors[5:]) < 0.5  # A guess that is half wrong.
    assert max(errors[num_events:]) < 0.05
    assert max(errors[2 * num_events :]) < 0.03


def test_a_machine_that_became_slower_is_noticed_in_all_that_is_left() -> None:
    clock = Clock()
    meter = Meter(Costs(TRUE), clock=clock)
    for name in ("a", "b"):
        meter.plan(name, [TRAIN, PREDICT])
    for _ in itertools.islice(work_on(meter, clock, "a", slowness=3.0), 100):
        pass
    left = meter.seconds_left()
    assert left is not None
    assert left + meter.elapsed() == pytest.approx(3.0 * whole(2), rel=0.1)


def test_the_share_that_is_done_never_falls_and_is_whole_at_the_end_alone() -> None:
    clock = Clock()
    meter = Meter(Costs(), clock=clock)
    for name in ("a", "b"):
        meter.plan(name, [TRAIN, PREDICT])
    shares = [meter.share()]
    for name in ("a", "b"):
        for _ in work_on(meter, clock, name):
            shares.append(meter.share())
    assert shares == sorted(shares)
    assert shares[0] == 0.0
    assert max(shares) < 1.0  # The last run has not ended at the last look.
    assert meter.share() == 1.0


def test_work_of_another_pace_is_not_guessed_from_what_was_measured() -> None:
    clock = Clock()
    meter = Meter(Costs(), clock=clock)
    features = Part("features", 100, "features", 0.001)
    steps = Part("training", 400, "step", 0.3, "compile", 2.0, "behind frozen layers")
    validating = Part("validating", 1000, "validate", 0.001, pace="behind frozen layers")
    meter.plan("a", [features, steps, validating, Part("predicting", 100, "predict", 0.001)])
    meter.start("a")
    clock.now += 1.5
    meter.tell("a", "features", 50)  # 30 times the guess; guessed at that pace, the steps alone would take an hour.
    assert meter.seconds_left() is None
    clock.now += 1.5
    meter.tell("a", "features", 50)
    for _ in range(4):
        clock.now += 0.03  # A tenth of the guess.
        meter.tell("a", "training", 1)
    left = 396 * 0.03 + 1000 * 0.0001 + 100 * 0.03
    assert meter.seconds_left() == pytest.approx(left, rel=0.2)
    assert set(meter.costs.scales([features, steps])) == {NETWORK, SECONDS, "behind frozen layers"}


def test_runs_at_the_same_time_share_the_clock() -> None:
    meter = Meter(Costs(TRUE), num_jobs=2, clock=Clock())
    for name in ("a", "b", "c"):
        meter.plan(name, [TRAIN, PREDICT], is_alone=False)
    assert meter.seconds_left() == pytest.approx(2 * whole())  # Two at once, then the third.
    meter.plan("report", [Part("report", 1, "page", 7.0, pace=SECONDS)])
    assert meter.seconds_left() == pytest.approx(2 * whole() + 7.0)


def test_what_is_left_of_a_group_at_its_end_is_not_waited_for() -> None:
    meter = Meter(Costs(TRUE), clock=Clock())
    meter.plan("a", [TRAIN, PREDICT])
    meter.start("a")
    meter.end("a")
    assert (meter.seconds_left(), meter.share()) == (0.0, 1.0)
    assert meter.running == []


def test_work_that_nobody_planned_counts_from_its_first_word() -> None:
    clock = Clock()
    meter = Meter(Costs(), clock=clock)
    meter.plan("a", [])
    meter.start("a")
    for number in (1, 2, 3):
        clock.now += 4.0
        meter.tell("a", "drawing", 10, of=40)
        assert meter.share() == pytest.approx(number / 4)
        assert meter.seconds_left() == pytest.approx(4.0 * (4 - number))


def test_time_before_the_first_unit_is_learned_apart() -> None:
    clock, costs = Clock(), Costs({"train": TRUE["train"]})
    meter = Meter(costs, clock=clock)
    meter.plan("a", [TRAIN, PREDICT])
    for _ in work_on(meter, clock, "a"):
        pass
    assert costs.to_remember()["compile train"] == pytest.approx(TRUE["compile train"])
    assert costs.to_remember()["train"] == pytest.approx(TRUE["train"])


def test_a_new_estimate_is_gone_over_to_without_a_jump() -> None:
    countdown = Countdown(smoothing_seconds=10.0)
    assert countdown.shown(None, 0.0) is None
    assert countdown.shown(60.0, 1.0) == 60.0
    shown = [countdown.shown(300.0 - second, float(second)) for second in range(2, 80)]
    steps = [
        later - earlier for earlier, later in itertools.pairwise(shown) if earlier is not None and later is not None
    ]
    assert max(steps) < 25.0
    assert shown[-1] == pytest.approx(300.0 - 79, rel=0.01)
    before = countdown.shown(200.0, 80.0)
    assert before is not None
    assert countdown.shown(None, 85.0) == pytest.approx(before - 5.0)


@pytest.mark.parametrize(
    ("seconds", "words"), [(None, "-:--"), (0.2, "0:00"), (65.0, "1:05"), (3599.7, "1:00:00"), (7384.0, "2:03:04")]
)
def test_time_in_words(seconds: float | None, words: str) -> None:
    assert clock_words(seconds) == words


def learn_and_be_interrupted(cache: Path) -> None:
    with kept_costs(cache, "mine") as costs:
        costs.learn("train", 6.0, 3.0)
        raise KeyboardInterrupt


def test_costs_are_kept_for_the_next_command_on_such_a_machine(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    with pytest.raises(KeyboardInterrupt):
        learn_and_be_interrupted(cache)
    write_costs(cache, "another", {"train": 9.0})
    with kept_costs(cache, "mine") as costs:
        assert costs.seconds("train", 1.0, None) == 2.0
        costs.learn("train", 4.0, 1.0)
    assert read_costs(cache, "mine") == {"train": 3.0}  # Half of 2 and of 4.
    assert read_costs(cache, "another") == {"train": 9.0}
    assert read_costs(cache, "a third") == {}


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"\xff", b'{"mine": 3}', b'{"mine": {"train": "x", "b": NaN, "c": -1}}']
)
def test_what_cannot_be_read_is_nothing_remembered(content: bytes, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(content)
    assert read_costs(tmp_path, "mine") == {}
    write_costs(tmp_path, "mine", {"train": 1.0})
    assert read_costs(tmp_path, "mine") == {"train": 1.0}


def test_the_same_work_on_other_images_goes_on_moving() -> None:
    clock = Clock()
    meter = Meter(Costs(), clock=clock)
    meter.plan("images", [])
    meter.start("images")
    shares = []
    for of in (20, 10):  # Known images, then those of unknown classes.
        for _ in range(of // 10):
            clock.now += 1.0
            meter.tell("images", "verifying", 10, of=of)
            shares.append(meter.share())
    assert shares == pytest.approx([0.5, 0.99, 0.99])
    assert meter.seconds_left() == 0.0


def test_until_all_is_planned_nobody_says_how_much_of_the_whole_is_done() -> None:
    clock = Clock()
    meter = Meter(Costs(), clock=clock)
    meter.is_planned = False
    meter.plan("images", [Part("verifying", 10, "verify", 1.0, pace=SECONDS)])
    meter.start("images")
    clock.now += 5.0
    meter.tell("images", "verifying", 9)
    assert (meter.share(), meter.seconds_left()) == (0.0, None)
    assert meter.share("images") == pytest.approx(0.9)
    meter.end("images")
    meter.plan("a", [TRAIN])
    meter.is_planned = True
    assert meter.share() < 0.5
