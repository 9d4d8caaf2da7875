"""What is said of a bundle: its recipe holds every number, its card says what was measured and what was not."""

import json
import tomllib

import pytest

from converters import acceptance, composites, fusion, tracks
from converters.driver import DRIVER
from converters.model_card import DATA_CARD, LICENCE, model_card
from converters.recipe import constants, recipe

RESEARCH = ("YawDD", "Cough-Etiquette")
REPORTS = {
    "audio": {
        "held_out_int8": {"per_class": {"sneeze": {"n": 5, "f1": 0.6}, "speech": {"n": 37, "f1": 0.9}}},
        "notes": "Sirens are synthesised.",
    },
    "physio": {
        "af_left_out_person_float": {"201": {"se": 92.3}, "203": {"se": 45.9, "sp": None}},
        "int8_streaming": {"qrs_150ms": {"tp": 17170.0, "se": 99.98}},
    },
    "vision": {"notes": ["Scenes are split by person.", "Two clips."], "eyes_closed": {"auroc": None}},
}


@pytest.fixture(scope="module")
def card():
    return model_card("driver 1", REPORTS, {"encoders/eye.tflite": b"1234", "report.json": b"{}"})


@pytest.mark.parametrize(
    ("table", "names"),
    [
        ("fusion", ("shown_loss", "attention_loss", "l2", "clip", "min_coverage", "epochs", "rate")),
        ("composites", ("episodes", "raised", "wanted", "ahead_s", "every", "vision_period_s", "sound", "heart")),
        ("episodes", ("window_s", "hop_s")),
        ("acceptance", ("found_share", "false_share", "moved")),
    ],
)
def test_the_recipe_holds_every_number_that_the_bundle_hangs_on(table, names):
    said = tomllib.loads(recipe("driver", DRIVER.recipe, seed=3, versions={"numpy": "2"}))
    assert said["seed"] == 3
    assert "--seed 3" in said["command"]
    assert set(names) <= set(said[table])


@pytest.mark.parametrize("module", [composites, fusion, acceptance, tracks])
def test_the_recipe_says_what_the_code_has(module):
    said = tomllib.loads(recipe("driver", DRIVER.recipe, seed=0, versions={}))[module.__name__.rsplit(".", 1)[1]]
    for name, value in constants(module).items():
        plain = json.loads(json.dumps(value))
        assert said[name] == plain or isinstance(value, dict), name


def test_what_trained_the_weights_is_named_and_research_data_are_named_in_the_licence(card):
    for name in (
        "YawDD",
        "GRID",
        "ESC-10",
        "Speech Commands",
        "Cough-Etiquette",
        "MIT-BIH",
        "Stress-Predict",
        "scikit-learn",
    ):
        assert name in DATA_CARD, name
        assert name in card, name
    assert all(name in LICENCE for name in RESEARCH)


def test_the_card_prints_counts_as_counts_and_says_what_was_not_measured(card):
    assert "| int8_streaming.qrs_150ms.tp | 17170 |" in card
    assert "| int8_streaming.qrs_150ms.se | 99.98 |" in card
    assert "| eyes_closed.auroc | not measured |" in card


def test_the_numbers_in_its_sentences_are_those_of_the_reports(card):
    text = " ".join(card.split())
    assert "few held-out clips: sneeze on 5." in text
    assert "from 2 people with atrial fibrillation; of one of them (record 203), left out, 54 % of the windows" in text


def test_the_card_says_what_was_chosen_with_held_out_results_in_view(card):
    selection = card.split("## Selection")[1].split("\n## ")[0]
    for word in ("15 %", "same held-out tracks", "audio encoder", "Kaggle", "208"):
        assert word in selection, word


def test_notes_of_a_part_are_printed_as_sentences(card):
    assert "\n- Scenes are split by person.\n- Two clips.\n" in card
    assert "\n- Sirens are synthesised.\n" in card


def test_a_card_without_reports_still_says_what_it_is():
    assert "## Known failures" in model_card("driver 1", {}, {})
