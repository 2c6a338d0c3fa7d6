/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_SANITIZED_H
#define DUET_SANITIZED_H

/* SANITIZED - defined in builds with ASan or TSan, which need more system calls and address space than the program. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

#endif
