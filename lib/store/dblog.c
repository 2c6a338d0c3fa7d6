/* SPDX-License-Identifier: BSD-3-Clause */
/* dblog: room in the database's write-ahead log, and its next part in memory. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "arena/arena.h"
#include "store/db.h"
#include "store/dbstate.h"

#define ROOM   (5u << 18) /* octets: some 300 pages, more than the log is let grow to before it is folded in */
#define PIECE  65536u
#define FRAME  (24 + 4096)  /* octets of the log that a page takes */
#define AHEAD  (32 * FRAME) /* more than one small change writes */
#define PLENTY (64u * ROOM) /* free on the disk: nobody is to lack this room */

void db_log_room(const struct db *db)
{
	char *path = mem_printf("%s-wal", db->path);
	uint8_t *zeroes = mem_new(1, PIECE);
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	struct statvfs fs;
	struct stat st;
	off_t at;

	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size < (off_t)ROOM && fstatvfs(fd, &fs) == 0 &&
	    fs.f_bavail * fs.f_frsize >= PLENTY) {
		for (at = st.st_size; at < (off_t)ROOM; at += PIECE)
			if (pwrite(fd, zeroes, PIECE, at) != (ssize_t)PIECE)
				break;
		(void)!fsync(fd);
	}
	if (fd >= 0)
		close(fd);
	free(zeroes);
	free(path);
}

/* What SQLite writes there begins and ends within blocks; the kernel reads those that it has not. */
void db_log_ahead(struct db *db)
{
	sqlite3_file *log = NULL;
	uint8_t *octets;

	if (sqlite3_file_control(db->sql, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) != SQLITE_OK || log == NULL ||
	    log->pMethods == NULL)
		return;
	octets = mem_grow(NULL, 1, AHEAD);
	(void)!log->pMethods->xRead(log, octets, AHEAD, (sqlite3_int64)db->log_pages * FRAME);
	free(octets);
}
