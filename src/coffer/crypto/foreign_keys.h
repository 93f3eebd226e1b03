// Objects of OpenSSL that hold a key of ours for long. They lie on its heap: neither locked nor, of themselves, absent
// from a child of fork(). Whoever has one registers it, so that each child begins by emptying those it was born with,
// and status can say how many there are. Internal to crypto/.
#pragma once

#include <cstddef>

namespace coffer {

// Thread-safe. `empty(object)` leaves it without key, but such that it can be freed; it runs in the child.
void register_foreign_key(void* object, void (*empty)(void* object));
// Before it is freed.
void unregister_foreign_key(void* object);
size_t foreign_key_count();

}  // namespace coffer
