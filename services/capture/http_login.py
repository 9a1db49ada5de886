"""The logins that HTTP cameras ask for: which one to answer, and how. aiohttp computes Digest."""

import re
from itertools import pairwise
from types import SimpleNamespace
from typing import NamedTuple, cast

import aiohttp
from aiohttp.client_middleware_digest_auth import DigestFunctions

BASIC, DIGEST = "basic", "digest"
MAX_CHARACTERS = 2048  # of all challenges: the time for hostile ones grows with the square
QUOTED = re.compile(r'"(?:\\.|[^"\\])*"')
KIND = re.compile(r"(?:^|,)\s*(basic|digest|bearer|negotiate|ntlm|[\w-]+(?=\s+[\w-]+\s*=))(?=[\s,]|$)", re.IGNORECASE)
ALGORITHM = re.compile(r'\balgorithm\s*=\s*"?([\w-]+)', re.IGNORECASE)
QOP_AUTH = re.compile(r'\bqop\s*=\s*"(?=[^"]*\bauth\b(?!-))[^"]*"', re.IGNORECASE)


class Challenge(NamedTuple):
    """A login that a camera offers: its kind in lower case, and its text as in the header."""

    kind: str
    text: str


def find_challenges(response: aiohttp.ClientResponse) -> list[Challenge]:
    """Return what the camera offers, in its order: several headers may hold several challenges each."""
    text = ", ".join(response.headers.getall("WWW-Authenticate", []))[:MAX_CHARACTERS]
    masked = QUOTED.sub(lambda quoted: "x" * len(quoted[0]), text)
    kinds = [(found.start(1), found[1].lower()) for found in KIND.finditer(masked)]
    return [Challenge(kind, text[at:end].strip(", ")) for (at, kind), (end, _) in pairwise([*kinds, (len(text), "")])]


def find_digest(response: aiohttp.ClientResponse) -> Challenge | None:
    """Return the first Digest challenge with a hash that aiohttp knows."""
    for challenge in find_challenges(response):
        algorithm = ALGORITHM.search(challenge.text)
        if challenge.kind == DIGEST and (algorithm[1].upper() if algorithm else "MD5") in DigestFunctions:
            return challenge
    return None


class DigestLogin(aiohttp.DigestAuthMiddleware):
    """Answers as browsers do: of several challenges the first known one, and never with auth-int.

    aiohttp reads the first challenge only, and prefers auth-int, which hardly any camera has ever been asked for.
    """

    def _authenticate(self, response: aiohttp.ClientResponse) -> bool:
        challenge = find_digest(response) if response.status == 401 else None
        if not challenge:
            return False
        headers = {"www-authenticate": QOP_AUTH.sub('qop="auth"', challenge.text)}
        simple = SimpleNamespace(status=401, headers=headers, url=response.url)
        return super()._authenticate(cast("aiohttp.ClientResponse", simple))
