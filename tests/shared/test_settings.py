"""A valid setting is parsed; a wrong one is a sentence with its name, its value and what it takes."""

import re
from pathlib import Path

import pytest

from shared.settings import SPECS, ConfigError, is_loopback, load_settings

NO_FILE = Path("no.env")


def test_defaults_need_no_environment() -> None:
    settings = load_settings({}, NO_FILE)
    assert (settings.cameras, settings.web_port, settings.max_age_s) == (("auto",), 8000, 0.15)


@pytest.mark.parametrize("value", ["auto", "AUTO"])
def test_batches_may_grow_as_they_need(value: str) -> None:
    assert load_settings({"MAX_BATCH": value}, NO_FILE).max_batch == 0


def test_every_token_is_a_secret() -> None:
    tokens = {name for name in SPECS if name.endswith("TOKEN")}
    assert {"WEB_TOKEN", "WEB_WATCH_TOKEN"} <= tokens <= {name for name, spec in SPECS.items() if spec.is_secret}


def test_environment_overrides_the_file(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("CAMERAS=0,demo\nWEB_PORT=8001\n")
    settings = load_settings({"WEB_PORT": "8002"}, file)
    assert (settings.cameras, settings.web_port) == (("0", "demo"), 8002)


@pytest.mark.parametrize(
    ("line", "cameras"),
    [
        ("CAMERAS='0#weight=3,demo#max_age_s=0.5'", ("0#weight=3", "demo#max_age_s=0.5")),
        ('CAMERAS="0#weight=3"', ("0#weight=3",)),
        ("CAMERAS=0,demo  # the hall's", ("0", "demo")),
        ("  # CAMERAS=0#weight=3", ("auto",)),
        ("\ufeffCAMERAS=demo", ("demo",)),  # Notepad's byte order mark
        ("export CAMERAS=demo", ("demo",)),
        ("  export  CAMERAS = 'my clip.mp4' ", ("my clip.mp4",)),
        ("CAMERAS='demo'  # the demo\r\n", ("demo",)),
        ("CAMERAS=http://h/?a=1&b=$2;3", ("http://h/?a=1&b=$2;3",)),
        ("CAMERAS='$HOME/a.mp4'", ("$HOME/a.mp4",)),  # nobody fills it in
        ("CAMERAS=demo # not $HOME", ("demo",)),
        ('CAMERAS="C:\\videos"', ("C:\\videos",)),
        ('CAMERAS="say \\"hi\\".mp4"', ('say "hi".mp4',)),
        ("CAMERAS='a'\"b\"", ("ab",)),
        ('CAMERAS=\'"a,b.jpg",hall="c, d.mp4"#fps=5,demo\'', ("a,b.jpg", "hall=c, d.mp4#fps=5", "demo")),
    ],
)
def test_value_is_read_as_a_shell_and_honcho_read_it(tmp_path: Path, line: str, cameras: tuple[str, ...]) -> None:
    file = tmp_path / ".env"
    file.write_text(line)
    assert load_settings({}, file).cameras == cameras


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (
            b"CAMERAS=0#weight=3,demo",
            r"\.env, line 2: the text after # would be lost\. Put the value in quotes\.",
        ),
        (b"WEB_TOKEN='abc'#def", "Put the value in quotes"),
        (b"WEB_TOKEN=it's", r"\.env, line 2: check its quotation marks \(No closing quotation\)"),
        (b"CAMERAS: demo", "it is not NAME=value, so it would be ignored"),
        (b"CAMERAS demo", "it is not NAME=value"),
        (b"set CAMERAS=demo", "it is not NAME=value"),
        (b"1CAMERAS=demo", "it is not NAME=value"),
        (b"CAMERAS\xc2\xa0=demo", "line 2: "),  # a space that does not break: honcho ignores the line
        (b"CAMERAS=my clip.mp4", "the spaces in its value would be lost"),
        (b"CAMERAS=C:\\videos", "its backslashes would be changed"),
        (b"CAMERAS='C:\\new'", "its backslashes would be changed"),
        (b"RUN_DIR=$HOME/run", r"a shell would fill in its \$, honcho does not"),
        (b'RUN_DIR="${HOME}/run"', r"a shell would fill in its \$"),
        (b"WEB_TOKEN=$(token)", r"a shell would fill in its \$"),
        (b"CAMERAS=", "CAMERAS has no value"),
        (b"WEB_TOKEN=\xe9t\xe9", r"\.env can't be read .* save it as UTF-8"),
    ],
)
def test_line_that_would_lose_a_part_is_an_error(tmp_path: Path, line: bytes, sentence: str) -> None:
    file = tmp_path / ".env"
    file.write_bytes(b"WEB_PORT=8001\n" + line + b"\n")
    with pytest.raises(ConfigError, match=sentence):
        load_settings({}, file)


def test_folders_may_begin_with_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / ".env").write_text("RUN_DIR=~/run\nMODELS=~/models\n")
    settings = load_settings({"LEARNED_DIR": "~/learned"}, tmp_path / ".env")
    found = [settings.run_dir, settings.models, settings.learned_dir]
    assert found == [tmp_path / "run", tmp_path / "models", tmp_path / "learned"]


def test_example_names_every_setting_with_its_default() -> None:
    lines = (Path(__file__).parents[2] / ".env.example").read_text().splitlines()
    example = dict(line.removeprefix("#").split("=", 1) for line in lines if re.match("#[A-Z_]+=", line))
    defaults = {name: spec.default for name, spec in SPECS.items()}
    assert example == defaults | {"MODELS": "models"}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"WEB_PORT": "80000"}, ["WEB_PORT=80000", "1 to 65535"]),
        ({"WEB_PORT": "eight"}, ["WEB_PORT=eight", "whole number"]),
        ({"MAX_AGE_S": "nan"}, ["MAX_AGE_S=nan", "0.01"]),
        ({"RUN_DIR": "~nobody of this name/run"}, ["RUN_DIR=~nobody", "no such user"]),
        ({"MAX_BATCH": "many"}, ["MAX_BATCH=many", "auto, or a whole number"]),
        ({"DISPLAY_MODE": "windows"}, ["DISPLAY_MODE=windows", "web, window, none"]),
        ({"BACKEND": "tensorflow"}, ["BACKEND=tensorflow", "onnx"]),
        ({"EVERY_FRAME": "perhaps"}, ["EVERY_FRAME=perhaps", "true, false"]),
        ({"CAMERAS": " , "}, ["CAMERAS= , ", "commas"]),
        ({"QUEUE": "udp://x"}, ["QUEUE=udp://x", "tcp://host:port"]),
        ({"QUEUE": "tcp://localhost"}, ["QUEUE=tcp://localhost", "tcp://host:port"]),
        ({"QUEUE": "tcp://0.0.0.0:5750"}, ["QUEUE=tcp://0.0.0.0:5750", "digitcam keys"]),
        ({"QUEUE": "tcp://hall.example:5750"}, ["QUEUE=tcp://hall.example:5750", "digitcam keys"]),
        ({"QUEUE_BIND": "tcp://*:5750"}, ["QUEUE_BIND=tcp://*:5750", "digitcam keys"]),
        ({"QUEUE": "tcp://127.0.0.1:5750", "QUEUE_BIND": "tcp://*:5750"}, ["QUEUE_BIND=", "digitcam keys"]),
        ({"CELLS": "tcp://127.0.0.1:5750"}, ["CELLS=tcp://127.0.0.1:5750", "NAME=ADDRESS"]),
        ({"CELLS": "a/b=auto"}, ["CELLS=a/b=auto", "letters, digits, dots and hyphens"]),
        ({"CELLS": "a=auto,a=tcp://127.0.0.1:5750"}, ["each name once, and a is there twice"]),
        ({"CELLS": "a=tcp://127.0.0.1:1,b=tcp://127.0.0.1:1"}, ["each address once", "tcp://127.0.0.1:1"]),
        ({"CELLS": "a=auto,b=udp://x"}, ["CELLS=a=auto,b=udp://x", "tcp://host:port"]),
        ({"CELLS": "a=tcp://hall:5750"}, ["CELLS=a=tcp://hall:5750", "digitcam keys"]),
        ({"WEB_HOST": "0.0.0.0"}, ["WEB_HOST=0.0.0.0", "WEB_TOKEN"]),
        ({"CAMERAS": "a\0.jpg"}, ["CAMERAS=", "without zero bytes"]),
        ({"WEB_TOKEN": "fifteen letters"}, ["WEB_TOKEN is not right", "at least 16 characters"]),
        ({"WEB_WATCH_TOKEN": "1"}, ["WEB_WATCH_TOKEN is not right", "at least 16 characters"]),
        ({"WEB_TOKEN": "t" * 16, "WEB_WATCH_TOKEN": "t" * 16}, ["set different ones"]),
        ({"CAMERA": "0"}, ["CAMERA ", "did you mean CAMERAS?"]),
    ],
)
def test_wrong_value_is_named_with_what_it_takes(values: dict[str, str], words: list[str]) -> None:
    with pytest.raises(ConfigError) as error:
        load_settings(values, NO_FILE)
    assert all(word in str(error.value) for word in words)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("CAMRAS", "did you mean CAMERAS?"),
        ("cameras", "did you mean CAMERAS?"),
        ("http_proxy", "Set those of other programs in the environment"),
    ],
)
def test_unknown_name_in_the_file_is_an_error(tmp_path: Path, name: str, hint: str) -> None:
    file = tmp_path / ".env"
    file.write_text(f"{name}=1\n")
    with pytest.raises(ConfigError, match=f"{name} is not a setting") as error:
        load_settings({}, file)
    assert hint in str(error.value)


def test_variables_of_other_programs_are_ignored() -> None:
    load_settings({"PATH": "/bin", "PORT": "5000", "HONCHO_PROCESS_NAME": "queue.1", "DISPLAY": ":0"}, NO_FILE)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((word, True) for word in ("1", "yes", "YES", "true", "TRUE", "on")),
        *((word, False) for word in ("0", "no", "false", "Off")),
    ],
)
def test_flag_has_four_words_for_each_answer(text: str, value: bool) -> None:
    assert load_settings({"EVERY_FRAME": text}, NO_FILE).every_frame is value


@pytest.mark.parametrize("address", ["", "http://hook.example/a", "https://hook.example:8443/a"])
def test_webhook_is_an_address_of_the_web_or_nothing(address: str) -> None:
    assert load_settings({"WEBHOOK": address}, NO_FILE).webhook == address


@pytest.mark.parametrize("address", ["ftp://hook.example", "http://", "hook.example", "mailto:a@hook.example"])
def test_webhook_elsewhere_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match=r"or https://\.\.\., or nothing"):
        load_settings({"WEBHOOK": address}, NO_FILE)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("BACKEND", ["auto", "onnx", "torch"]),
        ("DEVICE", ["auto", "cpu", "cuda"]),
        ("DISPLAY_MODE", ["web", "window", "none"]),
        ("FRAMES", ["auto", "shared", "inline"]),
    ],
)
def test_each_word_that_a_setting_takes_is_taken(name: str, words: list[str]) -> None:
    assert [getattr(load_settings({name: word}, NO_FILE), name.lower()) for word in words] == words


@pytest.mark.parametrize(
    ("name", "low", "high", "step"),
    [
        ("MAX_AGE_S", 0.01, 60, 0.001),
        ("REREAD_S", 0, 60, 0.001),
        ("EVENTS_DAYS", 0, 3650, 0.001),
        ("WEB_PORT", 1, 65535, 1),
        ("PROMETHEUS_PORT", 1, 65535, 1),
        ("LONG_SIDE_PX", 64, 4096, 1),
        ("MAX_BATCH", 1, 128, 1),
    ],
)
def test_number_is_taken_within_its_range_and_refused_outside(name: str, low: float, high: float, step: float) -> None:
    assert [getattr(load_settings({name: f"{value}"}, NO_FILE), name.lower()) for value in (low, high)] == [low, high]
    for value in (low - step, high + step):
        with pytest.raises(ConfigError, match=f"from {low:g} to {high:g}"):
            load_settings({name: f"{value}"}, NO_FILE)


NO_PLACES = """
ipc://;tcp://;:5750;tcp://:5750;tcp://host:;tcp://host:port;tcp://host:0;tcp://host:65536;tcp://a b:5750;tcp://::1:5750;
tcp://host:5750/;tcp://host;host:5750;Auto;tcp://-x:5750;tcp://...:5750
"""


@pytest.mark.parametrize("name", ["QUEUE", "QUEUE_BIND"])
@pytest.mark.parametrize("address", ["", *NO_PLACES.replace("\n", "").split(";")])
def test_queue_without_a_place_is_refused(name: str, address: str) -> None:
    with pytest.raises(ConfigError, match=f"{name}=.* is not right: it takes auto, ipc://path or tcp://host:port"):
        load_settings({name: address, "QUEUE_KEY": "keys"}, NO_FILE)


@pytest.mark.parametrize(
    ("queue", "bind", "connects_to", "listens_on"),
    [
        ("auto", "auto", "ipc://run/queue", "ipc://run/queue"),
        ("ipc://there", "auto", "ipc://there", "ipc://there"),
        ("tcp://10.0.0.5:5750", "auto", "tcp://10.0.0.5:5750", "tcp://10.0.0.5:5750"),
        ("tcp://hall.example:5750", "tcp://*:5751", "tcp://hall.example:5750", "tcp://*:5751"),
        # the queue's own machine: QUEUE_BIND alone is enough
        ("auto", "tcp://*:5750", "tcp://127.0.0.1:5750", "tcp://*:5750"),
        ("auto", "tcp://10.0.0.5:5750", "tcp://10.0.0.5:5750", "tcp://10.0.0.5:5750"),
        # addresses to listen on are none to connect to: this machine is meant
        ("tcp://0.0.0.0:5750", "auto", "tcp://127.0.0.1:5750", "tcp://0.0.0.0:5750"),
        ("tcp://[::]:5750", "auto", "tcp://[::1]:5750", "tcp://[::]:5750"),
    ],
)
def test_queue_listens_and_is_found_where_the_settings_say(
    queue: str, bind: str, connects_to: str, listens_on: str
) -> None:
    values = {"QUEUE": queue, "QUEUE_BIND": bind, "QUEUE_KEY": "keys", "RUN_DIR": "run"}
    settings = load_settings(values, NO_FILE)
    assert (settings.queue_address, settings.queue_bind_address) == (connects_to, listens_on)


def test_queue_is_a_port_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "win32")
    assert load_settings({"RUN_DIR": "run"}, NO_FILE).queue_address == "tcp://127.0.0.1:5750"


@pytest.mark.parametrize(("run_dir", "scheme"), [("run", "ipc://run/queue"), ("x" * 200, "tcp://127.0.0.1:5750")])
def test_socket_path_that_is_too_long_falls_back_to_tcp_on_this_machine(run_dir: str, scheme: str) -> None:
    assert load_settings({"RUN_DIR": run_dir}, NO_FILE).queue_address == scheme


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False)],
)
def test_loopback_addresses_are_recognized(host: str, expected: bool) -> None:
    assert is_loopback(host) == expected


@pytest.mark.parametrize(
    "wrong",
    [
        {"WEB_TOKEN": "hunter2"},
        {"WEB_TOKEN": "hunter2hunter2hunter2", "WEB_WATCH_TOKEN": "hunter2hunter2hunter2"},
        {"WEBHOOK": "ftp://me:hunter2@x"},
        {"WEBHOOK": "ftp://me:hunter2/@#@x"},
        {"EVERY_FRAME": "rtsp://me:hunter2@x/y"},
    ],
)
def test_sentence_about_a_wrong_setting_has_no_password(wrong: dict[str, str]) -> None:
    with pytest.raises(ConfigError) as raised:
        load_settings(wrong, Path("no.env"))
    assert "hunter2" not in str(raised.value)


def test_token_to_watch_lets_other_machines_in() -> None:
    assert load_settings({"WEB_HOST": "0.0.0.0", "WEB_WATCH_TOKEN": "t" * 16}, Path("no.env")).web_watch_token
