"""Runs db_bench and measures its process."""

import dataclasses
import os
import pathlib
import re
import shutil
import subprocess
import time

from . import workloads

_LINE = re.compile(r"^(\w+) +: +([0-9.]+) micros/op (\d+) ops/sec", re.MULTILINE)
_PERCENTILES = re.compile(r"^Percentiles: (.*)$", re.MULTILINE)
_FOUND = re.compile(r"\((\d+) of (\d+) found\)")


@dataclasses.dataclass(frozen=True)
class Sample:
    cpu_seconds: float  # user and system, of the whole process
    system_seconds: float
    wall_seconds: float
    # As db_bench says, of the measured benchmark: the median if it ran several times, or the workload's percentile.
    micros_per_op: float


class Bench:
    """One db_bench, its variants and their databases."""

    def __init__(self, build, directory, disk_directory, scale, rocksdb):
        self._build = build
        self._directory = directory
        self._disk_directory = disk_directory
        self._scale = scale
        self._program = str(rocksdb / "db_bench") if rocksdb else "db_bench"
        self._library_path = str(rocksdb) if rocksdb else ""
        self._filled = set()

    def prepare(self, variant):
        variant.prepare(self._build, self._directory)

    def run(self, variant, workload):
        """One run of one workload on a database of the state it wants."""
        database = self._database(variant, workload)
        if workload.filled:
            self._fill(variant, workload, database)
        if not workload.changes:
            return self._run(variant, workload, database)
        scratch = database.with_name(database.name + "-run")
        shutil.rmtree(scratch, ignore_errors=True)
        variant.forget_marks(self._directory)
        if workload.filled:
            shutil.copytree(database, scratch)
        try:
            return self._run(variant, workload, scratch)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _place(self, workload):
        return (self._disk_directory if workload.on_disk else self._directory) / f"db-{workload.compression}"

    def _database(self, variant, workload):
        place = self._place(workload)
        place.mkdir(parents=True, exist_ok=True)
        return place / variant.name

    def _fill(self, variant, workload, database):
        if database in self._filled:
            return
        self._run(variant, dataclasses.replace(workloads.FILL, compression=workload.compression), database)
        self._filled.add(database)

    def _run(self, variant, workload, database):
        command = [self._program, f"--benchmarks={workload.benchmarks}", f"--db={database}", "--progress_reports=0",
                   "--seed=1", *variant.flags(self._directory), *workload.flags_at(self._scale)]
        environment = {**os.environ, **variant.environment_at(self._build)}
        if self._library_path:
            environment["LD_LIBRARY_PATH"] = self._library_path
        if workload.cold:
            _forget_pages(database)
        output_path = pathlib.Path(str(database) + ".out")
        with open(output_path, "w+", encoding="utf-8", errors="replace") as output:
            started = time.monotonic()
            # pylint: disable=consider-using-with; wait4 below reaps the child, which Popen cannot do with its usage.
            child = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=output,
                                     stderr=subprocess.STDOUT)
            _, status, usage = os.wait4(child.pid, 0)
            wall_seconds = time.monotonic() - started
            child.returncode = os.waitstatus_to_exitcode(status)
            output.seek(0)
            text = output.read()
        output_path.unlink()
        micros = _micros_per_op(workload, text) if child.returncode == 0 else None
        if micros is None:
            raise RuntimeError(f"{variant.name}, {workload.name}: db_bench ended with {child.returncode}\n"
                               f"{' '.join(command)}\n{text[-3000:]}")
        return Sample(usage.ru_utime + usage.ru_stime, usage.ru_stime, wall_seconds, micros)


def _forget_pages(database):
    """Takes the files out of the page cache, where the file system is one that lets them go."""
    for path in database.iterdir():
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)


def _micros_per_op(workload, text):
    """Nothing if db_bench did not do what it was asked to."""
    rows = [float(micros) for name, micros, _ in _LINE.findall(text) if name == workload.measured]
    found_all = all(found == wanted for found, wanted in _FOUND.findall(text))
    if len(rows) != workload.benchmarks.split(",").count(workload.measured) or not found_all:
        return None
    if workload.percentile:
        found = _PERCENTILES.search(text)
        percentile = re.search(rf"\b{workload.percentile}: ([0-9.]+)", found[1]) if found else None
        return float(percentile[1]) if percentile else None
    return sorted(rows)[len(rows) // 2]
