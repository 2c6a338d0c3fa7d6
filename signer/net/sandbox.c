/* SPDX-License-Identifier: BSD-3-Clause */
/* sandbox: the allow-list of system calls. */
#include "signer/net/sandbox.h"

#include "err/sanitized.h"

#include <errno.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static const int allowed[] = {
	/* descriptors that are there */
	SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(readv), SCMP_SYS(writev), SCMP_SYS(preadv2), SCMP_SYS(lseek),
	SCMP_SYS(close), SCMP_SYS(fcntl), SCMP_SYS(fadvise64),
	/* the network */
	SCMP_SYS(accept4), SCMP_SYS(bind), SCMP_SYS(connect), SCMP_SYS(recvfrom), SCMP_SYS(recvmsg),
	SCMP_SYS(sendto), SCMP_SYS(sendmsg), SCMP_SYS(shutdown), SCMP_SYS(getsockopt), SCMP_SYS(setsockopt),
	SCMP_SYS(getsockname), SCMP_SYS(getpeername),
	/* the loop */
	SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_ctl), SCMP_SYS(poll),
	SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday),
	/* memory; mmap and mprotect stand below */
	SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(mlock),
	SCMP_SYS(munlock), SCMP_SYS(memfd_create), SCMP_SYS(getrandom),
	/* ending, signals, locks */
	SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigaction), SCMP_SYS(sigaltstack), SCMP_SYS(restart_syscall), SCMP_SYS(futex),
	SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(sched_yield),
};

#ifdef __SANITIZE_THREAD__
/* The sanitizer's own thread. */
static const int waits[] = { SCMP_SYS(nanosleep), SCMP_SYS(clock_nanosleep) };
#endif

#ifdef SANITIZED
/* What a report asks for on its way out: it goes on without. */
static const int refused[] = {
	SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(stat),
	SCMP_SYS(newfstatat), SCMP_SYS(fstat), SCMP_SYS(pipe), SCMP_SYS(pipe2), SCMP_SYS(fork), SCMP_SYS(vfork),
	SCMP_SYS(clone), SCMP_SYS(clone3), SCMP_SYS(execve), SCMP_SYS(ptrace), SCMP_SYS(getrlimit),
	SCMP_SYS(prlimit64), SCMP_SYS(prctl), SCMP_SYS(sched_getaffinity), SCMP_SYS(sysinfo),
	SCMP_SYS(process_vm_readv), SCMP_SYS(uname),
};
#endif

int sandbox_drop(struct err *e)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2];

	memset(none, 0, sizeof(none));
	if (syscall(SYS_capset, &header, none) != 0)
		return err_errno(e, "dropping capabilities");
	return 0;
}

static int allow_if(scmp_filter_ctx ctx, int call, unsigned arg, enum scmp_compare op, scmp_datum_t a,
		    scmp_datum_t b)
{
	const struct scmp_arg_cmp cmp = { .arg = arg, .op = op, .datum_a = a, .datum_b = b };

	return seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, call, 1, &cmp);
}

/* Rules that look at arguments. */
static int add_conditional(scmp_filter_ctx ctx)
{
	int rc = 0;

	rc |= allow_if(ctx, SCMP_SYS(socket), 0, SCMP_CMP_EQ, AF_INET, 0);
	rc |= allow_if(ctx, SCMP_SYS(socket), 0, SCMP_CMP_EQ, AF_INET6, 0);
	rc |= allow_if(ctx, SCMP_SYS(mmap), 2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	rc |= allow_if(ctx, SCMP_SYS(mprotect), 2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	rc |= allow_if(ctx, SCMP_SYS(ioctl), 1, SCMP_CMP_EQ, FIONBIO, 0);
	rc |= allow_if(ctx, SCMP_SYS(tgkill), 0, SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0);
	return rc;
}

int sandbox_enter(struct err *e)
{
	scmp_filter_ctx ctx;
	int rc = 0;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return err_errno(e, "PR_SET_NO_NEW_PRIVS");
	ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (ctx == NULL)
		return err_set(e, ERR_INTERNAL, "libseccomp does not start");
	rc |= seccomp_attr_set(ctx, SCMP_FLTATR_CTL_LOG, 1);
	rc |= seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
		rc |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, allowed[i], 0);
#ifdef __SANITIZE_THREAD__
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++)
		rc |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, waits[i], 0);
#endif
#ifdef SANITIZED
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		rc |= seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), refused[i], 0);
#endif
	rc |= add_conditional(ctx);
	if (rc == 0)
		rc = seccomp_load(ctx);
	seccomp_release(ctx);
	return rc == 0 ? 0 : err_set(e, ERR_IO, "seccomp filter is not accepted: %s", strerror(rc < 0 ? -rc : rc));
}
