// Names of a directory: D1 to D6 of docs/format.md, section 22.
#include "coffer/format/directory_names.h"

#include <gtest/gtest.h>

#include <set>

#include "format/sample.h"

namespace coffer {
namespace {

class DirectoryNames : public testing::Test {
 protected:
  struct Made {
    FileKey file_key;
    Id id;
    Bytes body;
    DirectoryKey open() const { return DirectoryKey::create(file_key, id, body).value(); }
  };
  static Made make(const LinksKey& links) {
    Made out{random_key<FileRole>(32).value(), random_id().value(), {}};
    out.body = DirectoryKey::seal_body(out.file_key, out.id, links).value();
    return out;
  }
  static LinksKey new_links() { return random_key<LinksRole>(AesSiv::kKeySize).value(); }

  const LinksKey links_ = new_links();
  const Made made_ = make(links_);
  const DirectoryKey key_ = made_.open();
};

std::string name_of_size(size_t size) { return std::string(size, 'a'); }

TEST_F(DirectoryNames, EachNameHasOneStoredFormThatOpensToIt) {
  std::set<std::string> stored;
  for (size_t size = 1; size <= kNameSizeMax; ++size) {
    const StoredName name = key_.seal_name(name_of_size(size)).value();
    EXPECT_TRUE(stored.insert(name.name).second) << size;
    EXPECT_EQ(name.name, key_.seal_name(name_of_size(size))->name);
    EXPECT_EQ(key_.open_name(name.name, name.rest).value(), name_of_size(size));
    EXPECT_EQ(name.rest.empty(), size <= kShortNameSizeMax);
    EXPECT_EQ(stored_form(name.name), name.rest.empty() ? StoredForm::kName : StoredForm::kLongName);
    EXPECT_EQ(stored_form(long_name_link(name.name)),
              name.rest.empty() ? StoredForm::kForeign : StoredForm::kLongNameLink);
    // A successor of it has a name, too.
    EXPECT_LE(kUnfinishedPrefix.size() + name.name.size(), kNameSizeMax);
  }
}

TEST_F(DirectoryNames, EveryByteThatANameMayHaveIsKept) {
  for (int byte = 1; byte < 256; ++byte) {
    if (byte == '/') continue;
    const std::string name = std::string("x") + static_cast<char>(byte);
    const StoredName stored = key_.seal_name(name).value();
    EXPECT_EQ(key_.open_name(stored.name, stored.rest).value(), name);
  }
}

TEST_F(DirectoryNames, LengthsAreToldInStepsOnly) {
  EXPECT_EQ(key_.seal_name("a")->name.size(), key_.seal_name(name_of_size(16))->name.size());
  EXPECT_LT(key_.seal_name(name_of_size(16))->name.size(), key_.seal_name(name_of_size(17))->name.size());
}

TEST_F(DirectoryNames, NamesOfAnotherDirectoryAndAlteredOnesDoNotOpen) {
  const DirectoryKey other = make(links_).open();
  for (const size_t size : {size_t{1}, kShortNameSizeMax, kShortNameSizeMax + 1, kNameSizeMax}) {
    const StoredName name = key_.seal_name(name_of_size(size)).value();
    EXPECT_NE(other.seal_name(name_of_size(size))->name, name.name);
    EXPECT_EQ(other.open_name(name.name, name.rest).code(), Code::kTampered);
    for (size_t at = 0; at < name.name.size(); ++at) {
      StoredName altered = name;
      altered.name[at] = altered.name[at] == 'b' ? 'c' : 'b';
      EXPECT_EQ(key_.open_name(altered.name, name.rest).code(), Code::kTampered);
    }
    for (size_t cut = 0; cut < name.name.size(); ++cut) {
      EXPECT_EQ(key_.open_name(name.name.substr(0, cut), name.rest).code(), Code::kTampered) << cut;
    }
    for (size_t cut = 0; cut < name.rest.size(); ++cut) {
      EXPECT_EQ(key_.open_name(name.name, name.rest.substr(0, cut)).code(), Code::kTampered) << cut;
    }
  }
}

// D1: else a file would be listed by a name by which it is not found.
TEST_F(DirectoryNames, AShortNameInTheFormOfALongOneIsNone) {
  const std::string whole = key_.seal_name("short")->name;
  ASSERT_EQ(whole.size(), 52u);
  // 26 digits are 130 bits: two more than the tag. No text of base32 is both its parts.
  EXPECT_EQ(key_.open_name(whole.substr(0, 26), whole.substr(26)).code(), Code::kTampered);
  const StoredName name = key_.seal_name(name_of_size(kNameSizeMax)).value();
  EXPECT_EQ(key_.open_name(name.name + name.rest, "").code(), Code::kTampered);
}

TEST_F(DirectoryNames, WhatIsNoNameOfCoffersIsForeign) {
  for (const std::string_view text : {"", "a", "notes.txt", "lost+found", ".coffer-nam", "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
                                      "abcdefghijklmnopqrstuvwxy7", ".name", "aaaaaaaaaaaaaaaaaaaaaaaaaa.nam"}) {
    EXPECT_EQ(stored_form(text), StoredForm::kForeign) << text;
  }
  EXPECT_EQ(stored_form(".coffer-names"), StoredForm::kDirectoryFile);
  EXPECT_EQ(stored_form(".coffer-new.x"), StoredForm::kUnfinished);
}

TEST_F(DirectoryNames, ABodyThatWasAlteredOrIsOfAnotherFileDoesNotOpen) {
  for (size_t bit = 0; bit < made_.body.size() * 8; ++bit) {
    Bytes altered = made_.body;
    altered[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_EQ(DirectoryKey::create(made_.file_key, made_.id, altered).code(), Code::kTampered);
  }
  for (size_t size = 0; size < made_.body.size(); ++size) {
    EXPECT_EQ(DirectoryKey::create(made_.file_key, made_.id, slice(made_.body, 0, size)).code(), Code::kTampered);
  }
  const Made other = make(links_);
  EXPECT_EQ(DirectoryKey::create(other.file_key, other.id, made_.body).code(), Code::kTampered);
  EXPECT_EQ(DirectoryKey::create(made_.file_key, other.id, made_.body).code(), Code::kTampered);
}

TEST_F(DirectoryNames, TargetsOpenWhereLinksAreShared) {
  const DirectoryKey near = make(links_).open();
  const DirectoryKey far = make(new_links()).open();
  EXPECT_TRUE(near.has_links(key_.links().value()).value());
  EXPECT_FALSE(far.has_links(key_.links().value()).value());
  for (const size_t size : {size_t{1}, size_t{16}, size_t{17}, kTargetSizeMax}) {
    const std::string target = key_.seal_target(name_of_size(size)).value();
    EXPECT_LT(target.size(), 4096u);
    EXPECT_NE(key_.seal_target(name_of_size(size)).value(), target) << "equal targets look alike";
    EXPECT_EQ(near.open_target(target).value(), name_of_size(size));
    EXPECT_EQ(far.open_target(target).code(), Code::kTampered);
    for (size_t at = 0; at < target.size(); at += 1 + target.size() / 50) {
      std::string altered = target;
      altered[at] = altered[at] == 'b' ? 'c' : 'b';
      EXPECT_EQ(near.open_target(altered).code(), Code::kTampered);
    }
  }
  EXPECT_EQ(key_.seal_target(name_of_size(kTargetSizeMax + 1)).code(), Code::kLimitExceeded);
  // A name is no target, and a target no name.
  EXPECT_EQ(key_.open_target(key_.seal_name("name")->name).code(), Code::kTampered);
}

TEST_F(DirectoryNames, AKeyCanBeDroppedAndTakenAgain) {
  DirectoryKey key = made_.open();
  const std::string stored = key.seal_name("n")->name;
  key.drop_key();
  key.take_key(made_.open());
  EXPECT_EQ(key.seal_name("n")->name, stored);
  EXPECT_EQ(key.open_target(key_.seal_target("t").value()).value(), "t");
}

}  // namespace
}  // namespace coffer
