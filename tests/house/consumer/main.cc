// Makes a key, wraps and unwraps it: enough to link every part of Coffer's crypto layer into somebody else's program.
#include <cstdio>

#include "coffer/crypto/key_wrap.h"
#include "coffer/crypto/random.h"
#include "coffer/version.h"

int main() {
  auto wrap_key = coffer::random_key<coffer::WrapRole>(32);
  auto id = coffer::random_id();
  if (!wrap_key || !id) return 1;
  auto wrapped = coffer::kwp_wrap(*wrap_key, id->view());
  if (!wrapped) return 1;
  auto back = coffer::kwp_unwrap(*wrap_key, *wrapped);
  if (!back || back->size() != 16) return 1;
  std::printf("coffer %s\n", coffer::kVersion.data());
  return 0;
}
