/* SPDX-License-Identifier: BSD-3-Clause */
/* limits: one table of options for YAML, a second one of members for JSON. */
#include "audit/limits.h"

#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"
#include "conf/option.h"
#include "yaml/yamltree.h"

#define DAY      86400
#define CENTURY  (INT64_C(36500) * DAY)
#define TTL_MOST INT32_MAX

static const struct option_word algorithms[] = {
	{ "8", 8 },
	{ "10", 10 },
	{ "13", 13 },
	{ "14", 14 },
	{ "15", 15 },
	{ "16", 16 },
	{ "RSASHA256", 8 },
	{ "RSASHA512", 10 },
	{ "ECDSAP256SHA256", 13 },
	{ "ECDSAP384SHA384", 14 },
	{ "ED25519", 15 },
	{ "ED448", 16 },
	{ NULL, 0 },
};
static const struct option_word key_sets[] = { { "csk", LIMITS_CSK },
					       { "ksk+zsk", LIMITS_KSK_ZSK },
					       { NULL, 0 } };
static const struct option_word denials[] = {
	{ "nsec", LIMITS_NSEC },
	{ "nsec3", LIMITS_NSEC3 },
	{ "nsec3-optout", LIMITS_OPTOUT },
	{ NULL, 0 },
};
/* Of options that the auditor does not look at. */
static const struct option_word unsigned_words[] = { { "hold", 0 }, { "serve", 0 }, { NULL, 0 } };
static const struct option_word cds_words[] = { { "always", 0 }, { "rollovers", 1 }, { NULL, 0 } };
static const struct option_word digest_words[] = { { "sha256", 0 }, { "sha384", 1 }, { "both", 2 }, { NULL, 0 } };
static const struct option_word order_words[] = { { "auto", 0 }, { "seen", 0 }, { "serial", 0 }, { NULL, 0 } };
static const struct option_word audit_words[] = { { "whole", 0 }, { "changes", 0 }, { "off", 0 }, { NULL, 0 } };
static const struct option_word ksk_words[] = { { "double-signature", 0 }, { "double-ds", 0 }, { NULL, 0 } };
static const struct option_word algorithm_words[] = { { "conservative", 0 }, { "liberal", 0 }, { NULL, 0 } };
static const struct option_word step_words[] = { { "automatic", 0 }, { "manual", 0 }, { NULL, 0 } };
static const struct option_word name_server_words[] = { { "look", 0 }, { "ignore", 0 }, { NULL, 0 } };
static const struct option_word refusal_words[] = { { "soft", 0 }, { "hard", 0 }, { NULL, 0 } };

#define AT(field)                    .offset = offsetof(struct limits, field)
#define TIME(most_s, text)           OPTION_DURATION, .unit = "s", .least = 0, .most = (most_s), .def = (text)
#define COUNT(least_n, most_n, text) OPTION_COUNT, .least = (least_n), .most = (most_n), .def = (text)
#define REVIEW                       OPTION_TEXT, .least = 1, .most = 127, .def = "off"
#define IGNORED                      "Not looked at by the auditor."

static const struct option_word zonemds[] = {
	{ "off", 0 },	 { "no", 0 },	      { "yes", LIMITS_ZONEMD_ANY },
	{ "sha384", 1 << 1 }, { "sha512", 1 << 2 }, { "both", 1 << 1 | 1 << 2 },
	{ NULL, 0 },
};

static const struct option limits_table[] = {
	{ "name", OPTION_NAME, .def = "", AT(name), .help = IGNORED },
	{ "algorithm", OPTION_WORD, .words = algorithms, .def = "13", AT(algorithm),
	  .help = "Algorithm that all DNSKEYs have, apart from those of a plan." },
	{ "keys", OPTION_WORD, .words = key_sets, .def = "csk", AT(keys),
	  .help = "Whether keys with the SEP flag may sign zone data." },
	{ "ksk-bits", COUNT(512, 4096, "2048"), AT(ksk_bits),
	  .help = "Least size of RSA keys with the SEP flag." },
	{ "zsk-bits", COUNT(512, 4096, "2048"), AT(zsk_bits), .help = "Least size of other RSA keys." },
	{ "denial", OPTION_WORD, .words = denials, .def = "nsec", AT(denial),
	  .help = "Where it is nsec3, the opt-out flag is refused." },
	{ "nsec3-iterations", COUNT(0, 500, "0"), AT(nsec3_iterations), .help = "Most extra iterations." },
	{ "nsec3-salt-len", COUNT(0, 255, "0"), AT(nsec3_salt_len), .help = "Longest salt." },
	{ "validity", TIME(4000 * DAY, "14d"), AT(validity_s),
	  .help = "With jitter and inception-offset: longest life of a signature." },
	{ "jitter", TIME(100 * DAY, "1d"), AT(jitter_s), .help = "See validity." },
	{ "inception-offset", TIME(30 * DAY, "1h"), AT(inception_offset_s),
	  .help = "Signatures begin at least this much in the past." },
	{ "propagation", TIME(30 * DAY, "1h"), AT(propagation_s),
	  .help = "Signatures last at least this time and the largest TTL." },
	{ "max-ttl-unsigned", TIME(TTL_MOST, "7d"), AT(max_ttl_unsigned_s),
	  .help = "Largest TTL of delegations and glue." },
	{ "max-ttl-signed", TIME(TTL_MOST, "1d"), AT(max_ttl_signed_s), .help = "Largest TTL of all else." },
	{ "change-warn", COUNT(0, 1000000, "10"), .unit = "%", AT(change_warn),
	  .help = "Change of the record count that is warned of; 0: none is." },
	{ "change-refuse", COUNT(0, 1000000, "0"), .unit = "%", AT(change_refuse),
	  .help = "Change of the record count that is refused; 0: none is." },
	{ "together", COUNT(0, 100, "0"), .unit = "%", AT(together),
	  .help = "Share of the signatures that may expire within one hour; 0: all." },
	{ "key-lifetime", TIME(CENTURY, "0"), AT(key_lifetime_s),
	  .help = "Longest time that a key is in use; 0: no limit." },
	{ "zonemd", OPTION_WORD, .words = zonemds, .def = "off", AT(zonemd),
	  .help = "Whether a ZONEMD must be there: off or no, yes for any hash, sha384, sha512, both." },
	{ "severity", OPTION_TEXT, .least = 0, .most = 1023, .def = "", AT(severity_text),
	  .help = "Rows with another severity than their own, such as AUD-RRSIG-13=error AUD-KEY-02=warning; any may be raised, "
		  "those that --rows marks may be lowered." },
	{ "unsigned", OPTION_WORD, .words = unsigned_words, .def = "hold", AT(ignored_word), .help = IGNORED },
	{ "renewal-margin", TIME(4000 * DAY, "0"), AT(ignored), .help = IGNORED },
	{ "dnskey-ttl", TIME(TTL_MOST, "0"), AT(ignored), .help = IGNORED },
	{ "require-backups", COUNT(0, 16, "0"), AT(ignored), .help = IGNORED },
	{ "cds", OPTION_BOOL, .def = "yes", AT(ignored_bool), .help = IGNORED },
	{ "cds-when", OPTION_WORD, .words = cds_words, .def = "always", AT(ignored_word), .help = IGNORED },
	{ "ds-digest", OPTION_WORD, .words = digest_words, .def = "sha256", AT(ignored_word), .help = IGNORED },
	{ "parent-delay", TIME(CENTURY, "0"), AT(ignored), .help = IGNORED },
	{ "input-order", OPTION_WORD, .words = order_words, .def = "auto", AT(ignored_word),
	  .help = IGNORED },
	{ "ksk-rollover", OPTION_WORD, .words = ksk_words, .def = "double-signature", AT(ignored_word), .help = IGNORED },
	{ "algorithm-rollover", OPTION_WORD, .words = algorithm_words, .def = "conservative", AT(ignored_word), .help = IGNORED },
	{ "ksk-lifetime", TIME(CENTURY, "0"), AT(ignored), .help = IGNORED },
	{ "zsk-lifetime", TIME(CENTURY, "0"), AT(ignored), .help = IGNORED },
	{ "roll-steps", OPTION_WORD, .words = step_words, .def = "automatic", AT(ignored_word), .help = IGNORED },
	{ "observation-limit", TIME(400 * DAY, "0"), AT(ignored), .help = IGNORED },
	{ "name-servers", OPTION_WORD, .words = name_server_words, .def = "look", AT(ignored_word), .help = IGNORED },
	{ "load-review", REVIEW, AT(load_review), .help = IGNORED },
	{ "sign-review", REVIEW, AT(sign_review), .help = IGNORED },
	{ "review-limit", TIME(DAY, "5m"), AT(ignored), .help = IGNORED },
	{ "load-refused", OPTION_WORD, .words = refusal_words, .def = "soft", AT(ignored_word), .help = IGNORED },
	{ "audit-refused", OPTION_WORD, .words = refusal_words, .def = "soft", AT(ignored_word), .help = IGNORED },
	{ "sign-refused", OPTION_WORD, .words = refusal_words, .def = "soft", AT(ignored_word), .help = IGNORED },
	{ "audit-whole-every", TIME(400 * DAY, "7d"), AT(ignored), .help = IGNORED },
	{ "audit", OPTION_WORD, .words = audit_words, .def = "changes", AT(ignored_word), .help = IGNORED },
	{ .name = NULL },
};

void limits_none(struct limits *out)
{
	*out = (struct limits){ .ksk_bits = -1,
				.zsk_bits = -1,
				.nsec3_iterations = -1,
				.nsec3_salt_len = -1,
				.validity_s = -1,
				.inception_offset_s = 0,
				.propagation_s = 3600,
				.max_ttl_signed_s = -1,
				.max_ttl_unsigned_s = -1 };
}

/* errors NULL: what is not known here, or cannot be, is left out; a row keeps its own severity. */
static void read_severity(const char *text, struct limits *out, const char *path, struct conf_errors *errors)
{
	char *copy = mem_strdup(text), *save = NULL;

	for (char *word = strtok_r(copy, " \t", &save); word != NULL; word = strtok_r(NULL, " \t", &save)) {
		char *level = strchr(word, '=');
		const bool raised = level != NULL && strcmp(level, "=error") == 0;
		const char *wrong = NULL;
		enum row_id row;

		if (level != NULL)
			*level = '\0';
		row = row_find(word);
		if (!raised && (level == NULL || strcmp(level + 1, "warning") != 0))
			wrong = "must be ROW=error or ROW=warning";
		else if (row == ROW_COUNT)
			wrong = "there is no such row";
		else if (!raised && rows[row].severity == SEVERITY_ERROR && rows[row].lower == FIXED)
			wrong = "cannot be lowered";
		if (wrong == NULL)
			out->severity[row] = 1 + (raised ? SEVERITY_ERROR : SEVERITY_WARNING);
		else if (errors != NULL)
			option_mistake_add(errors, mem_printf("%s: severity: %s: %s", path, word, wrong));
	}
	free(copy);
}

void limits_severities(const struct limits *l, struct report *r)
{
	for (size_t i = 0; i < ROW_COUNT; i++)
		if (l->severity[i] != 0)
			report_set_severity(r, (enum row_id)i, (enum severity)(l->severity[i] - 1));
}

int limits_read_file(const char *path, struct limits *out, struct conf_errors *errors)
{
	struct option_report report = { .file = path, .errors = errors };
	struct arena *arena = arena_new();
	struct yaml_node *root = NULL;
	size_t len, before = errors->n;
	char *text = conf_read_file(path, &len, errors);
	struct err e = { 0 };

	*out = (struct limits){ .name = NULL };
	if (text != NULL && yamltree_parse(text, len, arena, &root, &e) != 0)
		option_mistake_add(errors, mem_printf("%s:%s", path, e.text));
	if (root != NULL && root->kind != YAML_MAPPING)
		option_mistake_add(errors, mem_printf("%s: must be a mapping of options", path));
	else if (root != NULL)
		option_read(limits_table, root, "", out, &report);
	if (out->severity_text != NULL)
		read_severity(out->severity_text, out, path, errors);
	free(text);
	arena_free(arena);
	if (errors->n == before)
		return 0;
	limits_free(out);
	return -1;
}

static const struct {
	const char *name;
	size_t offset;
} members[] = {
	{ "ksk_bits", offsetof(struct limits, ksk_bits) },
	{ "zsk_bits", offsetof(struct limits, zsk_bits) },
	{ "nsec3_iterations", offsetof(struct limits, nsec3_iterations) },
	{ "nsec3_salt_len", offsetof(struct limits, nsec3_salt_len) },
	{ "validity_s", offsetof(struct limits, validity_s) },
	{ "jitter_s", offsetof(struct limits, jitter_s) },
	{ "inception_offset_s", offsetof(struct limits, inception_offset_s) },
	{ "propagation_s", offsetof(struct limits, propagation_s) },
	{ "max_ttl_signed_s", offsetof(struct limits, max_ttl_signed_s) },
	{ "max_ttl_unsigned_s", offsetof(struct limits, max_ttl_unsigned_s) },
	{ "change_warn", offsetof(struct limits, change_warn) },
	{ "change_refuse", offsetof(struct limits, change_refuse) },
	{ "together", offsetof(struct limits, together) },
	{ "key_lifetime_s", offsetof(struct limits, key_lifetime_s) },
};

static int word_of(const json_t *j, const char *name, const struct option_word *words, int *out,
		   struct err *e)
{
	const json_t *v = json_object_get(j, name);
	char number[24];
	const char *text = json_string_value(v);

	if (v == NULL)
		return 0;
	if (json_is_integer(v)) {
		snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(v));
		text = number;
	}
	for (; text != NULL && words->text != NULL; words++)
		if (strcmp(words->text, text) == 0) {
			*out = words->value;
			return 0;
		}
	return err_set(e, ERR_SYNTAX, "policy: %s: %.40s is not known", name,
		       text != NULL ? text : "no text");
}

int limits_from_json(const json_t *j, struct limits *out, struct err *e)
{
	limits_none(out);
	if (!json_is_object(j))
		return err_set(e, ERR_SYNTAX, "policy must be an object");
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		const json_t *v = json_object_get(j, members[i].name);

		if (v == NULL)
			continue;
		if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > INT64_MAX / 8)
			return err_set(e, ERR_SYNTAX, "policy: %s must be a number, 0 or more",
				       members[i].name);
		memcpy((char *)out + members[i].offset, &(int64_t){ json_integer_value(v) }, sizeof(int64_t));
	}
	if (word_of(j, "algorithm", algorithms, &out->algorithm, e) != 0 ||
	    word_of(j, "keys", key_sets, &out->keys, e) != 0 ||
	    word_of(j, "denial", denials, &out->denial, e) != 0 || word_of(j, "zonemd", zonemds, &out->zonemd, e) != 0)
		return -1;
	if (json_is_string(json_object_get(j, "severity")))
		read_severity(json_string_value(json_object_get(j, "severity")), out, "", NULL);
	return 0;
}

void limits_free(struct limits *l)
{
	free(l->severity_text);
	free(l->name);
	free(l->load_review);
	free(l->sign_review);
	l->severity_text = l->name = l->load_review = l->sign_review = NULL;
}

void limits_manual(FILE *out)
{
	option_manual(limits_table, "", out);
}
