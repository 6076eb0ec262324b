# What every call of the Python client shares: credentials, keys, retries, problems, pages, and verified webhooks.
from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import random
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Dict,
    Generic,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
    TypedDict,
    TypeVar,
    Union,
)

if TYPE_CHECKING:
    from typing_extensions import Literal, NotRequired

T = TypeVar("T")

# The default of what may be left out: None is a value of its own there.
_OUT: Any = type("LeftOut", (), {"__repr__": lambda self: "left out"})()


class CoinlaneError(Exception):
    """Whatever went wrong: a problem of the API (RFC 9457), or no answer at all, whose status is 0. Decide by `code`."""

    def __init__(
        self,
        code: str,
        status: int = 0,
        title: Optional[str] = None,
        detail: Optional[str] = None,
        request_id: Optional[str] = None,
        retry_after: Optional[float] = None,
        errors: Optional[List[Dict[str, str]]] = None,
    ) -> None:
        super().__init__(f"{code}: {detail or title or ''}")
        self.code = code
        self.status = status
        self.title = title or code
        self.detail = detail
        self.request_id = request_id
        #: Seconds after which to come again.
        self.retry_after = retry_after
        self.errors = errors or []


class Pages(Generic[T]):
    """A list: iterate over it for every line of all pages, or take one `page` with its `nextCursor`."""

    def __init__(self, read: Callable[[Optional[str]], Dict[str, Any]]) -> None:
        self._read = read

    def page(self, cursor: Optional[str] = None) -> Dict[str, Any]:
        return self._read(cursor)

    def __iter__(self) -> Iterator[T]:
        page = self._read(None)
        while True:
            yield from page["data"]
            if page["nextCursor"] is None:
                return
            page = self._read(page["nextCursor"])


class _Unredirected(urllib.request.HTTPRedirectHandler):
    """A credential goes where it was meant to go, and nowhere that an answer points to."""

    def redirect_request(self, *_: Any) -> None:
        return None


class _Wire:
    """Puts calls on the wire, and tries again where that cannot do anything twice."""

    PAUSE = 0.25
    PAUSE_MAX = 8.0
    #: Told to wait for longer than this, the caller is told so, too.
    RETRY_AFTER_MAX = 30.0

    def __init__(
        self,
        url: str,
        secret_key: Optional[str],
        access_token: Optional[Callable[[bool], Optional[str]]],
        tenant: Optional[str],
        timeout: float,
        attempts_max: int,
    ) -> None:
        self._url = url.rstrip("/")
        self._secret_key = secret_key
        self._access_token = access_token
        self._tenant = tenant
        self._timeout = timeout
        self._attempts_max = attempts_max
        self._opener = urllib.request.build_opener(_Unredirected)

    def pages(self, method: str, path: str, query: Dict[str, Any], **rest: Any) -> Pages[Any]:
        def read(cursor: Optional[str]) -> Dict[str, Any]:
            asked = query if cursor is None else {**query, "cursor": cursor}
            page: Dict[str, Any] = self.send(method, path, query=asked, **rest)
            return page

        return Pages(read)

    def send(
        self,
        method: str,
        path: str,
        body: Any = _OUT,
        query: Optional[Dict[str, Any]] = None,
        keyed: bool = False,
        credential: str = "needed",
        idempotency_key: Optional[str] = None,
        wait: int = 0,
        timeout: Optional[float] = None,
    ) -> Any:
        headers = {"Accept": "application/json"}
        if self._tenant is not None:
            headers["X-Tenant"] = self._tenant
        if keyed:
            headers["Idempotency-Key"] = idempotency_key or str(uuid.uuid4())
        if wait:
            headers["Prefer"] = f"wait={wait}"
        data = None
        if body is not _OUT:
            headers["Content-Type"] = "application/json"
            data = json.dumps(_given(body) if isinstance(body, dict) else body).encode()
        asked = {
            name: str(value).lower() if isinstance(value, bool) else str(value)
            for name, value in _given(query or {}).items()
        }
        if asked:
            path += ("&" if "?" in path else "?") + urllib.parse.urlencode(asked)
        seconds = (self._timeout if timeout is None else timeout) + wait
        harmless = keyed or method in ("GET", "PUT", "DELETE")
        refused = False
        attempt = 1
        while True:
            try:
                self._sign(headers, credential, refused)
                return self._attempt(method, path, headers, data, seconds)
            except CoinlaneError as error:
                may_sign_in = self._access_token is not None and not refused and credential != "none"
                if error.code == "unauthenticated" and may_sign_in:
                    refused = True
                    continue
                # Too many requests: refused before anything was done, so even a call without a key may come again.
                again = error.status == 429 or (harmless and error.status in (0, 502, 503, 504))
                after = error.retry_after or 0.0
                if not again or attempt >= self._attempts_max or after > self.RETRY_AFTER_MAX:
                    raise
                pause = random.random() * min(self.PAUSE_MAX, self.PAUSE * 2 ** (attempt - 1))
                attempt += 1
            time.sleep(after + pause)

    def _sign(self, headers: Dict[str, str], credential: str, refused: bool) -> None:
        token = None
        if credential != "none":
            token = self._secret_key or (self._access_token(refused) if self._access_token else None)
        headers.pop("Authorization", None)
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"

    def _attempt(
        self, method: str, path: str, headers: Dict[str, str], data: Optional[bytes], seconds: float
    ) -> Any:
        request = urllib.request.Request(self._url + path, data=data, headers=headers, method=method)
        try:
            try:
                with self._opener.open(request, timeout=seconds) as answer:
                    return _read(answer.status, answer.headers, answer.read())
            except urllib.error.HTTPError as error:
                with error:
                    return _read(error.code, error.headers, error.read())
        except (socket.timeout, TimeoutError) as error:
            raise CoinlaneError("timeout", detail=f"No answer within {seconds} s.") from error
        except (OSError, http.client.HTTPException) as error:
            if isinstance(getattr(error, "reason", None), (socket.timeout, TimeoutError)):
                raise CoinlaneError("timeout", detail=f"No answer within {seconds} s.") from error
            raise CoinlaneError("connection_failed", detail=f"Nothing answers at {self._url}.") from error


def _given(values: Mapping[str, Any]) -> Dict[str, Any]:
    return {name: value for name, value in values.items() if value is not _OUT}


def _part(text: str) -> str:
    return urllib.parse.quote(text, safe="")


def _read(status: int, headers: Any, content: bytes) -> Any:
    answered: Any = None
    try:
        answered = json.loads(content) if content else None
        if 200 <= status < 300:
            return answered
    except ValueError:
        # A proxy's page, most likely: what there is to know is the status.
        pass
    problem = answered if isinstance(answered, dict) and "code" in answered else {}
    try:
        after: Optional[float] = float(headers.get("Retry-After"))
    except (TypeError, ValueError):
        after = None
    raise CoinlaneError(
        problem.get("code", "unexpected_answer"),
        status,
        problem.get("title"),
        problem.get("detail"),
        problem.get("requestId"),
        after,
        problem.get("errors"),
    )
