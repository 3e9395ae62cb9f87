"""Starts TensorBoard on a Unix socket, over the artifacts of a job. Cairn puts this file into its container."""

import os
import shutil
import sys

SOCKET = "unix:///run/cairn/server.sock"

try:
    from tensorboard import program
except ImportError:
    # The command may belong to another Python than `python3`.
    script = shutil.which("tensorboard")
    words = []
    if script and "CAIRN_TENSORBOARD" not in os.environ:
        with open(script, "rb") as file:
            line = file.readline().decode(errors="replace")
        words = line[2:].split() if line.startswith("#!/") else []
    if not words:
        sys.exit(
            "cairn: there is no TensorBoard here. `pip install tensorboard` in the job's image brings it;"
            " on this host, into a Python that is in the job's PATH"
        )
    os.environ["CAIRN_TENSORBOARD"] = "1"
    os.execv(words[0], words + sys.argv)


class Server(program.WerkzeugServer):
    # It makes an address of host and port, and a socket has no port.
    def get_url(self):
        return "http://localhost:0/"

    def print_serving_message(self):
        print("TensorBoard is up", flush=True)


board = program.TensorBoard(server_class=Server)
board.configure(
    ["tensorboard", "--logdir=/artifacts", f"--path_prefix={sys.argv[1].rstrip('/')}", f"--host={SOCKET}"]
    # Its fast loader is a program of its own, which stops at the first file that it can't read.
    + ["--port=0", "--load_fast=false", "--reload_interval=5"]
)
board.main()
