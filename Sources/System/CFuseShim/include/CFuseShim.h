// The messages of the kernel's FUSE protocol that are younger than Debian 12's headers, which end
// at 7.38. Layouts as in the kernel's uapi header <linux/fuse.h> of protocol 7.45.
#pragma once
#include <stdint.h>

enum {
  /// Since 7.39.
  CAIRN_FUSE_STATX = 52,
  /// Since 7.45: COPY_FILE_RANGE with an answer of 64 bits.
  CAIRN_FUSE_COPY_FILE_RANGE_64 = 53,
  /// Since 7.40: makes the kernel send again what was never answered.
  CAIRN_FUSE_NOTIFY_RESEND = 7,
};

struct cairn_fuse_statx_in {
  uint32_t getattr_flags;
  uint32_t reserved;
  uint64_t fh;
  uint32_t sx_flags;
  uint32_t sx_mask;
};

struct cairn_fuse_sx_time {
  int64_t tv_sec;
  uint32_t tv_nsec;
  int32_t reserved;
};

struct cairn_fuse_statx {
  uint32_t mask;
  uint32_t blksize;
  uint64_t attributes;
  uint32_t nlink;
  uint32_t uid;
  uint32_t gid;
  uint16_t mode;
  uint16_t spare0;
  uint64_t ino;
  uint64_t size;
  uint64_t blocks;
  uint64_t attributes_mask;
  struct cairn_fuse_sx_time atime;
  struct cairn_fuse_sx_time btime;
  struct cairn_fuse_sx_time ctime;
  struct cairn_fuse_sx_time mtime;
  uint32_t rdev_major;
  uint32_t rdev_minor;
  uint32_t dev_major;
  uint32_t dev_minor;
  uint64_t spare2[14];
};

struct cairn_fuse_statx_out {
  uint64_t attr_valid;
  uint32_t attr_valid_nsec;
  uint32_t flags;
  uint64_t spare[2];
  struct cairn_fuse_statx stat;
};

struct cairn_fuse_copy_file_range_out {
  uint64_t bytes_copied;
};
