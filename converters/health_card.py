"""The words that go into the bundle ``health``: model card, data card, licence.

In: the parts' reports. Out: Markdown. Every score comes from a report; only the sentences are written here. Not here:
measuring anything, the tables' form (``model_card``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from converters.acceptance import FALSE_SHARE, FOUND_SHARE
from converters.model_card import heart_failures, score_lines, sound_failures

LICENCE = (
    "Apache-2.0 for the weights. Trained in part on research data whose redistribution terms are not settled (HIFD, "
    "Cough-Etiquette); none of it is in the bundle."
)
DATA_CARD = (
    "Physiology: MIT-BIH Arrhythmia with the notes in its headers, Stress-Predict (BVP, EDA, temperature); motion: "
    "HIFD, acted falls and daily life at the wrist; audio: ESC-10, Speech Commands, GRID, Cough-Etiquette, synthetic "
    "sirens. The fusion is trained on composites of these: no recording with all of them together was found."
)

_INTRO = """# {title}

int8 encoders for the heart, the skin and the motion of a wrist, the sound beside a bed and a note about the patient,
and an attention fusion over them. Built by `python -m converters.health` (`make bundle`) from the recipe in
`recipe.toml`; every score is from `report.json`. **Not a medical device.** Scores are on people, sources and records
that were not trained on, unless a line says otherwise.

## Data

| used for | source | licence |
|---|---|---|
| heart | MIT-BIH Arrhythmia (by person; 208 is never trained on) | ODC-By 1.0 |
| heart, skin | Stress-Predict: wrist BVP, EDA, temperature of 15 people (leave one person out) | MIT |
| motion | HIFD: acceleration and rotation at the wrist, 18 people (by person) | research, terms to be checked |
| note | age, sex and medication from the headers of MIT-BIH; the annotators' remarks are left out | ODC-By 1.0 |
| audio | ESC-10 folds 1-2, Speech Commands, GRID | CC BY 3.0, CC BY 4.0 |
| audio | Cough-Etiquette (by person) | research, terms to be checked before redistribution |

## What is composite, and what is simulated

- **Fusion windows are composites**: real streams of different recordings on one clock that are *said* to share a state.
  Pulse and skin of one wrist are truly synchronous; so are an ECG and the note of its patient. All other links are
  assumed, and stand in the recipe.
- **Falls are acted** by young adults onto a mat. **Stress is a laboratory's**: Stroop test, interview,
  hyperventilation, always in this order.
- **Paraphrases of notes** (order, brand or generic names, a sentence or a list) are simulated.
- The heart's graphs learned atrial fibrillation mostly from simulated series of intervals.

## Known failures

- **Note**: {people} patients are too few to learn from. With their own notes left-out patients are told apart no better
  than with notes dealt out anew (see `left_out` below, with the difference); the note is read, and weighs little.
- **Distress** rests on arousal in a laboratory whose schedule alone tells as much; see the notes of the skin. By the
  project's own rule this is not called stress detection: its rules have low priority.
- **Arrhythmia** is not told from a pulse: no pulse with an arrhythmia was in the data.
- **Event** is a fall; no other emergency was in the data. With motion alone its
  score also rises on stairs and on clapping, so it raises no alert: `motion.fall` does.
- No recording of low oxygen, apnea or sleep: nothing is said of them.
- Emotion: no labelled face or voice was available, so there is no head for it.
{sound}
{heart}

## Selection

Nothing held out was trained on, but thresholds of the parts were chosen with their folds in view (said in their notes).
The acceptance of the fusion asks for {found:.0%} of the windows with a state and at most {false:.0%} of the others,
with one modality corrupted, on the same held-out tracks that the AUROC is measured on. What the rhythm net is told was
chosen while looking at how the two people with atrial fibrillation fared when they were left out. One seed.
"""


def health_card(title: str, reports: Mapping[str, Mapping[str, Any]], members: Mapping[str, bytes]) -> str:
    """The card as Markdown.

    Args:
        title: name and version.
        reports: part (or ``fusion``) -> its report.
        members: of the bundle, for sizes.
    """
    left_out = reports.get("text", {}).get("left_out", {})
    intro = _INTRO.format(
        title=title, people=left_out.get("people", "The"), found=FOUND_SHARE, false=FALSE_SHARE,
        sound=sound_failures(reports.get("audio", {})), heart=heart_failures(reports.get("physio", {})),
    )  # fmt: skip
    notes = {"fusion": "AUROC on held-out composites; `raised_int8`: share of windows beyond a head's limit."}
    return intro + score_lines(reports, members, ("fusion", "physio", "skin", "motion", "audio", "text"), notes)
