// A program that keeps notes: each is sealed by itself, and stands in a log that Coffer encrypts.
//
//   notes COFFER LOG add TEXT     seals TEXT and appends it
//   notes COFFER LOG list         opens them again
//
// Build it against an installation: cc -std=c99 notes.c $(pkg-config --cflags --libs coffer_c)
#define _POSIX_C_SOURCE 200809L
#include <coffer/coffer_c.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "descriptor_io.h"

enum { kNoteSizeMax = 1000 };

// Each function says what went wrong by the error that it is given. ---

// The sealed note behind its size. Its place in the log is its context: none can be moved to another one.
static coffer_code_t add_note(coffer_t* coffer, coffer_file_t* log, const char* text, coffer_error_t** error) {
  unsigned char record[4 + kNoteSizeMax + COFFER_BLOB_OVERHEAD];
  const size_t blob_size = strlen(text) + COFFER_BLOB_OVERHEAD;
  char place[40];
  uint64_t offset = 0;
  coffer_code_t code = coffer_file_size(log, &offset, error);
  if (code != COFFER_OK) return code;
  const int place_size = snprintf(place, sizeof place, "note at %llu", (unsigned long long)offset);
  code = coffer_seal(coffer, "system", place, (size_t)place_size, text, strlen(text), record + 4, sizeof record - 4,
                     error);
  if (code != COFFER_OK) return code;
  for (int i = 0; i < 4; ++i) record[i] = (unsigned char)(blob_size >> (8 * i));
  code = coffer_file_append(log, record, 4 + blob_size, error);
  return code != COFFER_OK ? code : coffer_file_sync(log, error);
}

// Says the note at `*offset` and moves it behind that; at the end of the log it stays where it is.
static coffer_code_t say_note(coffer_t* coffer, coffer_file_t* log, uint64_t* offset, coffer_error_t** error) {
  unsigned char record[4 + kNoteSizeMax + COFFER_BLOB_OVERHEAD];
  char text[kNoteSizeMax], place[40];
  uint64_t text_size = 0;
  size_t done = 0;
  coffer_code_t code = coffer_file_read_at(log, *offset, record, sizeof record, &done, error);
  if (code != COFFER_OK || done < 4) return code;
  size_t blob_size = 0;
  for (int i = 0; i < 4; ++i) blob_size |= (size_t)record[i] << (8 * i);
  if (blob_size > done - 4) return COFFER_TRUNCATED;
  const int place_size = snprintf(place, sizeof place, "note at %llu", (unsigned long long)*offset);
  code = coffer_blob_inspect(record + 4, blob_size, &text_size, NULL, NULL, error);
  if (code != COFFER_OK) return code;
  code = coffer_unseal(coffer, place, (size_t)place_size, record + 4, blob_size, text, sizeof text, error);
  if (code != COFFER_OK) return code;
  printf("%.*s\n", (int)text_size, text);
  *offset += 4 + blob_size;
  return COFFER_OK;
}

static coffer_code_t list_notes(coffer_t* coffer, coffer_file_t* log, coffer_error_t** error) {
  uint64_t offset = 0, before = 1;
  coffer_code_t code = COFFER_OK;
  while (code == COFFER_OK && offset != before) {
    before = offset;
    code = say_note(coffer, log, &offset, error);
  }
  return code;
}

static coffer_code_t run(coffer_t* coffer, char** argv, int* descriptor, coffer_error_t** error) {
  const coffer_io_t io = io_of(descriptor);
  const char* text = strcmp(argv[3], "add") == 0 ? argv[4] : NULL;
  coffer_file_t* log = NULL;
  coffer_code_t code = text != NULL ? coffer_file_reopen(coffer, argv[2], COFFER_ROLE_LOG, &io, &log, error)
                                    : coffer_file_open(coffer, argv[2], COFFER_ROLE_LOG, &io, &log, error);
  if (code != COFFER_OK) return code;
  code = text != NULL ? add_note(coffer, log, text, error) : list_notes(coffer, log, error);
  if (code == COFFER_OK) return coffer_file_close(log, error);
  coffer_file_abandon(log);
  return code;
}

static int is_well_formed(int argc, char** argv) {
  if (argc == 4 && strcmp(argv[3], "list") == 0) return 1;
  return argc == 5 && strcmp(argv[3], "add") == 0 && strlen(argv[4]) <= kNoteSizeMax;
}

int main(int argc, char** argv) {
  coffer_t* coffer = NULL;
  coffer_error_t* error = NULL;
  if (!is_well_formed(argc, argv)) {
    fprintf(stderr, "notes: expected COFFER LOG list, or COFFER LOG add TEXT of at most %d bytes\n", kNoteSizeMax);
    return 2;
  }
  int descriptor = open(argv[2], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) {
    perror(argv[2]);
    return 1;
  }
  coffer_code_t code = coffer_open(argv[1], NULL, &coffer, &error);
  if (code == COFFER_OK) code = run(coffer, argv, &descriptor, &error);
  if (code != COFFER_OK) fprintf(stderr, "notes: %s: %s\n", coffer_code_name(code), coffer_error_message(error));
  coffer_error_free(error);
  coffer_close(coffer);
  close(descriptor);
  return code == COFFER_OK ? 0 : 1;
}
