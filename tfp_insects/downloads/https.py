"""Connections by https alone, with a limit to how long the other side may be silent."""

import dataclasses
import queue
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any, NoReturn


@dataclasses.dataclass(frozen=True)
class Patience:
    """How long a server may be silent, in seconds.

    Attributes:
        connect: Until its first answer, name look-up, redirections and headers included.
        silent: Between two pieces of what it sends.
    """

    connect: float = 10.0
    silent: float = 60.0


PATIENCE = Patience()


def open_https(url: str, headers: Mapping[str, str], patience: Patience) -> Any:
    """Opens `url`, and gives the response with its headers read.

    Raises:
        OSError: There is no connection, its certificate is not trusted, the server answers with an error
            (`urllib.error.HTTPError`, closed), or it or a redirection names another scheme than https.
        http.client.HTTPException: The answer is no HTTP.
        ValueError: A redirection leads to what is no address.
    """
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def connect() -> None:
        try:
            request = urllib.request.Request(url, headers=dict(headers))
            answers.put(_opener().open(request, timeout=patience.silent))
        except urllib.error.HTTPError as error:
            error.close()  # it holds the connection
            answers.put(error)
        except Exception as error:  # raised again by the thread that waits
            answers.put(error)

    # urllib's own limit is for each address and each read, and not for the name.
    threading.Thread(target=connect, daemon=True).start()
    try:
        answer = answers.get(timeout=patience.connect)
    except queue.Empty:
        raise TimeoutError(f"no answer within {patience.connect:g} s") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


class _NothingElse(urllib.request.UnknownHandler):
    """Gets every address for whose scheme there is no handler."""

    def unknown_open(self, request: urllib.request.Request) -> NoReturn:
        raise OSError(f"{request.full_url}: expected an address that begins with https://; nothing else is opened")


def _opener() -> urllib.request.OpenerDirector:
    """What `urllib.request.build_opener` makes, but without its handlers of http, ftp, files and data."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPSHandler(context=ssl.create_default_context()),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPDefaultErrorHandler(),
        _NothingElse(),
    ):
        opener.add_handler(handler)
    return opener
