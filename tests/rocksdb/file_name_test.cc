// What RocksDB's file names say to the adapter.
#include "coffer/engines/rocksdb/file_name.h"

#include <gtest/gtest.h>

namespace coffer::rocks {
namespace {

TEST(FileName, TablesAndBlobsAreDataFilesUnderAllTheirNames) {
  for (const char* name : {"000012.sst", "/db/000012.sst", "000012.ldb", "000012.blob", "000012.sst.tmp",
                           "000012.sst.trash", "000012_s123_456.sst"}) {
    EXPECT_TRUE(is_data_file(name)) << name;
  }
  for (const char* name : {"000012.log", "MANIFEST-000001", "CURRENT", "LOG", "sst", "000012.sst/CURRENT", "x.sstx"}) {
    EXPECT_FALSE(is_data_file(name)) << name;
  }
}

TEST(FileName, OnlyNumberedLogsAreWriteAheadLogs) {
  EXPECT_TRUE(is_write_ahead_log("/db/000012.log"));
  EXPECT_TRUE(is_write_ahead_log("/db/archive/000012.log"));
  for (const char* name : {"LOG", "x.log", ".log", "000012.log.trash", "000012.sst", "000012.log/CURRENT"}) {
    EXPECT_FALSE(is_write_ahead_log(name)) << name;
  }
}

TEST(FileName, WhatIsPublishedWholeMustEndCleanlyAndSoMustWhatItIsRenamedFrom) {
  for (const char* name : {"/db/CURRENT", "IDENTITY", "/db/OPTIONS-000007"}) {
    EXPECT_TRUE(is_published_whole(name)) << name;
    EXPECT_TRUE(must_end_cleanly(name)) << name;
    EXPECT_TRUE(is_metadata(name)) << name;
  }
  for (const char* name : {"/db/000001.dbtmp", "OPTIONS-000007.dbtmp"}) {
    EXPECT_FALSE(is_published_whole(name)) << name << ": a crash may have torn it";
    EXPECT_TRUE(must_end_cleanly(name)) << name;
  }
  for (const char* name : {"MANIFEST-000004", "000012.log", "LOG", "CURRENT.bak", "/CURRENT/LOG"}) {
    EXPECT_FALSE(must_end_cleanly(name)) << name;
  }
  EXPECT_TRUE(is_metadata("/db/MANIFEST-000004"));
  EXPECT_FALSE(is_metadata("/db/000012.log"));
}

TEST(FileName, StoresOfBackupsAndArchivesAreTheOnesAround) {
  EXPECT_EQ(store_directory("/db/000012.sst"), "/db");
  EXPECT_EQ(store_directory("/db/archive/000012.log"), "/db");
  EXPECT_EQ(store_directory("/backup/shared_checksum/000012_s1_2.sst"), "/backup");
  EXPECT_EQ(store_directory("/backup/private/3/CURRENT"), "/backup");
  EXPECT_EQ(store_directory("/backup/private/3.tmp/CURRENT"), "/backup");
  EXPECT_EQ(store_directory("/checkpoint.tmp/CURRENT"), "/checkpoint");
  EXPECT_EQ(store_directory("/CURRENT"), "/");
}

TEST(FileName, PathsAreMadeAbsoluteWithoutFollowingLinks) {
  EXPECT_EQ(absolute_path("/db//x/../000012.sst"), "/db/000012.sst");
  EXPECT_EQ(absolute_path("/db/"), "/db");
  EXPECT_EQ(absolute_path("/"), "/");
  EXPECT_TRUE(absolute_path("db").ends_with("/db"));
  EXPECT_TRUE(absolute_path("db").starts_with("/"));
}

}  // namespace
}  // namespace coffer::rocks
