# ruff: noqa: RUF001 - words of other scripts are what this file is for
"""Words for scenes: English text, labels and units of numbers, and words of other scripts."""

import re
from functools import cache

import numpy as np

# Labels before a number, and units after it.
BEFORE = (
    "No.", "Nr", "Raum", "room", "page", "S.", "Tel", "Bus", "Gate", "Q", "A", "B", "Fig", "Tab", "Kap", "vol", "x",
    "n", "t", "Übung", "Haus", "total", "am", "um", "ca", "max", "pH", "Score", "Team", "class",
)  # fmt: skip
AFTER = (
    "kg", "km", "cm", "mm", "m", "s", "h", "min", "ml", "g", "V", "A", "W", "Hz", "Uhr", "Euro", "EUR", "USD",
    "Stk", "pcs", "x", "a", "b", "c", "th", "st", "nd", "%", "!", "?", "am", "pm", "Pkt", "EL", "TL", "Bier", "eggs",
)  # fmt: skip
KOREAN = """
안녕하세요 숫자 인식 프로젝트 웹캠 화면 손글씨 오늘 이름 학교 수학 문제 정답 그리고 우리 나라 사랑 여기 이것 물 아이
오이 시간 회의 목록 전화 주소 메모 할일 커피 우유 라면 점심 저녁 월요일 일요일 합계 개 원 명 번 층 호
"""
CYRILLIC = """
Здравствуйте ЗАЯВЛЕНИЕ Борис Зоя Яблоко чай буква ОТВЕТ Задача дом это эхо Юля ЭЭГ чек бы Вова узор
зебра Жизнь число ответ класс имя Бб ЧЧ Ээ яю
"""
SCRIPT_WORDS = {"korean": tuple(KOREAN.split()), "cyrillic": tuple(CYRILLIC.split())}


def choose_words(rng: np.random.Generator, count: int) -> list[str]:
    """Return consecutive words of English text, in upper, lower or their own case."""
    start = int(rng.integers(len(load_words()) - count))
    in_case = (str.upper, str.lower, str)[rng.integers(3)]
    return [in_case(word) for word in load_words()[start : start + count]]


@cache
def load_words() -> tuple[str, ...]:
    """Return the words of Python's own manual: English that every machine with Python has."""
    from pydoc_data.topics import topics  # noqa: PLC0415 - half a megabyte, which only makers of scenes need

    return tuple(re.findall(r"\b[A-Za-z]{2,10}\b", " ".join(topics.values())))
