"""Key providers in modules of their own: where they are looked for, which are refused, and what is not loaded."""

import os
import re
import shutil
import stat
import unittest

from harness import COFFER, CliTest, main

MODULES = os.path.join(os.path.dirname(COFFER), "coffer-providers")
VAULT = ["init", "v.coffer", "--root", "vault://127.0.0.1:1/transit/key?token_env=HOME&timeout_millis=100"]


class Modules(CliTest):
    """With the program in a folder of its own, beside which there are no modules yet."""

    def setUp(self):
        super().setUp()
        self.program = self.path("bin", "coffer")
        os.mkdir(self.path("bin"))
        for name in (COFFER, os.path.join(os.path.dirname(COFFER), "libcoffer_commands.so")):
            shutil.copy(name, self.path("bin"))

    def coffer(self, *words, **options):
        return self.run_program([self.program, *words], **options)

    def install(self, folder="bin/coffer-providers", scheme="vault", change=lambda data: data):
        os.makedirs(self.path(folder))
        with open(os.path.join(MODULES, scheme + ".so"), "rb") as file:
            self.write(f"{folder}/{scheme}.so", change(file.read()), 0o755)
        return self.path(folder, scheme + ".so")

    def assert_loaded(self):
        self.refused(VAULT, "provider_unavailable", "127.0.0.1:1")

    def test_a_module_is_found_beside_the_program(self):
        self.install()
        self.assert_loaded()

    def test_a_module_is_found_where_the_programs_libraries_are_installed(self):
        places = re.search(r"is in none of (\S+), (\S+), ", self.coffer(*VAULT).err)
        self.install(os.path.relpath(places[2], self.directory))
        self.assert_loaded()

    def test_a_module_that_is_missing_is_named_with_the_places_it_was_looked_for(self):
        self.refused(VAULT, "unsupported", "vault.so", self.path("bin", "coffer-providers"), "install")

    def test_commands_that_are_missing_are_named(self):
        os.unlink(self.path("bin", "libcoffer_commands.so"))
        run = self.coffer("status", "c.coffer")
        self.assertEqual((run.status, run.out), (2, ""), run)
        self.assertIn(f"libcoffer_commands.so is neither in {self.path('bin')}", run.err)
        self.write("bin/libcoffer_commands.so", b"no library")
        run = self.coffer("status", "c.coffer")
        self.assertEqual(run.status, 2, run)
        self.assertIn("cannot be loaded", run.err)

    def test_no_environment_and_no_current_directory_says_where_modules_are(self):
        folder = os.path.dirname(self.install("coffer-providers"))
        self.refused(VAULT, "unsupported", "vault.so",
                     environment={"LD_LIBRARY_PATH": f"{folder}:{self.directory}", "PATH": folder})

    def test_a_module_of_another_build_is_refused(self):
        def of_another_build(data):
            found = re.search(rb"Coffer (\d+\.\d+\.\d+), compiler", data)
            return data.replace(found[1], b"9" + found[1][1:])
        path = self.install(change=of_another_build)
        self.refused(VAULT, "unsupported", path, "of another build", "Coffer 9")

    def test_what_is_no_module_is_refused(self):
        path = self.install(change=lambda data: b"no library")
        self.refused(VAULT, "unsupported", path, "cannot be loaded")
        os.unlink(path)
        shutil.copy(os.path.join(os.path.dirname(COFFER), "libcoffer_rocksdb_preload.so"), path)
        self.refused(VAULT, "unsupported", path, "no module of Coffer's")

    def test_a_module_that_everyone_may_write_is_not_loaded(self):
        path = self.install()
        for place in (path, os.path.dirname(path)):
            mode = stat.S_IMODE(os.stat(place).st_mode)
            os.chmod(place, mode | stat.S_IWOTH)
            self.refused(VAULT, "permission_denied", place, "owner and mode")
            os.chmod(place, mode)
        self.assert_loaded()

    @unittest.skipIf("COFFER_SANITIZE" in os.environ, "with a sanitizer, programs keep libraries that they do not need")
    def test_a_key_file_needs_no_module_and_loads_no_network_library(self):
        self.make_coffer()
        run = self.coffer("status", "c.coffer", environment={"LD_DEBUG": "files"})
        self.assertEqual(run.status, 0, run)
        self.assertIn("libcrypto", run.err)
        for library in ("libcurl", "libtss2", "p11-kit"):
            self.assertNotIn(library, run.err)


if __name__ == "__main__":
    main()
