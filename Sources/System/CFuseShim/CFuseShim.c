#include "CFuseShim.h"
#include <linux/fuse.h>

_Static_assert(sizeof(struct cairn_fuse_statx_in) == 24, "kernel ABI");
_Static_assert(sizeof(struct cairn_fuse_statx) == 256, "kernel ABI");
_Static_assert(sizeof(struct cairn_fuse_statx_out) == 288, "kernel ABI");
_Static_assert(sizeof(struct fuse_init_out) == 64, "kernel ABI");
