# What the Python client knows of outcomes: waiting for that of an operation, and webhooks that tell of one.
def _settle(ask: Callable[[], Any], statuses: Dict[str, int], within: float) -> Any:
    end = time.monotonic() + within
    pause = 0.15
    while True:
        operation = ask()
        status = operation["status"]
        if status == "applied":
            return operation
        if status in ("rejected", "failed", "expired"):
            rejected = status == "rejected"
            code = (operation["reason"] or "internal_error") if rejected else "payment_state"
            became = f"rejected: {code}" if rejected else status
            detail = f"Operation {operation['id']} was {became}."
            raise CoinlaneError(code, statuses.get(code, 409), detail=detail)
        if time.monotonic() + pause > end:
            raise CoinlaneError("timeout", detail=f"Operation {operation['id']} is still {status}.")
        time.sleep(pause)
        pause = min(pause * 1.5, 2.0)


class WebhookEvent(TypedDict):
    type: str
    timestamp: str
    tenant: str
    data: Dict[str, Any]


def verify_webhook(
    body: Union[bytes, str],
    headers: Mapping[str, str],
    secrets: Union[str, Sequence[str]],
    tolerance: float = 300,
) -> WebhookEvent:
    """
    The event of a webhook (Standard Webhooks), once one of the secrets vouches for it: give the old and the new one
    while you rotate. `body` is what came, not parsed and written again. Raises CoinlaneError: invalid_signature.
    """
    named = {name.lower(): value for name, value in headers.items()}
    name, timestamp, signatures = (named.get(f"webhook-{each}") for each in ("id", "timestamp", "signature"))
    if not name or not timestamp or not signatures:
        raise CoinlaneError("invalid_signature", detail="A header of the webhook is missing.")
    if not (timestamp.isascii() and timestamp.isdigit()) or abs(time.time() - int(timestamp)) > tolerance:
        raise CoinlaneError("invalid_signature", detail="It was signed at another time.")
    content = body.encode() if isinstance(body, str) else body
    signed = f"{name}.{timestamp}.".encode() + content
    given = [each[3:].encode() for each in signatures.split(" ") if each.startswith("v1,")]
    for secret in [secrets] if isinstance(secrets, str) else secrets:
        key = base64.b64decode(secret[len("whsec_") :] if secret.startswith("whsec_") else secret)
        expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
        if any(hmac.compare_digest(expected, each) for each in given):
            event: WebhookEvent = json.loads(content)
            return event
    raise CoinlaneError("invalid_signature", detail="No signature matches.")
