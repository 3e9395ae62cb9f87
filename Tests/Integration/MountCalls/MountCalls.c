#define _GNU_SOURCE
#include "MountCalls.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/aio_abi.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

_Static_assert(CALL_O_TMPFILE == O_TMPFILE, "kernel ABI");
_Static_assert(CALL_O_DIRECT == O_DIRECT, "kernel ABI");
_Static_assert(CALL_SEEK_DATA == SEEK_DATA, "kernel ABI");
_Static_assert(CALL_SEEK_HOLE == SEEK_HOLE, "kernel ABI");
_Static_assert(CALL_F_OFD_SETLK == F_OFD_SETLK, "kernel ABI");
_Static_assert(CALL_XATTR_CREATE == XATTR_CREATE, "kernel ABI");
_Static_assert(CALL_XATTR_REPLACE == XATTR_REPLACE, "kernel ABI");

int64_t call_birth(const char *path) {
  struct statx result;
  if (statx(AT_FDCWD, path, 0, STATX_BTIME, &result) != 0) return -1;
  if (!(result.stx_mask & STATX_BTIME)) return 0;
  return result.stx_btime.tv_sec * 1000000000LL + result.stx_btime.tv_nsec;
}

ssize_t call_copy_file_range(int from, int64_t from_offset, int to, int64_t to_offset, size_t length) {
  off64_t in = from_offset, out = to_offset;
  return copy_file_range(from, &in, to, &out, length, 0);
}

int call_set_attribute(const char *path, const char *name, const void *value, size_t size, int flags) {
  return lsetxattr(path, name, value, size, flags);
}

ssize_t call_get_attribute(const char *path, const char *name, void *value, size_t size) {
  return lgetxattr(path, name, value, size);
}

ssize_t call_list_attributes(const char *path, char *list, size_t size) { return llistxattr(path, list, size); }

int call_remove_attribute(const char *path, const char *name) { return lremovexattr(path, name); }

void call_become(unsigned uid, unsigned gid) {
  // The system calls, unlike glibc's functions of those names, change one thread only.
  syscall(SYS_setgroups, 0, NULL);
  setfsgid(gid);
  setfsuid(uid);
}

int call_mode(const char *path) {
  struct statx result;
  if (statx(AT_FDCWD, path, 0, STATX_MODE, &result) != 0) return -1;
  return result.stx_mode;
}

int call_name_to_handle(const char *path, void *handle) {
  struct file_handle *result = handle;
  int mount;
  result->handle_bytes = CALL_HANDLE_SIZE - sizeof *result;
  return name_to_handle_at(AT_FDCWD, path, result, &mount, 0);
}

int call_open_by_handle(int mount, void *handle, int flags) { return open_by_handle_at(mount, handle, flags); }

ssize_t call_asynchronous_write(int file, const void *bytes, size_t count, int64_t offset) {
  aio_context_t context = 0;
  if (syscall(SYS_io_setup, 1, &context) != 0) return -1;
  struct iocb request = {.aio_lio_opcode = IOCB_CMD_PWRITE,
                         .aio_fildes = file,
                         .aio_buf = (uintptr_t)bytes,
                         .aio_nbytes = count,
                         .aio_offset = offset};
  struct iocb *requests[] = {&request};
  struct io_event event = {.res = -EIO};
  if (syscall(SYS_io_submit, context, 1, requests) == 1) syscall(SYS_io_getevents, context, 1, 1, &event, NULL);
  syscall(SYS_io_destroy, context);
  if (event.res >= 0) return event.res;
  errno = (int)-event.res;
  return -1;
}

int call_make_device(const char *path, unsigned mode, unsigned major, unsigned minor) {
  return mknod(path, mode, makedev(major, minor));
}
