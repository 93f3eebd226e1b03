// Two coffers, each with a node, and streams between them in memory.
#pragma once

#include "coffer/crypto/random.h"
#include "coffer/files/file_reader.h"
#include "coffer/ops/receive.h"
#include "store/coffer_fixture.h"
#include "support/stream_node.h"

namespace coffer {

inline StreamNode fresh_node() {
  return StreamNode(std::move(new_x25519_private()).value(), std::move(random_secret(32)).value());
}

// Tells each piece that goes out.
class SinkOf final : public StreamSink {
 public:
  explicit SinkOf(std::function<void(ByteView)> take) : take_(std::move(take)) {}
  explicit SinkOf(std::string& out) : take_([&out](ByteView bytes) { out += as_text(bytes); }) {}
  Status write(ByteView bytes) override { return take_(bytes), Status::ok(); }

 private:
  std::function<void(ByteView)> take_;
};

// What an engine of this coffer reads; what went wrong, else.
inline std::string plaintext(Coffer& coffer, const std::string& path) {
  auto reader = FileReader::open(coffer, path, {});
  if (!reader.is_ok()) return status_text(reader);
  std::string out;
  for (;;) {
    const auto piece = (*reader)->next();
    if (!piece.is_ok()) return status_text(piece);
    if (piece->empty()) return out;
    out += as_text(*piece);
  }
}

class StreamFixture : public CofferFixture {
 protected:
  void SetUp() override {
    CofferFixture::SetUp();
    there_ = make_coffer("there", disk());
    ASSERT_NE(there_, nullptr);
  }
  void TearDown() override {
    there_.reset();
    CofferFixture::TearDown();
  }

  // Under another root key, with a domain that the other coffer has not.
  std::shared_ptr<Coffer> make_coffer(const std::string& name, Disk& on) {
    const std::string place = root_ + "/" + name;
    EXPECT_TRUE(Coffer::create(on, place, {.root_uri = key_uri("other.key"), .config = {}}, open_provider).is_ok());
    auto coffer = Coffer::open(on, place, {}, open_provider);
    EXPECT_TRUE(coffer.is_ok()) << status_text(coffer);
    EXPECT_TRUE((*coffer)->live_keyring().update([](Keyring& keys) { return keys.add_domain("tenants", 1); }).is_ok());
    return *coffer;
  }

  // Files of every kind that goes, and an empty one.
  void fill_store() {
    std::filesystem::create_directory(db("below"));
    write(db("000012.sst"), sealed_file(Kind::kBlocks, std::string(70'000, 'b')));
    write(db("000013.log"), sealed_file(Kind::kLog, std::string(5'000, 'l')));
    write(db("000014.blob"), sealed_file(Kind::kCtr, std::string(3'000, 'c')));
    write(db("below/pages"), sealed_file(Kind::kPages, std::string(20'000, 'p')));
    write(db("below/base.db"), sealed_file(Kind::kSqlite, database_text(3)));
    write(db("LOCK"), "");
  }

  Result<StreamCounts> send_to(std::string& stream, const StreamNode& to, const SendOptions& options = {},
                               std::vector<std::string> paths = {}) {
    stream.clear();
    if (paths.empty()) paths = {root_ + "/db"};
    SinkOf sink(stream);
    return send_files(*coffer_, paths, here_node_, to.agreement(), options, sink);
  }
  std::string sent() {
    std::string stream;
    const auto done = send_to(stream, there_node_);
    EXPECT_TRUE(done.is_ok()) << status_text(done);
    return stream;
  }

  TrustSender only(const StreamNode& node) const {
    return [&node](const FileStreamHead& head) -> Status {
      if (head.sender == node.agreement() && head.signer == node.signing()) return Status::ok();
      return {Code::kPermissionDenied, "a stranger"};
    };
  }
  Result<StreamCounts> receive(Coffer& coffer, ByteView stream, const std::string& to, const std::string& domain = {}) {
    return receive_files(coffer, root_ + "/" + to, there_node_, {.trusts = only(here_node_), .domain = domain},
                         [&](MutableBytes out) -> Result<size_t> {
                           const size_t count = std::min(out.size(), stream.size());
                           std::ranges::copy(stream.first(count), out.begin());
                           stream = stream.subspan(count);
                           return count;
                         });
  }
  Result<StreamCounts> receive(const std::string& stream, const std::string& to = "new") {
    return receive(*there_, as_bytes(stream), to);
  }

  void expect_same(Coffer& coffer, const std::string& to) {
    for (const std::string& name : kNames) {
      const std::string expected = plaintext(*coffer_, db(name));
      EXPECT_FALSE(expected.empty()) << name;
      EXPECT_TRUE(plaintext(coffer, root_ + "/" + to + "/" + name) == expected)
          << name << ": " << plaintext(coffer, root_ + "/" + to + "/" + name).substr(0, 200);
      EXPECT_TRUE(read(db(name)).substr(kEnvelopeSize) == read(root_ + "/" + to + "/" + name).substr(kEnvelopeSize));
    }
    EXPECT_TRUE(std::filesystem::is_empty(root_ + "/" + to + "/LOCK"));
  }
  bool exists(const std::string& name) const { return std::filesystem::exists(root_ + "/" + name); }

  inline static const std::vector<std::string> kNames = {"000012.sst", "000013.log", "000014.blob", "below/base.db",
                                                         "below/pages"};
  const StreamNode here_node_ = fresh_node(), there_node_ = fresh_node(), other_node_ = fresh_node();
  std::shared_ptr<Coffer> there_;
};

}  // namespace coffer
