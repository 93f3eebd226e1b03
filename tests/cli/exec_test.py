"""`coffer exec`: Debian's own RocksDB tools, unmodified, on encrypted files; and what it hands on to any program."""

import os
import resource
import shutil
import signal
import subprocess
import time

from harness import COFFER, CliTest, main

CATALOGUE = os.environ["CATALOGUE"]
STATIC_PROGRAM = "/sbin/ldconfig"  # Debian links it statically


class Handing(CliTest):
    def setUp(self):
        super().setUp()
        self.make_coffer()

    def shell(self, script, *arguments, **options):
        return self.coffer("exec", "c.coffer", "--", "sh", "-c", script, "sh", *arguments, **options)

    def test_exit_status_input_output_and_arguments_are_the_programs(self):
        run = self.shell('cat; echo "$1|$2|$3"; echo problem >&2; exit 42', "a b", "", "--json", stdin=b"input\n")
        self.assertEqual((run.status, run.out, run.err), (42, "input\na b||--json\n", "problem\n"))

    def test_a_signal_ends_the_program_itself(self):
        process = self.start("exec", "c.coffer", "--", "sh", "-c", "echo $$; exec sleep 60")
        self.assertEqual(int(process.stdout.readline()), process.pid)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(self.outcome(process).status, -signal.SIGTERM)

    def test_the_plug_in_comes_first_and_the_coffer_is_named_by_its_absolute_path(self):
        run = self.shell('echo "$LD_PRELOAD"; echo "$COFFER_FS_URI"', environment={"LD_PRELOAD": "libc.so.6"})
        preload, uri = run.out.splitlines()
        self.assertRegex(preload, r"^/.*/libcoffer_rocksdb_preload\.so:libc\.so\.6$")
        self.assertEqual(uri, f"coffer://{self.path('c.coffer')}")

    def test_a_root_key_that_was_moved_is_handed_on(self):
        os.rename(self.path("root.key"), self.path("moved & away.key"))
        run = self.coffer("exec", "c.coffer", "--root", self.path("moved & away.key"), "--", "ldb", "--db=store",
                          "--create_if_missing", "put", "k", "v")
        self.assertEqual(run.status, 0, run)

    def test_a_coffer_with_an_odd_name_works(self):
        name = self.make_coffer("odd name?%41&=#.coffer")
        self.done("exec", name, "--", "ldb", "--db=store", "--create_if_missing", "put", "k", "v")
        self.assertEqual(self.done("status", name, "--json").json()["plaintext"]["files"], 0)

    def test_the_plug_in_may_be_elsewhere(self):
        module = os.path.join(os.path.dirname(COFFER), "libcoffer_rocksdb_preload.so")
        os.symlink(module, self.path("module.so"))
        self.assertEqual(self.shell("true", environment={"COFFER_PRELOAD": self.path("module.so")}).status, 0)
        words = ["exec", "c.coffer", "--", "true"]
        self.refused(words, "not_found", "nowhere.so", environment={"COFFER_PRELOAD": self.path("nowhere.so")})
        shutil.copy(module, self.path("a b.so"))
        self.refused(words, "unsupported", "a b.so", environment={"COFFER_PRELOAD": self.path("a b.so")})

    def test_a_program_that_cannot_be_run_is_refused(self):
        self.refused(["exec", "c.coffer", "--", "no-such-program"], "not_found", "no-such-program")
        self.write("text", b"not a program")
        self.refused(["exec", "c.coffer", "--", "./text"], "permission_denied", "./text")
        self.refused(["exec", "c.coffer", "--", "."], "not_found", ".")

    def test_a_program_that_the_plug_in_cannot_reach_is_refused(self):
        self.refused(["exec", "c.coffer", "--", STATIC_PROGRAM, "--version"], "unsupported", "statically linked")
        shutil.copy("/bin/true", self.path("setuid"))
        os.chmod(self.path("setuid"), 0o4755)
        self.refused(["exec", "c.coffer", "--", "./setuid"], "unsupported", "setuid")

    def test_a_script_is_run(self):
        self.write("script", b"#!/bin/sh\necho script\n", 0o755)
        self.assertEqual(self.done("exec", "c.coffer", "--", "./script").out, "script\n")


class OpeningByThePlugIn(CliTest):
    """A program that begins with RocksDB in it: `coffer exec` leaves the only opening of the coffer to the plug-in."""

    LDB = ["ldb", "--db=store", "--create_if_missing", "put", "k", "v"]

    def refused_as_by_other_commands(self, coffer, code, *says):
        run = self.refused(["exec", coffer, "--", *self.LDB], code, *says)
        self.assertEqual(run.err, self.coffer("status", coffer).err)

    def test_a_coffer_that_does_not_open_ends_the_program_before_it_begins_in_the_words_of_every_command(self):
        self.make_coffer()
        os.rename(self.path("root.key"), self.path("away.key"))
        self.refused_as_by_other_commands("c.coffer", "key_unavailable", "root.key", "--root URI")
        self.make_key("root.key")
        self.refused_as_by_other_commands("c.coffer", "wrong_key", "root.key", "--root URI")
        os.rename(self.path("away.key"), self.path("root.key"))
        os.chmod(self.path("root.key"), 0o644)
        self.refused_as_by_other_commands("c.coffer", "permission_denied", "root.key", "hint: ")
        os.chmod(self.path("root.key"), 0o600)
        self.set_byte("c.coffer/keyring", 100)
        self.refused_as_by_other_commands("c.coffer", "damaged", "keyring", "hint: ")
        self.write("c.coffer/coffer.yaml", b"version: 1\nfrob: 1\n")
        self.refused_as_by_other_commands("c.coffer", "invalid_argument", "coffer.yaml:2", "frob")
        os.remove(self.path("c.coffer/coffer.yaml"))
        self.refused_as_by_other_commands("c.coffer", "not_found", "no coffer.yaml")
        self.refused(["exec", "nowhere.coffer", "--", *self.LDB], "not_found", "nowhere.coffer")
        os.symlink("c.coffer", self.path("link.coffer"))
        self.refused_as_by_other_commands("link.coffer", "not_found", "link.coffer")

    def test_where_the_dynamic_linker_goes_on_without_the_plug_in_nothing_can_be_written(self):
        self.make_coffer()
        self.write("broken.so", b"no library")
        run = self.coffer("exec", "c.coffer", "--", *self.LDB, environment={"COFFER_PRELOAD": self.path("broken.so")})
        self.assertNotEqual(run.status, 0, run)
        self.assertIn("broken.so", run.err)
        if os.path.exists(self.path("store")):
            self.assertEqual([name for name in os.listdir(self.path("store")) if self.read("store", name)], [])

    def test_the_program_may_write_what_it_might_without_coffer(self):
        self.make_coffer()
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 30, before[1]))
        try:
            process = self.start("exec", "c.coffer", "--", "db_bench", "--db=store", "--benchmarks=fillseq",
                                 "--num=10000000")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        while process.poll() is None and not os.path.exists(self.path("store/CURRENT")):
            time.sleep(0.01)
        with open(f"/proc/{process.pid}/limits", encoding="ascii") as limits:
            size = next(line for line in limits if line.startswith("Max file size"))
        process.kill()
        process.communicate()
        self.assertEqual(size.split()[3], str(1 << 30), size)


class DebiansTools(CliTest):
    def ldb(self, *words):
        return self.done("exec", "c.coffer", "--", "ldb", "--db=store", *words).out

    def test_ldb_writes_and_reads_and_nothing_of_it_is_plaintext(self):
        self.make_coffer()
        self.ldb("--create_if_missing", "put", "a-key-to-look-for", "a-value-to-look-for")
        self.assertEqual(self.ldb("get", "a-key-to-look-for").strip(), "a-value-to-look-for")
        self.assertIn("a-key-to-look-for", self.ldb("scan"))
        for name in os.listdir(self.path("store")):
            self.assertNotIn(b"to-look-for", self.read("store", name), name)
        self.assertEqual(self.verified("c.coffer"), {})
        plain = self.run_program(["ldb", "--db=store", "get", "a-key-to-look-for"])
        self.assertNotIn("a-value", plain.out)

    def test_db_bench_and_sst_dump_work_and_every_file_verifies(self):
        self.make_coffer()
        self.done("exec", "c.coffer", "--", "db_bench", "--db=store", "--benchmarks=fillrandom,compact,readrandom",
                  "--num=20000", "--write_buffer_size=262144")
        tables = [name for name in os.listdir(self.path("store")) if name.endswith(".sst")]
        self.assertTrue(tables)
        run = self.done("exec", "c.coffer", "--", "sst_dump", f"--file=store/{tables[0]}", "--command=verify")
        self.assertIn("ok", run.out)
        self.assertEqual(self.verified("c.coffer"), {})
        answer = self.done("status", "c.coffer", "--json").json()
        self.assertEqual((answer["plaintext"]["files"], answer["unreadable"]["files"]), (0, 0))

    def test_a_flipped_bit_is_an_error_to_the_tool_too(self):
        self.make_coffer()
        self.done("exec", "c.coffer", "--", "db_bench", "--db=store", "--benchmarks=fillseq,compact", "--num=5000")
        table = next(name for name in os.listdir(self.path("store")) if name.endswith(".sst"))
        self.set_byte(f"store/{table}", 9000)
        run = self.coffer("exec", "c.coffer", "--", "ldb", "--db=store", "scan")
        self.assertNotEqual(run.status, 0, run.err)


STANZA = "Package: package-{0}\nDescription: number {0}\n\n"


class Catalogue(CliTest):
    def test_it_serves_without_an_error_while_all_keys_change_under_it(self):
        self.make_coffer()
        self.make_key("second.key")
        self.write("packages", "".join(STANZA.format(i) for i in range(3000)).encode())
        loaded = self.run_program([CATALOGUE, "c.coffer", "store", "load", "packages"])
        self.assertEqual(loaded.out, "loaded 3000 packages, 0 MiB\n", loaded)
        server = subprocess.Popen([CATALOGUE, "c.coffer", "store", "serve", "60"], cwd=self.directory,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        time.sleep(0.5)
        self.done("rotate", "root", "c.coffer", "--to", self.uri("second.key"))
        os.remove(self.path("root.key"))
        for _ in range(3):
            self.done("rotate", "domain", "c.coffer", "system", "--rewrap")
            self.assertEqual(self.verified("c.coffer"), {})
        time.sleep(0.5)
        server.send_signal(signal.SIGTERM)
        run = self.outcome(server)
        self.assertEqual(run.status, 0, run)
        self.assertRegex(run.out, r"^served 3000 packages: [1-9]\d* reads, [1-9]\d* writes, 0 errors\n$")
        self.assertEqual(self.verified("c.coffer"), {})

    def test_it_finds_the_modules_of_key_providers(self):
        self.make_coffer()
        with open(self.path("c.coffer", "coffer.yaml"), "a", encoding="utf-8") as file:
            file.write("anchor: tpm:0x01800001?tcti=swtpm:port=1\n")
        self.write("packages", STANZA.format(1).encode())
        run = self.run_program([CATALOGUE, "c.coffer", "store", "load", "packages"])
        self.assertEqual(run.status, 2, run)
        self.assertIn("TPM", run.err)

    def test_it_fails_on_a_file_that_is_not_there_and_on_wrong_words(self):
        self.make_coffer()
        self.assertEqual(self.run_program([CATALOGUE, "c.coffer", "store", "load", "nowhere"]).status, 2)
        self.assertEqual(self.run_program([CATALOGUE, "c.coffer", "store", "frob", "1"]).status, 2)
        run = self.run_program([CATALOGUE, "nowhere", "store", "serve", "1"])
        self.assertEqual(run.status, 2)
        self.assertIn("nowhere", run.err)


if __name__ == "__main__":
    main()
