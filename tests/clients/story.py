# The story of clients.test.ts as a program in Python tells it: fails where something is not as promised.
import json
import sys
import time

import coinlane
from coinlane import Coinlane, CoinlaneError

told = json.load(sys.stdin)


def refusal(act):
    try:
        act()
    except CoinlaneError as error:
        return error
    raise AssertionError("it went well")


def same(found, expected):
    assert found == expected, f"{found!r} is not {expected!r}"


# Somebody registers, and the token comes from a callback that is told when the last was refused.
door = Coinlane(told["url"], tenant=told["tenant"])
made = door.account.register(email="py@example.com", password="correct horse battery")
asked = []


def access_token(refused):
    asked.append(refused)
    return "stale" if len(asked) == 1 else made["accessToken"]


user = Coinlane(told["url"], access_token=access_token)
same(user.account.profile()["email"], "py@example.com")
same(asked, [False, True])
wrong = refusal(lambda: door.account.login(email="py@example.com", password="wrong"))
same((wrong.code, wrong.status), ("invalid_credentials", 401))

# Coins are bought in the sandbox, spent, and a replay is the same operation.
bought = user.wallet.buy(pack="starter", provider="sandbox", wait=10)
user.sandbox.pay_checkout(bought["checkoutUrl"].split("/")[-1])
same(user.settled(bought)["balanceAfter"], 500)
spent = user.wallet.spend(amount=120, metadata={"level": 7}, idempotency_key="py-sword", wait=10)
same((spent["status"], spent["balanceAfter"]), ("applied", 380))
again = user.wallet.spend(amount=120, metadata={"level": 7}, idempotency_key="py-sword", wait=10)
same(again["id"], spent["id"])
same(user.wallet.preview_refund(operation_id=spent["id"])["coins"], 120)

# A refusal is an exception with its code, waited for or settled.
short = refusal(lambda: user.wallet.spend(amount=381, wait=10))
same((short.code, short.status, bool(short.request_id)), ("insufficient_funds", 402, True))
short = refusal(lambda: user.settled(user.wallet.spend(amount=381)))
same((short.code, short.status), ("insufficient_funds", 402))
same(refusal(lambda: user.wallet.spend(amount=-1)).errors[0]["pointer"], "/amount")

# A list is gone through to its end, or read page by page.
for coins in (1, 2, 3):
    user.wallet.spend(amount=coins, wait=10)
same([line["amount"] for line in user.wallet.transactions(limit=2)], [-3, -2, -1, -120, 500])
same(len(user.wallet.transactions(limit=2).page()["data"]), 2)
same([line["amount"] for line in user.wallet.transactions(kind="purchase", from_=bought["createdAt"])], [500])

# A line that fails three times, once after the work was done, makes one operation.
platform = Coinlane(told["badLine"], secret_key=told["secretKey"])
once = platform.wallet.spend(user_id=told["userId"], amount=7, reference="py-once", wait=10)
same([found["id"] for found in platform.operations.list(reference="py-once")], [once["id"]])

# Nobody there, and nobody who answers in time.
gone = Coinlane("http://127.0.0.1:9", secret_key="sk", attempts_max=2)
same((refusal(gone.wallet.balance).code, refusal(gone.wallet.balance).status), ("connection_failed", 0))
slow = Coinlane(told["silent"], secret_key="sk", attempts_max=1)
same(refusal(lambda: slow.wallet.balance(timeout=0.1)).code, "timeout")

# A webhook of ours is believed under either secret, and nothing else is.
body, headers, secret = told["body"], told["headers"], told["secret"]
event = coinlane.verify_webhook(body, headers, ["whsec_b3RoZXI=", secret])
same((event["type"], event["data"]["amount"]), ("operation.applied", 1000))
coinlane.verify_webhook(body.encode(), {name.upper(): value for name, value in headers.items()}, secret)
for wrong_body, wrong_headers, wrong_secret, tolerance in [
    (body.replace("1000", "9000"), headers, secret, 300),
    (body, {**headers, "webhook-id": "msg_other"}, secret, 300),
    (body, {**headers, "webhook-signature": "v1,%%% v1, v1,\u00e9 v2,x"}, secret, 300),
    (body, {**headers, "webhook-timestamp": "\u00b2"}, secret, 300),
    (body, {}, secret, 300),
    (body, headers, "whsec_b3RoZXI=", 300),
    (body, headers, secret, time.time() - int(headers["webhook-timestamp"]) - 1),
]:
    no = refusal(lambda: coinlane.verify_webhook(wrong_body, wrong_headers, wrong_secret, tolerance))
    same(no.code, "invalid_signature")
print("told to its end")
