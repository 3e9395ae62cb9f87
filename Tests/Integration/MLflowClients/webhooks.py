"""Webhooks of MLflow's registry, with a receiver of our own. Prints what it found, one line each.

usage: webhooks.py TRACKING_URI RECORD
"""
import base64
import hashlib
import hmac
import http.server
import json
import queue
import sys
import threading

import recording

import mlflow
from mlflow.entities.webhook import WebhookEvent
from mlflow.exceptions import MlflowException

mlflow.set_tracking_uri(sys.argv[1])
client = mlflow.MlflowClient()
received = queue.Queue()
answers = []


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = answers.pop(0) if answers else 200
        received.put((self.path, dict(self.headers), body, status))
        self.send_response(status)
        self.end_headers()
        self.wfile.write(b"thank you")

    def log_message(self, *arguments):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=server.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{server.server_port}"
SECRET = "a \"secret\" of \\ many + characters ä"


def say(*things):
    print(*things)


def refused(what, call):
    try:
        call()
        say(what, "was not refused")
    except MlflowException as error:
        say(what, error.error_code)


def next_delivery():
    path, headers, body, status = received.get(timeout=60)
    signed = f"{headers['X-MLflow-Delivery-Id']}.{headers['X-MLflow-Timestamp']}.".encode() + body
    digest = hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()
    signature = headers.get("X-MLflow-Signature")
    is_right = signature == "v1," + base64.b64encode(digest).decode() if signature else None
    message = json.loads(body)
    say("delivered", path, status, "signed" if is_right else signature, headers["Content-Type"], message["entity"],
        message["action"], json.dumps(message["data"], sort_keys=True), sorted(message))
    return headers["X-MLflow-Delivery-Id"]


hook = client.create_webhook(
    name="signed", url=address + "/signed?a=1&b=%20", description="What happens.", secret=SECRET,
    events=["registered_model.created", "model_version.created", "model_version_tag.set", "model_version_tag.deleted",
            "model_version_alias.created", "model_version_alias.deleted"])
say("webhook", hook.name, hook.description, hook.status, sorted(str(e) for e in hook.events), hook.secret)
client.create_registered_model("digits", tags={"team": "vision"}, description="With \"quotes\" and ä.")
next_delivery()
client.create_model_version("digits", "s3://bucket/digits", tags={"a": "b"})
next_delivery()
client.set_model_version_tag("digits", "1", "k", "v\n" * 3)
next_delivery()
client.delete_model_version_tag("digits", "1", "k")
next_delivery()
client.set_registered_model_alias("digits", "best", "1")
next_delivery()
client.delete_registered_model_alias("digits", "best")
next_delivery()

# Tried again, with one identifier, where the receiver may be better another time; not where it refuses.
answers += [503, 500, 404]
client.set_model_version_tag("digits", "1", "again", "x")
say("the same", len({next_delivery() for _ in range(3)}) == 1)
client.set_model_version_tag("digits", "1", "next", "x")
next_delivery()

# A large one.
client.set_model_version_tag("digits", "1", "large", "x" * 90_000)
path, headers, body, status = received.get(timeout=60)
say("large", len(json.loads(body)["data"]["value"]))

# Changes, tests, lists.
tested = client.test_webhook(hook.webhook_id)
say("tested", tested.success, tested.response_status, tested.response_body, tested.error_message)
next_delivery()
tested = client.test_webhook(hook.webhook_id, event="model_version_alias.deleted")
say("tested", tested.success)
next_delivery()
answers += [400]
tested = client.test_webhook(hook.webhook_id)
say("tested", tested.success, tested.response_status)
next_delivery()
changed = client.update_webhook(hook.webhook_id, status="DISABLED", description="Silent.")
say("changed", changed.name, changed.description, changed.status, changed.url == hook.url)
client.set_model_version_tag("digits", "1", "silent", "x")
plain = client.create_webhook(name="plain", url=address + "/plain", events=["model_version_tag.set"])
client.set_model_version_tag("digits", "1", "told", "x")
next_delivery()
say("listed", [w.name for w in client.list_webhooks()], len(client.list_webhooks(max_results=1)))
page = client.list_webhooks(max_results=1)
say("listed", [w.name for w in client.list_webhooks(max_results=1, page_token=page.token)])
say("read", client.get_webhook(plain.webhook_id).name)
client.delete_webhook(plain.webhook_id)
refused("a deleted webhook", lambda: client.get_webhook(plain.webhook_id))
refused("a deleted webhook again", lambda: client.delete_webhook(plain.webhook_id))
for url in ["", "nonsense", "ftp://example.com", "http://169.254.169.254/latest", "http://user@127.0.0.1/"]:
    refused("the address " + url, lambda: client.create_webhook(name="w", url=url, events=["model_version.created"]))
refused("a bad name", lambda: client.create_webhook(name="-", url=address, events=["model_version.created"]))
refused("no events", lambda: client.create_webhook(name="w", url=address, events=[]))
refused("another address", lambda: client.update_webhook(hook.webhook_id, url="http://0.0.0.0/"))
say("nothing more", received.empty())
recording.save(sys.argv[2])
