/* Runs SQLite's speedtest1 after the extension that $COFFER_SQLITE names was loaded, and prints the CPU seconds that it
 * took to standard error. bench/sqlite/run compiles it with speedtest1.c, whose main() is renamed. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

int speedtest1_main(int count, char** words);

static double seconds(struct timeval time) { return (double)time.tv_sec + (double)time.tv_usec / 1e6; }

static void print_seconds(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  fprintf(stderr, "%.3f\n", seconds(usage.ru_utime) + seconds(usage.ru_stime));
}

int main(int count, char** words) {
  const char* extension = getenv("COFFER_SQLITE");
  sqlite3_config(SQLITE_CONFIG_URI, 1);
  if (extension != NULL) {
    sqlite3* connection = NULL;
    char* error = NULL;
    sqlite3_open(":memory:", &connection);
    sqlite3_db_config(connection, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 1, NULL);
    if (sqlite3_load_extension(connection, extension, NULL, &error) != SQLITE_OK) {
      fprintf(stderr, "%s: %s\n", extension, error);
      return 2;
    }
  }
  atexit(print_seconds);
  return speedtest1_main(count, words);
}
