"""Figures of trainings that differ in their seed alone, since a single training may be lucky.

docs/speed-record.json is written by `python -m training.train --preset fast`. docs/classifier-seeds.json is written by
`python -m training.evaluate.records runs/classifier-*/classifier.pt`, from the figures in each checkpoint.
"""

import argparse
import json
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from training.evaluate.figures import Figure
from training.fast import COMMAND, SeedTraining, SpeedRecord

SPEED_RECORD, CLASSIFIER_SEEDS = Path("docs/speed-record.json"), Path("docs/classifier-seeds.json")


def main(words: list[str] | None = None) -> None:
    """Write the test accuracies of classifiers that were trained by one recipe."""
    parser = argparse.ArgumentParser(prog="python -m training.evaluate.records", description=__doc__)
    parser.add_argument("checkpoints", type=Path, nargs="+", help="classifiers trained by one recipe")
    parser.add_argument("--out", type=Path, default=CLASSIFIER_SEEDS)
    options = parser.parse_args(words)
    checkpoints = [torch.load(path, weights_only=True) for path in options.checkpoints]
    recipes = {json.dumps(checkpoint["recipe"] | {"seed": None}) for checkpoint in checkpoints}
    if len(recipes) > 1:
        parser.error(f"these were trained by {len(recipes)} recipes; a mean needs a single one")
    trainings = [
        {"seed": each["recipe"]["seed"], "accuracy": figures["test"], "accuracy_alone": figures["test_alone"]}
        for each in checkpoints
        for figures in [each["figures"]]
    ]
    options.out.write_text(json.dumps(sorted(trainings, key=lambda each: each["seed"]), indent=1) + "\n")


def measure_seeds(path: Path) -> Iterator[Figure]:
    """Yield mean and standard deviation of the classifier's trainings."""
    trainings = json.loads(path.read_text())
    for metric, key in (("accuracy", "accuracy"), ("accuracy, digits alone", "accuracy_alone")):
        values = [training[key] for training in trainings]
        yield Figure("MNIST test", "classifier", f"{metric}, mean of trainings", statistics.fmean(values), len(values))
        if len(values) > 1:
            name = f"{metric}, standard deviation of trainings"
            yield Figure("MNIST test", "classifier", name, statistics.stdev(values), len(values))


def load_speed_record(path: Path) -> SpeedRecord:
    """Return the record in a file. Ends the program with one sentence if it is not a speed record."""
    try:
        values = json.loads(path.read_text())
        return SpeedRecord(**values | {"trainings": tuple(SeedTraining(**each) for each in values["trainings"])})
    except (ValueError, TypeError, KeyError) as error:
        raise SystemExit(f"{path} is not a speed record, make it again: {COMMAND} --out docs ({error})") from None


def measure_speed_record(record: SpeedRecord) -> Iterator[Figure]:
    """Yield each recipe's mean accuracy and mean cost."""
    for recipe, trainings in record.by_recipe().items():
        for metric, values in (
            ("accuracy, mean of trainings", [training.accuracy for training in trainings]),
            ("CPU-seconds of a training, mean", [training.cpu_s for training in trainings]),
        ):
            yield Figure(record.evaluated_on, recipe, metric, statistics.fmean(values), len(values))


def format_speed_record(record: SpeedRecord) -> list[str]:
    """Return the record as lines of Markdown."""
    lines = [
        f"By `{record.command}` on {record.date}: {record.machine}.",
        f"Threads: {record.threads}; load of the machine before: {record.load:.1f}. On: {record.evaluated_on}.",
        "Each training has its own seed; ± is the standard deviation over the trainings. The cost is counted in the",
        "CPU-seconds of all threads, from images in memory to a trained network. The fast network sees an image in",
        "five views, as it is and shifted by a pixel to each side; the blog post's sees one. From the start of the",
        f"process, with imports, reading MNIST and evaluation, the first training took {record.process_cpu_s:.1f}",
        "CPU-seconds. It includes what torch loads for its first optimiser (1.4 CPU-seconds when measured alone).",
        "",
        "| recipe | trainings | accuracy | minimum | with one view | CPU-seconds | seconds |",
        "|---|---|---|---|---|---|---|",
    ]
    return lines + [format_recipe(recipe, trainings) for recipe, trainings in record.by_recipe().items()]


def format_recipe(recipe: str, trainings: Sequence[SeedTraining]) -> str:
    accuracies = [training.accuracy for training in trainings]
    cells = (
        recipe,
        str(len(trainings)),
        format_spread(accuracies, ".4f"),
        f"{min(accuracies):.4f}",
        format_spread([training.accuracy_one_view for training in trainings], ".4f"),
        format_spread([training.cpu_s for training in trainings], ".2f"),
        format_spread([training.wall_s for training in trainings], ".2f"),
    )
    return f"| {' | '.join(cells)} |"


def format_spread(values: Sequence[float], form: str) -> str:
    """Return a mean, with its standard deviation if there are several values."""
    spread = f" ± {statistics.stdev(values):{form}}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):{form}}{spread}"


if __name__ == "__main__":
    main()
