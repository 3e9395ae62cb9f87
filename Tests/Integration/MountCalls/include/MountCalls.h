// Linux calls for tests, which Swift's Glibc module hides. Each returns what the call returns, with
// errno set on -1.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
  CALL_O_TMPFILE = 020200000,
  CALL_O_DIRECT = 040000,
  CALL_SEEK_DATA = 3,
  CALL_SEEK_HOLE = 4,
  CALL_F_OFD_SETLK = 37,
  CALL_XATTR_CREATE = 1,
  CALL_XATTR_REPLACE = 2,
};

/// Nanoseconds since 1970 of the file's birth.
int64_t call_birth(const char *path);
ssize_t call_copy_file_range(int from, int64_t from_offset, int to, int64_t to_offset, size_t length);
int call_set_attribute(const char *path, const char *name, const void *value, size_t size, int flags);
ssize_t call_get_attribute(const char *path, const char *name, void *value, size_t size);
ssize_t call_list_attributes(const char *path, char *list, size_t size);
int call_remove_attribute(const char *path, const char *name);
/// Makes the calling thread act on files as somebody else, without privileges.
void call_become(unsigned uid, unsigned gid);
/// The mode, asked for without any other attribute.
int call_mode(const char *path);
enum { CALL_HANDLE_SIZE = 8 + 128 };
/// Stores a handle of the file, CALL_HANDLE_SIZE bytes.
int call_name_to_handle(const char *path, void *handle);
int call_open_by_handle(int mount, void *handle, int flags);
/// Writes by asynchronous I/O, and waits for the end of it.
ssize_t call_asynchronous_write(int file, const void *bytes, size_t count, int64_t offset);
int call_make_device(const char *path, unsigned mode, unsigned major, unsigned minor);
