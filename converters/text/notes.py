"""The notes of the MIT-BIH records, what was found in each record, and other ways to say the same note.

In: the headers and annotations of ``open/mitdb`` and ``open/mitdb_val``. Out: ``Note`` s: age, sex and medication, as
they were written down before anybody looked at the ECG. The rest of a header is left out: the annotators' remarks
("The PVCs are multiform") tell the answer, and the numbers of tape and recorder tell the patient.

25 notes are almost patient ids, so they are split by person, and training sees each in many wordings: these
paraphrases (order, doses left out, brand or generic name, a sentence or a list) are simulated. Not here: tokens (the
device's own), training.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

FINDINGS = ("atrial_fibrillation", "ventricular", "supraventricular", "paced")
"""What a record may have: 30 s of atrial fibrillation or flutter, 50 ventricular or 20 supraventricular beats (AAMI),
100 paced beats."""
AF_S, V_BEATS, S_BEATS, PACED_BEATS = 30.0, 50, 20, 100
GENERIC = {
    "aldomet": "methyldopa", "coumadin": "warfarin", "dilantin": "phenytoin", "hydrodiuril": "hydrochlorothiazide",
    "hygroton": "chlorthalidone", "inderal": "propranolol", "isordil": "isosorbide dinitrate", "lasix": "furosemide",
    "norpace": "disopyramide", "pronestyl": "procainamide", "quinaglute": "quinidine", "xyloprim": "allopurinol",
    "kcl": "potassium chloride", "digoxin": "digitalis",
}  # fmt: skip
"""Brand names of the notes and the names of today."""
_FIRST = re.compile(r"^\s*(-?\d+)\s+([MF])\b")


@dataclass(frozen=True, slots=True)
class Note:
    """One patient's note."""

    record: str
    """Name of the record."""
    person: str
    """Whose it is: 201 and 202 are one."""
    age: int | None
    """Years; None where it was not written down."""
    sex: str
    """``M`` or ``F``."""
    medication: tuple[str, ...]
    """As written; empty for none."""
    findings: npt.NDArray[np.float32]
    """(4,) 0 or 1, in the order of ``FINDINGS``."""
    held_out: bool
    """Of ``open/mitdb_val``, or the record that the product demonstrates with."""

    @property
    def text(self) -> str:
        """As it stands in the header."""
        age = "" if self.age is None else f"{self.age} "
        return f"{age}{self.sex}\n{', '.join(self.medication) or 'None'}"


def read_notes(data: Path) -> list[Note]:
    """The notes of both folders."""
    from converters.physio.records import HELD_OUT, load

    notes = []
    for folder in ("mitdb", "mitdb_val"):
        for record in load(data / "open" / folder):
            header = (data / "open" / folder / f"{record.name}.hea").read_text(encoding="latin-1")
            age, sex, medication = parsed(header)
            af_s = sum(end - start for start, end in record.spans("AFIB", "AFL"))
            v, s, q = (int((record.classes == name).sum()) for name in ("V", "S", "Q"))
            found = [af_s >= AF_S, v >= V_BEATS, s >= S_BEATS, q >= PACED_BEATS]
            held_out = folder == "mitdb_val" or record.name in HELD_OUT
            notes.append(Note(record.name, record.person, age, sex, medication, np.array(found, np.float32), held_out))
    return notes


def parsed(header: str) -> tuple[int | None, str, tuple[str, ...]]:
    """Age, sex and medication of a header's first two comments; nothing of the others."""
    comments = [line[1:].strip() for line in header.splitlines() if line.startswith("#")]
    first = _FIRST.match(comments[0]) if comments else None
    if first is None:
        return None, "", ()
    age = int(first[1])
    given = comments[1] if len(comments) > 1 else ""
    names = tuple(name.strip(" .") for name in given.split(",") if name.strip(" ."))
    return (age if age > 0 else None), first[2], () if names == ("None",) else names


def paraphrase(note: Note, rng: np.random.Generator) -> str:
    """Another way to say a note; now and then a part of it is missing."""
    words = {"M": ("M", "male", "man", "gentleman"), "F": ("F", "female", "woman", "lady")}.get(note.sex, ("patient",))
    sex = str(rng.choice(words))
    age = "" if note.age is None or rng.random() < 0.1 else str(max(1, note.age + int(rng.integers(-3, 4))))
    given = [str(name) for name in rng.permutation(np.array(note.medication, str)) if rng.random() > 0.1]
    names = [GENERIC.get(name.lower(), name) if rng.random() < 0.4 else name for name in given]
    taken = ", ".join(names) or str(rng.choice(["None", "no medication", "takes nothing", ""]))
    form = int(rng.integers(4))
    if form == 0:
        return f"{age} {sex}\n{taken}"
    if form == 1:
        return f"{age} year old {sex}, takes {taken}" if age else f"{sex}, takes {taken}"
    if form == 2:
        return f"{sex} {age}. Medication: {taken}"
    return f"{taken}. {sex}, aged {age}" if age else f"{taken}. {sex}"
