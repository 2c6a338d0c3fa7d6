/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_SHAREDPOLICY_H
#define DUET_SHAREDPOLICY_H

#include "policy/policy.h"

/*
 * sharedpolicy - policies of plans, each in memory once: most zones have the same, and it is most of a plan.
 *
 * policy_share returns what was shared before, or a copy of p; it lives until policy_unshare was called as often.  NULL does
 * nothing.  Any thread may call them.
 */
const struct policy *policy_share(const struct policy *p);
void policy_unshare(const struct policy *p);

#endif
