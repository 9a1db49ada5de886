"""shared/vision/fusion.py on the device: adds the evidence of both networks for many candidates at once."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from shared.vision.digit import NOT_A_DIGIT
from shared.vision.fusion import BARE_SLANT, BARE_UPRIGHT, MAX_SLANT, MIN_PAPER, MIN_SIZE, PRIOR, REACH, Fusion
from shared.vision.normaliser import SIDE_PX
from shared.vision.recognizer import NO_INK_LOG_ODDS


def read_log_p(logits: Tensor, has_ink: Tensor) -> Tensor:
    """Return the classifier's log-probabilities (n x 11, float64); those of "no digit" for a crop without ink."""
    empty = torch.full_like(logits[:1], math.log(0.1) + NO_INK_LOG_ODDS)
    empty[:, NOT_A_DIGIT] = math.log1p(-math.exp(NO_INK_LOG_ODDS))
    return torch.where(has_ink[:, None], logits.double().log_softmax(1), empty.double())


def measure_slant_dense(images: Tensor) -> Tensor:
    """Return the slant of ink (n x 28 x 28), as shared.vision.normaliser.measure_slant(): n, float64."""
    ink = images.double()
    at = torch.arange(SIDE_PX, device=ink.device, dtype=ink.dtype)
    rows, mass = ink.sum(2), ink.sum((1, 2)).clamp_min(1e-6)
    mean_y, mean_x = rows @ at / mass, ink.sum(1) @ at / mass
    covariance = (ink @ at) @ at - mass * mean_y * mean_x
    variance = rows @ at**2 - mass * mean_y**2
    return -covariance / variance.clamp_min(1e-6)


def fuse_dense(
    fusion: Fusion,
    *,
    page: Tensor,
    boxes: Tensor,
    scores: Tensor,
    detector_log_p: Tensor,
    log_p: Tensor,
    slant: Tensor,
    papers: Tensor,
    is_bare: Tensor,
) -> Tensor:
    """Return the log-probabilities (n x 11, float64) of n candidates, as shared.vision.fusion.fuse().

    page: of each candidate, -1 for none; scores: the detector's logits; is_bare: whether a bare stroke is a 1 there.
    """
    digit_log_p, reject_log_p = log_p[:, :NOT_A_DIGIT], log_p[:, NOT_A_DIGIT]
    classes = fusion.detector_classes * detector_log_p.double() + fusion.classifier_classes * digit_log_p
    classes = classes.log_softmax(1)
    excess = (slant - torch.where(is_bare, BARE_SLANT, MAX_SLANT)).clamp_min(0)
    upright = torch.where(is_bare, BARE_UPRIGHT, fusion.upright)
    stroke = torch.where(excess > 0, fusion.slant * excess, upright) * classes[:, 1].exp()
    limit = math.log((1 - 1e-6) / 1e-6)
    odds = fusion.detector * scores.double().clamp(-limit, limit) + stroke + fusion.bias
    odds = odds + fusion.classifier * (digit_log_p.logsumexp(1) - reject_log_p)
    odds = odds + fusion.doubt * classes.amax(1)
    odds = odds + fusion.beside * judge_neighbours_dense(page, boxes, papers, odds)
    odds = fusion.calibration.slope * odds + fusion.calibration.offset
    is_digit, is_rejected = -functional.softplus(-odds), -functional.softplus(odds)
    return torch.cat([classes + is_digit[:, None], is_rejected[:, None]], 1)


def judge_neighbours_dense(page: Tensor, boxes: Tensor, papers: Tensor, odds: Tensor) -> Tensor:
    """Return what shared.vision.fusion.judge_neighbours() returns for the candidates of each page: n, float64."""
    sizes, middles = boxes[:, 2:].amax(1), boxes[:, :2] + boxes[:, 2:] / 2
    larger, smaller = torch.maximum(sizes[:, None], sizes), torch.minimum(sizes[:, None], sizes)
    is_beside = (page[:, None] == page) & (smaller > MIN_SIZE * larger)
    for axis, reach in enumerate(REACH):
        is_beside &= (middles[:, None, axis] - middles[:, axis]).abs() < reach * larger
    is_beside &= torch.minimum(papers[:, None], papers) >= MIN_PAPER * torch.maximum(papers[:, None], papers)
    weights = is_beside.double()
    weights.fill_diagonal_(0)
    digits = weights @ odds.sigmoid()
    others = weights.sum(1) - digits
    return (PRIOR[0] + digits).log() - (PRIOR[1] + others).log()
