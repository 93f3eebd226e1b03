// Files sent from a store of one coffer to be a store of another.
#include "coffer/embedding/streaming.h"
#include "coffer/ops/keys.h"
#include "coffer/store/node_key.h"
#include "store/stream_fixture.h"
#include "support/fault_disk.h"

namespace coffer {
namespace {

class Streams : public StreamFixture {
 protected:
  void SetUp() override {
    StreamFixture::SetUp();
    fill_store();
  }
  Code code_of_sending(const std::string& name) {
    std::string stream;
    const Code code = send_to(stream, there_node_).code();
    EXPECT_TRUE(stream.empty()) << name << " went out";
    std::filesystem::remove_all(db(name));
    return code;
  }
};

TEST_F(Streams, FilesOpenInAnotherCofferUnderItsOwnKeys) {
  const std::string stream = sent();
  const auto done = receive(*there_, as_bytes(stream), "new", "tenants");
  ASSERT_OK(done);
  EXPECT_EQ(done->files, 6u);
  expect_same(*there_, "new");
  // Under a key of that domain, of a store of its own; and only there.
  const auto scan = scan_envelope(as_bytes(read(root_ + "/new/000012.sst")).first(kEnvelopeSize));
  ASSERT_OK(scan);
  const auto keys = there_->keyring();
  EXPECT_EQ(keys->find_key(scan->fields.domain_key_id).domain->name, "tenants");
  EXPECT_EQ(keys->find_store(scan->fields.store_id)->path, root_ + "/new");
  EXPECT_TRUE(keys->find_store(scan->fields.store_id)->confirmed);
  EXPECT_EQ(coffer_->unlock(*scan, "new").code(), Code::kKeyUnavailable);
  EXPECT_FALSE(exists("new.coffer-receiving"));
  // What was sent holds no domain key's id of the sender's, nor its store's.
  const auto sent_scan = scan_envelope(as_bytes(read(db("000012.sst"))).first(kEnvelopeSize));
  EXPECT_EQ(stream.find(as_text(sent_scan->fields.domain_key_id.view())), std::string::npos);
  EXPECT_EQ(stream.find(as_text(sent_scan->fields.store_id.view())), std::string::npos);
  EXPECT_EQ(stream.find("000012.sst"), std::string::npos);
}

TEST_F(Streams, WhatComesBackOpensWhereItCameFrom) {
  ASSERT_OK(receive(sent(), "new"));
  std::string back;
  SinkOf sink(back);
  ASSERT_OK(send_files(*there_, {root_ + "/new"}, here_node_, there_node_.agreement(), {}, sink));
  ASSERT_OK(receive(*coffer_, as_bytes(back), "back"));
  expect_same(*coffer_, "back");
  expect_same(*there_, "new");
}

TEST_F(Streams, NothingAlteredIsTaken) {
  const std::string stream = sent();
  const size_t beginning =
      kFileStreamHeadSize + file_stream_rest_size(read_file_stream_head(as_bytes(stream)).value());
  for (size_t at = 0; at < stream.size(); at += at < 400 ? 7 : 1 + stream.size() / 97) {
    std::string flipped = stream;
    flipped[at] = static_cast<char>(flipped[at] ^ 1 << at % 8);
    EXPECT_FALSE(receive(flipped).is_ok()) << at;
    EXPECT_FALSE(exists("new")) << at;
    EXPECT_EQ(exists("new.coffer-receiving"), at >= beginning) << at;
    std::filesystem::remove_all(root_ + "/new.coffer-receiving");
  }
  std::string longer = stream;
  longer.insert(beginning + 10, "x");
  EXPECT_EQ(receive(longer).code(), Code::kTampered);
  EXPECT_FALSE(exists("new"));
}

TEST_F(Streams, NothingOfAStreamThatWasCutHasItsName) {
  const std::string stream = sent();
  for (size_t size = 0; size < stream.size(); size += size < 400 ? 13 : 1 + stream.size() / 41) {
    const Code code = receive(stream.substr(0, size)).code();
    EXPECT_TRUE(code == Code::kTruncated) << size << code_name(code);
    EXPECT_FALSE(exists("new")) << size;
  }
  EXPECT_EQ(receive(stream.substr(0, stream.size() - 1)).code(), Code::kTruncated);
  ASSERT_OK(receive(stream));
  expect_same(*there_, "new");
}

TEST_F(Streams, BodiesOfAnotherStreamDoNotFit) {
  const std::string one = sent(), two = sent();
  ASSERT_EQ(one.size(), two.size());
  const size_t beginning = kFileStreamHeadSize + file_stream_rest_size(read_file_stream_head(as_bytes(one)).value());
  EXPECT_EQ(receive(one.substr(0, beginning) + two.substr(beginning)).code(), Code::kTampered);
  // Nor two files of one stream in the other's place, though both are genuine: here of one size.
  std::filesystem::remove_all(root_ + "/db");
  std::filesystem::create_directory(root_ + "/db");
  for (const char* name : {"a", "b"}) write(db(name), sealed_file(Kind::kBlocks, std::string(9'000, name[0])));
  const std::string pair = sent();
  const size_t begin = kFileStreamHeadSize + file_stream_rest_size(read_file_stream_head(as_bytes(pair)).value());
  const size_t body = std::filesystem::file_size(db("a")) - kEnvelopeSize + kTagSize;
  const std::string swapped = pair.substr(0, begin) + pair.substr(begin + body, body) + pair.substr(begin, body) +
                              pair.substr(begin + 2 * body);
  ASSERT_EQ(swapped.size(), pair.size());
  EXPECT_EQ(receive(swapped).code(), Code::kTampered);
  EXPECT_FALSE(exists("new"));
}

TEST_F(Streams, StrangersAndStreamsForOthersWriteNothing) {
  std::string stream;
  ASSERT_OK(send_to(stream, other_node_));
  EXPECT_EQ(receive(stream).code(), Code::kForeign);
  SinkOf sink(stream);
  ASSERT_OK(send_files(*coffer_, {root_ + "/db"}, other_node_, there_node_.agreement(), {}, sink));
  EXPECT_EQ(receive(stream.substr(stream.rfind("COFSTR"))).code(), Code::kPermissionDenied);
  EXPECT_EQ(receive("no stream at all").code(), Code::kPlaintext);
  EXPECT_FALSE(exists("new.coffer-receiving"));
}

TEST_F(Streams, AnOldStreamIsANewDirectoryAndReplacesNothing) {
  const std::string stream = sent();
  ASSERT_OK(receive(stream));
  EXPECT_EQ(receive(stream).code(), Code::kAlreadyExists);
  ASSERT_OK(receive(stream, "again"));
  expect_same(*there_, "again");
  // Nor does it write where anything is.
  std::filesystem::create_directory(root_ + "/full");
  write(root_ + "/full/mine", "mine");
  EXPECT_EQ(receive(stream, "full").code(), Code::kAlreadyExists);
  EXPECT_EQ(read(root_ + "/full/mine"), "mine");
}

TEST_F(Streams, AReceiverThatStoppedGoesOn) {
  write(db("large"), sealed_file(Kind::kBlocks, std::string(5 << 20, 'L')));
  const std::string stream = sent();
  EXPECT_EQ(receive(stream.substr(0, stream.size() - (3 << 20))).code(), Code::kTruncated);
  const auto had = had_files(disk(), root_ + "/new");
  ASSERT_OK(had);
  const auto parsed = parse_had_files(format_had_files(*had));
  ASSERT_OK(parsed);
  EXPECT_EQ(*parsed, *had);
  std::string rest;
  const auto done = send_to(rest, there_node_, {.had = *had});
  ASSERT_OK(done);
  EXPECT_LT(rest.size(), size_t{4} << 20);
  EXPECT_GT(done->left_out, uint64_t{1} << 20);
  EXPECT_EQ(receive(rest, "elsewhere").code(), Code::kConflict) << "what it leaves out is not there";
  ASSERT_OK(receive(rest));
  expect_same(*there_, "new");
  EXPECT_TRUE(read(root_ + "/new/large").substr(kEnvelopeSize) == read(db("large")).substr(kEnvelopeSize));
}

TEST_F(Streams, WhatHasChangedSinceGoesWhole) {
  const std::string stream = sent();
  EXPECT_EQ(receive(stream.substr(0, stream.size() - 20)).code(), Code::kTruncated);
  auto had = had_files(disk(), root_ + "/new").value();
  // A page was written anew here, a file is gone, another came; and there the disk lost a block.
  const auto opened = coffer_->open_file(as_bytes(read(db("below/pages"))).first(kEnvelopeSize), db("below/pages"));
  ASSERT_OK(opened);
  const auto written = PagesFile::open(*opened, std::move(disk().open_write(db("below/pages")).value()));
  ASSERT_OK(written);
  ASSERT_OK((*written)->write(0, as_bytes("changed")));
  ASSERT_OK((*written)->sync());
  ASSERT_OK((*written)->close());
  std::filesystem::remove(db("000013.log"));
  write(db("000013.log"), sealed_file(Kind::kLog, std::string(100, 'n')));
  std::string rest;
  ASSERT_OK(send_to(rest, there_node_, {.had = had}));
  std::string damaged = read(root_ + "/new.coffer-receiving/000012.sst");
  damaged[20'000] ^= 1;
  write(root_ + "/new.coffer-receiving/000012.sst", damaged);
  EXPECT_EQ(receive(rest).code(), Code::kConflict);
  had = had_files(disk(), root_ + "/new").value();
  ASSERT_OK(send_to(rest, there_node_, {.had = had}));
  ASSERT_OK(receive(rest));
  expect_same(*there_, "new");
}

TEST_F(Streams, AListThatSomebodyAlteredDoesNoHarm) {
  const std::string stream = sent();
  EXPECT_EQ(receive(stream.substr(0, stream.size() - 20)).code(), Code::kTruncated);
  HadFiles had = had_files(disk(), root_ + "/new").value();
  for (auto& [id, file] : had) file.bytes = 10;  // by another digest
  std::string rest;
  const auto done = send_to(rest, there_node_, {.had = had});
  ASSERT_OK(done);
  EXPECT_EQ(done->left_out, 0u);
  ASSERT_OK(receive(rest));
  expect_same(*there_, "new");
  for (const char* text : {"", "coffer have 2\n", "coffer have 1\nx", "coffer have 1\n00 1 00\n",
                           "coffer have 1\n000102030405060708090a0b0c0d0e0f -1 00\n"}) {
    EXPECT_TRUE(parse_had_files(text).is_ok() == (*text == '\0')) << text;
  }
}

TEST_F(Streams, AnyFailureOfTheDiskLeavesWhatCanBeGoneOnWith) {
  FaultDisk faulty(disk());
  const auto coffer = make_coffer("faulty", faulty);
  uint64_t failures = 0;
  for (uint64_t operation = 1;; operation += 3) {
    const std::string name = "new" + std::to_string(operation);
    const std::string stream = sent();
    faulty.arm({.operation = operation, .for_good = true, .code = Code::kNoSpace});
    const auto done = receive(*coffer, as_bytes(stream), name);
    const bool met = faulty.fault_count() > 0;
    faulty.arm({});
    if (!met) break;
    ++failures;
    if (done.is_ok()) continue;  // what is written after all of it is durable
    const auto had = had_files(disk(), root_ + "/" + name);
    std::string rest;
    ASSERT_OK(send_to(rest, there_node_, {.had = had.is_ok() ? *had : HadFiles()}));
    const auto again = receive(*coffer, as_bytes(rest), name);
    if (again.code() == Code::kAlreadyExists) {
      EXPECT_FALSE(exists(name + ".coffer-receiving"));  // it had its name when that failed
    } else {
      ASSERT_OK(again);
    }
    expect_same(*coffer, name);
    std::filesystem::remove_all(root_ + "/" + name);
  }
  EXPECT_GT(failures, 20u);
}

TEST_F(Streams, OneDamagedFileIsTheErrorAndNothingGoes) {
  write(db("000099.sst"), "not of Coffer's");
  EXPECT_EQ(code_of_sending("000099.sst"), Code::kPlaintext);
  std::string bytes = sealed_file(Kind::kBlocks, "x");
  bytes[100] ^= 1, bytes[kSlotSize + 100] ^= 1;
  write(db("000098.sst"), bytes);
  EXPECT_EQ(code_of_sending("000098.sst"), Code::kDamaged);
  std::filesystem::create_symlink("/etc/passwd", db("link"));
  EXPECT_EQ(code_of_sending("link"), Code::kUnsupported);
  bytes = sealed_file(Kind::kCtr, "never closed").substr(0, kEnvelopeSize);
  std::copy_n(bytes.begin() + kSlotSize, kSlotSize, bytes.begin());  // as it was before its end
  write(db("000097.blob"), bytes + "never closed");
  EXPECT_EQ(code_of_sending("000097.blob"), Code::kUnsupported);
  std::filesystem::copy_file(db("000012.sst"), db("twice"));
  std::string nothing;
  EXPECT_THAT(send_to(nothing, there_node_).status().to_string(), testing::HasSubstr("twice: one file is there twice"));
  EXPECT_EQ(code_of_sending("twice"), Code::kInvalidArgument);
  write(root_ + "/000012.sst", sealed_file(Kind::kBlocks, "x"));
  std::string stream;
  EXPECT_EQ(send_to(stream, there_node_, {}, {root_ + "/000012.sst"}).code(), Code::kForeign);
  std::filesystem::create_directory(root_ + "/nothing");
  EXPECT_EQ(send_to(stream, there_node_, {}, {root_ + "/nothing"}).code(), Code::kNotFound);
  EXPECT_TRUE(stream.empty());
}

TEST_F(Streams, WhatACompromisedKeyProtectedIsNotSent) {
  ASSERT_OK(change_key(*coffer_, "system:1", KeyState::kCompromised));
  EXPECT_EQ(code_of_sending("nothing"), Code::kKeyUnavailable);
}

TEST_F(Streams, AFileThatChangesMeanwhileSpoilsTheStream) {
  write(db("large"), sealed_file(Kind::kBlocks, std::string(3 << 20, 'L')));
  std::string stream;
  bool changed = false;
  SinkOf sink([&](ByteView bytes) {
    stream += as_text(bytes);
    if (!changed && stream.size() > 2 << 20) write(db("LOCK"), "x"), changed = true;
  });
  const auto done = send_files(*coffer_, {root_ + "/db"}, here_node_, there_node_.agreement(), {}, sink);
  EXPECT_EQ(done.code(), Code::kConflict);
  EXPECT_EQ(receive(stream).code(), Code::kTruncated);
  EXPECT_FALSE(exists("new"));
}

TEST_F(Streams, SeveralPathsGoUnderTheirOwnNames) {
  std::string stream;
  ASSERT_OK(send_to(stream, there_node_, {}, {db("000012.sst"), db("below") + "/"}));
  ASSERT_OK(receive(stream));
  EXPECT_EQ(plaintext(*there_, root_ + "/new/000012.sst"), std::string(70'000, 'b'));
  EXPECT_EQ(plaintext(*there_, root_ + "/new/below/pages"), std::string(20'000, 'p'));
}

TEST_F(Streams, OnlyWhatNobodyElseMayWriteToIsGoneOnWith) {
  const std::string stream = sent();
  std::filesystem::create_directory(root_ + "/trap");
  std::filesystem::create_directory_symlink(root_ + "/trap", root_ + "/new.coffer-receiving");
  EXPECT_EQ(receive(stream).code(), Code::kPermissionDenied);
  std::filesystem::remove(root_ + "/new.coffer-receiving");
  std::filesystem::create_directory(root_ + "/new.coffer-receiving");
  chmod((root_ + "/new.coffer-receiving").c_str(), 0777);
  EXPECT_EQ(receive(stream).code(), Code::kPermissionDenied);
  chmod((root_ + "/new.coffer-receiving").c_str(), 0700);
  // What stands there and is not in the stream does not stay; a link leads nowhere.
  std::filesystem::create_directory(root_ + "/new.coffer-receiving/000012.sst");
  write(root_ + "/new.coffer-receiving/000012.sst/stray", "x");
  std::filesystem::create_directory_symlink(root_ + "/trap", root_ + "/new.coffer-receiving/below");
  ASSERT_OK(receive(stream));
  EXPECT_TRUE(std::filesystem::is_empty(root_ + "/trap"));
  expect_same(*there_, "new");
}

TEST_F(Streams, ADatabaseBringsTheBodyOfOneFileItself) {
  const auto envelope = envelope_for(*coffer_, db("000012.sst"), here_node_, there_node_.agreement());
  ASSERT_OK(envelope);
  std::filesystem::create_directory(root_ + "/own");
  const NewPlace place{.directory = root_ + "/own", .confirms = true, .path = root_ + "/own/7.sst"};
  const auto taken = take_over_envelope(*there_, *envelope, there_node_, only(here_node_), place);
  ASSERT_OK(taken);
  const std::string body = read(db("000012.sst")).substr(kEnvelopeSize);
  EXPECT_EQ(taken->body_size, body.size());
  write(root_ + "/own/7.sst", std::string(as_text(taken->file.envelope)) + body);
  EXPECT_EQ(plaintext(*there_, root_ + "/own/7.sst"), std::string(70'000, 'b'));
  EXPECT_EQ(take_over_envelope(*there_, *envelope, there_node_, only(other_node_), place).code(),
            Code::kPermissionDenied);
  EXPECT_EQ(take_over_envelope(*there_, *envelope, other_node_, only(here_node_), place).code(), Code::kForeign);
  EXPECT_EQ(receive(std::string(as_text(*envelope))).code(), Code::kUnsupported);
  EXPECT_EQ(take_over_envelope(*there_, as_bytes(sent()), there_node_, only(here_node_), place).code(),
            Code::kUnsupported);
  EXPECT_EQ(envelope_for(*coffer_, db("LOCK"), here_node_, there_node_.agreement()).code(), Code::kTruncated);
}

// As a program has it: nodes by their files, peers by the configuration.
TEST_F(Streams, ADatabaseThatLinksTheLibraryStreamsToAPeer) {
  const auto node_of = [&](Coffer& coffer, const std::string& name) {
    const auto identity = NodeIdentity::create(name, coffer.keyring()->coffer_id());
    EXPECT_TRUE(keep_node_identity(coffer, *identity, {}, open_provider).is_ok());
    return "peers:\n  " + name + ": " + format_node_public(identity->node()) + "\n";
  };
  EXPECT_EQ(open_streaming_node(*coffer_).code(), Code::kNotFound);
  const std::string here = node_of(*coffer_, "here"), there = node_of(*there_, "there");
  const auto sender = open_streaming_node(*coffer_), receiver = open_streaming_node(*there_);
  ASSERT_OK(sender);
  ASSERT_OK(receiver);
  EXPECT_EQ(stream_envelope(*coffer_, **sender, db("000012.sst"), "there").code(), Code::kNotFound);
  ASSERT_OK(coffer_->edit_config([&](std::string_view yaml) { return std::string(yaml) + there; }));
  coffer_ = open_coffer();
  const auto envelope = stream_envelope(*coffer_, **sender, db("000012.sst"), "there");
  ASSERT_OK(envelope);
  std::filesystem::create_directory(root_ + "/own");
  EXPECT_EQ(take_stream_envelope(*there_, **receiver, *envelope, root_ + "/own/7.sst").code(),
            Code::kPermissionDenied);
  ASSERT_OK(there_->edit_config([&](std::string_view yaml) { return std::string(yaml) + here; }));
  there_ = *Coffer::open(disk(), root_ + "/there", {}, open_provider);
  const auto taken = take_stream_envelope(*there_, **receiver, *envelope, root_ + "/own/7.sst", "tenants");
  ASSERT_OK(taken);
  EXPECT_EQ(taken->from, "here");
  const std::string body = read(db("000012.sst")).substr(kEnvelopeSize);
  EXPECT_EQ(taken->body_size, body.size());
  write(root_ + "/own/7.sst", taken->header + body);
  EXPECT_EQ(plaintext(*there_, root_ + "/own/7.sst"), std::string(70'000, 'b'));
}

}  // namespace
}  // namespace coffer
