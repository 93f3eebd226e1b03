/* A program in C that seals a value and opens it again: the C library and nothing else. */
#include <coffer/coffer_c.h>
#include <stdio.h>

static int failed(coffer_error_t* error) {
  printf("%s: %s\n", coffer_code_name(coffer_error_code(error)), coffer_error_message(error));
  coffer_error_free(error);
  return 1;
}

/* value COFFER */
int main(int argc, char** argv) {
  static const char message[] = "PlaintextCanary";
  char blob[sizeof message + COFFER_BLOB_OVERHEAD], opened[sizeof message];
  coffer_t* coffer = NULL;
  coffer_error_t* error = NULL;
  if (argc != 2) return 2;
  if (coffer_open(argv[1], NULL, &coffer, &error) != COFFER_OK) return failed(error);
  if (coffer_seal(coffer, "system", "row 1", 5, message, sizeof message, blob, sizeof blob, &error) != COFFER_OK ||
      coffer_unseal(coffer, "row 1", 5, blob, sizeof blob, opened, sizeof opened, &error) != COFFER_OK) {
    coffer_close(coffer);
    return failed(error);
  }
  printf("coffer %s, ABI %u: %s\n", coffer_version(), (unsigned)coffer_abi_version(), opened);
  coffer_close(coffer);
  return 0;
}
