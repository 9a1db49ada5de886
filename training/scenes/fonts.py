"""Letters and digits of fonts: print, and handwriting if its fonts can be downloaded.

matplotlib has the print fonts (DejaVu, Computer Modern, STIX). Free fonts of handwriting, of several countries' school
scripts, and of boards and signs are downloaded from npm's @fontsource packages into ROOT/fonts. Training works without
them, with less variety.
"""

import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from training.scenes.fields import BOX, Mask

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
    "hi-melody", "gamja-flower", "poor-story", "caveat-brush", "delicious-handrawn",
)  # fmt: skip
# Handwriting in other scripts, some of whose letters look like digits.
SCRIPTS = {
    "korean": ("nanum-pen-script", "gaegu", "hi-melody", "gamja-flower"),
    "cyrillic": ("caveat", "bad-script", "marck-script", "neucha", "pangolin"),
}
# for words only: outlined and ornamental digits do not look like handwriting
BOARDS = (
    "bangers", "cabin-sketch", "chewy", "dancing-script", "fredericka-the-great", "kaushan-script", "lobster",
    "londrina-sketch", "love-ya-like-a-sister", "luckiest-guy", "pacifico", "sacramento", "satisfy", "yellowtail",
)  # fmt: skip
HAND_VERSION = "5.3.0"
POINTS = 64  # a capital is then about 46 pixels tall, before it is scaled to its box
NPM_TIMEOUT_S = 120
BLANK = np.zeros((1, 1), np.uint8)  # for a character that the font lacks


def fetch_hand_fonts(root: Path) -> None:
    """Download the missing fonts into ROOT/fonts; report how many failed, and continue."""
    folder = root / "fonts"
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [(name, "latin") for name in HAND + BOARDS]
    wanted += [(name, script) for script, names in SCRIPTS.items() for name in names]
    missing = [font for font in wanted if not find_font_path(folder, *font).is_file()]
    npm = shutil.which("npm")
    failed = [font for font in missing if npm is None or not fetch_font(npm, *font, folder)]
    if failed:
        print(f"fonts: {len(failed)} of {len(wanted)} can't be downloaded; training goes on with less variety")


def find_font_path(folder: Path, name: str, script: str = "latin") -> Path:
    """Return the path of a font's file."""
    return folder / (f"{name}.woff2" if script == "latin" else f"{name}-{script}.woff2")


def fetch_font(npm: str, name: str, script: str, folder: Path) -> bool:
    """Extract one font from its npm package; return whether it worked."""
    with tempfile.TemporaryDirectory() as scratch:
        command = [npm, "pack", "--silent", f"@fontsource/{name}@{HAND_VERSION}"]
        try:
            subprocess.run(command, cwd=scratch, check=True, capture_output=True, timeout=NPM_TIMEOUT_S)
            with tarfile.open(next(Path(scratch).glob("*.tgz"))) as package:
                member = package.extractfile(f"package/files/{name}-{script}-400-normal.woff2")
                if member is None:
                    return False
                find_font_path(folder, name, script).write_bytes(member.read())
        except (subprocess.SubprocessError, OSError, StopIteration, KeyError):
            return False
    return True


def find_print_fonts() -> tuple[Path, ...]:
    """Return the files of the print fonts."""
    folder = Path(mpl.get_data_path()) / "fonts" / "ttf"
    return tuple(folder / f"{name}.ttf" for name in PRINT)


def find_hand_fonts(root: Path) -> tuple[Path, ...]:
    """Return the files of the handwriting fonts that are there."""
    return find_fonts(root, HAND)


def find_board_fonts(root: Path) -> tuple[Path, ...]:
    """Return the files of the fonts of boards and signs that are there."""
    return find_fonts(root, BOARDS)


def find_script_fonts(root: Path) -> dict[str, tuple[Path, ...]]:
    """Return the files of the fonts of other scripts that are there, by script."""
    return {script: find_fonts(root, names, script) for script, names in SCRIPTS.items()}


def find_fonts(root: Path, names: Sequence[str], script: str = "latin") -> tuple[Path, ...]:
    """Return the files of these fonts that are there."""
    return tuple(path for name in names if (path := find_font_path(root / "fonts", name, script)).is_file())


@lru_cache(maxsize=4096)
def render_letter(font: Path, character: str) -> tuple[Mask, float, float]:
    """Return (body, size, rise) of a character; the body's longer side is BOX pixels.

    size is its longer side, rise the height of its middle above a capital's, both in heights of a capital. size is 0 if
    the font lacks the character.
    """
    body, rise = render_word(font, character)
    if not body.any():
        return BLANK, 0.0, 0.0
    width, height = (max(1, round(side * BOX / max(body.shape))) for side in body.shape[::-1])
    scaled = cv2.resize(body, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(scaled > 0, np.uint8), max(body.shape) / measure_capital(font)[1], rise


def render_word(font: Path, characters: str) -> tuple[Mask, float]:
    """Return a word as a body of the font's own size, and its rise; BLANK if the font lacks it."""
    face = open_font(font)
    left, top, right, bottom = (round(side) for side in face.getbbox(characters))
    if right <= left or bottom <= top:
        return BLANK, 0.0
    picture = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(picture).text((-left, -top), characters, fill=255, font=face)
    body = np.asarray(np.asarray(picture) > 127, np.uint8)
    x, y, width, height = cv2.boundingRect(body)
    middle, tall = measure_capital(font)
    return body[y : y + height, x : x + width], (middle - top - y - height / 2) / tall


@lru_cache(maxsize=128)
def measure_capital(font: Path) -> tuple[float, float]:
    """Return the vertical middle of a font's capitals and their height, in pixels."""
    for tall in "HБ가":  # a font file of one script lacks the others
        _, top, _, bottom = open_font(font).getbbox(tall)
        if bottom - top > POINTS / 4:
            break
    return (top + bottom) / 2, max(float(bottom - top), POINTS / 4)


@lru_cache(maxsize=128)
def open_font(font: Path) -> ImageFont.FreeTypeFont:
    """Return a font at the size at which it is rendered."""
    return ImageFont.truetype(str(font), POINTS)
