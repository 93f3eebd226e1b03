// What RocksDB's file names say to the adapter.
#include "coffer/engines/rocksdb/file_name.h"

#include <gtest/gtest.h>

namespace coffer::rocks {
namespace {

TEST(FileName, TablesAndBlobsAreDataFilesUnderAllTheirNames) {
  for (const char* name :
       {"000012.sst", "/db/000012.sst", "000012.ldb", "000012.blob", "000012.sst.tmp", "000012_s123_456.sst"}) {
    EXPECT_EQ(role_of(name), EngineRole::kData) << name;
  }
  for (const char* name : {"000012.log", "MANIFEST-000001", "CURRENT", "LOG", "sst", "000012.sst/CURRENT", "x.sstx"}) {
    EXPECT_NE(role_of(name), EngineRole::kData) << name;
  }
}

TEST(FileName, OnlyNumberedLogsAreWriteAheadLogs) {
  EXPECT_EQ(role_of("/db/000012.log"), EngineRole::kLog);
  EXPECT_EQ(role_of("/db/archive/000012.log"), EngineRole::kLog);
  for (const char* name : {"LOG", "x.log", ".log", "000012.log.trash", "000012.sst", "000012.log/CURRENT"}) {
    EXPECT_NE(role_of(name), EngineRole::kLog) << name;
  }
}

TEST(FileName, WhatIsPublishedWholeIsToldFromWhatItIsRenamedFrom) {
  for (const char* name : {"/db/CURRENT", "IDENTITY", "/db/OPTIONS-000007"}) {
    EXPECT_EQ(role_of(name), EngineRole::kWhole) << name;
  }
  for (const char* name : {"/db/000001.dbtmp", "OPTIONS-000007.dbtmp"}) {
    EXPECT_EQ(role_of(name), EngineRole::kTemporary) << name << ": a crash may have torn it";
  }
  EXPECT_EQ(role_of("/db/MANIFEST-000004"), EngineRole::kMetadata);
  for (const char* name : {"LOG", "LOG.old.1700000000000000", "CURRENT.bak", "/CURRENT/LOG", "LOCK"}) {
    EXPECT_EQ(role_of(name), EngineRole::kOther) << name;
  }
}

TEST(FileName, WhatIsOnItsWayOutIsTrashWhateverItWas) {
  for (const char* name : {"000012.sst.trash", "/db/000012.log.trash", "000012.blob.trash"}) {
    EXPECT_EQ(role_of(name), EngineRole::kTrash) << name;
  }
}

TEST(FileName, StoresOfBackupsAndArchivesAreTheOnesAround) {
  EXPECT_EQ(store_directory("/db/000012.sst"), "/db");
  EXPECT_EQ(store_directory("/db/archive/000012.log"), "/db");
  EXPECT_EQ(store_directory("/backup/shared_checksum/000012_s1_2.sst"), "/backup");
  EXPECT_EQ(store_directory("/backup/private/3/CURRENT"), "/backup");
  EXPECT_EQ(store_directory("/backup/private/3.tmp/CURRENT"), "/backup");
  EXPECT_EQ(store_directory("/checkpoint.tmp/CURRENT"), "/checkpoint.tmp");
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
