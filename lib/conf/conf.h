/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_CONF_H
#define DUET_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "addr/addr.h"
#include "err/err.h"

/*
 * conf - the configuration of one host (YAML, /etc/duet/duet.yaml), which all daemons and duetctl read.
 *
 * The file is checked whole, against one table of options; every mistake becomes one line of struct
 * conf_errors, and with any mistake there is no configuration.  A struct conf never changes: a reload loads a
 * new one and, when that went well, the daemon swaps its pointer and frees the old one.
 */
#define CONF_PATH       "/etc/duet/duet.yaml"
#define CONF_OCTETS_MAX (1024 * 1024)

enum conf_role { CONF_SIGNER, CONF_BACKUP };
enum conf_clock { CONF_CLOCK_CHECK, CONF_CLOCK_TRUST };

/* Another node: name, line (duet1...) and endpoint (tcp://...) are never NULL. */
struct conf_peer {
	char *name;
	char *line;
	int role; /* enum conf_role */
	char *endpoint;
	struct addr *dns; /* where it serves what it signs; none or one */
	size_t dns_count;
	char *dns_key;    /* TSIG name with final dot, or NULL */
};

/* A server that transfers from this signer. */
struct conf_secondary {
	struct addr address;
	char *key;    /* TSIG name with final dot, or NULL */
	char **zones; /* names with final dot, or "*" */
	size_t zone_count;
	bool notify;
};

/* Further right to transfer. */
struct conf_transfer {
	struct prefix prefix;
	char *key; /* TSIG name with final dot, or NULL */
};

/* Name servers of a zone above ours, for the DS of the zones below it. */
struct conf_parent {
	char *zone; /* name with final dot */
	struct addr *servers;
	size_t server_count;
	bool resolver; /* the first resolver stands in for the servers */
	bool validate;
};

/* How the parent of our zones is told which DS they want. */
struct conf_tell {
	char *zone;    /* name of the parent zone, with final dot */
	char *hook;    /* program of hook.dir, or NULL */
	char *webhook; /* URL, or NULL */
	char *webhook_secret; /* path of a file, or NULL */
	struct addr *update;  /* none or one */
	size_t update_count;
	char *update_key;     /* TSIG name, or NULL */
	int64_t ds_ttl_s;
	int64_t limit_s;
};

/* Where the steps of keys and alarms are posted. */
struct conf_event {
	char *webhook;        /* URL */
	char *webhook_secret; /* path of a file, or NULL */
	int64_t limit_s;
};

struct conf_node {
	char *name;
	char *identity;
	char *engine_identity;
	char *recovery; /* public line duetR1..., or NULL */
	int clock;      /* enum conf_clock */
};

struct conf_keydist {
	bool present;
	char *listen; /* tcp://... */
	char *socket;
	char *state_dir;
	char *wrap_key; /* systemd-credential:NAME or file:/path */
	int64_t submit_max_mib;
	struct conf_tell *tell;
	size_t tell_count;
	struct conf_event *event;
	size_t event_count;
};

/* Where candidates are shown to those who review them. */
struct conf_review {
	struct addr *load; /* unsigned, before they are signed */
	size_t load_count;
	struct addr *sign; /* signed */
	size_t sign_count;
	struct conf_transfer *transfer;
	size_t transfer_count;
	char *dir;            /* of text files for hooks */
	char *socket;         /* where hooks approve and reject */
	char *webhook_secret; /* path of a file, or NULL */
};

struct conf_signer {
	bool present;
	struct addr *listen;
	size_t listen_count;
	char *socket;
	char *state_dir;
	char *zones_dir;
	char *keydist; /* endpoint of the local keydist; keydist.listen when not given */
	int64_t serve_wait_s;
	int64_t max_tcp;
	int64_t max_tcp_per_address;
	int64_t max_transfers;
	int64_t max_transfers_per_address; /* 0: half of max_transfers */
	int64_t sort_memory_mib;
	int64_t tcp_idle_timeout_s;
	struct conf_secondary *secondaries;
	size_t secondary_count;
	struct conf_transfer *transfer;
	size_t transfer_count;
	struct addr *resolvers; /* validating */
	size_t resolver_count;
	struct conf_parent *parents;
	size_t parent_count;
	int64_t look_interval_s;
	int64_t fetch_interval_s;
	int64_t fetch_max_mib;
	int64_t peer_input_after_s;
	int64_t cross_audit_interval_s; /* 0: never by itself */
	struct conf_review review;
};

struct conf_backupd {
	bool present;
	char *listen;
	char *socket;
	char *state_dir;
	int64_t retention_days; /* 0: for good */
};

/* The processes that start hooks and speak HTTP, on every host that has them. */
struct conf_hook {
	char *socket;
	char *dir;
	int64_t at_once;
};

struct conf_fetch {
	char *socket;
	char *ca_file; /* NULL: what the system trusts */
	int64_t at_once;
};

struct conf {
	char *path; /* the file it came from */
	struct conf_node node;
	struct conf_peer *peers;
	size_t peer_count;
	struct conf_keydist keydist;
	struct conf_signer signer;
	struct conf_backupd backupd;
	struct conf_hook hook;
	struct conf_fetch fetch;
};

/* Mistakes, one sentence each: "FILE:LINE: OPTION: what is wrong, what is allowed". */
#define CONF_ERRORS_MAX 100
struct conf_errors {
	char **line;
	size_t n;
};

/* conf_load - reads and checks a file.  Returns 0 and *out (the caller frees it), or -1 and at least one line
 * in errors, which the caller frees in any case. */
int conf_load(const char *path, struct conf **out, struct conf_errors *errors);
/* The same from memory; path is used in the messages only. */
int conf_parse(const char *path, const char *text, size_t len, struct conf **out, struct conf_errors *errors);
/* A whole file of at most CONF_OCTETS_MAX octets, ended by NUL (free() it), or NULL with the reason added to
 * errors. */
char *conf_read_file(const char *path, size_t *len, struct conf_errors *errors);
/* NULL does nothing. */
void conf_free(struct conf *c);
void conf_errors_free(struct conf_errors *errors);

/* The whole configuration as YAML with all defaults filled in; reading it again gives the same configuration.
 */
void conf_print(const struct conf *c, FILE *out);
/* Every option with type, range, default and help, as the body of duet.yaml(5) (mdoc). */
void conf_print_manual(FILE *out);

/*
 * conf_start - what every daemon does first: options -c FILE, --print-config, --check, --help, --version,
 * then conf_load.
 *
 * section: "signer", "keydist" or "backupd", which the file must have, or "hook" or "fetch".  Returns -1 with *out set when the
 * daemon is to run, else the exit code (0 done, 1 the configuration is wrong, 2 misused); everything has been
 * printed then.
 */
int conf_start(int argc, char **argv, const char *program, const char *section, struct conf **out);
/* conf_reload - the same file again, all or nothing: 0 and *out, or -1 with every mistake logged
 * (event=config-wrong) and the first one in e. */
int conf_reload(const struct conf *old, const char *section, struct conf **out, struct err *e);

#endif
