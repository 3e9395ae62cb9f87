// The Linux calls that Swift's Glibc module hides because it is built without _GNU_SOURCE, and a
// hardware CRC-32C. Every function returns what the system call returns, with errno set on -1.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

int cairn_fallocate(int fd, int mode, off_t offset, off_t length);
int cairn_renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags);
int cairn_sync_file_range(int fd, off_t offset, off_t length, unsigned flags);
int cairn_set_thread_name(const char *name);
int cairn_random(void *bytes, size_t count);
/// openat2(2) with RESOLVE_BENEATH and RESOLVE_NO_MAGICLINKS: whatever the path and the links on it,
/// what is opened lies below `dir`. With `no_links`, a link on the path is an error (ELOOP).
int cairn_open_beneath(int dir, const char *path, int flags, int no_links);
/// openat2(2) with RESOLVE_IN_ROOT and RESOLVE_NO_MAGICLINKS: `dir` is what the path and the links on it take for `/`.
int cairn_open_in_root(int dir, const char *path, int flags);
int cairn_close_range(unsigned first, unsigned last, unsigned flags);
/// Has the kernel send `signal` to this process when the thread that started it ends.
int cairn_die_with_parent(int signal);
/// `environ`, which Swift takes for unsafe shared state: to be read while nobody calls setenv.
char **cairn_environment(void);
int cairn_syncfs(int fd);
/// pidfd_open(2), with the descriptor closed on exec.
int cairn_pidfd_open(pid_t pid);
int cairn_pidfd_send_signal(int pidfd, int signal);
/// How a process ended that somebody has waited for by now, in the form of wait(2): since Linux 6.15 whoever holds a
/// descriptor of it can ask. ENODATA where it has not ended, or nobody has waited for it yet; ENOTTY or ESRCH where the
/// kernel does not tell.
int cairn_pidfd_exit_status(int pidfd, int *status);
/// Of a terminal, which may be given by either of its ends; setting it sends SIGWINCH to the programs in it.
int cairn_set_terminal_size(int fd, uint16_t rows, uint16_t columns);
int cairn_terminal_size(int fd, uint16_t *rows, uint16_t *columns);
/// copy_file_range(2) from and to the files' own positions.
ssize_t cairn_copy_file_range(int from, int to, size_t count);
/// pread(2) of what is in the page cache; EAGAIN where that is not all, EOPNOTSUPP where it can't be known.
ssize_t cairn_read_cached(int fd, void *bytes, size_t count, off_t offset);
/// Has malloc keep `threshold` freed bytes of each arena, and take blocks of up to 1 MiB from arenas.
int cairn_keep_freed_memory(int threshold);
/// Nanoseconds of CLOCK_MONOTONIC.
uint64_t cairn_monotonic_nanoseconds(void);
/// Tells the processor, `times` times, that the caller looks for something again and again.
void cairn_relax(int times);
/// accept4(2) with SOCK_CLOEXEC and SOCK_NONBLOCK.
int cairn_accept(int fd);

/// CRC-32C (Castagnoli, RFC 3720) of `count` bytes, continuing from `seed` (0 to begin).
uint32_t cairn_crc32c(uint32_t seed, const void *bytes, size_t count);

enum {
  CAIRN_RENAME_NOREPLACE = 1,
  CAIRN_RENAME_EXCHANGE = 2,
  CAIRN_RENAME_WHITEOUT = 4,
  CAIRN_FALLOC_KEEP_SIZE = 1,
  CAIRN_FALLOC_PUNCH_HOLE = 2,
  CAIRN_FALLOC_COLLAPSE_RANGE = 8,
  CAIRN_FALLOC_ZERO_RANGE = 16,
  CAIRN_FALLOC_INSERT_RANGE = 32,
};
