#!/usr/bin/env python3
"""Runs short jobs for some time while daemons, podman and monitors are killed, and checks that none was lost, run twice,
left stuck or left anything behind.

    soak.py DIRECTORY SECONDS SEED      DIRECTORY: of a Cairn that `cairn system up` has started
"""

import glob
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

directory, seconds, seed = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
random_numbers = random.Random(seed)
problems = []
kills = {"cairnd": 0, "cairnfsd": 0, "podman": 0, "conmon": 0}
last_daemon = 0
# When the storage daemon's server was killed: its keeper gives up what ends more than five times in a minute.
storage_kills = []
# Jobs whose monitor was killed: how they ended nobody can know.
unwatched = set()
# Jobs whose start was interrupted: where cairnd is away in the same second, their exit code may reach nobody.
interrupted = set()


def cairn(*words, timeout=120):
    return subprocess.run(["cairn", *words], capture_output=True, text=True, timeout=timeout)


def patient(*words):
    """What the daemon answers, once it answers: it may have been killed a moment ago."""
    for _ in range(120):
        answer = cairn(*words)
        if answer.returncode == 0:
            return answer.stdout
        time.sleep(0.5)
    raise SystemExit(f"cairn {' '.join(words)}: {answer.stderr}")


def processes(program):
    """The processes of a program and their words, of this Cairn's jobs only."""
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            words = open(path, "rb").read().decode(errors="replace").split("\0")
        except OSError:
            continue
        if os.path.basename(words[0]) == program and any(directory in word for word in words):
            yield int(path.split("/")[2]), words


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
        return True
    except ProcessLookupError:
        return False


def kill_something(choose):
    global last_daemon
    what = choose.choices(list(kills), [5, 2, 4, 1])[0]
    if what in ("cairnd", "cairnfsd"):
        # `cairn system up` gives a daemon up that keeps ending within 5 s.
        if time.time() < last_daemon + 6:
            return
        if what == "cairnfsd" and sum(time.time() < past + 70 for past in storage_kills) >= 4:
            return
        last_daemon = time.time()
        answer = cairn("system", "info", "--json")
        if answer.returncode != 0:
            return
        information = json.loads(answer.stdout)
        pid = information["pid"] if what == "cairnd" else (information.get("storage") or {}).get("pid")
        if pid and kill(pid):
            kills[what] += 1
            if what == "cairnfsd":
                storage_kills.append(time.time())
        return
    found = list(processes(what))
    if not found:
        return
    pid, words = choose.choice(found)
    if kill(pid):
        kills[what] += 1
        if what == "conmon":
            unwatched.add(words[words.index("-n") + 1].split("-")[1])
        elif "--name" in words:
            interrupted.add(words[words.index("--name") + 1].split("-")[1])


def kill_until(end):
    choose = random.Random(seed + 1)
    while time.time() < end:
        time.sleep(choose.uniform(0.5, 2.5))
        kill_something(choose)


end = time.time() + seconds
killer = threading.Thread(target=kill_until, args=(end,))
killer.start()
expected = {}
while time.time() < end:
    number = len(expected)
    code = random_numbers.choice([0, 0, 0, 1, 3])
    script = f"echo begin {number}; echo x >> /artifacts/runs; sleep {random_numbers.choice([0, 0.1, 0.5, 1])}; " \
        f"echo end {number}; exit {code}"
    expected[f"soak-{number}"] = code
    # Where the daemon is killed over it, the job may be there or not; if it is, it must have been run.
    cairn("run", "--detach", "--cpus", "0.1", "--workspace", "none", "--project", "soak", "--name", f"soak-{number}",
          "--", "sh", "-c", script)
    while time.time() < end:
        answer = cairn("job", "ls", "--json", "--state", "queued", "--state", "starting", "--state", "running")
        if answer.returncode == 0 and len(json.loads(answer.stdout)["jobs"]) < 12:
            break
        time.sleep(0.1)
killer.join()

deadline = time.time() + 300
while time.time() < deadline:
    jobs = json.loads(patient("job", "ls", "--limit", "10000", "--json"))["jobs"]
    stuck = [job for job in jobs if job["state"] in ("queued", "starting", "running", "stopping")]
    if not stuck:
        break
    time.sleep(0.5)
problems += [f"job {job['id']} is stuck: {job['state']}, {job.get('detail')}" for job in stuck]

lost = 0
for job in jobs:
    code, name = expected[job["name"]], job["name"]
    number = name.split("-")[1]
    path = f"{directory}/mount/artifacts/soak/{job['id']}/runs"
    runs = len(open(path).read().split()) if os.path.exists(path) else 0
    if job["id"] in unwatched:
        lost += job["state"] == "lost"
        if runs > 1:
            problems.append(f"{name} ({job['id']}) ran {runs} times")
        continue
    if job["id"] in interrupted and job["state"] == "lost" and runs <= 1:
        lost += 1
        continue
    if (job["state"], job.get("exit_code")) != ("succeeded" if code == 0 else "failed", code):
        problems.append(f"{name} ({job['id']}) ended as {job['state']} with {job.get('exit_code')}, not {code}: "
                        f"{job['reason']}, {job.get('detail')}")
    if runs != 1:
        errors = cairn("job", "logs", "--stderr", job["id"]).stderr
        problems.append(f"{name} ({job['id']}) ran {runs} times: {errors}")
    log = patient("job", "logs", job["id"]).split("\n")
    if log != [f"begin {number}", f"end {number}", ""]:
        problems.append(f"{name} ({job['id']}) has the log {log}")

# What the last ones left is cleared away a moment after their end.
for _ in range(100):
    left = [path for pattern in ("overlays/*", "secrets/*", "*.env") for path in glob.glob(f"{directory}/control/{pattern}")]
    left += subprocess.run(
        ["podman", "ps", "--all", "--quiet", "--filter", f"label=io.cairn.instance={directory}/control"],
        capture_output=True, text=True).stdout.split()
    left += [f"conmon {pid}" for pid, _ in processes("conmon")]
    left += [line for line in open("/proc/self/mountinfo") if f"{directory}/control/" in line]
    if not left:
        break
    time.sleep(0.2)
problems += [f"left behind: {what}" for what in left]

for job in jobs:
    patient("job", "rm", "--artifacts", job["id"])
volumes = [volume.get("path") for volume in json.loads(patient("volume", "ls", "--json"))["volumes"]]
problems += [f"left behind: volume {path}" for path in volumes if path and path.split("/")[0] in ("workspaces", "artifacts")]
problems += [f"left behind: {path}" for path in glob.glob(f"{directory}/control/logs/*")]

killed = ", ".join(f"{count} of {what}" for what, count in kills.items())
print(f"{len(jobs)} jobs in {seconds:.0f} s (seed {seed}); killed {killed}; {lost} exit codes unknown")
for problem in problems[:50]:
    print(problem, file=sys.stderr)
sys.exit(1 if problems or not jobs else 0)
