/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_STORE_VOLUME_IMPL_H
#define DUET_STORE_VOLUME_IMPL_H

#include "store/volume.h"

/* volume_impl - what volume.c and volume_open.c share, and nobody else sees. */
#define VOLUME_NAME_LEN 32

const char *volume_file(uint32_t id, char name[VOLUME_NAME_LEN]);
void volume_stop_writing(struct volume *v);
/* Takes the descriptors; rd or wr may be -1. */
struct volume *volume_link(struct volumes *vs, uint32_t id, int rd, int wr);

#endif
