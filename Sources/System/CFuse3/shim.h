#pragma once
#define FUSE_USE_VERSION 314
// NULL must exist before fuse_lowlevel.h: FUSE_BUFVEC_INIT uses it without including <stddef.h>.
#include <stddef.h>
#include <fuse_lowlevel.h>
#include <linux/fuse.h>
