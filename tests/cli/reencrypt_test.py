"""`coffer reencrypt` on stores that Debian's own RocksDB tools wrote and open again."""

import os
import shutil
import signal
import subprocess
import time

from harness import CliTest, main

BENCH = ["db_bench", "--num=20000", "--value_size=100", "--compression_type=none", "--write_buffer_size=500000",
         "--disable_auto_compactions=1", "--db=store"]


class Reencrypt(CliTest):
    def make_database(self, *options):
        self.make_coffer("c.coffer", "root.key", *options)
        self.engine(*BENCH, "--benchmarks=fillseq")
        self.engine("ldb", "--db=store", "put", "last", "words")
        self.contents = self.scan()
        self.assertGreater(len(self.contents), 1000000)
        self.done("rotate", "domain", "c.coffer", "system")

    def engine(self, *words):
        run = self.coffer("exec", "c.coffer", "--", *words)
        self.assertEqual(run.status, 0, run)
        return run

    def scan(self, store="store"):
        return self.engine("ldb", f"--db={store}", "scan").out

    def files(self, store="store"):
        """name → what its header says, of all that are not empty."""
        return {name: self.done("inspect", f"{store}/{name}", "--json").json()
                for name in sorted(os.listdir(self.path(store)))
                if os.path.isfile(self.path(store, name)) and os.path.getsize(self.path(store, name)) > 0}

    def leftovers(self):
        return [name for name in os.listdir(self.path("store")) if name.startswith(".coffer-new.")]

    def until(self, condition):
        for _ in range(3000):
            if condition():
                return
            time.sleep(0.01)
        self.fail("it does not come to that")

    def in_the_middle(self):
        """A run that is slow, and has begun a file."""
        process = self.start("reencrypt", "c.coffer", "--rate", "0.2", "--json")
        self.until(self.leftovers)
        return process

    def expect_all_new(self):
        for name, header in self.files().items():
            self.assertEqual(header["oldest_key_version"], 2, name)
        self.assertEqual(self.leftovers(), [])
        self.assertEqual(self.verified("c.coffer"), {})

    def test_every_file_of_a_database_gets_another_key(self):
        self.make_database()
        before = self.files()
        answer = self.done("reencrypt", "c.coffer", "--json").json()
        self.assertEqual(answer["reencrypted"], len(before))
        self.assertEqual((answer["problems"], answer["stopped"]), ([], False))
        self.assertLessEqual({"CURRENT", "IDENTITY", "LOG"}, set(before))
        self.assertGreater(len([name for name in before if name.endswith(".sst")]), 2)
        self.expect_all_new()
        self.assertEqual(self.active_share(), (len(before), len(before)))
        self.assertTrue({header["file_id"] for header in before.values()}
                        .isdisjoint(header["file_id"] for header in self.files().values()))
        self.assertIn("re-encrypted 0 files", self.done("reencrypt", "c.coffer").out)
        self.assertEqual(self.scan(), self.contents)

    def test_only_what_a_key_protected(self):
        self.make_database()
        key = self.files()["CURRENT"]["domain_key_id"]
        self.done("rewrap", "c.coffer")
        self.engine("ldb", "--db=store", "put", "more", "words")
        old = [name for name, header in self.files().items() if header["oldest_key_version"] == 1]
        self.done("rotate", "domain", "c.coffer", "system")
        answer = self.done("reencrypt", "c.coffer", "store", "--key", key[:10], "--json").json()
        self.assertEqual(answer["reencrypted"], len(old))
        self.assertEqual({header["oldest_key_version"] for header in self.files().values()}, {2, 3})

    def test_a_store_that_is_served_is_left_alone(self):
        self.make_database()
        process = self.start("exec", "c.coffer", "--", *BENCH, "--use_existing_db=1", "--benchmarks=overwrite",
                             "--duration=60", "--benchmark_write_rate_limit=30000", "--wal_dir=wal")
        self.until(self.logs)
        tables = {name: header for name, header in self.files().items() if name.endswith(".sst")}
        run = self.coffer("reencrypt", "c.coffer")
        self.assertEqual(run.status, 2, run)
        self.assertIn("db_bench) has the database open", run.err)
        self.assertEqual(self.coffer("reencrypt", "c.coffer", "--json").error()["code"], "busy")
        self.done("rotate", "domain", "c.coffer", "system")
        # Nothing in the log's own directory shows whose it is.
        self.assertIn(" has the database open", self.problems("reencrypt", "c.coffer", "wal").out)
        process.kill()
        self.outcome(process)
        self.assertLessEqual(tables.items(), self.files().items())
        self.assertEqual(self.done("reencrypt", "c.coffer", "wal", "--json").json()["reencrypted"], 1)
        self.engine(*BENCH, "--use_existing_db=1", "--benchmarks=readrandom", "--reads=10", "--wal_dir=wal")

    def logs(self):
        return os.path.isdir(self.path("wal")) and any(os.path.getsize(self.path("wal", name)) > 8192
                                                       for name in os.listdir(self.path("wal")))

    def test_nobody_opens_a_store_meanwhile_and_the_rate_may_change(self):
        self.make_database()
        process = self.in_the_middle()
        run = self.coffer("exec", "c.coffer", "--", "ldb", "--db=store", "put", "k", "v")
        self.assertIn("LOCK", run.out + run.err)
        self.assertIn("another re-encryption", self.coffer("reencrypt", "c.coffer").err)
        self.assertEqual(self.verified("c.coffer"), {})
        run = self.coffer("reencrypt", "c.coffer", "--set-rate", "fast")
        self.assertIn("--set-rate: expected MB a second", run.err)
        self.assertIn("500 MB/s", self.done("reencrypt", "c.coffer", "--set-rate", "500").out)
        run = self.outcome(process)
        self.assertEqual(run.status, 0, run)
        self.expect_all_new()
        self.assertEqual(self.done("status", "c.coffer", "--json").json()["plaintext"]["files"], 0)
        self.assertEqual(self.scan(), self.contents)

    def test_kill_9_in_the_middle(self):
        self.make_database()
        process = self.in_the_middle()
        process.kill()
        self.outcome(process)
        self.assertEqual(len(self.leftovers()), 1)
        self.assertEqual(self.verified("c.coffer"), {})
        self.assertEqual(self.scan(), self.contents)
        self.assertEqual(self.done("reencrypt", "c.coffer", "--json").json()["problems"], [])
        self.expect_all_new()
        self.assertEqual(self.scan(), self.contents)

    def runs(self):
        answer = self.done("runs", "c.coffer", "--json").json()
        self.assertIs(answer["authenticated"], False)
        return answer["runs"]

    def test_what_was_done_and_is_being_done_can_be_seen(self):
        self.make_database()
        self.assertEqual(self.runs(), [])
        self.done("rewrap", "c.coffer")
        self.done("rotate", "domain", "c.coffer", "system")
        process = self.in_the_middle()
        self.until(lambda: self.runs()[-1]["seconds_left"] > 0)
        at_work = self.done("status", "c.coffer", "--json").json()["runs"]
        self.assertEqual([(run["what"], run["about"], run["state"]) for run in at_work],
                         [("reencrypt", "all", "running")])
        self.assertLess(at_work[0]["bytes"], at_work[0]["bytes_to_do"])
        self.assertRegex(self.done("status", "c.coffer").out,
                         r"runs       reencrypt \(all\): \d+\.\d %, .*/s, .* left\n")
        process.kill()
        self.outcome(process)
        self.assertEqual([run["state"] for run in self.runs()], ["done", "interrupted"])
        self.assertIn("repeat it to go on", self.done("status", "c.coffer").out)
        self.write("c.coffer/reencrypt.rate", b"0")
        self.done("reencrypt", "c.coffer", "--set-rate", "off")
        self.done("reencrypt", "c.coffer", "--key", "system:1")
        last = self.runs()[-1]
        self.assertEqual((last["state"], last["about"], last["files_left"]), ("done", "key system:1", 0))
        self.assertEqual(last["files"], last["files_to_do"])

    # Whoever can write the coffer's directory can write there what he likes, and nothing comes of it.
    def test_a_record_that_lies_changes_nothing(self):
        self.make_database()
        self.done("rewrap", "c.coffer")
        true = self.read("c.coffer/runs")
        for wrong in (b"", b"coffer runs 1\n\t\t\n", b"\xff" * 5000, b"x" * (2 << 20), true[:40],
                      true.replace(b"\t", b" ")):
            self.write("c.coffer/runs", wrong)
            self.assertEqual(self.runs(), [])
            self.done("status", "c.coffer")
        self.write("c.coffer/runs", true.replace(b"rewrap", b"\x1b[2Jrun"))
        self.assertEqual(self.runs(), [])
        self.write("c.coffer/runs", true.replace(b"\tall\t", b"\tkey system:1\t"))
        self.done("key", "revoke", "c.coffer", "system:2")
        self.refused(["key", "destroy", "c.coffer", "system:2"], "busy", "is needed by")
        for _ in range(101):
            self.write("c.coffer/runs", self.read("c.coffer/runs") + true.split(b"\n", 1)[1].replace(b"\t", b"x\t", 1))
        self.done("rewrap", "c.coffer")
        self.assertEqual(len(self.runs()), 100)

    def test_a_wish_to_end_leaves_nothing_half(self):
        self.make_database()
        for sent in (signal.SIGTERM, signal.SIGINT):
            process = self.in_the_middle()
            process.send_signal(sent)
            run = self.outcome(process)
            self.assertEqual(run.status, 1, run)
            self.assertTrue(run.json()["stopped"])
            self.assertEqual(self.leftovers(), [])
            old = {name for name, shown in self.files().items() if shown["oldest_key_version"] == 1}
            self.assertEqual({os.path.basename(left["path"]) for left in run.json()["left"]}, old)
            self.assertEqual(run.json()["files_left"], len(old))
            self.assertIn("not reached", run.json()["left"][0]["why"])
            self.assertEqual(self.verified("c.coffer"), {})
        self.write("c.coffer/reencrypt.rate", b"0")
        process = self.start("reencrypt", "c.coffer")  # stands still from the beginning
        self.until(self.leftovers)
        process.terminate()
        self.assertIn("repeat the command to go on", self.outcome(process).out)
        os.remove(self.path("c.coffer/reencrypt.rate"))
        self.done("reencrypt", "c.coffer")
        self.expect_all_new()

    def test_a_full_disk(self):
        if not self.in_mount_namespace():
            return
        os.mkdir(self.path("store"))
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", self.path("store")], check=True)
        self.make_database()
        left = os.statvfs(self.path("store"))
        self.write("store/ballast", b"")
        with open(self.path("store/ballast"), "wb") as file:
            os.posix_fallocate(file.fileno(), 0, left.f_bavail * left.f_bsize - 300000)
        self.assertEqual(self.verified("c.coffer", *self.data_files()), {})
        run = self.problems("reencrypt", "c.coffer")
        self.assertIn(": no space: ", run.out)
        self.assertEqual(self.leftovers(), [])
        self.assertEqual(self.verified("c.coffer", *self.data_files()), {})
        os.remove(self.path("store/ballast"))
        self.done("reencrypt", "c.coffer")
        self.expect_all_new()
        self.assertEqual(self.scan(), self.contents)

    def data_files(self):
        return [f"store/{name}" for name in os.listdir(self.path("store")) if name.endswith(".sst")]

    def test_a_checkpoint_goes_on_sharing_its_tables(self):
        self.make_database()
        self.engine("ldb", "--db=store", "checkpoint", "--checkpoint_dir=" + self.path("checkpoint"))
        shared = [name for name in os.listdir(self.path("checkpoint")) if name.endswith(".sst")]
        self.assertGreater(len(shared), 2)
        old = [name for name in shared if self.files()[name]["oldest_key_version"] == 1]
        run = self.problems("reencrypt", "c.coffer", "store", "--json").json()
        self.assertEqual([os.path.basename(problem["path"]) for problem in run["problems"]], sorted(old))
        self.assertIn("name the directories of the others", run["problems"][0]["message"])
        self.assertEqual([os.path.basename(left["path"]) for left in run["left"]], sorted(old))
        self.assertIn("name the directories of the others", run["left"][0]["why"])
        self.done("reencrypt", "c.coffer")
        for name in shared:
            self.assertTrue(os.path.samefile(self.path("store", name), self.path("checkpoint", name)), name)
        self.expect_all_new()
        self.assertEqual(self.scan("checkpoint"), self.scan())

    def test_marks_of_freshness_hold(self):
        self.make_coffer()
        os.mkdir(self.path("anchor"))
        with open(self.path("c.coffer/coffer.yaml"), "a", encoding="utf-8") as file:
            file.write(f"anchor: {self.path('anchor/mark')}\nfreshness: on\n")
        self.engine("ldb", "--db=store", "--create_if_missing", "put", "k", "v")
        self.done("rotate", "domain", "c.coffer", "system")
        shutil.copytree(self.path("store"), self.path("before"))
        self.assertEqual(self.done("reencrypt", "c.coffer", "--json").json()["problems"], [])
        self.assertEqual(self.verified("c.coffer"), {})
        self.assertIn("k : v", self.scan())
        self.done("rotate", "domain", "c.coffer", "system")
        shutil.rmtree(self.path("before"))
        shutil.copytree(self.path("store"), self.path("before"))
        self.done("reencrypt", "c.coffer")
        for name in os.listdir(self.path("before")):
            if name == "CURRENT" or name.startswith("MANIFEST-") or name.endswith(".log"):
                new = self.read("store", name)
                shutil.copy(self.path("before", name), self.path("store", name))
                self.assertIn("rolled back", self.problems("verify", "c.coffer").out, name)
                self.write(f"store/{name}", new)
        self.assertEqual(self.verified("c.coffer"), {})

    def test_what_is_no_sense_is_refused(self):
        self.make_coffer()
        self.make_store()
        for rate in ("0", "-1", "fast", "", "1MB"):
            self.refused(["reencrypt", "c.coffer", "--rate", rate], "invalid_argument", "--rate")
        self.refused(["reencrypt", "c.coffer", "--domain", "none"], "not_found", "none")
        self.refused(["reencrypt", "c.coffer", "--key", "system:9"], "not_found", "system:9")
        key = self.done("inspect", "store/raw", "--json").json()["domain_key_id"]
        self.refused(["reencrypt", "c.coffer", "--key", key], "invalid_argument", "rotate the domain first")
        self.refused(["reencrypt", "c.coffer", "elsewhere"], "not_found", "elsewhere")


if __name__ == "__main__":
    main()
