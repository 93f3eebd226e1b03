// The header as the oldest C that it is for has it, alone and twice.
#include "coffer/coffer_c.h"
#include "coffer/coffer_c.h"

coffer_code_t use_of_coffer_c_in_c99(const coffer_io_t* io);
coffer_code_t use_of_coffer_c_in_c99(const coffer_io_t* io) {
  coffer_error_t* error = NULL;
  coffer_t* coffer = NULL;
  coffer_file_t* file = NULL;
  const coffer_code_t code = coffer_open("/var/lib/db.coffer", NULL, &coffer, &error);
  coffer_error_free(error);
  if (code != COFFER_OK) return code;
  return coffer_file_open(coffer, "/var/lib/db/data", COFFER_ROLE_DATA, io, &file, NULL);
}
