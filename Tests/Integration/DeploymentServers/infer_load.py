"""Asks a deployment of digits with tritonclient on four connections until a line comes on standard input.

infer_load.py HOST:PORT/serve/NAME NAME INPUT DATATYPE OUTPUT

Prints how many answers were right, then each failure on a line.
"""

import sys
import threading

import numpy as np
import tritonclient.http
from sklearn.datasets import load_digits

address, name, input_name, datatype, output_name = sys.argv[1:]
data, labels = load_digits(return_X_y=True)
kind = {"FP32": np.float32, "FP64": np.float64}[datatype]
stop = threading.Event()
lock = threading.Lock()
right = 0
failures = []


def run():
    global right
    client = tritonclient.http.InferenceServerClient(address, network_timeout=60, connection_timeout=60)
    while not stop.is_set():
        value = tritonclient.http.InferInput(input_name, [100, 64], datatype)
        value.set_data_from_numpy(data[:100].astype(kind))
        try:
            result = client.infer(name, [value]).as_numpy(output_name)
            if (result == labels[:100]).sum() < 95:
                raise ValueError("a wrong answer")
            with lock:
                right += 1
        except Exception as error:
            with lock:
                failures.append(repr(error))


threads = [threading.Thread(target=run) for _ in range(4)]
for thread in threads:
    thread.start()
sys.stdin.readline()
stop.set()
for thread in threads:
    thread.join()
print(right)
print(*failures, sep="\n")
