/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_NET_SANDBOX_H
#define DUET_NET_SANDBOX_H

#include "err/err.h"

/* Capabilities go and do not come back: for this thread and those that it makes from here on. */
int sandbox_drop(struct err *e);

/*
 * sandbox_enter - from here on this process can use the descriptors it has, open sockets of IPv4 and IPv6,
 * and get memory that is not executable; any other system call (open, execve, ptrace, process_vm_readv, ...)
 * kills it, whichever of its threads makes it.  With a sanitizer, what its reports try is refused with EPERM instead of
 * killing.
 */
int sandbox_enter(struct err *e);

#endif
