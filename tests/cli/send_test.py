"""`coffer send` and `coffer receive`: stores between coffers, through pipes and files, whatever comes between."""

import os
import signal
import subprocess
import time

from harness import CliTest, main


class Sending(CliTest):
    def setUp(self):
        super().setUp()
        self.make_coffer("a.coffer", "a.key")
        self.make_coffer("b.coffer", "b.key")
        self.introduce("a.coffer", "b.coffer")

    def introduce(self, one, other):
        """Each has a node, and the other's as a peer under the name of its coffer."""
        lines = {name: self.done("node", "new", name, name).out.strip() for name in (one, other)}
        for name, peer in ((one, other), (other, one)):
            with open(self.path(name, "coffer.yaml"), "a", encoding="utf-8") as file:
                file.write(f"peers:\n  {peer}: {lines[peer]}\n")

    def sent(self, *words):
        return self.done("send", "a.coffer", "store", "--to", "b.coffer", *words).bytes

    def expect_contents(self, coffer, directory, contents):
        for name, data in contents.items():
            self.assertEqual(self.done("cat", coffer, name.replace("store", directory, 1)).bytes, data, name)


class Stores(Sending):
    def test_a_store_goes_through_a_pipe_and_comes_back(self):
        contents = self.make_store("a.coffer")
        self.done("domain", "add", "b.coffer", "tenant-7")
        pipe = (f"{os.environ['COFFER_BINARY']} send a.coffer store --to b.coffer | "
                f"{os.environ['COFFER_BINARY']} receive b.coffer there --domain tenant-7 --json")
        answer = self.run_program(["sh", "-c", pipe]).json()
        self.assertEqual((answer["files"], answer["from"], answer["left_out"]), (3, "a.coffer", 0))
        self.expect_contents("b.coffer", "there", contents)
        self.assertEqual(self.verified("b.coffer"), {})
        status = self.done("status", "b.coffer", "--json").json()
        self.assertEqual(status["total"]["files"], 3)
        self.assertEqual(self.coffer("cat", "a.coffer", "there/data.sst").status, 2)
        back = self.done("send", "b.coffer", "there", "--to", "a.coffer").bytes
        self.done("receive", "a.coffer", "back", stdin=back)
        self.expect_contents("a.coffer", "back", contents)
        # A tenant that is locked sends nothing, and takes nothing.
        self.done("tenant", "lock", "b.coffer", "tenant-7")
        self.refused(["send", "b.coffer", "there", "--to", "a.coffer"], "key_unavailable", "locked")
        self.refused(["receive", "b.coffer", "more", "--domain", "tenant-7"], "key_unavailable", "locked",
                     stdin=self.sent())

    def test_who_is_no_peer_sends_and_receives_nothing(self):
        self.make_store("a.coffer")
        stream = self.sent()
        self.make_coffer("c.coffer", "c.key")
        self.refused(["send", "a.coffer", "store", "--to", "c.coffer"], "not_found", "peers: has b.coffer")
        self.refused(["receive", "c.coffer", "there"], "not_found", "coffer node new", stdin=stream)
        self.done("node", "new", "c.coffer", "c")
        self.refused(["receive", "c.coffer", "there"], "foreign", "another node", stdin=stream)
        with open(self.path("c.coffer/coffer.yaml"), "a", encoding="utf-8") as file:
            line = self.done("node", "show", "b.coffer").out.strip()
            file.write(f"peers:\n  b.coffer: {line}\n")
        self.make_file("c.coffer", "other/x", b"x")
        stranger = self.done("send", "c.coffer", "other", "--to", "b.coffer").bytes
        self.refused(["receive", "b.coffer", "there"], "permission_denied", "nor a peer", "coffer node show",
                     stdin=stranger)
        self.refused(["receive", "b.coffer", "there"], "plaintext", "no stream", stdin=b"x" * 500)
        self.refused(["receive", "b.coffer", "there", "--domain", "none"], "not_found", "none", stdin=stream)
        time.sleep(2.1)
        self.refused(["receive", "b.coffer", "there", "--max-age", "1s"], "rolled_back", "--max-age", stdin=stream)

    def test_a_node_of_the_coffer_itself_needs_no_peers(self):
        self.make_store("a.coffer")
        request = self.done("node", "request", "a.coffer").out.strip()
        send = ["send", "a.coffer", "store", "--to", "a.coffer"]
        self.refused(send, "not_found", "a.coffer")
        self.done("node", "enrol", "a.coffer", request)
        answer = self.done("receive", "a.coffer", "copy", "--json", stdin=self.done(*send).bytes).json()
        self.assertEqual(answer["from"], "a.coffer")
        self.assertEqual(self.verified("a.coffer"), {})
        nodes = {os.path.basename(row["path"]): row["node"] for row in
                 self.done("store", "list", "a.coffer", "--json").json()["stores"]}
        self.assertEqual(nodes, {"store": None, "copy": "a.coffer"})

    def test_plaintext_and_links_are_named_and_nothing_goes(self):
        self.make_store("a.coffer")
        send = ["send", "a.coffer", "store", "--to", "b.coffer"]
        self.write("store/000009.sst", b"never encrypted" * 1000)
        self.refused(send, "plaintext", "store/000009.sst")
        os.remove(self.path("store/000009.sst"))
        os.symlink("/etc/passwd", self.path("store/link"))
        self.refused(send, "unsupported", "store/link")

    def test_rocksdb_opens_a_checkpoint_that_was_sent(self):
        ldb = ["exec", "a.coffer", "--", "ldb", "--db=store"]
        self.done(*ldb, "--create_if_missing", "put", "key", "value")
        self.done(*ldb, "checkpoint", "--checkpoint_dir=" + self.path("snapshot"))
        self.done(*ldb, "put", "key", "later")
        with self.held_by_an_engine("store/LOCK"):
            self.refused(["send", "a.coffer", "store", "--to", "b.coffer"], "busy", "store")
        stream = self.done("send", "a.coffer", "snapshot", "--to", "b.coffer").bytes
        self.assertFalse(b"value" in stream)
        self.done("receive", "b.coffer", "there", stdin=stream)
        there = ["exec", "b.coffer", "--", "ldb", "--db=there"]
        self.assertEqual(self.done(*there, "get", "key").out.strip(), "value")
        self.done(*there, "put", "key", "of b")
        self.assertEqual(self.done(*there, "get", "key").out.strip(), "of b")
        self.assertEqual(self.done(*ldb, "get", "key").out.strip(), "later")
        self.assertEqual(self.verified("b.coffer"), {})


class GoingOn(Sending):
    def setUp(self):
        super().setUp()
        self.contents = {f"store/{i}.sst": os.urandom(3 << 20) for i in range(2)}
        for name, data in self.contents.items():
            self.make_file("a.coffer", name, data)

    def go_on(self, directory="there"):
        have = self.done("receive", "b.coffer", directory, "--have").bytes
        rest = self.sent("--resume", self.write("have", have))
        answer = self.done("receive", "b.coffer", directory, "--json", stdin=rest).json()
        self.expect_contents("b.coffer", directory, self.contents)
        return answer

    def test_kill_9_while_it_arrives(self):
        stream = self.sent()
        for part in (1 << 20, 4 << 20):
            process = self.start("receive", "b.coffer", "there", stdin=subprocess.PIPE)
            process.stdin.write(stream[:part])
            process.stdin.flush()
            expected = part - (1 << 20)
            arriving = self.path("there.coffer-receiving")
            while not os.path.isdir(arriving) or expected > sum(
                    os.path.getsize(os.path.join(arriving, name)) for name in os.listdir(arriving)):
                self.assertIsNone(process.poll())
                time.sleep(0.01)
            process.send_signal(signal.SIGKILL)
            process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                pipe.close()
            self.assertFalse(os.path.exists(self.path("there")))
        self.assertGreater(self.go_on()["left_out"], 2 << 20)

    def test_a_full_disk_is_an_error_and_no_loss(self):
        if not self.in_mount_namespace():
            return
        os.mkdir(self.path("disk"))
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=755", "tmpfs", self.path("disk")], check=True)
        run = self.coffer("receive", "b.coffer", "disk/there", "--json", stdin=self.sent())
        self.assertEqual((run.status, run.error()["code"]), (2, "no_space"), run)
        subprocess.run(["mount", "-o", "remount,size=16m", self.path("disk")], check=True)
        self.assertGreater(self.go_on("disk/there")["left_out"], 2 << 20)


if __name__ == "__main__":
    main()
