#!/usr/bin/python3
"""Installs the build to a folder of its own, and builds and runs a stranger's programs against it: once with CMake's
find_package, once with pkg-config. Every installed header must be usable without the source tree.

  install_test.py BUILD_DIRECTORY CXX_COMPILER
"""

import os
import shlex
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
CONSUMER = os.path.join(HERE, "consumer")
CANARY = b"PlaintextCanary"


def run(*command, **options):
    print("+", shlex.join(command), flush=True)
    return subprocess.run(command, check=True, text=True, **options)


def said_by(*command, **options):
    return run(*command, stdout=subprocess.PIPE, **options).stdout


def check_headers(compiler, prefix, flags):
    include = os.path.join(prefix, "include")
    headers = sorted(os.path.relpath(os.path.join(folder, name), include)
                     for folder, _, names in os.walk(include) for name in names)
    for needed in ("coffer/version.h", "coffer/store/coffer.h", "coffer/engines/rocksdb/file_system.h"):
        if needed not in headers:
            sys.exit(f"install_test: {needed} is not installed")
    source = "".join(f'#include "{header}"\n' for header in headers)
    run(compiler, "-std=c++20", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-x", "c++", "-", *flags, input=source)


def with_cmake(compiler, prefix, scratch):
    build = os.path.join(scratch, "cmake")
    run("cmake", "-S", CONSUMER, "-B", build, "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}",
        f"-DCMAKE_CXX_COMPILER={compiler}", stdout=subprocess.DEVNULL)
    run("cmake", "--build", build)
    return build


def with_pkg_config(compiler, prefix, scratch):
    environment = {**os.environ, "PKG_CONFIG_PATH": os.path.join(prefix, "lib", "pkgconfig")}
    build = os.path.join(scratch, "pkg-config")
    os.mkdir(build)
    for program, module in (("keys", "coffer"), ("database", "coffer_rocksdb")):
        flags = shlex.split(said_by("pkg-config", "--cflags", "--libs", module, env=environment))
        if module == "coffer_rocksdb":
            check_headers(compiler, prefix, [flag for flag in flags if flag.startswith("-I")])
        run(compiler, "-std=c++20", os.path.join(CONSUMER, program + ".cc"), "-o", os.path.join(build, program), *flags)
    return build


def check_programs(build):
    """A coffer is made, a database written into it, and nothing of it can be read on the disk."""
    key, coffer, database = (os.path.join(build, name) for name in ("root.key", "db.coffer", "db"))
    with open(os.open(key, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
        file.write(os.urandom(64))
    said = said_by(os.path.join(build, "keys"), coffer, key)
    if not said.startswith("coffer 0.1"):
        sys.exit(f"install_test: {said!r}")
    said = said_by(os.path.join(build, "database"), coffer, database)
    if said != CANARY.decode() + "\n":
        sys.exit(f"install_test: {said!r}")
    for name in os.listdir(database):
        with open(os.path.join(database, name), "rb") as file:
            if CANARY in file.read():
                sys.exit(f"install_test: plaintext in {name}")


def main():
    build, compiler = sys.argv[1:]
    with tempfile.TemporaryDirectory() as scratch:
        prefix = os.path.join(scratch, "prefix")
        run("cmake", "--install", build, "--prefix", prefix, stdout=subprocess.DEVNULL)
        check_programs(with_cmake(compiler, prefix, scratch))
        check_programs(with_pkg_config(compiler, prefix, scratch))


if __name__ == "__main__":
    main()
