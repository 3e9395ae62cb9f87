"""Sends requests on connections that stay open until a line comes on standard input; prints how they ended, as JSON.

load.py URL CONNECTIONS
"""

import collections
import http.client
import json
import sys
import threading
import time
import urllib.parse

url = urllib.parse.urlsplit(sys.argv[1])
stop = threading.Event()
lock = threading.Lock()
answers = collections.Counter()
failures = []
slowest = 0.0


def run():
    global slowest
    connection = None
    while not stop.is_set():
        began = time.monotonic()
        try:
            if connection is None:
                connection = http.client.HTTPConnection(url.hostname, url.port, timeout=30)
            connection.request("GET", url.path)
            response = connection.getresponse()
            body = response.read().decode()
            with lock:
                if response.status == 200:
                    answers[json.loads(body)["revision"] if body.startswith("{") else body] += 1
                    slowest = max(slowest, time.monotonic() - began)
                else:
                    failures.append(f"{response.status}: {body}")
            if response.will_close:
                connection.close()
                connection = None
        except (OSError, http.client.HTTPException) as error:
            with lock:
                failures.append(repr(error))
            connection = None


threads = [threading.Thread(target=run) for _ in range(int(sys.argv[2]))]
for thread in threads:
    thread.start()
sys.stdin.readline()
stop.set()
for thread in threads:
    thread.join()
print(json.dumps({"answers": answers, "failures": failures, "slowest": slowest}))
