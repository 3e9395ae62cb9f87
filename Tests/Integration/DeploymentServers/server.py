"""What the tests deploy: an HTTP/1.1 server of the standard library that tells who answered.

GET  /who          revision, replica and model
GET  /path         the path as it came here
GET  /slow?SECONDS answers after so long
GET  /stream       five lines, one every 100 ms
GET  /headers      the request's headers
POST /echo         the number of bytes that came
GET  /exit         ends the process
GET  /ready        and /alive: whether it is, until
GET  /sick?PATH    after which that path is answered 500
GET  /upgrade      becomes a connection that sends every byte back
"""

import http.server
import json
import os
import socketserver
import sys
import time


sick = set()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16

    def answer(self, value, status=200):
        body = (value if isinstance(value, str) else json.dumps(value)).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        path, _, query = self.path.partition("?")
        if path == "/who":
            model = os.environ.get("CAIRN_MODEL_PATH")
            self.answer({
                "revision": os.environ["CAIRN_REVISION"],
                "replica": os.environ["CAIRN_REPLICA"],
                "message": os.environ.get("MESSAGE"),
                "model": sorted(os.listdir(model)) if model else None,
            })
        elif path == "/slow":
            time.sleep(float(query or "1"))
            self.answer("slow")
        elif path == "/stream":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for number in range(5):
                line = f"{number}\n".encode()
                self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
                self.wfile.flush()
                time.sleep(0.1)
            self.wfile.write(b"0\r\n\r\n")
        elif path == "/headers":
            self.answer({name.lower(): value for name, value in self.headers.items()})
        elif path == "/exit":
            os._exit(3)
        elif path == "/upgrade":
            self.send_response(101)
            self.send_header("Upgrade", "echo")
            self.send_header("Connection", "Upgrade")
            self.end_headers()
            self.wfile.flush()
            while received := self.connection.recv(1 << 16):
                self.connection.sendall(received)
            self.close_connection = True
        elif path in ("/ready", "/alive"):
            self.answer(path[1:], 500 if path[1:] in sick else 200)
        elif path == "/sick":
            sick.add(query)
            self.answer(query)
        else:
            self.answer(self.path)

    def do_POST(self):
        left = int(self.headers["Content-Length"])
        count = 0
        while count < left:
            count += len(self.rfile.read(min(left - count, 1 << 20)))
        self.answer(str(count))

    def log_message(self, *arguments):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    request_queue_size = 512
    daemon_threads = True


time.sleep(float(os.environ.get("START_SECONDS", "0")))
if os.environ.get("BROKEN"):
    sys.exit("broken on purpose")
print("serving", flush=True)
Server((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
