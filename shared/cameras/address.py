"""The address of a network camera, taken apart; a password may contain any character that is unambiguous."""

import ipaddress
import re
import socket
from base64 import b64encode
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from shared.cameras.problems import CameraAbsentError, CameraProblem

DEFAULT_PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class CameraAddress:
    """A network camera's address."""

    scheme: str
    user: str
    password: str
    host: str
    port: int
    path: str  # with the query
    is_doubtful: bool  # there is an @ before and after the host: the password may contain a / or #

    @property
    def has_login(self) -> bool:
        """Whether there is a login; some cameras have a password only."""
        return bool(self.user or self.password)

    @property
    def url(self) -> str:
        """The URL without the login."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.path}"

    @property
    def url_with_login(self) -> str:
        """The URL with the login, escaped."""
        login = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}@" if self.has_login else ""
        return self.url.replace("://", f"://{login}", 1)

    @property
    def basic_login(self) -> str:
        """The value of the Authorization header for Basic."""
        return "Basic " + b64encode(f"{self.user}:{self.password}".encode()).decode()

    def explain(self, error: BaseException) -> CameraAbsentError:
        """Return why a connection failed: a host that is part of a password does not exist."""
        if isinstance(error, socket.gaierror | UnicodeError):  # UnicodeError: a name that is too long
            return CameraAbsentError(CameraProblem.UNESCAPED if self.is_doubtful else CameraProblem.NAME_UNKNOWN)
        is_refused = isinstance(error, ConnectionRefusedError)
        return CameraAbsentError(CameraProblem.REFUSED if is_refused else CameraProblem.UNREACHABLE)

    def connect(self, timeout_s: float) -> socket.socket:
        """Return a connection to the host. Raises CameraAbsentError with the reason."""
        try:
            return socket.create_connection((self.host, self.port), timeout_s)
        except (OSError, UnicodeError) as error:
            raise self.explain(error) from error

    def is_private(self) -> bool:
        """Return whether the host is this machine or in its network, where a proxy does not reach it."""
        try:
            found = socket.getaddrinfo(self.host, None)
        except (OSError, UnicodeError):
            return False
        addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
        return all(address.is_private or address.is_link_local for address in addresses)


def parse_address(url: str) -> CameraAddress:
    """Return the parts of a URL. Raises CameraAbsentError."""
    parts = urlsplit(url)
    rest = url.partition("://")[2].removeprefix(parts.netloc)
    try:
        host, port = parts.hostname, parts.port
    except ValueError:  # a port that is not a number
        host, port = None, None
    if not host:
        raise CameraAbsentError(CameraProblem.UNESCAPED if "@" in rest else CameraProblem.BAD_ADDRESS)
    scheme = parts.scheme.lower()
    return CameraAddress(
        scheme=scheme,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        host=unquote(host),  # %25 precedes the interface of a link-local address: [fe80::1%25eth0]
        port=port or DEFAULT_PORTS.get(scheme, 80),
        path=re.sub(r"[^!-~]", lambda odd: quote(odd[0]), rest),  # spaces and letters such as ä, as browsers do
        is_doubtful="@" in rest and "@" in parts.netloc,
    )


def find_host(url: str) -> str:
    """Return the host for people to see, never a part of the password. Raises CameraAbsentError if there is none."""
    try:
        address = parse_address(url)
    except CameraAbsentError as error:
        if error.problem is not CameraProblem.UNESCAPED:
            raise
    else:
        if not address.is_doubtful:
            return address.host
    return re.split("[:/?#]", url.rpartition("@")[2])[0] or "camera"
