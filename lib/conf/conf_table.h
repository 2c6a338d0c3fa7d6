/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_CONF_TABLE_H
#define DUET_CONF_TABLE_H

#include "conf/option.h"

/* conf_table - every option of duet.yaml; fields of struct conf. */
extern const struct option conf_table[];

#endif
