#!/usr/bin/python3
"""Installs the build to a folder of its own, and builds and runs a stranger's program against it: once with CMake's
find_package, once with pkg-config.

  install_test.py BUILD_DIRECTORY CXX_COMPILER
"""

import os
import shlex
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))


def run(*command, **options):
    print("+", shlex.join(command), flush=True)
    return subprocess.run(command, check=True, text=True, **options)


def with_cmake(compiler, prefix, scratch):
    build = os.path.join(scratch, "cmake")
    run("cmake", "-S", os.path.join(HERE, "consumer"), "-B", build, "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}",
        f"-DCMAKE_CXX_COMPILER={compiler}", stdout=subprocess.DEVNULL)
    run("cmake", "--build", build)
    return os.path.join(build, "consumer")


def with_pkg_config(compiler, prefix, scratch):
    environment = {**os.environ, "PKG_CONFIG_PATH": os.path.join(prefix, "lib", "pkgconfig")}
    said = run("pkg-config", "--cflags", "--libs", "coffer", env=environment, stdout=subprocess.PIPE).stdout
    flags = shlex.split(said)
    program = os.path.join(scratch, "consumer")
    run(compiler, "-std=c++20", os.path.join(HERE, "consumer", "main.cc"), "-o", program, *flags)
    return program


def main():
    build, compiler = sys.argv[1:]
    with tempfile.TemporaryDirectory() as scratch:
        prefix = os.path.join(scratch, "prefix")
        run("cmake", "--install", build, "--prefix", prefix, stdout=subprocess.DEVNULL)
        for program in (with_cmake(compiler, prefix, scratch), with_pkg_config(compiler, prefix, scratch)):
            said = run(program, stdout=subprocess.PIPE).stdout
            if not said.startswith("coffer 0."):
                sys.exit(f"install_test: {program} said {said!r}")


if __name__ == "__main__":
    main()
