"""digitcam bench: measures the pipeline. The benches and their arguments are in benchmarks/."""

from collections.abc import Sequence

from shared.settings import ConfigError


def main(arguments: Sequence[str]) -> int:
    """Run a bench. Raises ConfigError if a package that only benches need is missing."""
    try:
        from benchmarks.command import main as run_bench  # noqa: PLC0415 - its packages are optional
    except ModuleNotFoundError as error:
        raise ConfigError(f"bench needs {error.name}: pip install 'digitcam[bench]'.") from error
    return run_bench(arguments)
