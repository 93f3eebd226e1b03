// A program that keeps a box of cards, each at its place in a file that Coffer encrypts and that is changed in place.
//
//   cards COFFER BOX NUMBER TEXT    writes a card, or writes it anew
//   cards COFFER BOX NUMBER         says what is on it
//
// Build it against an installation: cc -std=c99 cards.c $(pkg-config --cflags --libs coffer_c)
#define _POSIX_C_SOURCE 200809L
#include <coffer/coffer_c.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "descriptor_io.h"

enum { kCardSize = 200, kNumberMax = 1000000 };

// Each function says what went wrong by the error that it is given.

// Cards that were never written take no room: the file has a hole there.
static coffer_code_t write_card(coffer_file_t* box, uint64_t number, const char* text, coffer_error_t** error) {
  char card[kCardSize] = {0};
  memcpy(card, text, strlen(text));
  const coffer_code_t code = coffer_file_write_at(box, number * kCardSize, card, sizeof card, error);
  return code != COFFER_OK ? code : coffer_file_sync(box, error);
}

static coffer_code_t say_card(coffer_file_t* box, uint64_t number, coffer_error_t** error) {
  char card[kCardSize] = {0};
  size_t done = 0;
  const coffer_code_t code = coffer_file_read_at(box, number * kCardSize, card, sizeof card, &done, error);
  if (code == COFFER_OK) printf("%.*s\n", (int)done, card);
  return code;
}

// One process at a time has the box open: this one has it locked.
static coffer_code_t run(coffer_t* coffer, char** argv, int* descriptor, coffer_error_t** error) {
  const coffer_io_t io = io_of(descriptor);
  const uint64_t number = strtoul(argv[3], NULL, 10);
  coffer_file_t* box = NULL;
  coffer_code_t code = coffer_file_reopen(coffer, argv[2], COFFER_ROLE_IN_PLACE, &io, &box, error);
  if (code != COFFER_OK) return code;
  code = argv[4] != NULL ? write_card(box, number, argv[4], error) : say_card(box, number, error);
  if (code == COFFER_OK) return coffer_file_close(box, error);
  coffer_file_abandon(box);
  return code;
}

static int is_well_formed(int argc, char** argv) {
  if (argc != 4 && argc != 5) return 0;
  char* end = NULL;
  const unsigned long number = strtoul(argv[3], &end, 10);
  return *argv[3] != '\0' && *end == '\0' && number <= kNumberMax && (argc == 4 || strlen(argv[4]) < kCardSize);
}

int main(int argc, char** argv) {
  coffer_t* coffer = NULL;
  coffer_error_t* error = NULL;
  if (!is_well_formed(argc, argv)) {
    fprintf(stderr, "cards: expected COFFER BOX NUMBER, or COFFER BOX NUMBER TEXT of less than %d bytes\n", kCardSize);
    return 2;
  }
  int descriptor = open(argv[2], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  struct flock whole = {0};
  whole.l_type = F_WRLCK;
  if (descriptor < 0 || fcntl(descriptor, F_SETLKW, &whole) != 0) {
    perror(argv[2]);
    return 1;
  }
  coffer_code_t code = coffer_open(argv[1], NULL, &coffer, &error);
  if (code == COFFER_OK) code = run(coffer, argv, &descriptor, &error);
  if (code != COFFER_OK) fprintf(stderr, "cards: %s: %s\n", coffer_code_name(code), coffer_error_message(error));
  coffer_error_free(error);
  coffer_close(coffer);
  close(descriptor);
  return code == COFFER_OK ? 0 : 1;
}
