"""`coffer exec`: Debian's own RocksDB tools, unmodified, on encrypted files; and what it hands on to any program."""

import json
import os
import resource
import shlex
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
        self.assertEqual((run.status, run.out), (42, "input\na b||--json\n"))
        self.assertEqual(run.err.splitlines()[0], "problem")

    def test_a_signal_reaches_the_program_and_what_ends_it_ends_the_command(self):
        for sent in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
            process = self.start("exec", "c.coffer", "--", "sh", "-c", "echo $$; exec sleep 60")
            child = int(process.stdout.readline())
            process.send_signal(sent)
            self.assertEqual(self.outcome(process).status, -sent)
            self.assertRaises(ProcessLookupError, os.kill, child, 0)

    def test_a_program_may_take_a_signal_and_end_as_it_likes(self):
        script = "trap 'exit 7' TERM; echo up; while :; do sleep 0.01; done"
        process = self.start("exec", "c.coffer", "--", "sh", "-c", script)
        self.assertEqual(process.stdout.readline(), b"up\n")
        process.terminate()
        self.assertEqual(self.outcome(process).status, 7)

    def test_who_kills_the_command_kills_the_program(self):
        process = self.start("exec", "c.coffer", "--", "sh", "-c", "echo $$; exec sleep 60")
        child = int(process.stdout.readline())
        process.kill()
        self.outcome(process)  # output that the program holds, too: it is closed as the program ends
        for _ in range(1000):
            if self.state_of(child) in ("Z", "gone"):
                break
            time.sleep(0.01)
        self.assertIn(self.state_of(child), ("Z", "gone"))

    @staticmethod
    def state_of(process):
        try:
            with open(f"/proc/{process}/stat", encoding="ascii") as file:
                return file.read().rsplit(")", 1)[1].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return "gone"

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

    def test_forgotten_hyphens_are_put_where_the_message_says(self):
        run = self.refused(["exec", "c.coffer", "echo", "-n", "hello"], "invalid_argument", "put -- before it: ")
        advice = run.err.splitlines()[-1].split("put -- before it: ")[1]
        self.assertEqual(self.done(*shlex.split(advice)[1:]).out, "hello")
        named = {"COFFER": self.path("c.coffer")}
        self.refused(["exec", "echo", "hello"], "invalid_argument", "coffer exec -- echo hello", environment=named)
        self.assertEqual(self.done("exec", "--", "echo", "hello", environment=named).out, "hello\n")
        self.refused(["exec", "c.coffer", "sh", "a b"], "invalid_argument", "expected -- and a program")

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


PUT = "ldb --db={} --create_if_missing put k v"
NOWHERE = "the plug-in opened the coffer nowhere"


class LosingThePlugIn(CliTest):
    """What stands between `coffer exec` and the RocksDB program may drop the plug-in."""

    def setUp(self):
        super().setUp()
        self.make_coffer()

    def exec(self, *words):
        return ["exec", "c.coffer", "--", *words]

    def written_in_clear(self, store, *words):
        run = self.problems(*self.exec(*words))
        self.assertIn(f"PLAINTEXT: {self.path(store)}: ", run.err)
        self.assertIn(NOWHERE, run.err)
        self.assertIn("hint: ", run.err)
        self.assertTrue(self.read(store, "CURRENT").startswith(b"MANIFEST-"))

    def test_a_database_that_was_written_in_clear_is_a_problem(self):
        self.written_in_clear("a", "env", "-i", "PATH=/usr/bin:/bin", *PUT.format("a").split())
        self.written_in_clear("b", "sh", "-c", "unset LD_PRELOAD; " + PUT.format("b"))
        self.write("wrapper", f"#!/bin/sh\nunset LD_PRELOAD\n{PUT.format(self.path('c'))}\n".encode(), 0o755)
        self.written_in_clear("c", "./wrapper")
        run = self.coffer("exec", "c.coffer", "--json", "--", "sh", "-c", "unset LD_PRELOAD; " + PUT.format("d"))
        self.assertEqual(run.status, 1, run)
        told = json.loads(run.err.splitlines()[-1])
        self.assertEqual(told, {"plug_in_reported": False, "written_in_clear": [self.path("d")]})

    def test_the_status_of_a_program_that_failed_stays(self):
        run = self.coffer(*self.exec("sh", "-c", "unset LD_PRELOAD; " + PUT.format("a") + "; exit 9"))
        self.assertEqual(run.status, 9, run)
        self.assertIn("PLAINTEXT", run.err)

    def test_one_of_two_programs_that_lost_it_is_noticed(self):
        run = self.problems(*self.exec("sh", "-c", PUT.format("a") + "; unset LD_PRELOAD; " + PUT.format("b")))
        self.assertIn(f"PLAINTEXT: {self.path('b')}: ", run.err)
        self.assertNotIn(self.path("a"), run.err)
        self.assertNotIn(NOWHERE, run.err)

    def test_a_program_without_rocksdb_is_only_told(self):
        self.run_program(PUT.format("plain").split())  # before: it is not this program's
        run = self.done(*self.exec("echo", "plain"))
        self.assertEqual(run.out, "plain\n")
        self.assertIn(NOWHERE, run.err)
        self.assertNotIn("PLAINTEXT", run.err)

    def test_where_the_plug_in_opened_the_coffer_nothing_is_said(self):
        words = PUT.format("a").split()
        self.assertEqual(self.done(*self.exec("sh", "-c", PUT.format("a") + " >/dev/null 2>&1")).err, "")
        # One that closes what it does not know, as Python does.
        script = f"import subprocess; subprocess.run({words!r}, check=True, capture_output=True)"
        self.assertEqual(self.done(*self.exec("python3", "-c", script)).err, "")


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
        self.assertGreater(self.done("status", "c.coffer", "--json").json()["domains"][0]["keys"][0]["written"], 1000)
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

    def test_new_files_of_a_domain_are_sealed_as_its_policy_says(self):
        self.make_coffer()
        self.done("domain", "add", "c.coffer", "t7", "--path", self.path("store"))
        with open(self.path("c.coffer", "coffer.yaml"), "a", encoding="utf-8") as file:
            file.write("policy: {domains: {t7: {cipher: aes-128-gcm, chunk_size: 4096}}}\n")
        self.done("exec", "c.coffer", "--", "db_bench", "--db=store", "--benchmarks=fillseq,compact", "--num=5000")
        seen = set()
        for name in os.listdir(self.path("store")):
            if not name.endswith((".sst", ".log")):
                continue
            header = self.done("inspect", f"store/{name}", "--json").json()
            seen.add((name[-3:], header["cipher"], header.get("chunk_size")))
        self.assertEqual(seen, {("sst", "aes-128-gcm", 4096), ("log", "aes-256-gcm", None)})
        self.assertEqual(self.verified("c.coffer"), {})

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

    def test_it_rotates_by_itself_as_its_policy_wants(self):
        self.make_coffer()
        with open(self.path("c.coffer", "coffer.yaml"), "a", encoding="utf-8") as file:
            file.write("policy: {rotation_period: 1s}\n")
        self.write("packages", "".join(STANZA.format(i) for i in range(300)).encode())
        self.run_program([CATALOGUE, "c.coffer", "store", "load", "packages"])
        run = self.run_program([CATALOGUE, "c.coffer", "store", "serve", "4"])
        self.assertRegex(run.out, r" 0 errors\n$", run)
        self.assertGreaterEqual(len(self.done("keyring", "show", "c.coffer", "--json").json()["domains"][0]["keys"]), 3)
        written = self.done("status", "c.coffer", "--json").json()["domains"][0]["keys"]
        self.assertGreater(sum(key["written"] for key in written), 0)
        self.assertIn(b"policy: domain system was rotated", self.done("cat", "c.coffer", "store/LOG").bytes)
        self.assertEqual(self.verified("c.coffer"), {})

    def test_it_waits_its_turn_where_a_fleet_starts_at_once_and_tools_do_not(self):
        self.make_coffer()
        with open(self.path("c.coffer", "coffer.yaml"), "a", encoding="utf-8") as file:
            file.write("policy: {unlock_spread: 10m}\n")
        self.write("packages", STANZA.format(1).encode())
        fleet = [subprocess.Popen([CATALOGUE, "c.coffer", "store", "load", "packages"], cwd=self.directory,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                 for _ in range(3)]
        self.done("status", "c.coffer")
        time.sleep(0.5)
        self.assertIn(None, [each.poll() for each in fleet], "all three had the first two seconds of ten minutes")
        for each in fleet:
            each.kill()
            each.communicate()

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
