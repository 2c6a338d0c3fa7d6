/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The net process as a whole: its sandbox, and its conduct towards engine.  Called as `test_net drive FD
 * ADDRESS...` it is the net process itself, with the engine played by who started it:
 * tests/scenario/netdrive.py.
 */
#include "signer/net/net.h"
#include "signer/net/sandbox.h"
#include "signer/netmsg.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define REFUSED_NOT_KILLED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define REFUSED_NOT_KILLED 1
#endif
#endif

static pid_t parent; /* asked for before the sandbox */

static int drive(int argc, char **argv)
{
	struct net_listener listeners[16];
	struct net_config config = NET_CONFIG_DEFAULT;
	const char *limit;
	struct addr addr;
	struct err e;

	if ((limit = getenv("NET_MAX_TRANSFERS")) != NULL)
		config.max_transfers = (unsigned)atoi(limit);
	if ((limit = getenv("NET_MAX_TRANSFERS_PER_ADDRESS")) != NULL)
		config.max_transfers_per_address = (unsigned)atoi(limit);
	if ((limit = getenv("NET_IDLE_S")) != NULL)
		config.tcp_idle_timeout_s = (unsigned)atoi(limit);
	if ((limit = getenv("NET_MAX_TCP_PER_ADDRESS")) != NULL)
		config.max_tcp_per_address = (unsigned)atoi(limit);
	if ((limit = getenv("NET_MAX_INPUT")) != NULL)
		config.max_input_octets = (unsigned)atoi(limit);
	config.listeners = listeners;
	for (int i = 3; i < argc && config.listener_count < 16; i++)
		if (addr_parse(argv[i], 53, &addr, &e) != 0 ||
		    net_listen(&addr, NET_PUBLISHED, &listeners[config.listener_count++], &e) != 0) {
			fprintf(stderr, "%s\n", e.text);
			return 1;
		}
	return net_main(&config, atoi(argv[2]));
}

static void call_open(void)
{
	if (open("/dev/null", O_RDONLY) < 0 && errno == EPERM)
		_exit(77);
}

static void call_execve(void)
{
	char *argv[] = { NULL };

	if (execve("/bin/true", argv, argv) < 0 && errno == EPERM)
		_exit(77);
}

static void call_ptrace(void)
{
	if (ptrace(PTRACE_ATTACH, parent, NULL, NULL) < 0 && errno == EPERM)
		_exit(77);
}

static void call_process_vm_readv(void)
{
	char buf[8];
	struct iovec v = { buf, sizeof(buf) };

	if (process_vm_readv(parent, &v, 1, &v, 1, 0) < 0 && errno == EPERM)
		_exit(77);
}

static void call_socket_unix(void)
{
	if (socket(AF_UNIX, SOCK_STREAM, 0) < 0 && errno == EPERM)
		_exit(77);
}

static void call_mmap_exec(void)
{
	if (mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED &&
	    errno == EPERM)
		_exit(77);
}

static void call_write(void)
{
	if (write(STDERR_FILENO, "", 0) == 0)
		_exit(0);
}

/* What a thread that was there before the sandbox calls, once it is there. */
static pthread_barrier_t begun, entered;

static void *call_in_thread(void *arg)
{
	void (*const *call)(void) = arg;

	pthread_barrier_wait(&begun);
	pthread_barrier_wait(&entered);
	(*call)();
	_exit(98);
}

/* Enters the sandbox and makes the call, in this thread or in one that was there before. */
static void enter_and_call(void (*const *call)(void), bool in_thread)
{
	pthread_t thread;

	pthread_barrier_init(&begun, NULL, in_thread ? 2 : 1);
	pthread_barrier_init(&entered, NULL, in_thread ? 2 : 1);
	if (sandbox_drop(NULL) != 0 || (in_thread && pthread_create(&thread, NULL, call_in_thread, (void *)call) != 0))
		_exit(99);
	pthread_barrier_wait(&begun);
	if (sandbox_enter(NULL) != 0)
		_exit(99);
	pthread_barrier_wait(&entered);
	if (in_thread)
		pthread_join(thread, NULL);
	else
		(*call)();
	_exit(98);
}

static void sandbox_kills_what_net_never_needs(void **state)
{
	static const struct {
		const char *name;
		void (*call)(void);
		bool refused_with_sanitizer;
		bool allowed;
	} rows[] = {
		{ "open", call_open, true, false },
		{ "execve", call_execve, true, false },
		{ "ptrace", call_ptrace, true, false },
		{ "process_vm_readv", call_process_vm_readv, true, false },
		{ "socket(AF_UNIX)", call_socket_unix, false, false },
		{ "mmap(PROT_EXEC)", call_mmap_exec, false, false },
		{ "write", call_write, false, true },
	};

	(void)state;
	parent = getpid();
	for (size_t k = 0; k < 2 * sizeof(rows) / sizeof(rows[0]); k++) {
		size_t i = k / 2;
		pid_t pid = fork();
		int status;

		if (pid == 0)
			enter_and_call(&rows[i].call, k % 2 == 1);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		print_message("%s%s: status %d\n", rows[i].name, k % 2 == 1 ? " in a thread" : "", status);
		if (rows[i].allowed) {
			assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
			continue;
		}
#ifdef REFUSED_NOT_KILLED
		if (rows[i].refused_with_sanitizer) {
			assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 77);
			continue;
		}
#endif
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
	}
}

/* A net process with one listener, and engine's end of the socket. */
static pid_t start_net(int *engine)
{
	struct net_config config = NET_CONFIG_DEFAULT;
	struct net_listener listener;
	struct addr addr;
	struct err e;
	int pair[2];
	pid_t pid;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(addr_parse("127.0.0.1#45353", 53, &addr, &e), 0);
	for (uint16_t port = 45353; net_listen(&addr, NET_PUBLISHED, &listener, &e) != 0; port++)
		addr.in4.sin_port = htons(port);
	config.listeners = &listener;
	config.listener_count = 1;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(net_main(&config, pair[1]));
	close(pair[1]);
	close(listener.udp);
	close(listener.tcp);
	*engine = pair[0];
	return pid;
}

static long next_packet(int engine, char *out, size_t cap)
{
	int fds[NETMSG_FDS];
	struct pollfd p = { .fd = engine, .events = POLLIN };
	size_t n;
	long len;

	assert_int_equal(poll(&p, 1, 10000), 1);
	len = netmsg_recv(engine, out, cap - 1, fds, &n, NULL);
	out[len < 0 ? 0 : len] = '\0';
	return len;
}

static void check_confined(const char *path)
{
	bool filtered = false, no_new_privs = false, no_caps = false;
	FILE *f = fopen(path, "r");
	char line[256];

	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		filtered |= strcmp(line, "Seccomp:\t2\n") == 0;
		no_new_privs |= strcmp(line, "NoNewPrivs:\t1\n") == 0;
		no_caps |= strcmp(line, "CapEff:\t0000000000000000\n") == 0;
	}
	fclose(f);
#ifdef __SANITIZE_THREAD__
	no_caps = true; /* the sanitizer's own thread began before they were dropped */
#endif
	assert_true(filtered && no_new_privs && no_caps);
}

static void says_ready_in_its_sandbox_and_ends_with_engine(void **state)
{
	char text[NETMSG_MAX + 1], path[64];
	int engine, status;
	pid_t pid = start_net(&engine);
	struct dirent *entry;
	unsigned count = 0;
	DIR *threads;

	(void)state;
	next_packet(engine, text, sizeof(text));
	assert_non_null(strstr(text, "\"ready\""));
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	assert_non_null(threads = opendir(path));
	while ((entry = readdir(threads)) != NULL)
		if (entry->d_name[0] != '.') {
			snprintf(path, sizeof(path), "/proc/%d/task/%.10s/status", (int)pid, entry->d_name);
			check_confined(path);
			count++;
		}
	closedir(threads);
	assert_true(count > 1); /* the loop, and those that read */
	assert_int_equal(kill(pid, SIGTERM), 0); /* engine decides, not a signal */
	close(engine);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

#define SOA_OF_A "AWEAAAYAAQAAAAEAFgAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define VERSION(soa)                                                                                                 \
	"{\"v\":1,\"t\":\"version\",\"zone\":\"a.\",\"number\":2,\"serial\":1,\"pages\":0,\"splices\":\"\",\"soa\":\"" soa "\""

static void ends_at_a_packet_that_does_not_follow_the_format(void **state)
{
	static const char *const packets[] = {
		"{}",
		"nonsense",
		"{\"v\":1,\"t\":\"unheard-of\"}",
		"{\"v\":2,\"t\":\"peers\"}",
		"{\"v\":1,\"t\":\"volume\",\"volume\":1}",
		VERSION("") "}",
		VERSION(SOA_OF_A) ",\"from\":1}",
		"{\"v\":1,\"t\":\"zone\",\"zone\":\"a..b\"}",
		"{\"v\":1,\"t\":\"drain\",\"for_ms\":-1}",
		"TSG1\003\001a",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(packets) / sizeof(packets[0]); i++) {
		char text[NETMSG_MAX + 1];
		int engine, status;
		pid_t pid = start_net(&engine);

		next_packet(engine, text, sizeof(text));
		assert_int_equal(netmsg_send(engine, packets[i], strlen(packets[i]), NULL, 0, NULL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
		close(engine);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sandbox_kills_what_net_never_needs),
		cmocka_unit_test(says_ready_in_its_sandbox_and_ends_with_engine),
		cmocka_unit_test(ends_at_a_packet_that_does_not_follow_the_format),
	};

	if (argc > 2 && strcmp(argv[1], "drive") == 0)
		return drive(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
