"""What is compared: plain RocksDB, Coffer in several configurations, and the peers."""

import dataclasses
import pathlib
import subprocess


@dataclasses.dataclass(frozen=True)
class Variant:
    name: str
    about: str
    # coffer.yaml of a Coffer variant; None for the others.
    config: dict | None = None
    # The scheme of a peer in bench/peers.
    peer: str = ""
    environment: tuple = ()
    quick: bool = False

    def prepare(self, build, directory):
        """Makes what must exist before the first database."""
        if self.config is None:
            return
        key = directory / f"{self.name}.key"
        coffer = self._coffer(directory)
        _run_tool(build / "coffer", "keygen", key)
        template = directory / f"{self.name}.yaml"
        anchor = directory / f"{self.name}.anchor"
        text = "".join(f"{option}: {value}\n".format(anchor=anchor) for option, value in self.config.items())
        # Runs that change a database get copies of it.
        template.write_text("version: 1\nbind: domain\n" + text)
        _run_tool(build / "coffer", "init", coffer, "--root", f"file://{key}", "--template", template)

    def forget_marks(self, directory):
        """Databases are removed and copied by hand, which `freshness` would call a rollback."""
        directory.joinpath(f"{self.name}.anchor.stores").unlink(missing_ok=True)

    def flags(self, directory):
        if self.config is not None:
            return [f"--fs_uri=coffer://{self._coffer(directory)}"]
        return [f"--fs_uri={self.peer}://"] if self.peer else []

    def environment_at(self, build):
        """What db_bench needs in its environment."""
        environment = dict(self.environment)
        if self.config is not None:
            environment["LD_PRELOAD"] = str(build / "libcoffer_rocksdb_preload.so")
        elif self.peer:
            environment["LD_PRELOAD"] = str(build / "bench" / "libcoffer_bench_peers.so")
        return environment

    def _coffer(self, directory):
        return directory / f"{self.name}.coffer"


def _run_tool(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{pathlib.Path(command[0]).name} {command[1]} failed: {done.stderr.strip()}")


def _gcm(chunk_kib, **more):
    return {"cipher": "aes-256-gcm", "chunk_size": chunk_kib * 1024, **more}


_CTR = {"data_files": "ctr", "log_files": "ctr"}

ALL = (
    Variant("plain", "RocksDB as it is", quick=True),
    Variant("gcm-1k", "Coffer, AES-256-GCM, chunks of 1 KiB", config=_gcm(1)),
    Variant("gcm-2k", "Coffer, AES-256-GCM, chunks of 2 KiB", config=_gcm(2)),
    Variant("gcm-4k", "Coffer, AES-256-GCM, chunks of 4 KiB", config=_gcm(4), quick=True),
    Variant("gcm-16k", "Coffer, AES-256-GCM, chunks of 16 KiB", config=_gcm(16)),
    Variant("gcm-1k-fresh", "as gcm-1k, with freshness: on and the anchor on the same disk",
            config=_gcm(1, anchor="{anchor}", freshness="on")),
    Variant("gcm-1k-pread", "as gcm-1k, never reading from a mapping", config=_gcm(1, reads="pread")),
    Variant("gcm-1k-mapped", "as gcm-1k, reading from mappings whatever comes", config=_gcm(1, reads="mapping")),
    Variant("gcm-4k-mapped", "as gcm-4k, reading from a mapping", config=_gcm(4, reads="mapping")),
    Variant("gcm-4k-openssl", "as gcm-4k, all cryptography by OpenSSL", config=_gcm(4),
            environment=(("COFFER_CRYPTO", "openssl"),)),
    Variant("ctr", "Coffer, AES-256-CTR for all files", config=_CTR, quick=True),
    Variant("ctr-mapped", "as ctr, reading from a mapping", config={**_CTR, "reads": "mapping"}),
    Variant("encrypted-fs-aes",
            "RocksDB's EncryptedFileSystem and CTR provider, AES-256 by OpenSSL as its block cipher",
            peer="encrypted-fs-aes", quick=True),
    Variant("encrypted-fs-rot13", "the same with ROT13, the block cipher RocksDB ships: no encryption",
            peer="encrypted-fs-rot13"),
    Variant("context-per-call", "AES-256-CTR by OpenSSL, a cipher context per call (TiKV's scheme)",
            peer="context-per-call", quick=True),
)
