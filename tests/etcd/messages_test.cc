// What is said to etcd, and that nothing it answers does harm.
#include "coffer/net/etcd/messages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace coffer {
namespace {

using testing::HasSubstr;

TEST(EtcdMessages, ATransactionIsWrittenAsEtcdWantsIt) {
  etcd::Transaction transaction;
  transaction.expect("/a", 7).put("/a", as_bytes("b")).read_otherwise({"/a", {}, true, 5});
  EXPECT_EQ(transaction.text(),
            "{\"compare\":[{\"target\":\"MOD\",\"result\":\"EQUAL\",\"key\":\"L2E=\",\"mod_revision\":\"7\"}],"
            "\"success\":[{\"request_put\":{\"key\":\"L2E=\",\"value\":\"Yg==\"}}],"
            "\"failure\":[{\"request_range\":{\"key\":\"L2E=\",\"keys_only\":true,\"limit\":\"5\"}}]}");
  EXPECT_EQ(transaction.operations(), 3u);
  EXPECT_EQ(etcd::end_of_prefix("/a/"), "/a0");
}

TEST(EtcdMessages, AnAnswerIsRead) {
  const auto read = etcd::read_answer(
      as_bytes("{\"header\":{\"revision\":\"9\"},\"succeeded\":true,\"responses\":[{\"response_put\":{}},"
               "{\"response_range\":{\"kvs\":[{\"key\":\"L2E=\",\"mod_revision\":\"7\",\"value\":\"Yg==\"}]}}]}"));
  ASSERT_TRUE(read.is_ok()) << read.status().to_string();
  EXPECT_TRUE(read->succeeded);
  EXPECT_EQ(read->revision, 9u);
  ASSERT_EQ(read->read.size(), 1u);
  EXPECT_EQ(read->read[0][0].key, "/a");
  EXPECT_EQ(as_text(read->read[0][0].value), "b");
  EXPECT_EQ(read->read[0][0].mod_revision, 7u);
}

TEST(EtcdMessages, WhatIsNoAnswerIsRefused) {
  for (const char* text :
       {"", "{", "[]", "null", "{}", "{\"header\":{}}", "{\"header\":{\"revision\":\"-1\"}}",
        "{\"header\":{\"revision\":\"x\"}}", "{\"header\":{\"revision\":\"99999999999999999999\"}}",
        "{\"header\":{\"revision\":\"1\"},\"responses\":[{\"response_range\":{\"kvs\":[{\"key\":\"!\"}]}}]}",
        "{\"header\":{\"revision\":\"1\"},\"responses\":[{\"response_range\":{\"kvs\":[{\"value\":\"YQ==\"}]}}]}",
        "{\"header\":{\"revision\":\"1\"},\"responses\":[{\"response_range\":{\"kvs\":[{\"key\":\"YQ==\","
        "\"value\":7}]}}]}"}) {
    EXPECT_EQ(etcd::read_answer(as_bytes(text)).code(), Code::kTampered) << text;
  }
}

TEST(EtcdMessages, ACutAnswerIsNone) {
  const std::string whole =
      "{\"header\":{\"revision\":\"9\"},\"succeeded\":true,\"responses\":[{\"response_range\":{\"kvs\":[{\"key\":"
      "\"L2E=\",\"mod_revision\":\"7\",\"value\":\"Yg==\"}]}}]}";
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(etcd::read_answer(as_bytes(whole.substr(0, size))).code(), Code::kTampered) << size;
  }
}

TEST(EtcdMessages, ARefusalIsEtcdsOrSomebodyElses) {
  const auto refused = etcd::read_refusal(403, as_bytes("{\"error\":\"no\",\"message\":\"no\\nway\",\"code\":7}"));
  EXPECT_EQ(refused.code, 7);
  EXPECT_EQ(refused.message, "no way");
  for (const char* text : {"<html>", "{}", "{\"code\":7}", "{\"code\":\"7\",\"message\":\"x\"}",
                           "{\"code\":99,\"message\":\"x\"}", "{\"code\":-1,\"message\":\"x\"}"}) {
    EXPECT_EQ(etcd::read_refusal(302, as_bytes(text)).code, 0) << text;
  }
}

TEST(EtcdMessages, AWatchIsRead) {
  const char* begun = "{\"result\":{\"header\":{\"revision\":\"3\"},\"created\":true}}";
  EXPECT_TRUE(etcd::read_watch_event(as_bytes(begun))->begun);
  const auto event =
      etcd::read_watch_event(as_bytes("{\"result\":{\"header\":{\"revision\":\"4\"},\"events\":[{\"kv\":{}}]}}"));
  EXPECT_TRUE(event->changed);
  EXPECT_EQ(event->revision, 4u);
  const auto cancelled = etcd::read_watch_event(
      as_bytes("{\"result\":{\"header\":{},\"created\":true,\"canceled\":true,\"cancel_reason\":\"because\"}}"));
  EXPECT_EQ(cancelled->ended, "because");
  EXPECT_EQ(etcd::read_watch_event(as_bytes("{\"error\":{\"message\":\"no leader\"}}"))->ended, "no leader");
  for (const char* text : {"", "{}", "[", "{\"result\":7}", "{\"error\":7}"}) {
    EXPECT_EQ(etcd::read_watch_event(as_bytes(text)).code(), Code::kTampered) << text;
  }
}

}  // namespace
}  // namespace coffer
