// The ABI as it was released or is about to be: what a program that was compiled with an older header counts on. A line
// that does not compile any more means that such programs break: then the soname has to change. Lines are added with
// each function and constant, and never changed.
#include "coffer/coffer_c.h"

#define EXPECT_SAME(expression) _Static_assert(expression, #expression)

// Constants.
EXPECT_SAME(COFFER_OK == 0);
EXPECT_SAME(COFFER_INVALID_ARGUMENT == 1);
EXPECT_SAME(COFFER_NOT_FOUND == 2);
EXPECT_SAME(COFFER_ALREADY_EXISTS == 3);
EXPECT_SAME(COFFER_PERMISSION_DENIED == 4);
EXPECT_SAME(COFFER_IO == 5);
EXPECT_SAME(COFFER_NO_SPACE == 6);
EXPECT_SAME(COFFER_BUSY == 7);
EXPECT_SAME(COFFER_CONFLICT == 8);
EXPECT_SAME(COFFER_UNSUPPORTED == 9);
EXPECT_SAME(COFFER_LIMIT_EXCEEDED == 10);
EXPECT_SAME(COFFER_DAMAGED == 11);
EXPECT_SAME(COFFER_TAMPERED == 12);
EXPECT_SAME(COFFER_TRUNCATED == 13);
EXPECT_SAME(COFFER_WRONG_KEY == 14);
EXPECT_SAME(COFFER_KEY_UNAVAILABLE == 15);
EXPECT_SAME(COFFER_KEY_DESTROYED == 16);
EXPECT_SAME(COFFER_PROVIDER_UNAVAILABLE == 17);
EXPECT_SAME(COFFER_PLAINTEXT == 18);
EXPECT_SAME(COFFER_ROLLED_BACK == 19);
EXPECT_SAME(COFFER_DIVERGED == 20);
EXPECT_SAME(COFFER_FOREIGN == 21);
EXPECT_SAME(COFFER_INTERNAL == 22);
EXPECT_SAME(COFFER_NO_MEMORY == 1000);
EXPECT_SAME(COFFER_ROLE_DATA == 1);
EXPECT_SAME(COFFER_ROLE_LOG == 2);
EXPECT_SAME(COFFER_ROLE_METADATA == 3);
EXPECT_SAME(COFFER_ROLE_WHOLE == 4);
EXPECT_SAME(COFFER_ROLE_TEMPORARY == 5);
EXPECT_SAME(COFFER_ROLE_OTHER == 6);
EXPECT_SAME(COFFER_ROLE_IN_PLACE == 7);
EXPECT_SAME(COFFER_C_ABI_VERSION == 3);
EXPECT_SAME(COFFER_BLOB_OVERHEAD == 124);
EXPECT_SAME(COFFER_MESSAGE_SIZE_MAX == 1073741824);
EXPECT_SAME(COFFER_CONTEXT_SIZE_MAX == 65536);
EXPECT_SAME(COFFER_WRAPPED_KEY_SIZE_MIN == 16);
EXPECT_SAME(COFFER_WRAPPED_KEY_SIZE_MAX == 64);

// Types, on the machines that Coffer is for.
EXPECT_SAME(sizeof(coffer_code_t) == 4 && (coffer_code_t)-1 < 0);
EXPECT_SAME(sizeof(coffer_role_t) == 4 && (coffer_role_t)-1 < 0);
EXPECT_SAME(sizeof(size_t) == 8);
EXPECT_SAME(sizeof(coffer_io_t) == 56);
EXPECT_SAME(offsetof(coffer_io_t, struct_size) == 0);
EXPECT_SAME(offsetof(coffer_io_t, user) == 8);
EXPECT_SAME(offsetof(coffer_io_t, read) == 16);
EXPECT_SAME(offsetof(coffer_io_t, write) == 24);
EXPECT_SAME(offsetof(coffer_io_t, sync) == 32);
EXPECT_SAME(offsetof(coffer_io_t, truncate) == 40);
EXPECT_SAME(offsetof(coffer_io_t, size) == 48);

// Callbacks.
typedef coffer_code_t (*read_callback)(void*, uint64_t, void*, size_t, size_t*);
typedef coffer_code_t (*write_callback)(void*, uint64_t, const void*, size_t);
typedef coffer_code_t (*sync_callback)(void*);
typedef coffer_code_t (*truncate_callback)(void*, uint64_t);
typedef coffer_code_t (*size_callback)(void*, uint64_t*);
#define EXPECT_TYPE(expression, type) EXPECT_SAME(_Generic((expression), type : 1, default : 0))
EXPECT_TYPE(((coffer_io_t*)0)->read, read_callback);
EXPECT_TYPE(((coffer_io_t*)0)->write, write_callback);
EXPECT_TYPE(((coffer_io_t*)0)->sync, sync_callback);
EXPECT_TYPE(((coffer_io_t*)0)->truncate, truncate_callback);
EXPECT_TYPE(((coffer_io_t*)0)->size, size_callback);

// Functions: declared once more, which no compiler takes where the two differ.
uint32_t coffer_abi_version(void);
const char* coffer_version(void);
const char* coffer_code_name(coffer_code_t);
coffer_code_t coffer_error_code(const coffer_error_t*);
const char* coffer_error_message(const coffer_error_t*);
void coffer_error_free(coffer_error_t*);
void coffer_text_free(char*);
coffer_code_t coffer_create(const char*, const char*, const char*, coffer_error_t**);
coffer_code_t coffer_open(const char*, const char*, coffer_t**, coffer_error_t**);
void coffer_close(coffer_t*);
uint64_t coffer_keyring_version(const coffer_t*);
coffer_code_t coffer_refresh(coffer_t*, coffer_error_t**);
coffer_code_t coffer_rotate_domain(coffer_t*, const char*, coffer_error_t**);
coffer_code_t coffer_status_json(coffer_t*, char**, coffer_error_t**);
coffer_code_t coffer_seal(coffer_t*, const char*, const void*, size_t, const void*, size_t, void*, size_t,
                          coffer_error_t**);
coffer_code_t coffer_unseal(coffer_t*, const void*, size_t, const void*, size_t, void*, size_t, coffer_error_t**);
coffer_code_t coffer_wrap_key(coffer_t*, const char*, const void*, size_t, const void*, size_t, void*, size_t,
                              coffer_error_t**);
coffer_code_t coffer_unwrap_key(coffer_t*, const void*, size_t, const void*, size_t, void*, size_t, coffer_error_t**);
coffer_code_t coffer_rewrap(coffer_t*, const void*, size_t, const void*, size_t, void*, size_t, coffer_error_t**);
coffer_code_t coffer_blob_inspect(const void*, size_t, uint64_t*, uint8_t[16], uint32_t*, coffer_error_t**);
coffer_code_t coffer_blob_is_outdated(coffer_t*, const void*, size_t, int32_t*, coffer_error_t**);
coffer_code_t coffer_confirm_store(coffer_t*, const char*, coffer_error_t**);
coffer_code_t coffer_file_create(coffer_t*, const char*, coffer_role_t, const char*, const coffer_io_t*,
                                 coffer_file_t**, coffer_error_t**);
coffer_code_t coffer_file_open(coffer_t*, const char*, coffer_role_t, const coffer_io_t*, coffer_file_t**,
                               coffer_error_t**);
coffer_code_t coffer_file_reopen(coffer_t*, const char*, coffer_role_t, const coffer_io_t*, coffer_file_t**,
                                 coffer_error_t**);
coffer_code_t coffer_file_size(coffer_file_t*, uint64_t*, coffer_error_t**);
coffer_code_t coffer_file_read_at(coffer_file_t*, uint64_t, void*, size_t, size_t*, coffer_error_t**);
coffer_code_t coffer_file_append(coffer_file_t*, const void*, size_t, coffer_error_t**);
coffer_code_t coffer_file_write_at(coffer_file_t*, uint64_t, const void*, size_t, coffer_error_t**);
coffer_code_t coffer_file_truncate(coffer_file_t*, uint64_t, coffer_error_t**);
coffer_code_t coffer_file_punch_hole(coffer_file_t*, uint64_t, uint64_t, coffer_error_t**);
coffer_code_t coffer_file_sync(coffer_file_t*, coffer_error_t**);
coffer_code_t coffer_file_close(coffer_file_t*, coffer_error_t**);
void coffer_file_abandon(coffer_file_t*);
coffer_code_t coffer_file_remove(coffer_t*, const char*, coffer_error_t**);
coffer_code_t coffer_file_rename(coffer_t*, const char*, const char*, coffer_error_t**);
coffer_code_t coffer_file_link(coffer_t*, const char*, const char*, coffer_error_t**);
