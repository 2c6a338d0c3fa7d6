/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_CTL_COMMAND_H
#define DUET_CTL_COMMAND_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>

#include "conf/conf.h"
#include "err/err.h"

/*
 * command - what duetctl can do: one row per command, and what a running command has at hand.
 *
 * Results go to standard output, refusals and progress to standard error.  A command returns the exit code of
 * the program.
 */
enum { CTL_DONE = 0, CTL_FAILED = 1, CTL_MISUSED = 2 };

#define CTL_ARGS    64
#define CTL_OPTIONS 8

/* --name, or --name ARG where arg is not NULL. */
struct ctl_option {
	const char *name;
	const char *arg;
	const char *help;
};

enum ctl_daemon { CTL_NONE, CTL_KEYDIST, CTL_SIGNER, CTL_BACKUPD };

struct ctl;

struct ctl_command {
	const char *noun;
	const char *verb; /* NULL: the noun alone is the command */
	const char *args; /* for people: "ZONE [FILE]" */
	int args_least, args_most;
	enum ctl_daemon daemon; /* whom --socket PATH without a name means */
	const char *summary;    /* one line */
	const char *more;       /* further lines of help, or NULL */
	const char *examples;   /* one per line */
	struct ctl_option options[CTL_OPTIONS + 1];
	int (*run)(struct ctl *c);
};

/* Ended by a row without noun. */
extern const struct ctl_command ctl_commands[];

/* One run of the program. */
struct ctl {
	const struct ctl_command *command;
	const char *arg[CTL_ARGS];
	int args;
	const char *value[CTL_OPTIONS]; /* of command->options[i]; "" for a flag that was given; NULL: not
					   given */
	bool json;
	const char *conf_path; /* NULL: not given */
	const char
		*socket[4]; /* by enum ctl_daemon: what the command line says instead of the configuration */
	struct conf *conf;
	bool progress_shown;
};

/* ---- command line (args.c) ---- */

/* Reads the command line into c.  Returns -1 when the command is to run, else an exit code; all is said then.
 */
int ctl_args(struct ctl *c, int argc, char **argv);
const struct ctl_command *ctl_find(const char *noun, const char *verb);
/* Of the running command; asserts that it has such an option. */
const char *ctl_option(const struct ctl *c, const char *name);
bool ctl_flag(const struct ctl *c, const char *name);
/* The serial behind the zone's name, at least this.  Not 0: said. */
int ctl_serial(struct ctl *c, unsigned long long least, json_int_t *serial);
/* "90s", "5m" of an option; fallback when not given.  -1 with the refusal said. */
int ctl_seconds(const struct ctl *c, const char *name, long fallback, long *out);

/* ---- help (help.c) ---- */

void ctl_help(FILE *out);
void ctl_help_noun(const char *noun, FILE *out);
void ctl_help_command(const struct ctl_command *cmd, FILE *out);
/* The commands as mdoc list items, for duetctl(1). */
void ctl_manual(FILE *out);
/* Words that may follow those on the line, one per line, for the completion of a shell. */
void ctl_complete(struct ctl *c, int words, char **word);

/* ---- speaking to daemons (call.c) ---- */

#define CTL_TIMEOUT_MS 15000

/* The configuration, or its defaults where no file was named and none is there.  -1 when it is wrong; said.
 */
int ctl_load_conf(struct ctl *c);
/* Goes on with the defaults when the configuration is wrong: for commands that make the very lines that it
 * still lacks, and where the command line names the socket.  False when the command needs the configuration.
 */
bool ctl_default_conf(struct ctl *c);
const char *ctl_socket(const struct ctl *c, enum ctl_daemon d);
/* path is freed.  As http_call, a change in keydist with patience; on failure everything is said and -1 returned. */
int ctl_call(struct ctl *c, enum ctl_daemon d, const char *method, char *path, json_t *body, json_t **out);
/* GET /v1/status of keydist or backupd with all its zones, which are fetched some at a time so that it does other things in
 * between; zone: that one alone, or NULL. */
int ctl_status(struct ctl *c, enum ctl_daemon d, const char *zone, json_t **out, struct err *e);
/*
 * ctl_patient - as ctl_try with keydist, and while it answers and says "not now" (it has just started and still compares
 * its facts with other nodes), or with may_appear that it does not know what is named (which another node was
 * told a moment ago), asks again for wait_ms, with progress.
 */
#define CTL_PATIENCE_MS 10000
int ctl_patient(struct ctl *c, const char *method, char *path, json_t *body, bool may_appear, unsigned wait_ms,
		json_t **out, struct err *e);
/* The same for a POST that may take longer; path is borrowed. */
int ctl_patient_for(struct ctl *c, const char *path, json_t *body, unsigned timeout_ms, json_t **out, struct err *e);
/* The same without saying anything. */
int ctl_try(struct ctl *c, enum ctl_daemon d, const char *method, char *path, json_t *body,
	    unsigned timeout_ms, json_t **out, struct err *e);

/* A request to any node's signer, relayed by keydist; args is taken over. */
int ctl_request(struct ctl *c, const char *node, const char *what, json_t *args, unsigned timeout_ms,
		json_t **out, struct err *e);

/* ---- output (output.c) ---- */

/* Says a refusal; returns CTL_FAILED. */
int ctl_fail(struct ctl *c, const struct err *e);
int ctl_fail_text(struct ctl *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int ctl_misuse(const struct ctl_command *cmd, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* With --json: prints the object (reference taken over) and returns true.  Else gives the reference back:
 * false. */
bool ctl_json(struct ctl *c, json_t *j);
/* The same for an object made for this: its reference is taken over in any case. */
bool ctl_json_new(struct ctl *c, json_t *j);
/* A line of progress on standard error, from the third second of a wait on, when it says something new. */
void ctl_progress(struct ctl *c, int64_t waiting_ms, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void ctl_progress_end(struct ctl *c);
void ctl_sleep_ms(unsigned ms);

/* A table for people: cells are copied. */
struct ctl_table {
	size_t columns;
	char **cell;
	size_t cells;
};
void ctl_table_add(struct ctl_table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Prints and frees; the first `columns` cells are the headings. */
void ctl_table_print(struct ctl_table *t);

/* ---- reading answers (output.c) ---- */

/* "" when absent. */
const char *jtext(const json_t *o, const char *name);
json_int_t jint(const json_t *o, const char *name, json_int_t fallback);
bool jbool(const json_t *o, const char *name);
/* The array, or an empty one. */
const json_t *jlist(const json_t *o, const char *name);
/* Texts of an array, joined; free() it. */
char *jjoin(const json_t *list, const char *between);
/* "in 6d 3h", "2h ago", "-"; returns out. */
#define CTL_WHEN_LEN 48
char *ctl_when(json_int_t at_s, json_int_t now_s, char out[CTL_WHEN_LEN]);
char *ctl_span(json_int_t seconds, char out[CTL_WHEN_LEN]);
/* As the daemon, which has another working folder, must see a path; free() it.  NULL for NULL. */
char *ctl_absolute(const char *path);
/* With final dot; free() it. */
char *ctl_zone_name(const char *text);

/* ---- the commands ---- */

/* The table of nodes, from the answers of keydist and backupd. */
void ctl_print_nodes(const json_t *nodes);

int cmd_node_init(struct ctl *c);
int cmd_node_add(struct ctl *c);
int cmd_node_retire(struct ctl *c);
int cmd_node_list(struct ctl *c);
int cmd_recovery_init(struct ctl *c);
/* Servers and what each shows; what: SECONDARY, NAME SERVER. */
void ctl_print_servers(const char *what, const json_t *list, json_int_t now);

/* many.c: by the list */
int ctl_zone_add_from(struct ctl *c, const char *path);
int ctl_key_create_all(struct ctl *c);
/* Of keys that were just made: waits until they are distributed (unless --no-wait), and says so.  how: "made".  Returns
 * the exit code. */
int ctl_key_made(struct ctl *c, const char *zone, const json_t *answer, long timeout_s, const char *how);

int cmd_zone_add(struct ctl *c);
int cmd_zone_remove(struct ctl *c);
int cmd_zone_list(struct ctl *c);
int cmd_zone_status(struct ctl *c);
int cmd_zone_sign(struct ctl *c);
int cmd_zone_hold(struct ctl *c);
int cmd_zone_resume(struct ctl *c);
int cmd_zone_cross_audit(struct ctl *c);
int cmd_zone_accept_serial(struct ctl *c);
int cmd_zone_history(struct ctl *c);
int cmd_zone_floor(struct ctl *c);
int cmd_zone_set_serial(struct ctl *c);
int cmd_zone_approve(struct ctl *c);
int cmd_zone_reject(struct ctl *c);
int cmd_zone_override(struct ctl *c);
int cmd_zone_audit(struct ctl *c);
int cmd_zone_export(struct ctl *c);
int cmd_zone_diff(struct ctl *c);
int cmd_zone_submit(struct ctl *c);
/* The table of keys: headings, then the rows of each zone. */
void ctl_key_table(struct ctl_table *t);
void ctl_key_rows(struct ctl_table *t, const char *zone, const json_t *keys);
/* What is wrong with a key of `key list`, and how to go on, below its line; nothing when nothing is. */
void ctl_key_trouble(const json_t *key);
/* A name server that keys wait for and nobody can find, with a remedy; nothing when there is none. */
void ctl_key_missing_server(const json_t *answer);
/* --algorithm and --role into the body of a request.  Not 0: misused; said. */
int ctl_key_kind(struct ctl *c, json_t *body);

int cmd_key_create(struct ctl *c);
int cmd_key_list(struct ctl *c);
int cmd_key_ds(struct ctl *c);
int cmd_key_export(struct ctl *c);
int cmd_key_import(struct ctl *c);
int cmd_key_roll(struct ctl *c);
int cmd_key_withdraw(struct ctl *c);
int cmd_key_release(struct ctl *c);
int cmd_key_ds_seen(struct ctl *c);
int cmd_key_ds_gone(struct ctl *c);
int cmd_key_explain(struct ctl *c);
int cmd_key_timeline(struct ctl *c);
/* The chart of what GET .../timeline answered. */
void ctl_print_timeline(const json_t *answer);
int cmd_policy_list(struct ctl *c);
int cmd_policy_show(struct ctl *c);
int cmd_policy_apply(struct ctl *c);
int cmd_tsig_create(struct ctl *c);
int cmd_tsig_list(struct ctl *c);
int cmd_tsig_remove(struct ctl *c);
int cmd_backup_list(struct ctl *c);
int cmd_backup_restore(struct ctl *c);
int cmd_drill_readiness(struct ctl *c);
int cmd_drill_failover(struct ctl *c);
int cmd_status(struct ctl *c);
int cmd_reload(struct ctl *c);

#endif
