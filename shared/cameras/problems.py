"""Why a camera gives no frames: a code for programs and a sentence for people, the same wherever it is shown."""

from enum import StrEnum

ESCAPES = "in a password write @ as %40, # as %23, / as %2F, : as %3A, ? as %3F and % as %25"


class CameraProblem(StrEnum):
    """The reason why a camera is absent."""

    NEEDS_LOGIN = "needs login"
    WRONG_LOGIN = "wrong login"
    UNKNOWN_LOGIN = "unknown login"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not found"
    BUSY = "busy"
    STATUS = "status"
    REDIRECTS = "redirects"
    WEB_PAGE = "web page"
    TEXT = "text"
    NO_TLS = "no TLS"
    NO_VIDEO = "no video"
    UNREADABLE = "unreadable"
    BAD_ADDRESS = "bad address"
    UNESCAPED = "unescaped"
    NAME_UNKNOWN = "name unknown"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    NO_ANSWER = "no answer"
    NO_FRAMES = "no frames"
    TOO_COSTLY = "too costly"
    TOO_FAST = "too fast"
    ENDED = "ended"
    NO_WEBCAM = "no webcam"
    UNPLUGGED = "unplugged"
    UNPLUGGED_OR_REFUSED = "unplugged or refused"
    NOT_PERMITTED = "not permitted"
    NO_FILE = "no file"
    OUTSIDE = "outside"


SENTENCES = {
    CameraProblem.NEEDS_LOGIN: "it wants a login: write user:password@ before the host in its address",
    CameraProblem.WRONG_LOGIN: f"it refuses this user or password ({ESCAPES})",
    CameraProblem.UNKNOWN_LOGIN: "it wants a login of a kind that digitcam does not know ({})",
    CameraProblem.FORBIDDEN: "it does not let this user see the video: check the user's rights in the camera",
    CameraProblem.NOT_FOUND: "it answers 404, not found: check what follows the host in its address",
    CameraProblem.BUSY: "it answers that it is busy ({}): it may have too many viewers, or be starting",
    CameraProblem.STATUS: "it answers with the error {}: check what follows the host in its address, or restart it",
    CameraProblem.REDIRECTS: "its address redirects in a circle, or to what is no address over HTTP",
    CameraProblem.WEB_PAGE: "its address shows a web page, perhaps a login, and no video: write the stream's address",
    CameraProblem.TEXT: "it answers with text ({}) and no video: check what follows the host in its address",
    CameraProblem.NO_TLS: "it does not speak HTTPS there: write http://, or the port of its HTTPS",
    CameraProblem.NO_VIDEO: "it answers, but sends no video that can be read",
    CameraProblem.UNREADABLE: (
        "it answers, but with no video that FFmpeg reads: check its port and path, or choose H.264 or MJPEG in it"
    ),
    CameraProblem.BAD_ADDRESS: "its address is not complete or has a wrong port",
    CameraProblem.UNESCAPED: f"its address can't be understood: {ESCAPES}",
    CameraProblem.NAME_UNKNOWN: "no computer has the name in its address: check the spelling, or write the IP address",
    CameraProblem.REFUSED: "a computer is there but refuses the connection: check the port, and that the camera serves",
    CameraProblem.UNREACHABLE: "nothing answers at its address: check that it has power and is in this network",
    CameraProblem.NO_ANSWER: "it takes the connection but does not answer: restart it, or check the port",
    CameraProblem.NO_FRAMES: "it sent no frame for {} s",
    CameraProblem.TOO_COSTLY: (
        "its pictures take too long to decode ({}): choose baseline JPEG, a smaller size or lower quality in the camera"
    ),
    CameraProblem.TOO_FAST: "it sends more than {} pictures a second: choose a lower frame rate in the camera",
    CameraProblem.ENDED: "it gives no more frames",
    CameraProblem.UNPLUGGED: "the webcam is not connected, or another program uses it",
    CameraProblem.NO_WEBCAM: "{} does not exist: connect the webcam, or choose another; ls /dev/video* lists them",
    CameraProblem.NOT_PERMITTED: "this user may not open {}: sudo usermod -aG video $USER, then log in again",
    CameraProblem.UNPLUGGED_OR_REFUSED: (
        "the webcam is not connected, another program uses it, or the system's privacy settings keep it from programs"
    ),
    CameraProblem.NO_FILE: "{}",
    CameraProblem.OUTSIDE: "#crop lies outside its picture of {}",
}


class CameraAbsentError(Exception):
    """A camera that gives no frames now. The text completes the sentence "the camera is absent: ..."."""

    def __init__(self, problem: CameraProblem, fact: object = "") -> None:
        super().__init__(SENTENCES[problem].format(fact))
        self.problem = problem
