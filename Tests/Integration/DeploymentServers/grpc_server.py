"""A gRPC server whose messages are bytes, so that no schema is needed: listens on $PORT of $HOST.

/test.Echo/Unary    sends back what came
/test.Echo/Count    sends as many numbers as it was told, one every 50 ms
/test.Echo/Talk     answers each message when it comes
/test.Echo/Fail     ends with NOT_FOUND and a word in the trailing metadata
"""

import os
import time
from concurrent import futures

import grpc


def count(request, context):
    for number in range(int(request)):
        yield b"%d" % number
        time.sleep(0.05)


def talk(requests, context):
    for request in requests:
        yield b"heard " + request


def fail(request, context):
    context.set_trailing_metadata((("why", "on-purpose"),))
    context.abort(grpc.StatusCode.NOT_FOUND, "there is no such thing")


handlers = {
    "Unary": grpc.unary_unary_rpc_method_handler(lambda request, context: request),
    "Count": grpc.unary_stream_rpc_method_handler(count),
    "Talk": grpc.stream_stream_rpc_method_handler(talk),
    "Fail": grpc.unary_unary_rpc_method_handler(fail),
}
server = grpc.server(futures.ThreadPoolExecutor(8))
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", handlers),))
server.add_insecure_port(f"{os.environ['HOST']}:{os.environ['PORT']}")
server.start()
server.wait_for_termination()
