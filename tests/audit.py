"""python -m tests.audit FILE: asks an index for known vulnerabilities of what a file of constraints/ names.

Exit code 1: there are some. Without an index that answers it says so in a sentence.
"""

import json
import subprocess
import sys
from typing import Any

TIMEOUT_S = 120


def main() -> int:
    """Run pip-audit and return the exit code."""
    options = ["--require-hashes", "--disable-pip", "--progress-spinner", "off", "--timeout", "10", "--format", "json"]
    command = [sys.executable, "-m", "pip_audit", *options, "--requirement", sys.argv[1]]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
        packages = json.loads(done.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, ValueError):
        packages = []
    print("\n".join(lines := describe(packages)))
    return 1 if len(lines) > 1 else 0


def describe(packages: list[dict[str, Any]]) -> list[str]:
    """Return a sentence, and a line for each vulnerability in what pip-audit printed."""
    known = [package for package in packages if "vulns" in package]
    if not known:
        return ["no index answers that knows of vulnerabilities: the packages are not audited"]
    found = [
        f"{package['name']} {package['version']}: {one['id']}, mended in {', '.join(one['fix_versions']) or 'none'}"
        for package in known
        for one in package["vulns"]
    ]
    return [f"{len(known)} of {len(packages)} packages are audited, with {len(found)} known vulnerabilities", *found]


if __name__ == "__main__":
    sys.exit(main())
