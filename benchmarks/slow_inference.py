"""Pages -> slow inference -> Readings: the inference service, slowed down, for `digitcam bench overload`."""

from functools import partial

from benchmarks.slow import slowed
from services.inference import read, warm_up
from shared import lifecycle, worker
from shared.messages import Page
from shared.vision.read import load_reader


def main(life: lifecycle.Life) -> None:
    """Read pages for the queue, slowly, until told to stop."""
    settings = life.settings
    reader = load_reader(settings.models, settings.backend, settings.device)
    warm_up(reader)
    worker.serve(life, Page, settings.max_batch, slowed(partial(read, reader)))


if __name__ == "__main__":
    lifecycle.start("inference", main)
