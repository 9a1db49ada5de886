"""What fast trainings, and the seed's beside them, reached and cost: kept as JSON, shown in docs/accuracy.md."""

import json
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from training.evaluate.figures import Row

COMMAND = "python -m training.train --preset fast"


@dataclass(frozen=True, slots=True)
class FastTraining:
    """One training: its accuracies (0 to 1) and its cost in seconds."""

    who: str
    seed: int
    accuracy: float
    at_one_look: float  # the same network's, when it sees each image only once
    cpu_s: float
    wall_s: float


@dataclass(frozen=True, slots=True)
class SpeedRecord:
    """Trainings on one machine, one after the other."""

    command: str
    date: str
    machine: str
    threads: int
    load: float  # of the machine, in the minute before
    judged_on: str
    whole_cpu_s: float  # of the process, from its start until the first network was judged
    trainings: tuple[FastTraining, ...]

    def by_recipe(self) -> dict[str, list[FastTraining]]:
        """Return the trainings of each recipe."""
        names = dict.fromkeys(training.who for training in self.trainings)
        return {name: [training for training in self.trainings if training.who == name] for name in names}


def save_record(record: SpeedRecord, path: Path) -> None:
    """Write a record down."""
    path.write_text(json.dumps(asdict(record), indent=1) + "\n")


def load_record(path: Path) -> SpeedRecord:
    """Return the record in a file. Ends the program with one sentence where it is none."""
    try:
        kept = json.loads(path.read_text())
        return SpeedRecord(**kept | {"trainings": tuple(FastTraining(**training) for training in kept["trainings"])})
    except (ValueError, TypeError, KeyError) as error:
        raise SystemExit(f"{path} is not a speed record, make it again: {COMMAND} --out docs ({error})") from None


def to_rows(record: SpeedRecord) -> Iterator[Row]:
    """Yield each recipe's means as rows of the accuracy table."""
    for who, trainings in record.by_recipe().items():
        for what, values in (
            ("accuracy, mean of trainings", [training.accuracy for training in trainings]),
            ("CPU-seconds of a training, mean", [training.cpu_s for training in trainings]),
        ):
            yield Row(record.judged_on, who, what, statistics.fmean(values), len(values))


def to_lines(record: SpeedRecord) -> list[str]:
    """Return the record as lines of Markdown."""
    lines = [
        f"By `{record.command}` on {record.date}: {record.machine}.",
        f"Threads: {record.threads}; load of the machine before: {record.load:.1f}; judged on: {record.judged_on}.",
        "Each training has a seed of its own; ± is the standard deviation from one to the other. A training is counted",
        "from images in memory to a network that answers, in the CPU-seconds of all threads. The fast network looks at",
        "an image five times, as it is and moved by a pixel to each side; the seed's looks once. From the start of the",
        f"process, with imports, reading MNIST and judging, the first took {record.whole_cpu_s:.1f} CPU-seconds;",
        "the first training is counted with what torch loads for its first optimiser (1.4 when looked at alone).",
        "",
        "| recipe | trainings | accuracy | least | at one look | CPU-seconds | seconds |",
        "|---|---|---|---|---|---|---|",
    ]
    return lines + [to_line(who, trainings) for who, trainings in record.by_recipe().items()]


def to_line(who: str, trainings: Sequence[FastTraining]) -> str:
    """Return a recipe's line of the table."""
    cells = (
        who,
        str(len(trainings)),
        to_spread([training.accuracy for training in trainings], ".4f"),
        f"{min(training.accuracy for training in trainings):.4f}",
        to_spread([training.at_one_look for training in trainings], ".4f"),
        to_spread([training.cpu_s for training in trainings], ".2f"),
        to_spread([training.wall_s for training in trainings], ".2f"),
    )
    return f"| {' | '.join(cells)} |"


def to_spread(values: Sequence[float], form: str) -> str:
    """Return a mean with its standard deviation, which one value alone has not."""
    spread = f" ± {statistics.stdev(values):{form}}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):{form}}{spread}"
