"""`make test-arm64` finds what it is there to find: each way in which two machines may differ gets its own sentence."""

import copy

import numpy as np
import pytest
from arm64.comparison import Answer, Machine, compare

FRAME_S = 1 / 30
STEP = 1 / 256
POINTS = "driver/vision.face/points"


def alert(t, kind="sound.dog", state="active"):
    return {"type": "alert", "t": t, "data": {"kind": kind, "alert_id": kind, "state": state}}


def window(t, **weights):
    return {"type": "estimate", "t": t, "weights": weights}


LINES = [
    {"type": "observation", "t": 0.5, "name": "audio.dog", "value": 0.9},
    window(1.0),
    alert(1.03),
    window(2.0, vision=0.75, physio=0.25),
    alert(2.4, "driver.yawning"),
    window(3.0, physio=1.0),
    alert(6.0, state="inactive"),
    {"type": "summary"},
]
OUTPUTS = {
    POINTS: Answer(np.linspace(-1, 1, 20, dtype=np.float32), STEP),
    "driver/fusion/alpha": Answer(np.array([0.75, 0.0, 0.25], np.float32), STEP),
}


def machine(name="aarch64", *, outputs=OUTPUTS, lines=LINES):
    return Machine(name, outputs, {"driver": copy.deepcopy(lines)})


def problems(there):
    return compare(machine("x86_64"), there, frame_s=FRAME_S).problems


def moved(steps):
    points = OUTPUTS[POINTS]
    values = points.values.copy()
    values[7] += np.float32(steps * points.step)
    return machine(outputs={**OUTPUTS, POINTS: Answer(values, points.step)})


def with_line(number, line):
    lines = [*LINES]
    lines[number] = line
    return machine(lines=lines)


def test_two_machines_that_say_the_same_have_no_problem_and_zero_differences():
    result = compare(machine("x86_64"), machine(), frame_s=FRAME_S)
    assert result.problems == []
    assert result.steps == {"driver/vision.face": 0.0, "driver/fusion": 0.0}
    assert result.attention == {"driver": 0.0}
    assert result.windows == {"driver": 2}
    assert [(one.kind, one.state) for one in result.alerts["driver"]] == [
        ("sound.dog", "active"),
        ("driver.yawning", "active"),
        ("sound.dog", "inactive"),
    ]


@pytest.mark.parametrize("steps", [1.0, -2.0])
def test_an_output_within_two_steps_passes_and_is_counted(steps):
    result = compare(machine("x86_64"), moved(steps), frame_s=FRAME_S)
    assert result.problems == []
    assert result.steps["driver/vision.face"] == pytest.approx(abs(steps), abs=1e-3)


@pytest.mark.parametrize("steps", [3.0, -2.5, 200.0])
def test_an_output_three_steps_away_is_said_with_its_graph(steps):
    (text,) = problems(moved(steps))
    assert text == f"{POINTS}: x86_64 and aarch64 are {abs(steps):.2f} quantization steps apart (limit 2)"


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_output_that_is_no_number_is_a_difference(value):
    (text,) = problems(moved(value))
    assert text.startswith(f"{POINTS}: x86_64 and aarch64 are ")


def test_the_worst_output_of_a_graph_stands_for_it():
    score = "driver/vision.face/face"
    here = Machine("x86_64", {**OUTPUTS, score: Answer(np.zeros(1, np.float32), STEP)}, {"driver": LINES})
    there = machine(outputs={**OUTPUTS, score: Answer(np.full(1, STEP, np.float32), STEP)})
    assert compare(here, there, frame_s=FRAME_S).steps["driver/vision.face"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("outputs", "said"),
    [
        ({POINTS: OUTPUTS[POINTS]}, "driver/fusion/alpha: only x86_64 has this output"),
        ({**OUTPUTS, "driver/new/x": OUTPUTS[POINTS]}, "driver/new/x: only aarch64 has this output"),
        (
            {**OUTPUTS, POINTS: Answer(np.zeros(3, np.float32), STEP)},
            f"{POINTS}: shape (20,) on x86_64, (3,) on aarch64",
        ),
        (
            {**OUTPUTS, POINTS: Answer(OUTPUTS[POINTS].values, 0.5)},
            f"{POINTS}: a quantization step of 0.00390625 on x86_64, 0.5 on aarch64",
        ),
    ],
)
def test_outputs_that_cannot_be_compared_are_differences(outputs, said):
    assert problems(machine(outputs=outputs)) == [said]


def test_an_alert_within_a_frame_passes():
    assert problems(with_line(2, alert(1.06))) == []


def test_an_alert_more_than_a_frame_late_is_said():
    (text,) = problems(with_line(2, alert(1.10)))
    assert text == (
        "driver: alert 1, sound.dog active, comes at 1.030 s on x86_64 but at 1.100 s on aarch64: "
        "more than a frame (0.033 s) apart"
    )


@pytest.mark.parametrize(
    ("there", "said"),
    [
        (with_line(2, alert(1.03, "sound.cough")), "alert 1 is sound.dog active at 1.030 s on x86_64 but sound.cough"),
        (with_line(6, alert(6.0)), "alert 3 is sound.dog inactive at 6.000 s on x86_64 but sound.dog active at 6.000"),
        (machine(lines=LINES[:6]), "alert 3 is sound.dog inactive at 6.000 s on x86_64 but missing on aarch64"),
        (machine(lines=[*LINES, alert(9.0)]), "alert 4 is missing on x86_64 but sound.dog active at 9.000 s"),
        (
            machine(lines=[*LINES[:2], LINES[4], LINES[3], LINES[2], *LINES[5:]]),
            "alert 1 is sound.dog active at 1.030 s on x86_64 but driver.yawning active at 2.400 s on aarch64",
        ),
    ],
    ids=["another kind", "another state", "one missing", "one too many", "another order"],
)
def test_alerts_that_differ_are_said_once(there, said):
    (text,) = problems(there)
    assert text.startswith(f"driver: {said}")


def test_attention_within_the_limit_passes_and_is_counted():
    result = compare(machine("x86_64"), with_line(3, window(2.0, vision=0.765, physio=0.235)), frame_s=FRAME_S)
    assert result.problems == []
    assert result.attention["driver"] == pytest.approx(0.015)


def test_attention_beyond_the_limit_is_said_with_its_window_and_sense():
    assert problems(with_line(3, window(2.0, vision=0.72, physio=0.26))) == [
        "driver: the window that ends at 2.00 s gives vision an attention of 0.750 on x86_64 but 0.720 on aarch64 "
        "(limit 0.02 apart)"
    ]


def test_attention_that_is_no_number_is_a_difference():
    result = compare(machine("x86_64"), with_line(3, window(2.0, vision=np.nan, physio=0.25)), frame_s=FRAME_S)
    assert len(result.problems) == 1
    assert np.isnan(result.attention["driver"])


def test_a_sense_that_only_one_machine_heard_is_said():
    assert problems(with_line(3, window(2.0, vision=0.75))) == [
        "driver: the window that ends at 2.00 s rests on vision, physio on x86_64 but on vision on aarch64"
    ]


def test_a_window_less_is_said():
    assert problems(machine(lines=[*LINES[:5], *LINES[6:]])) == ["driver: 3 windows on x86_64 but 2 on aarch64"]


def test_a_window_at_another_time_is_said():
    assert problems(with_line(3, window(2.5, vision=0.75, physio=0.25))) == [
        "driver: the window that ends at 2.00 s on x86_64 ends at 2.50 s on aarch64"
    ]


def test_a_bundle_that_only_one_machine_replayed_is_said():
    here = machine("x86_64")
    there = Machine("aarch64", OUTPUTS, {})
    assert (
        "driver: alert 1 is sound.dog active at 1.030 s on x86_64 but missing on aarch64"
        in compare(here, there, frame_s=FRAME_S).problems
    )


@pytest.mark.parametrize(
    ("outputs", "replays", "said"),
    [
        ({}, {"driver": LINES}, "no graph's output was compared"),
        (OUTPUTS, {}, "no replay was compared"),
        (OUTPUTS, {"driver": [line for line in LINES if line["type"] != "alert"]}, "the replay raised no alert"),
        (OUTPUTS, {"driver": [line for line in LINES if line["type"] != "estimate"]}, "no window has attention"),
    ],
)
def test_that_nothing_was_compared_is_a_problem_too(outputs, replays, said):
    result = compare(Machine("x86_64", outputs, replays), Machine("aarch64", outputs, replays), frame_s=FRAME_S)
    (text,) = result.problems
    assert said in text
