"""Where and with what a run was made: a measurement without it says nothing."""

import datetime
import os
import platform
import shutil
import subprocess
import time


def describe(rocksdb):
    """Pairs of a name and a value, to be printed above the tables."""
    model = _first_field("/proc/cpuinfo", "model name")
    flags = _first_field("/proc/cpuinfo", "flags").split()
    features = " ".join(flag for flag in ("aes", "vaes", "avx512f", "vpclmulqdq") if flag in flags)
    return [
        ("date", datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")),
        ("machine", f"{model}, {os.cpu_count()} CPUs ({features}), {_memory_gib()} GiB, Linux {platform.release()}"),
        ("packages", ", ".join(f"{name} {_package(name)}" for name in ("librocksdb7.8", "libipsec-mb1", "libssl3"))),
        ("db_bench", f"{rocksdb}/db_bench" if rocksdb else shutil.which("db_bench")),
        ("coffer", _git("describe", "--always", "--dirty")),
    ]


def load():
    return os.getloadavg()[0]


def wait_for_quiet(limit_seconds, threshold=1.0):
    """Waits until the machine is quiet, at most so long. Returns the load it ended with."""
    deadline = time.monotonic() + limit_seconds
    while load() >= threshold and time.monotonic() < deadline:
        time.sleep(5)
    return load()


def _first_field(path, name):
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            key, _, value = line.partition(":")
            if key.strip() == name:
                return value.strip()
    return "unknown"


def _memory_gib():
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**30


def _package(name):
    done = subprocess.run(["dpkg-query", "-W", "-f=${Version}", name], capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else "not installed"


def _git(*command):
    directory = os.path.dirname(os.path.abspath(__file__))
    done = subprocess.run(["git", "-C", directory, *command], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else "unknown"
