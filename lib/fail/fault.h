/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_FAULT_H
#define DUET_FAULT_H

/*
 * fault - named mistakes that the simulator puts into the rules, one at a time, to show that it would find
 * them (tests/sim/fault_list.h).  Every other build has none of it: FAULT is the constant false.
 */
#ifdef DUET_SIM
#include "tests/sim/fault_list.h"
#define FAULT(name) (fault_now == FAULT_##name)
#else
#define FAULT(name) 0
#endif

#endif
