"""Starts JupyterLab in a notebook's container, run by the Python that has it. Cairn puts this file there.

The server runs in the image's own Python, untouched, so that nothing that is installed in the notebook can keep it
from starting. Kernels and terminals run in a virtual environment on the notebook's environment volume, which sees the
image's packages, and gets what `pip install` brings. There is one for each version of Python: another image has
another one.
"""

import importlib.util
import json
import os
import pathlib
import shutil
import subprocess
import sys
import venv

VOLUME = pathlib.Path("/environment")
SERVER = "/run/cairn"


def main(base_url):
    if importlib.util.find_spec("jupyterlab") is None:
        sys.exit(
            f"cairn: {sys.executable} has no JupyterLab. `pip install jupyterlab` brings it;"
            " --python names another Python, --image another image"
        )
    version = "{}.{}".format(*sys.version_info)
    prefix = VOLUME / f"python{version}"
    make_environment(prefix, version)
    make_kernel(prefix, version)
    set_variables(prefix)
    options = {
        "ServerApp.sock": f"{SERVER}/server.sock",
        "ServerApp.base_url": base_url,
        "ServerApp.root_dir": "/workspace",
        # Who asks, and from where, the daemon has found out.
        "ServerApp.allow_remote_access": True,
        "ServerApp.allow_root": True,
        "ServerApp.open_browser": False,
        "LabApp.news_url": "",
        "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
    }
    words = [f"--{name}={value}" for name, value in options.items()]
    os.execv(sys.executable, [sys.executable, "-m", "jupyterlab", *words])


def make_environment(prefix, version):
    # A link may lead to where the Python of another image is.
    for link in prefix.glob("bin/python*"):
        link.unlink()
    venv.EnvBuilder(symlinks=True, with_pip=False).create(prefix)
    seen = [path for path in sys.path if path.endswith("-packages") and not path.startswith(str(VOLUME))]
    lines = [f"import site; site.addsitedir({path!r})\n" for path in seen]
    (prefix / f"lib/python{version}/site-packages/cairn-image.pth").write_text("".join(lines))
    if importlib.util.find_spec("pip") is None:
        if importlib.util.find_spec("ensurepip") is not None:
            subprocess.run([prefix / "bin/python", "-m", "ensurepip"], check=False)
        return
    for name in ["pip", "pip3"]:
        program = prefix / "bin" / name
        program.write_text(
            f"#!{prefix}/bin/python\nimport sys\nfrom pip._internal.cli.main import main\nsys.exit(main())\n"
        )
        program.chmod(0o755)


def make_kernel(prefix, version):
    directory = VOLUME / "jupyter/kernels/python3"
    directory.mkdir(parents=True, exist_ok=True)
    kernel = {
        "argv": [f"{prefix}/bin/python", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": f"Python {version}",
        "language": "python",
        "metadata": {"debugger": True},
    }
    (directory / "kernel.json").write_text(json.dumps(kernel))


def set_variables(prefix):
    home = VOLUME / "home"
    home.mkdir(exist_ok=True)

    def prepend(name, *paths):
        rest = [os.environ[name]] if os.environ.get(name) else []
        os.environ[name] = os.pathsep.join([*map(str, paths), *rest])

    os.environ["HOME"] = str(home)
    os.environ["VIRTUAL_ENV"] = str(prefix)
    os.environ["JUPYTER_TOKEN_FILE"] = f"{SERVER}/token"
    os.environ["JUPYTER_RUNTIME_DIR"] = "/tmp/jupyter-runtime"
    prepend("PATH", prefix / "bin", pathlib.Path(sys.executable).parent)
    prepend("JUPYTER_PATH", VOLUME / "jupyter", prefix / "share/jupyter")
    if shutil.which("conda"):
        prepend("CONDA_ENVS_PATH", VOLUME / "conda/envs")
        prepend("CONDA_PKGS_DIRS", VOLUME / "conda/packages")


main(sys.argv[1])
