/*
 * SQLite on a struct disk (os/disk.h), by a VFS of its own: its databases lie in the store's
 * folder, lose power with a simulated disk, and never answer with damaged bytes.
 *
 * Checksums. Each page of a database ends in 16 bytes that SQLite keeps free (its "reserved
 * space"): 8 zeros, then page_sum of all before those, little-endian, with the page's number. It is
 * made when a page is written and compared when one is read, whatever the file's header says.
 * A page that is damaged, cut off, missing at the end, or in the wrong place is SQLITE_IOERR_DATA.
 * Pages that are still in the WAL are compared with what was written or recovered, kept in memory
 * (8 bytes a frame): SQLite looks at its own sums of frames only when it recovers. So a bit that
 * turned over in the WAL before a start ends the log there, as a write that power has cut does, and
 * what was committed behind it is lost; afterwards it is an error. Databases that other programs
 * made cannot be opened; other programs can read these (the sqlite3 shell does, and changes what it
 * writes, so that those pages are errors here).
 *
 * Locks and shared memory are the process's own: many connections in many threads, one process.
 * The store sees to that with disk_lock. No memory is mapped and nothing is kept per thread.
 *
 * A sync that fails is final, as in os/disk.h: from then on writes and syncs of that database fail
 * with SQLITE_IOERR_FSYNC on all its connections, until all are closed.
 */
#pragma once

#include "os/disk.h"

#include <stdbool.h>

struct sqlite3;
struct sqlite_disk;

/* Of each page; databases with others are not opened. */
#define SQLITE_DISK_PAGE_BYTES 4096

/* Reserved at its end. */
#define SQLITE_DISK_RESERVED_BYTES 16

/*
 * Registers the VFS by a name that no other has. The disk is borrowed. Names of databases are paths
 * of the disk of at most 240 bytes. Returns 0, -EINVAL, -EEXIST, -ENOMEM.
 */
int sqlite_disk_create(struct disk *disk, const char *name, struct sqlite_disk **ret_sqlite_disk);

/* Its databases are closed. NULL is fine. */
void sqlite_disk_destroy(struct sqlite_disk *sqlite_disk);

enum {
    SQLITE_DISK_READER = 1, /* PRAGMA query_only; the database must be there */
};

/*
 * Opens a database, made when it is missing, for one thread at a time: with checksums, in WAL mode,
 * with temporary tables in memory, SQLite's default of synchronous=FULL, and waiting up to a
 * second for a lock. The first open after a crash recovers. Whoever opens it by sqlite3_open_v2
 * himself sets SQLITE_FCNTL_RESERVE_BYTES before he writes, or the writes fail. Returns 0 or as
 * sqlite_disk_error.
 */
int sqlite_disk_open(struct sqlite_disk *sqlite_disk, const char *path, unsigned flags,
                     struct sqlite3 **ret_db);

/*
 * What a result of SQLite is as an errno: 0 for SQLITE_OK, ROW and DONE; -EBADMSG for damage
 * (CORRUPT, NOTADB, IOERR_DATA), -EIO, -ENOSPC, -EBUSY, -ENOENT (CANTOPEN), -ENOMEM, -EEXIST
 * (CONSTRAINT), -EROFS, else -EINVAL. `code` may be an extended one; only those tell damage from
 * other failures to read (sqlite_disk_open asks for them).
 */
int sqlite_disk_error(int code);

/* A sync of this database, which somebody has open, did fail. From any thread. */
bool sqlite_disk_is_failed(struct sqlite_disk *sqlite_disk, const char *path);

/* Pages that were found damaged so far. From any thread. */
uint64_t sqlite_disk_damaged(const struct sqlite_disk *sqlite_disk);
