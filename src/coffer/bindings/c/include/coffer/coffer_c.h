// Coffer for programs in any language: encryption at rest by a stable C ABI. docs/c-api.md says how to start.
//
// What holds for every function here:
//
// Errors. What may fail returns a coffer_code_t, COFFER_OK being 0. Its last argument may be null; if it is not, it is
// set to null on success, else to an error that the caller frees with coffer_error_free(). No C++ exception, and no
// longjmp, leaves a function. On failure every result is null or zero, and no buffer has plaintext in it.
//
// Handles are opaque and belong to whoever was given them. Each has one function that frees it, which does nothing with
// null. Anywhere else a null where a handle, a path or a result is expected is COFFER_INVALID_ARGUMENT. Buffers belong
// to the caller, are not kept after the call, and may be null where their size is 0. Texts are UTF-8 or whatever bytes
// paths have, and end with a zero byte.
//
// Sizes and offsets are in bytes.
//
// Threads. A coffer_t, and a file that is open for reading, may be used by any number of threads at once. A file that
// is written may be, too: its calls wait for each other, but coffer_file_sync() of a log or a `ctr` file goes on beside
// coffer_file_append(), and reads and coffer_file_sync() of a file that is changed in place beside everything. Nobody
// may use a handle while it is freed. No function waits for a key provider but coffer_create(), coffer_open(),
// coffer_refresh(), coffer_rotate_domain() and coffer_status_json(), and the first one that needs a key of a key group.
//
// fork(). A child has no key of its parent's: what its parent opened answers COFFER_KEY_UNAVAILABLE, and freeing it
// does nothing. The child opens the coffer itself. After exec() there is nothing to heed.
//
// Secrets. Nothing here logs or prints. Messages of errors have no keys, no plaintext and no context in them. Keys are
// kept in locked memory and wiped; plaintext is in the caller's buffers only, which the caller wipes, but for the
// unfinished chunk of a file that is written.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// One more with every version of this header that has more functions or constants. One that takes something away has
// another soname.
#define COFFER_C_ABI_VERSION 3
// Of the library that is loaded: at least that of the header a program was compiled with, or the linker said no.
uint32_t coffer_abi_version(void);
// "0.2.0": the library's. Never freed.
const char* coffer_version(void);

// What a caller can do about a failure. The codes that an operator acts on differently never merge. Whoever meets a
// code that is not here treats it as COFFER_INTERNAL.
typedef int32_t coffer_code_t;
enum {
  COFFER_OK = 0,
  COFFER_INVALID_ARGUMENT = 1,      // the caller's option, path or value is wrong; nothing was changed
  COFFER_NOT_FOUND = 2,             // no such file, domain, key or store
  COFFER_ALREADY_EXISTS = 3,        // refusing to overwrite
  COFFER_PERMISSION_DENIED = 4,     // the operating system or a file mode says no
  COFFER_IO = 5,                    // the operating system, or a callback, failed a read or write
  COFFER_NO_SPACE = 6,              // disk full or quota reached
  COFFER_BUSY = 7,                  // somebody else holds the lock
  COFFER_CONFLICT = 8,              // somebody else was faster: try again
  COFFER_UNSUPPORTED = 9,           // of a newer Coffer, or an operation that this kind of file does not have
  COFFER_LIMIT_EXCEEDED = 10,       // a documented limit
  COFFER_DAMAGED = 11,              // a checksum says the medium or a crash altered the bytes
  COFFER_TAMPERED = 12,             // authentication failed although the bytes are consistent, or they belong elsewhere
  COFFER_TRUNCATED = 13,            // the end is missing
  COFFER_WRONG_KEY = 14,            // the key at hand is not the one that sealed this
  COFFER_KEY_UNAVAILABLE = 15,      // the key is not in the keyring, or its state, a lock or a fence forbids the use
  COFFER_KEY_DESTROYED = 16,        // the key was destroyed on purpose: what it protects is lost
  COFFER_PROVIDER_UNAVAILABLE = 17, // the key provider cannot be reached or refused to serve: later again
  COFFER_PLAINTEXT = 18,            // in clear where only what is sealed may be
  COFFER_ROLLED_BACK = 19,          // an older state than one already seen
  COFFER_DIVERGED = 20,             // another state than the one already seen, neither before nor after it
  COFFER_FOREIGN = 21,              // genuine, but of another coffer, store or domain
  COFFER_INTERNAL = 22,             // a bug in Coffer
  COFFER_NO_MEMORY = 1000           // the process has none left
};
// "wrong_key"; "unknown" for a number that is no code. Never freed.
const char* coffer_code_name(coffer_code_t code);

typedef struct coffer_error coffer_error_t;
// COFFER_OK of null.
coffer_code_t coffer_error_code(const coffer_error_t* error);
// One sentence for people, which names the file, key or option, and says what to do next. As long as the error lives;
// empty of null.
const char* coffer_error_message(const coffer_error_t* error);
void coffer_error_free(coffer_error_t* error);

// Texts that the library returns.
void coffer_text_free(char* text);

// --- Coffers ---------------------------------------------------------------------------------------------------------

typedef struct coffer_handle coffer_t;

// Makes the directory `directory` (or takes an empty one) with coffer.yaml and keyring, as `coffer init` does.
// `root_uri`: of the key that locks it, "file:///etc/coffer/root.key". `configuration`: the text of its coffer.yaml;
// null: as without options. COFFER_ALREADY_EXISTS on a coffer; nothing on the disk changes then.
coffer_code_t coffer_create(const char* directory, const char* root_uri, const char* configuration,
                            coffer_error_t** error);

// `place`: a coffer's directory, or its configuration file. `root_uri`, if not null, says where the root key is instead
// of where coffer.yaml says. Takes as long as the key provider does, at most its timeout. From then on threads of
// Coffer's look after the keys: what is rotated, locked, revoked or destroyed elsewhere is so here within a second, and
// the policy in coffer.yaml is carried out. COFFER_PROVIDER_UNAVAILABLE, COFFER_KEY_UNAVAILABLE, COFFER_WRONG_KEY,
// COFFER_DAMAGED, COFFER_TAMPERED, COFFER_ROLLED_BACK, COFFER_DIVERGED, COFFER_FOREIGN (a copy), and
// COFFER_PERMISSION_DENIED (somebody else could have written coffer.yaml).
coffer_code_t coffer_open(const char* place, const char* root_uri, coffer_t** coffer, coffer_error_t** error);
// Files that are open go on, and keep what they need of it.
void coffer_close(coffer_t* coffer);

// Counts the changes of the keyring in use, beginning with 1. 0 of null, and in a child of fork().
uint64_t coffer_keyring_version(const coffer_t* coffer);
// Takes up a newer keyring now. Cheap when nothing changed.
coffer_code_t coffer_refresh(coffer_t* coffer, coffer_error_t** error);
// A fresh key of a domain ("system", or one of the keyring's), for what is new; old ones stay readable.
coffer_code_t coffer_rotate_domain(coffer_t* coffer, const char* domain, coffer_error_t** error);
// What `coffer status --json` prints, as of now: reads the headers of all files where they are not too many. The caller
// frees it with coffer_text_free().
coffer_code_t coffer_status_json(coffer_t* coffer, char** json, coffer_error_t** error);

// --- Blobs: values and keys that the program keeps -------------------------------------------------------------------
//
// A blob is sealed under the active key of a domain, which it names. It opens as long as that key may unwrap, however
// often the domain is rotated since, and in whatever program has the coffer open. `context` is authenticated and not
// kept: who opens the blob says it again. It should name the place of the value (table, row, column), so that whoever
// can write there cannot move one to another place. It may be empty, and has at most 65536 bytes.
//
// A wrapped key never opens as a sealed message, nor the other way round. docs/format.md, "Blobs".

#define COFFER_BLOB_OVERHEAD 124           // bytes that a blob has more than its message
#define COFFER_MESSAGE_SIZE_MAX 1073741824 // of one message; what is longer belongs in a file
#define COFFER_CONTEXT_SIZE_MAX 65536
#define COFFER_WRAPPED_KEY_SIZE_MIN 16
#define COFFER_WRAPPED_KEY_SIZE_MAX 64

// Seals a message of 0 to COFFER_MESSAGE_SIZE_MAX bytes: writes `message_size` + COFFER_BLOB_OVERHEAD bytes to `blob`,
// which has room for `blob_size` and does not overlap the message. COFFER_NOT_FOUND: no such domain;
// COFFER_KEY_UNAVAILABLE: it is locked, or this process is fenced, or may not write now.
coffer_code_t coffer_seal(coffer_t* coffer, const char* domain, const void* context, size_t context_size,
                          const void* message, size_t message_size, void* blob, size_t blob_size,
                          coffer_error_t** error);
// Opens it again: writes as many bytes to `message` as coffer_blob_inspect() says, and keeps within `message_size`. The
// two do not overlap. COFFER_PLAINTEXT: it is no blob;
// COFFER_TRUNCATED; COFFER_DAMAGED; COFFER_UNSUPPORTED; COFFER_WRONG_KEY; COFFER_TAMPERED: another context, or altered;
// COFFER_INVALID_ARGUMENT: it is a wrapped key; COFFER_KEY_UNAVAILABLE; COFFER_KEY_DESTROYED; COFFER_ROLLED_BACK: this
// keyring is older than the blob.
coffer_code_t coffer_unseal(coffer_t* coffer, const void* context, size_t context_size, const void* blob,
                            size_t blob_size, void* message, size_t message_size, coffer_error_t** error);

// The same for a key of the program's own, of COFFER_WRAPPED_KEY_SIZE_MIN to COFFER_WRAPPED_KEY_SIZE_MAX bytes.
coffer_code_t coffer_wrap_key(coffer_t* coffer, const char* domain, const void* context, size_t context_size,
                              const void* key, size_t key_size, void* blob, size_t blob_size, coffer_error_t** error);
coffer_code_t coffer_unwrap_key(coffer_t* coffer, const void* context, size_t context_size, const void* blob,
                                size_t blob_size, void* key, size_t key_size, coffer_error_t** error);

// A blob of either sort, opened and sealed anew under the active key of its domain, all inside: writes `blob_size`
// bytes to `fresh`, which may be `blob` itself but not overlap it otherwise. On failure `fresh` is as it was.
coffer_code_t coffer_rewrap(coffer_t* coffer, const void* context, size_t context_size, const void* blob,
                            size_t blob_size, void* fresh, size_t fresh_size, coffer_error_t** error);

// How long the message or key in it is, and which key it names (its id, and its number within its domain). Asks no
// coffer: nothing of it is proved before the blob opens. Each result may be null.
coffer_code_t coffer_blob_inspect(const void* blob, size_t blob_size, uint64_t* message_size, uint8_t key_id[16],
                                  uint32_t* key_version, coffer_error_t** error);
// 1 where coffer_rewrap() would bring the blob under another key than it is under, else 0.
coffer_code_t coffer_blob_is_outdated(coffer_t* coffer, const void* blob, size_t blob_size, int32_t* is_outdated,
                                      coffer_error_t** error);

// --- Files -----------------------------------------------------------------------------------------------------------
//
// Coffer says which bytes go where; the program reads and writes them, by callbacks. `path` is the file's own, from the
// root on. It says which store the file belongs to and which domain it is for, and nothing else: a file opens at its
// place only (COFFER_FOREIGN elsewhere), and no function here opens `path` but those that change names.

// The program's file, for the time of each call. Callbacks return COFFER_OK or another code, of which the caller hears
// as it is (any that is none: COFFER_IO). They are called on the thread that made the call, and never after
// coffer_file_close() or coffer_file_abandon() has returned. They must not use the coffer_file_t that they serve, and
// no exception or longjmp may leave them. Those of a file for reading are called by several threads at once if it is
// read so, sync() beside write(); of a file that is changed in place read() beside both.
typedef struct coffer_io {
  size_t struct_size;  // sizeof(coffer_io_t)
  void* user;          // handed to each callback; Coffer does not look at it
  // Up to `size` bytes from `offset` on, fewer only at the file's end; `*done`: how many.
  coffer_code_t (*read)(void* user, uint64_t offset, void* out, size_t size, size_t* done);
  // All of them. Extends the file where they go beyond its end. Coffer leaves gaps only in a COFFER_ROLE_IN_PLACE file:
  // they have to read as zeros, as those of pwrite(2) do.
  coffer_code_t (*write)(void* user, uint64_t offset, const void* data, size_t size);
  // Everything written, and the file's size, are durable once it returns.
  coffer_code_t (*sync)(void* user);
  // Cuts the file, or, a COFFER_ROLE_IN_PLACE one, makes it longer by zeros: as ftruncate(2).
  coffer_code_t (*truncate)(void* user, uint64_t size);
  coffer_code_t (*size)(void* user, uint64_t* size);
} coffer_io_t;

// What a file is to its program. How it is written, and what may be expected of it, follow from that and from
// coffer.yaml. The same one is said whenever the file is opened.
typedef int32_t coffer_role_t;
enum {
  COFFER_ROLE_DATA = 1,      // written once, read at random; may belong to a domain of its own
  COFFER_ROLE_LOG = 2,       // grows by appends and is replayed after a crash, which may have torn its end
  COFFER_ROLE_METADATA = 3,  // the same, but nothing opens without it
  COFFER_ROLE_WHOLE = 4,     // was written whole and synced before it got its name: no crash tears or empties it
  COFFER_ROLE_TEMPORARY = 5, // becomes a COFFER_ROLE_WHOLE by being renamed, once it is synced
  COFFER_ROLE_OTHER = 6,     // the rest
  COFFER_ROLE_IN_PLACE = 7   // changed at any place, at any time; may belong to a domain of its own
};

typedef struct coffer_file coffer_file_t;

// There is a database in `directory`, which is absolute: call it once a new one is complete. Then data files in
// directories below belong to it too, and `coffer status` and `verify` say when it is gone.
coffer_code_t coffer_confirm_store(coffer_t* coffer, const char* directory, coffer_error_t** error);

// A new file, to be written front to back, or, with COFFER_ROLE_IN_PLACE, anywhere. `io` is copied, and needs every
// callback. `domain`: of a COFFER_ROLE_DATA or COFFER_ROLE_IN_PLACE file; null: the one that coffer.yaml has for the
// path. The directory of `path` becomes a store of the coffer's, if it is in none. The file must be empty; nothing is
// written to it before the first call that changes or syncs it, or, unless it is changed in place, closes it.
// COFFER_NOT_FOUND: no such domain; COFFER_KEY_UNAVAILABLE.
coffer_code_t coffer_file_create(coffer_t* coffer, const char* path, coffer_role_t role, const char* domain,
                                 const coffer_io_t* io, coffer_file_t** file, coffer_error_t** error);
// For reading: `io` needs `read` and `size`. What can be proved without reading all of it has been. Nobody changes a
// COFFER_ROLE_IN_PLACE file meanwhile. A file that was
// never written opens and is empty, where its role allows that, else COFFER_TRUNCATED. COFFER_PLAINTEXT,
// COFFER_DAMAGED, COFFER_TAMPERED, COFFER_WRONG_KEY, COFFER_FOREIGN, COFFER_KEY_UNAVAILABLE, COFFER_KEY_DESTROYED,
// COFFER_ROLLED_BACK, COFFER_UNSUPPORTED.
coffer_code_t coffer_file_open(coffer_t* coffer, const char* path, coffer_role_t role, const coffer_io_t* io,
                               coffer_file_t** file, coffer_error_t** error);
// To be written further: `io` needs every callback, and what a crash left of the file is put right, at the first change
// if it is changed in place. One that was never written is begun. COFFER_DAMAGED, COFFER_TAMPERED where durable data
// cannot be read: it is never cut away. Logs can be appended to, COFFER_ROLE_IN_PLACE files read and changed anywhere;
// files of other kinds can be opened so, and then only be closed again. Nobody else has the file open to write it.
coffer_code_t coffer_file_reopen(coffer_t* coffer, const char* path, coffer_role_t role, const coffer_io_t* io,
                                 coffer_file_t** file, coffer_error_t** error);

// Of the plaintext, without what the file's header and seals take. Of a file that grows: at this moment.
coffer_code_t coffer_file_size(coffer_file_t* file, uint64_t* size, coffer_error_t** error);
// Up to `size` bytes of plaintext from `offset` on; `*done`: how many, fewer only at the file's end. On failure all of
// `out` is zeros. COFFER_UNSUPPORTED for a file that is written front to back: open it for reading besides.
coffer_code_t coffer_file_read_at(coffer_file_t* file, uint64_t offset, void* out, size_t size, size_t* done,
                                  coffer_error_t** error);
// COFFER_UNSUPPORTED for a file that is read, and after coffer_file_sync() of one of kind `blocks`, which completes it.
// After a failure of a write or sync nothing more is written (COFFER_IO): what reached the disk is unknown.
coffer_code_t coffer_file_append(coffer_file_t* file, const void* data, size_t size, coffer_error_t** error);
// Of a file that is changed in place, COFFER_UNSUPPORTED for every other. The file grows where it has to; what lies
// between is zeros, and takes no room where whole pages are so. A write is in the file as a whole or, after a failure,
// in part. COFFER_LIMIT_EXCEEDED beyond 1 TiB.
coffer_code_t coffer_file_write_at(coffer_file_t* file, uint64_t offset, const void* data, size_t size,
                                   coffer_error_t** error);
// Of the same. Cuts it, or makes it longer by zeros.
coffer_code_t coffer_file_truncate(coffer_file_t* file, uint64_t size, coffer_error_t** error);
// Of the same. These bytes, as far as there are any, are zeros from then on; whole pages of them take no room.
coffer_code_t coffer_file_punch_hole(coffer_file_t* file, uint64_t offset, uint64_t size, coffer_error_t** error);
// Everything written is durable once it returns. Whatever a crash leaves of a file that is changed in place: each of
// its pages (page_size in coffer.yaml) is as it was when it was last synced, or as it was written since.
coffer_code_t coffer_file_sync(coffer_file_t* file, coffer_error_t** error);
// Writes what is owed and frees the handle, also where it fails. What was made durable by coffer_file_sync() stays so;
// what is written now becomes so when the program syncs its own file, which it closes then.
coffer_code_t coffer_file_close(coffer_file_t* file, coffer_error_t** error);
// Frees the handle and calls no callback, as if the program had crashed: for a file that is given up.
void coffer_file_abandon(coffer_file_t* file);

// As unlink(2), rename(2) and link(2) of files, by paths from the root on; the names are not durable on return. Whoever
// changes names otherwise does no harm: these have `coffer status` of many files know of it at once, where it answers
// from counts (docs/keys.md), which are of files that stand at their `path` in a file system. Nobody has a handle of
// what is removed or replaced, or has two names.
coffer_code_t coffer_file_remove(coffer_t* coffer, const char* path, coffer_error_t** error);
coffer_code_t coffer_file_rename(coffer_t* coffer, const char* from, const char* to, coffer_error_t** error);
coffer_code_t coffer_file_link(coffer_t* coffer, const char* from, const char* to, coffer_error_t** error);

#ifdef __cplusplus
}
#endif
