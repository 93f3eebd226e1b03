"""What db_bench is asked to do. Every workload is a fixed amount of work, so that CPU seconds can be compared."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Scale:
    """Keys in a database, and how many of each kind of operation a workload does."""

    num: int

    @property
    def reads(self):
        return self.num // 2

    @property
    def direct_reads(self):
        return max(1, self.num // 20)


@dataclasses.dataclass(frozen=True)
class Workload:
    name: str
    about: str
    # db_bench's --benchmarks, and which of them the operations per second are taken from.
    benchmarks: str
    measured: str
    flags: tuple = ()
    # Wants a filled database; `changes` it, so each run gets a copy of its own.
    filled: bool = True
    changes: bool = False
    compression: str = "none"
    on_disk: bool = False
    # The page cache holds nothing of the database when it begins.
    cold: bool = False
    # The time for an operation is not the mean but this row of db_bench's histogram: "P99".
    percentile: str = ""
    # How many of each operation, as flags.
    amount: callable = lambda scale: ()

    def flags_at(self, scale):
        histogram = ["--histogram=1"] if self.percentile else []
        return [f"--num={scale.num}", f"--compression_type={self.compression}", f"--use_existing_db={int(self.filled)}",
                *histogram, *self.flags, *self.amount(scale)]


# A manual compaction ends what leaves compactions behind: how many of them ran before db_bench left would be chance.
_BASIC = (
    Workload("fillseq", "N puts in order, then a flush", "fillseq,flush", "fillseq", filled=False, changes=True),
    Workload("fillrandom", "N puts at random, then a full compaction", "fillrandom,compact", "fillrandom",
             filled=False, changes=True),
    Workload("overwrite", "N puts at random over N keys, then a full compaction", "overwrite,compact", "overwrite",
             changes=True),
    Workload("readrandom", "N/2 gets, 8 MiB block cache, files in the page cache", "readrandom", "readrandom",
             flags=("--cache_size=8388608",), amount=lambda scale: (f"--reads={scale.reads}",)),
    Workload("readseq", "5 scans of all N keys, 8 MiB block cache, files in the page cache",
             "readseq,readseq,readseq,readseq,readseq", "readseq", flags=("--cache_size=8388608",)),
    Workload("readwhilewriting", "N/2 gets while another thread does N/4 puts", "readwhilewriting", "readwhilewriting",
             flags=("--cache_size=8388608", "--finish_after_writes=1"), changes=True,
             amount=lambda scale: (f"--reads={scale.reads}", f"--writes={scale.num // 4}")),
)

_MORE_READS = (
    Workload("readrandom-warm", "2N gets, block cache larger than the database", "readrandom", "readrandom",
             flags=("--cache_size=4294967296",), amount=lambda scale: (f"--reads={2 * scale.num}",)),
    Workload("readrandom-direct", "N/20 gets, direct I/O from a disk, 8 MiB block cache", "readrandom", "readrandom",
             flags=("--cache_size=8388608", "--use_direct_reads=1"), on_disk=True,
             amount=lambda scale: (f"--reads={scale.direct_reads}",)),
    Workload("readrandom-p99", "as readrandom; the time is the 99th percentile", "readrandom", "readrandom",
             flags=("--cache_size=8388608",), amount=lambda scale: (f"--reads={scale.reads}",), percentile="P99"),
    Workload("readrandom-cold", "N/20 gets from a disk, nothing in the page cache; the time is the 99th percentile",
             "readrandom", "readrandom", flags=("--cache_size=8388608",), on_disk=True, cold=True, percentile="P99",
             amount=lambda scale: (f"--reads={scale.direct_reads}",)),
    Workload("readseq-cold", "a scan of all N keys from a disk, nothing in the page cache", "readseq", "readseq",
             flags=("--cache_size=8388608",), on_disk=True, cold=True),
)

_SYNCED = (
    Workload("fillrandom-sync", "N/100 synced puts at random, on a disk", "fillrandom", "fillrandom",
             flags=("--sync=1",), filled=False, changes=True, on_disk=True,
             amount=lambda scale: (f"--writes={scale.num // 100}",)),
)

ALL = (*_BASIC, *_MORE_READS, *_SYNCED,
       *(dataclasses.replace(basic, name=basic.name + "+zstd", compression="zstd") for basic in _BASIC))

FILL = Workload("fill", "the database that reads start from", "fillseq,compact", "fillseq", filled=False, changes=True)
