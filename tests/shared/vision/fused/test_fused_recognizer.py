"""The fused recognizer reads what the shipped one reads. Here it runs on a CPU, in benchmarks.gpu_check on a GPU."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from benchmarks.gpu_check.comparison import count_same
from shared.demo.camera import DemoCamera
from shared.networks.runtimes import load_network
from shared.settings import MODELS
from shared.vision.fused.decoding import decode_pages
from shared.vision.fused.network import CELLS, CROPS, IS_OPEN, Capacity
from shared.vision.fused.recognizer import FusedRecognizer, make_readings, read_exactly
from shared.vision.gray_frame import Gray, make_gray_frame
from shared.vision.jpeg import decode_checked
from shared.vision.recognizer import FrameRecognizer, load_recognizer
from tests.shared.vision.drawings import draw_digits


@pytest.fixture(scope="module")
def shipped() -> FrameRecognizer:
    return load_recognizer(MODELS, "onnx", "cpu")


@pytest.fixture(scope="module")
def fused() -> FusedRecognizer:
    return FusedRecognizer(load_recognizer(MODELS, "torch", "cpu"))


def draw_demo(camera: int, at_s: float = 1.0, long_side_px: int = 480) -> Gray:
    return make_gray_frame(DemoCamera(camera).render(at_s)[0], long_side_px)[0]


def draw_crowd() -> Gray:
    """Return a page with 30 digits: more cells than a graph takes."""
    return np.tile(np.asarray(cv2.resize(draw_digits([*range(10)]), (320, 150)), np.uint8), (3, 1))


def draw_frames() -> list[Gray]:
    demo = [draw_demo(camera) for camera in (1, 3)]
    small = [draw_demo(7, long_side_px=side) for side in (320, 97)]
    blackboard = np.asarray(255 - draw_digits([3] * 10), np.uint8)
    crowd = draw_crowd()  # in one batch with paper
    return [*demo, *small, draw_digits([*range(10)]), blackboard, crowd, np.full_like(crowd, 215), crowd[:1, :1]]


def test_same_digits_and_rejects_as_the_shipped_recognizer(shipped: FrameRecognizer, fused: FusedRecognizer) -> None:
    frames = draw_frames()
    expected, read = shipped.read_and_count(frames), fused.read_and_count(frames)
    counts, _ = count_same([digits for digits, _ in expected], [digits for digits, _ in read])
    assert counts["digits"] > 40
    assert counts["digits_same"] + counts["added"] == counts["digits"]
    assert counts["share_same"] >= 0.99
    differences = [abs(one - other) for (_, one), (_, other) in zip(expected, read, strict=True)]
    assert sum(differences) <= 2


def test_confidences_boxes_and_gaps_are_the_same(shipped: FrameRecognizer, fused: FusedRecognizer) -> None:
    frames = [draw_demo(camera) for camera in (1, 4, 5)]
    for expected, read in zip(shipped.read(frames), fused.read(frames), strict=True):
        assert [one.digit for one in read] == [one.digit for one in expected]
        for one, other in zip(read, expected, strict=True):
            assert one.box == pytest.approx(other.box, abs=2)
            assert one.confidence == pytest.approx(other.confidence, abs=0.05)
            assert (one.gap_px, one.unread_px) == pytest.approx((other.gap_px, other.unread_px), abs=2)


def test_bare_strokes_are_ones_only_where_nothing_but_digits_is_written(
    shipped: FrameRecognizer, fused: FusedRecognizer
) -> None:
    slanted = cv2.line(np.full((360, 480), 220, np.uint8), (215, 150), (255, 45), 40, 6, cv2.LINE_AA)
    frames = [np.asarray(slanted, np.uint8)] * 2
    expected, read = (one.read_and_count(frames, [False, True]) for one in (shipped, fused))
    assert [len(digits) for digits, _ in expected] == [0, 1]  # else the frame shows nothing
    assert [len(digits) for digits, _ in read] == [0, 1]


def test_fixed_sizes_as_a_graph_has_them_give_the_same(fused: FusedRecognizer) -> None:
    pages = torch.from_numpy(np.stack([draw_demo(camera) for camera in (1, 3)]))
    bare_ones = torch.zeros(2, dtype=torch.bool)
    with torch.inference_mode():
        exact = read_exactly(fused.network, pages, bare_ones)
        head, *rows = fused.network(pages, bare_ones, Capacity(64, 48, 6)).numpy()
        least = fused.network(pages, bare_ones, Capacity(8, 4, 1)).numpy()[0]
    assert (head[CELLS] <= 64, head[CROPS], head[IS_OPEN]) == (True, len(exact), 0)
    assert dict(make_readings(range(2), pages.numpy(), np.array(rows))) == dict(
        make_readings(range(2), pages.numpy(), exact)
    )
    assert least[CELLS] > 8  # so it is known that the answer is not complete
    assert least[IS_OPEN] == 1


def test_jpegs_give_what_the_pipeline_reads_in_them(shipped: FrameRecognizer, fused: FusedRecognizer) -> None:
    pictures = [DemoCamera(camera).render(1.0)[0] for camera in (1, 4)]
    pictures.append(np.asarray(cv2.resize(pictures[0], (1280, 960)), np.uint8))  # is scaled down by more than two
    jpegs = [cv2.imencode(".jpg", picture)[1].tobytes() for picture in pictures]
    grays = [make_gray_frame(decode_checked(jpeg, "GRAY"), 480)[0] for jpeg in jpegs]
    pages = decode_pages(jpegs, 480, fused.device)
    for gray, page in zip(grays, pages, strict=True):
        assert page is not None
        assert np.abs(gray.astype(int) - page.numpy()).max() <= 1
    readings = fused.read_jpegs([jpegs[0], b"broken", *jpegs[1:], jpegs[0][:300]], 480)
    assert readings[1] is None
    read = [reading[0] for reading in (readings[0], *readings[2:4]) if reading]
    counts, _ = count_same(shipped.read(grays), read)
    assert counts["digits"] >= 10
    assert (counts["digits_same"], counts["added"]) == (counts["digits"], 0)


def test_learned_classifier_is_taken_over(fused: FusedRecognizer, tmp_path: Path) -> None:
    source = load_recognizer(MODELS, "torch", "cpu")
    own = FusedRecognizer(source)
    frame = draw_demo(1)
    before = own.read([frame])
    checkpoint = torch.load(MODELS / "classifier.pt", weights_only=True)
    checkpoint["state"]["layers.9.bias"][10] += 30  # "not a digit", always
    torch.save(checkpoint, tmp_path / "classifier.pt")
    learned = load_network(tmp_path / "classifier.onnx", "torch", "cpu")
    own.use_classifier(FrameRecognizer(source.detector, learned))
    assert before != [()]
    assert own.read([frame]) == [()]


def test_networks_of_onnx_runtime_can_not_be_fused(shipped: FrameRecognizer) -> None:
    with pytest.raises(ValueError, match="choose backend torch"):
        FusedRecognizer(shipped)
