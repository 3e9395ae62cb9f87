#define _GNU_SOURCE
#include <sys/ioctl.h>
#include "CLinux.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/openat2.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

_Static_assert(CAIRN_RENAME_NOREPLACE == RENAME_NOREPLACE, "kernel ABI");
_Static_assert(CAIRN_RENAME_EXCHANGE == RENAME_EXCHANGE, "kernel ABI");
_Static_assert(CAIRN_RENAME_WHITEOUT == RENAME_WHITEOUT, "kernel ABI");
_Static_assert(CAIRN_FALLOC_KEEP_SIZE == FALLOC_FL_KEEP_SIZE, "kernel ABI");
_Static_assert(CAIRN_FALLOC_PUNCH_HOLE == FALLOC_FL_PUNCH_HOLE, "kernel ABI");
_Static_assert(CAIRN_FALLOC_COLLAPSE_RANGE == FALLOC_FL_COLLAPSE_RANGE, "kernel ABI");
_Static_assert(CAIRN_FALLOC_ZERO_RANGE == FALLOC_FL_ZERO_RANGE, "kernel ABI");
_Static_assert(CAIRN_FALLOC_INSERT_RANGE == FALLOC_FL_INSERT_RANGE, "kernel ABI");

int cairn_fallocate(int fd, int mode, off_t offset, off_t length) { return fallocate(fd, mode, offset, length); }

int cairn_renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags) {
  return renameat2(from_dir, from, to_dir, to, flags);
}

int cairn_sync_file_range(int fd, off_t offset, off_t length, unsigned flags) {
  return sync_file_range(fd, offset, length, flags);
}

ssize_t cairn_read_cached(int fd, void *bytes, size_t count, off_t offset) {
  struct iovec vector = {.iov_base = bytes, .iov_len = count};
  return preadv2(fd, &vector, 1, offset, RWF_NOWAIT);
}

int cairn_keep_freed_memory(int threshold) {
  return mallopt(M_TRIM_THRESHOLD, threshold) && mallopt(M_MMAP_THRESHOLD, 1 << 20);
}

uint64_t cairn_monotonic_nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void cairn_relax(int times) {
  for (int i = 0; i < times; i++) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
  }
}

int cairn_set_thread_name(const char *name) { return pthread_setname_np(pthread_self(), name); }

int cairn_random(void *bytes, size_t count) {
  uint8_t *at = bytes;
  while (count > 0) {
    ssize_t got = getrandom(at, count, 0);
    if (got < 0) {
      if (errno == EINTR) continue;
      return -1;
    }
    at += got;
    count -= (size_t)got;
  }
  return 0;
}

int cairn_close_range(unsigned first, unsigned last, unsigned flags) {
  return (int)syscall(SYS_close_range, first, last, flags);
}

int cairn_open_beneath(int dir, const char *path, int flags, int no_links) {
  struct open_how how = {.flags = (unsigned)flags, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
  if (no_links) how.resolve |= RESOLVE_NO_SYMLINKS;
  return (int)syscall(SYS_openat2, dir, path, &how, sizeof how);
}

int cairn_open_in_root(int dir, const char *path, int flags) {
  struct open_how how = {.flags = (unsigned)flags, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
  return (int)syscall(SYS_openat2, dir, path, &how, sizeof how);
}

int cairn_die_with_parent(int signal) { return prctl(PR_SET_PDEATHSIG, signal); }

char **cairn_environment(void) { return environ; }

int cairn_accept(int fd) { return accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK); }

ssize_t cairn_copy_file_range(int from, int to, size_t count) {
  return copy_file_range(from, NULL, to, NULL, count, 0);
}

int cairn_syncfs(int fd) { return syncfs(fd); }

int cairn_pidfd_open(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

int cairn_pidfd_send_signal(int pidfd, int signal) {
  return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}

int cairn_set_terminal_size(int fd, uint16_t rows, uint16_t columns) {
  struct winsize size = {.ws_row = rows, .ws_col = columns};
  return ioctl(fd, TIOCSWINSZ, &size);
}

int cairn_terminal_size(int fd, uint16_t *rows, uint16_t *columns) {
  struct winsize size;
  if (ioctl(fd, TIOCGWINSZ, &size) != 0) return -1;
  *rows = size.ws_row;
  *columns = size.ws_col;
  return 0;
}

int cairn_pidfd_exit_status(int pidfd, int *status) {
  // <linux/pidfd.h>, struct pidfd_info, as of Linux 6.15.
  struct {
    uint64_t mask;
    uint64_t cgroup;
    uint32_t identifiers[11];
    int32_t exit_code;
  } info = {.mask = 1 << 3};
  _Static_assert(sizeof(info) == 64, "PIDFD_INFO_SIZE_VER0");
  if (ioctl(pidfd, _IOWR(0xFF, 11, info), &info) != 0) return -1;
  if (!(info.mask & 1 << 3)) {
    errno = ENODATA;
    return -1;
  }
  *status = info.exit_code;
  return 0;
}
