"""Does with a notebook what a browser does, with nothing but Python's standard library.

usage: notebook.py COOKIES ADDRESS COMMAND [ARGUMENT…]

  page            opens the address, and prints the path that it leads to
  run CODE        runs a cell in a new kernel over a WebSocket, prints what it writes, and ends the kernel
  cells PATH      runs all cells of a notebook file in a new kernel, prints what they write, and ends the kernel
  begin CODE      runs a cell in a new kernel, and leaves it; prints the kernel
  attach KERNEL CODE    runs a cell in a kernel that is there
  get PATH        prints what is at a path below the notebook's address
  handshake ORIGIN      prints the status that a WebSocket from a page of another origin is answered with
"""

import base64
import http.client
import http.cookiejar
import json
import os
import socket
import struct
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid


class Notebook:
    def __init__(self, cookies, address):
        self.jar = http.cookiejar.MozillaCookieJar(cookies)
        if os.path.exists(cookies):
            self.jar.load(ignore_discard=True)
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar))
        parts = urllib.parse.urlsplit(address)
        self.host = parts.netloc
        self.base = "/".join(parts.path.split("/")[:3]) + "/"
        self.address = address

    def open(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://{self.host}{path}", data, method=method)
        if method != "GET":
            # As browsers do.
            request.add_header("Origin", f"http://{self.host}")
        with self.opener.open(request, timeout=60) as answer:
            content = answer.read()
            self.jar.save(ignore_discard=True)
            return answer, content

    def page(self):
        answer, content = self.open("GET", self.address[len(f"http://{self.host}") :])
        return urllib.parse.urlsplit(answer.url).path, content

    def kernel(self):
        return json.loads(self.open("POST", self.base + "api/kernels", {"name": "python3"})[1])["id"]

    def end(self, kernel):
        self.open("DELETE", self.base + f"api/kernels/{kernel}")

    def cookie(self):
        request = urllib.request.Request(f"http://{self.host}{self.base}")
        self.jar.add_cookie_header(request)
        return request.get_header("Cookie", "")


class WebSocket:
    """RFC 6455, as far as a kernel's messages need it."""

    def __init__(self, notebook, path, origin=None):
        host, port = notebook.host.split(":")
        self.socket = socket.create_connection((host, int(port)), timeout=120)
        head = (
            f"GET {path} HTTP/1.1\r\nHost: {notebook.host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\n"
            f"Origin: {origin or 'http://' + notebook.host}\r\nCookie: {notebook.cookie()}\r\n\r\n"
        )
        self.socket.sendall(head.encode())
        self.file = self.socket.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        while self.file.readline() not in (b"\r\n", b""):
            pass

    def send(self, text):
        data = text.encode()
        mask = os.urandom(4)
        length = len(data)
        if length < 126:
            head = struct.pack("!BB", 0x81, 0x80 | length)
        elif length < 65536:
            head = struct.pack("!BBH", 0x81, 0x80 | 126, length)
        else:
            head = struct.pack("!BBQ", 0x81, 0x80 | 127, length)
        self.socket.sendall(head + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(data)))

    def receive(self):
        message = b""
        while True:
            first, second = self.file.read(2)
            length = second & 0x7F
            if length == 126:
                (length,) = struct.unpack("!H", self.file.read(2))
            elif length == 127:
                (length,) = struct.unpack("!Q", self.file.read(8))
            data = self.file.read(length)
            if first & 0x0F == 8:
                raise EOFError("the server closed the WebSocket")
            # Pings and pongs are no messages; this client lives for seconds.
            if first & 0x0F >= 8:
                continue
            message += data
            if first & 0x80:
                return message


def execute(notebook, kernel, code, wait=True):
    connection = WebSocket(notebook, notebook.base + f"api/kernels/{kernel}/channels?session_id={uuid.uuid4().hex}")
    assert connection.status == 101, connection.status
    identifier = uuid.uuid4().hex
    header = {
        "msg_id": identifier, "msg_type": "execute_request", "username": "", "session": uuid.uuid4().hex,
        "version": "5.3", "date": time.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False}
    connection.send(
        json.dumps({"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"})
    )
    failed = False
    while True:
        message = json.loads(connection.receive())
        if message["parent_header"].get("msg_id") != identifier:
            continue
        kind, content = message["msg_type"], message["content"]
        if kind == "status" and content["execution_state"] == "busy" and not wait:
            return True
        if kind == "stream":
            print(content["text"], end="", flush=True)
        if kind == "error":
            failed = True
            print("\n".join(content["traceback"]), file=sys.stderr)
        if kind == "status" and content["execution_state"] == "idle":
            return not failed


def main(cookies, address, command, *arguments):
    notebook = Notebook(cookies, address)
    path, _ = notebook.page() if command != "get" else (None, None)
    if command == "page":
        print(path)
    elif command == "run":
        kernel = notebook.kernel()
        done = execute(notebook, kernel, arguments[0])
        notebook.end(kernel)
        sys.exit(0 if done else 1)
    elif command == "cells":
        content = json.loads(notebook.open("GET", notebook.base + "api/contents/" + arguments[0])[1])["content"]
        kernel = notebook.kernel()
        codes = [cell["source"] for cell in content["cells"] if cell["cell_type"] == "code"]
        done = all(execute(notebook, kernel, code) for code in codes)
        notebook.end(kernel)
        sys.exit(0 if done and codes else 1)
    elif command == "begin":
        kernel = notebook.kernel()
        execute(notebook, kernel, arguments[0], wait=False)
        print(kernel)
    elif command == "attach":
        sys.exit(0 if execute(notebook, *arguments) else 1)
    elif command == "get":
        print(notebook.open("GET", notebook.base + arguments[0])[1].decode())
    elif command == "handshake":
        print(WebSocket(notebook, notebook.base + "api/events/subscribe", origin=arguments[0]).status)


try:
    main(*sys.argv[1:])
except urllib.error.HTTPError as error:
    sys.exit(f"{error.code} {error.read().decode(errors='replace')}")
