"""A result of `digitcam bench all`, as small as possible and with distinguishable figures."""

from typing import Any


def make_results() -> dict[str, Any]:
    """Return results without a part that failed."""
    run = {
        "cameras": 4,
        "fps": 120.0,
        "read_share": 1.0,
        "followed_share": 0.0,
        "age_p99_ms": 90.0,
        "fairness": 0.995,
        "pss_total_mb": 420.0,
        "rss_total_mb": 800.0,
        "start_s": 2.0,
        "cpu_ms_per_frame": {"queue": 1.0, "inference": 5.0, "bench": 0.3},
        "cpu_ms_per_frame_total": 6.0,
        "rss_mb": {"queue": 40.0, "inference": 140.0},
    }
    full = run | {"cameras": 16, "pss_total_mb": 540.0}
    ours = [
        {"name": "digitcam", "fps": 150.0, "age_p99_ms": 80.0, "untrusted": ""},
        {"name": "digitcam, following", "fps": 90.0, "age_p99_ms": 40.0, "untrusted": ""},
    ]
    theirs = [
        {"name": "imagezmq REQ/REP", "fps": 50.0, "age_p99_ms": 160.0, "untrusted": "others used 9%"},
        {"name": "mosec", "failed": "mosec does not read all cameras: its log is empty"},
    ]
    overloaded = [
        {"name": "digitcam", "fps": 60.0, "age_p99_ms": 90.0},
        {"name": "imagezmq PUB/SUB", "fps": 60.0, "age_p99_ms": 1800.0},
    ]
    watchers = [{"watcher": "nobody", "display_cpu": 0.05}, {"watcher": "one viewer", "display_cpu": 0.2}]
    worker = [{"batch": 8, "share_of_bare": 0.7}, {"batch": 16, "share_of_bare": 0.9}]
    return {
        "machine": {"processor": "of the test"},
        "took_s": 600,
        "failed": {},
        "inference": [{"worker": worker, "runtimes": [], "untrusted": "others used 10%"}],
        "scale": [make_row(1, 20.0), make_row(8, 50.0), make_row(12, 90.0), make_row(16, 140.0, read_share=0.8)],
        "still": [make_row(32, 40.0), make_row(64, 300.0)],
        "four": [run, run | {"start_s": 2.5, "pss_total_mb": 430.0}, run | {"start_s": 4.0}],
        "full": [full | {"read_share": 0.9}, full],
        "followed": [full | {"read_share": 0.45, "followed_share": 0.5, "cpu_ms_per_frame_total": 2.0}],
        "queue": [{"cameras": 32, "frames_per_s_a_core": 3000, "cpu_ms_per_frame": {"queue": 0.333}}],
        "overload": [run, run | {"age_p99_ms": 110.0}],
        "overload_peers": [{"rows": overloaded}],
        "web": [{"watchers": watchers}],
        "peers": [{"cameras": 1, "rows": ours}, {"cameras": 32, "rows": ours + theirs}],
    }


def make_row(cameras: int, age_p99_ms: float, read_share: float = 1.0, inference: int = 1) -> dict[str, Any]:
    """Return a row of `bench scale`."""
    return {
        "inference": inference,
        "cameras": cameras,
        "fps": 30.0 * cameras * read_share,
        "read_share": read_share,
        "age_p50_ms": age_p99_ms / 2,
        "untrusted": "",
        "age_p99_ms": age_p99_ms,
    }
