"""Goes through the calls of grpc_server.py: grpc_client.py HOST:PORT DEPLOYMENT. Prints `all answered`."""

import queue
import sys
import time

import grpc

address, deployment = sys.argv[1:]
metadata = (("cairn-deployment", deployment),)
channel = grpc.insecure_channel(address)

echo = channel.unary_unary("/test.Echo/Unary")
assert echo(b"hello", metadata=metadata, timeout=20) == b"hello"
large = b"x" * 3_000_000
assert echo(large, metadata=metadata, timeout=20) == large

times = []
for number, answer in enumerate(channel.unary_stream("/test.Echo/Count")(b"5", metadata=metadata, timeout=20)):
    assert answer == b"%d" % number
    times.append(time.monotonic())
# They come as they are sent, not together at the end.
assert len(times) == 5 and times[-1] - times[0] > 0.1, times

# Each message is answered before the next is sent.
words = queue.Queue()
answers = channel.stream_stream("/test.Echo/Talk")(iter(words.get, None), metadata=metadata, timeout=20)
for word in (b"one", b"two", b"three"):
    words.put(word)
    assert next(answers) == b"heard " + word
words.put(None)
assert list(answers) == []

try:
    channel.unary_unary("/test.Echo/Fail")(b"", metadata=metadata, timeout=20)
    raise SystemExit("the failure did not arrive")
except grpc.RpcError as error:
    assert error.code() == grpc.StatusCode.NOT_FOUND, error
    assert error.details() == "there is no such thing"
    assert ("why", "on-purpose") in [tuple(pair) for pair in error.trailing_metadata()]

try:
    echo(b"hello", metadata=(("cairn-deployment", "nobody"),), timeout=20)
    raise SystemExit("a deployment that is not there answered")
except grpc.RpcError as error:
    assert error.code() == grpc.StatusCode.UNIMPLEMENTED, error
print("all answered")
