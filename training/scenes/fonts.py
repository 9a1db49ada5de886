"""Letters and digits of typefaces: print, and handwriting where the fonts for it can be had.

matplotlib brings print (DejaVu, Computer Modern, STIX). Handwriting fonts, the hands that schools of several countries
teach, and what boards and signs are lettered in, all free, come from npm's @fontsource packages into ROOT/fonts;
without them training works too, with less variety.
"""

import shutil
import subprocess
import tarfile
import tempfile
from functools import lru_cache
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from training.scenes.fields import SIDE, Mask

PRINT = (
    "DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSansMono", "DejaVuSerif", "DejaVuSerif-Italic",
    "STIXGeneral", "STIXGeneralItalic", "cmr10", "cmss10", "cmtt10", "cmb10",
)  # fmt: skip
HAND = (
    "caveat", "patrick-hand", "kalam", "indie-flower", "gloria-hallelujah", "architects-daughter",
    "shadows-into-light", "reenie-beanie", "nanum-pen-script", "gaegu", "gochi-hand", "handlee", "schoolbell",
    "permanent-marker", "rock-salt", "neucha", "short-stack", "sriracha", "annie-use-your-telescope",
    "covered-by-your-grace", "amatic-sc", "bad-script", "beth-ellen", "calligraffitti", "cedarville-cursive",
    "chilanka", "coming-soon", "crafty-girls", "dawning-of-a-new-day", "dekko", "delius", "edu-nsw-act-foundation",
    "edu-sa-beginner", "give-you-glory", "grape-nuts", "gveret-levin", "homemade-apple", "itim", "just-another-hand",
    "just-me-again-down-here", "kavivanar", "kristi", "la-belle-aurore", "loved-by-the-king", "mali", "mansalva",
    "marck-script", "mynerve", "nerko-one", "nothing-you-could-do", "over-the-rainbow", "pangolin", "playwrite-ar",
    "playwrite-cz", "playwrite-de-grund", "playwrite-es", "playwrite-fr-moderne", "playwrite-hr-lijeva",
    "playwrite-it-moderna", "playwrite-it-trad", "playwrite-pl", "playwrite-ro", "playwrite-us-trad", "rancho",
    "ruge-boogie", "sedgwick-ave", "shantell-sans", "square-peg", "sue-ellen-francisco", "sunshiney",
    "swanky-and-moo-moo", "the-girl-next-door", "waiting-for-the-sunrise", "walter-turncoat", "zeyada",
)  # fmt: skip
# only words are set in these: an outlined or a swung digit is no handwriting
BOARDS = (
    "bangers", "cabin-sketch", "chewy", "dancing-script", "fredericka-the-great", "kaushan-script", "lobster",
    "londrina-sketch", "love-ya-like-a-sister", "luckiest-guy", "pacifico", "sacramento", "satisfy", "yellowtail",
)  # fmt: skip
HAND_VERSION = "5.3.0"
POINTS = 64  # a capital is then about 46 pixels tall, before it is scaled to its box
BOX = 60
NPM_TIMEOUT_S = 120


def fetch_hand_fonts(root: Path) -> None:
    """Bring the handwriting fonts that are missing into ROOT/fonts; say so and go on when they can't be had."""
    folder = root / "fonts"
    folder.mkdir(parents=True, exist_ok=True)
    missing = [name for name in HAND + BOARDS if not (folder / f"{name}.woff2").is_file()]
    npm = shutil.which("npm")
    failed = [name for name in missing if npm is None or not fetch_font(npm, name, folder)]
    if failed:
        print(f"fonts: {len(failed)} of {len(HAND + BOARDS)} can't be had; training goes on with less variety")


def fetch_font(npm: str, name: str, folder: Path) -> bool:
    """Take one font out of its npm package; whether it worked."""
    with tempfile.TemporaryDirectory() as scratch:
        command = [npm, "pack", "--silent", f"@fontsource/{name}@{HAND_VERSION}"]
        try:
            subprocess.run(command, cwd=scratch, check=True, capture_output=True, timeout=NPM_TIMEOUT_S)
            with tarfile.open(next(Path(scratch).glob("*.tgz"))) as package:
                member = package.extractfile(f"package/files/{name}-latin-400-normal.woff2")
                if member is None:
                    return False
                (folder / f"{name}.woff2").write_bytes(member.read())
        except (subprocess.SubprocessError, OSError, StopIteration, KeyError):
            return False
    return True


def print_fonts() -> tuple[Path, ...]:
    """Return the files of the print fonts."""
    folder = Path(mpl.get_data_path()) / "fonts" / "ttf"
    return tuple(folder / f"{name}.ttf" for name in PRINT)


def hand_fonts(root: Path) -> tuple[Path, ...]:
    """Return the files of the handwriting fonts that are there."""
    return tuple(path for name in HAND if (path := root / "fonts" / f"{name}.woff2").is_file())


def board_fonts(root: Path) -> tuple[Path, ...]:
    """Return the files of the fonts of boards and signs that are there."""
    return tuple(path for name in BOARDS if (path := root / "fonts" / f"{name}.woff2").is_file())


def letter(font: Path, character: str) -> tuple[Mask, float]:
    """Return a character as a body (0 or 1 a pixel) that fills a field's box, and its size beside a capital's.

    Blank, of size 0, where the font has no such character.
    """
    picture = Image.new("L", (3 * POINTS, 3 * POINTS))
    ImageDraw.Draw(picture).text((POINTS, POINTS), character, fill=255, font=open_font(font))
    body = np.zeros((SIDE, SIDE), np.uint8)
    bounds = picture.getbbox()
    if bounds is None:
        return body, 0.0
    ink = np.asarray(picture.crop(bounds))
    scale = BOX / max(ink.shape)
    width, height = (max(1, round(side * scale)) for side in (ink.shape[1], ink.shape[0]))
    top, left = (SIDE - height) // 2, (SIDE - width) // 2
    body[top : top + height, left : left + width] = cv2.resize(ink, (width, height), interpolation=cv2.INTER_AREA) > 127
    return body, max(ink.shape) / capital_height(font)


@lru_cache(maxsize=128)
def capital_height(font: Path) -> float:
    """Return the height of a font's H in pixels."""
    _, top, _, bottom = open_font(font).getbbox("H")
    return float(bottom - top)


@lru_cache(maxsize=128)
def open_font(font: Path) -> ImageFont.FreeTypeFont:
    """Return a font at the size letters are cut at."""
    return ImageFont.truetype(str(font), POINTS)
