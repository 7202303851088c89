// SPDX-License-Identifier: BSD-2-Clause
/* libholdfast: memory that survives kexec, by name.
 *
 * A store is a folder on hugetlbfs.  A node has a name and holds objects; an object holds page data and byte data.
 * What is saved becomes part of the store as a whole, by holdfast_finish_save(), or not at all.  After the kexec a node
 * is loaded by its name, read or mapped without a copy.
 *
 * Functions that give an int give 0, or an exit status of mkhandover (2 usage, 5 table full, 6 bad input, 7 system, 1
 * not found or contents lost); holdfast_error() then says in one line what, where and what to do.  A store, a save and
 * a load are each for one thread at a time.  A store may have several saves and loads at once; all are finished before
 * it is closed.  Link with `pkg-config --cflags --libs holdfast`.
 */

#ifndef HOLDFAST_H
#define HOLDFAST_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct holdfast_store holdfast_store;
typedef struct holdfast_save holdfast_save;
typedef struct holdfast_load holdfast_load;

/* Opens the store in `folder`, or in /dev/hugepages/holdfast for NULL.  With `writable` it is locked for this process
 * alone and made if it is not there; else others may read it too.  *store is NULL after an error. */
int holdfast_open(const char* folder, int writable, holdfast_store** store);
void holdfast_close(holdfast_store* store);
/* Why the last call of this thread failed; "" where none did.  Valid until its next call. */
const char* holdfast_error(void);

/* --- Saving --- */

/* Prepares a node; `name` is of [0-9A-Za-z,._+-], 31 characters at most, and not taken.  At most `capacity` bytes will
 * be saved, which takes address space only. */
int holdfast_prepare_save(holdfast_store* store, const char* name, uint64_t capacity, holdfast_save** save);
/* Begins an object, to which all below belongs; `name` is a relative path. */
int holdfast_save_object(holdfast_save* save, const char* name);
/* Copies page data to `offset` of the object, one byte at least; offsets ascend and end below 2^63, what is left out is
 * a hole. */
int holdfast_save_pages(holdfast_save* save, uint64_t offset, const void* data, size_t size);
/* Gives pages of the store, zeroed, to be filled in place: page data from `offset` on without a copy, offsets as above.
 * They stay mapped until the save is finished or discarded. */
int holdfast_map_pages(holdfast_save* save, uint64_t offset, size_t size, void** pages);
/* Describes a file on hugetlbfs as the object's page data: it is neither copied nor moved, and may still change.  Pages
 * that the kernel has put aside for memory failure are left out; to load them ends with status 1. */
int holdfast_describe_pages(holdfast_save* save, const char* path);
/* Appends to the object's byte data. */
int holdfast_write_bytes(holdfast_save* save, const void* data, size_t size);
/* Makes the node part of the store.  The save is gone, whatever comes out; after an error nothing of it is there.
 * Fails also where a file that an earlier node describes is gone: the line names the node that is to be dropped. */
int holdfast_finish_save(holdfast_save* save);
void holdfast_discard_save(holdfast_save* save);

/* --- Loading --- */

/* Prepares a node to be loaded as it is now, whatever is saved and dropped until the load is finished. */
int holdfast_prepare_load(holdfast_store* store, const char* name, holdfast_load** load);
/* Goes on to the next object; *name is NULL behind the last one, and valid until the load is finished. */
int holdfast_load_object(holdfast_load* load, const char** name);
/* Goes to the object of that name. */
int holdfast_find_object(holdfast_load* load, const char* name);
/* Bytes of the object's page data, holes included, and of its byte data. */
uint64_t holdfast_pages_size(const holdfast_load* load);
uint64_t holdfast_bytes_size(const holdfast_load* load);
/* Copies page data from `offset` on, verified; *done is less than `size` at the end only.  Holes are zeros. */
int holdfast_load_pages(holdfast_load* load, uint64_t offset, void* data, size_t size, size_t* done);
/* Copies the next byte data, verified. */
int holdfast_read_bytes(holdfast_load* load, void* data, size_t size, size_t* done);
/* The object's page data in one piece, read-only and without a copy; not verified.  Only of an object without holes
 * that was described, or filled by one holdfast_map_pages(), and of which no page failed.  Mapped until the store is
 * closed. */
int holdfast_map_object(holdfast_load* load, const void** pages, size_t* size);
void holdfast_finish_load(holdfast_load* load);

/* Forgets a node, also one that describes a file that is gone.  What was copied for it is free at once if it is of this
 * kernel, or was kept with the fence `pram` and can be given back (mkhandover(8)), else after the next kexec whose
 * handover is made with the store.  What a load still reads, or holdfast_map_object() has mapped, is not given back;
 * a later drop does it, of whatever node. */
int holdfast_drop(holdfast_store* store, const char* name);

#ifdef __cplusplus
}
#endif

#endif
