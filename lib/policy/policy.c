/* SPDX-License-Identifier: BSD-3-Clause */
/* policy: one table for YAML and JSON. */
#include "policy/policy.h"

#include "arena/arena.h"
#include "conf/option.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE   60
#define HOUR     3600
#define DAY      86400
#define TTL_MOST INT32_MAX /* RFC 2181 section 8 */

/* What the table reads into: option.c gives names as pointers. */
struct policy_read {
	struct policy p;
	char *name, *load_review, *sign_review, *severity;
};

/* Options that are texts, and their fields of the value. */
static const struct {
	size_t read, field, cap;
	const char *unset;
} texts[] = {
#define TEXT(name, unset) \
	{ offsetof(struct policy_read, name), offsetof(struct policy, name), sizeof(((struct policy *)NULL)->name), unset }
	TEXT(name, ""), TEXT(load_review, "off"), TEXT(sign_review, "off"), TEXT(severity, ""),
#undef TEXT
};
#define TEXTS (sizeof(texts) / sizeof(texts[0]))

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
static const struct option_word key_sets[] = { { "csk", POLICY_CSK },
					       { "ksk+zsk", POLICY_KSK_ZSK },
					       { NULL, 0 } };
static const struct option_word ksk_rollovers[] = { { "double-signature", POLICY_DOUBLE_SIGNATURE },
						    { "double-ds", POLICY_DOUBLE_DS },
						    { NULL, 0 } };
static const struct option_word algorithm_rollovers[] = { { "conservative", POLICY_CONSERVATIVE },
							  { "liberal", POLICY_LIBERAL },
							  { NULL, 0 } };
static const struct option_word steps[] = { { "automatic", POLICY_AUTOMATIC },
					    { "manual", POLICY_MANUAL },
					    { NULL, 0 } };
/* Of the zone's NS RRset. */
static const struct option_word name_servers[] = { { "look", POLICY_LOOK }, { "ignore", POLICY_IGNORE }, { NULL, 0 } };

static const struct option_word denials[] = {
	{ "nsec", POLICY_NSEC },
	{ "nsec3", POLICY_NSEC3 },
	{ "nsec3-optout", POLICY_NSEC3_OPTOUT },
	{ NULL, 0 },
};
static const struct option_word unsigned_ways[] = { { "hold", POLICY_HOLD },
						    { "serve", POLICY_SERVE },
						    { NULL, 0 } };
static const struct option_word orders[] = {
	{ "auto", POLICY_ORDER_AUTO },
	{ "seen", POLICY_ORDER_SEEN },
	{ "serial", POLICY_ORDER_SERIAL },
	{ NULL, 0 },
};

static const struct option_word audits[] = {
	{ "whole", POLICY_AUDIT_WHOLE },
	{ "changes", POLICY_AUDIT_CHANGES },
	{ "off", POLICY_AUDIT_OFF },
	{ NULL, 0 },
};

/* RFC 8976 section 5.3: hash 1 and hash 2. */
static const struct option_word zonemds[] = {
	{ "off", 0 },
	{ "sha384", 1 << 1 },
	{ "sha512", 1 << 2 },
	{ "both", 1 << 1 | 1 << 2 },
	{ NULL, 0 },
};

static const struct option_word cds_times[] = { { "always", POLICY_CDS_ALWAYS }, { "rollovers", POLICY_CDS_ROLLOVERS }, { NULL, 0 } };
static const struct option_word ds_digests[] = {
	{ "sha256", POLICY_DS_SHA256 },
	{ "sha384", POLICY_DS_SHA384 },
	{ "both", POLICY_DS_SHA256 | POLICY_DS_SHA384 },
	{ NULL, 0 },
};

static const struct option_word refusals[] = { { "soft", POLICY_SOFT }, { "hard", POLICY_HARD }, { NULL, 0 } };

#define AT(field) .offset = offsetof(struct policy_read, field)
#define TIME(least_s, most_s, text)                                                                          \
	OPTION_DURATION, .unit = "s", .least = (least_s), .most = (most_s), .def = (text)

static const struct option policy_table[] = {
	{ "name", OPTION_NAME, AT(name), .help = "Name of the policy." },
	{ "algorithm", OPTION_WORD, .words = algorithms, .def = "13", AT(p.algorithm),
	  .help = "Algorithm of new keys, by number or mnemonic." },
	{ "keys", OPTION_WORD, .words = key_sets, .def = "csk", AT(p.keys),
	  .help = "One key that signs everything, or one for the DNSKEY RRset and one for the zone." },
	{ "ksk-bits", OPTION_COUNT, .least = 2048, .most = 4096, .def = "2048", .unit = "bits",
	  AT(p.ksk_bits), .help = "Size of new RSA keys that sign the DNSKEY RRset." },
	{ "zsk-bits", OPTION_COUNT, .least = 2048, .most = 4096, .def = "2048", .unit = "bits",
	  AT(p.zsk_bits), .help = "Size of new RSA keys that sign the zone." },
	{ "ksk-rollover", OPTION_WORD, .words = ksk_rollovers, .def = "double-signature", AT(p.ksk_rollover),
	  .help = "How a key that the parent names is replaced: DNSKEY first and then DS, or DS first (RFC 7583 section "
		  "2.2)." },
	{ "algorithm-rollover", OPTION_WORD, .words = algorithm_rollovers, .def = "conservative", AT(p.algorithm_rollover),
	  .help = "How another algorithm comes in: RRSIGs before the DNSKEY, for validators that ask for every algorithm of "
		  "the DNSKEY RRset, or both together (RFC 6781 section 4.1.4)." },
	{ "ksk-lifetime", TIME(0, INT64_C(36500) * DAY, "0"), AT(p.ksk_lifetime_s),
	  .help = "A key that the parent names is rolled by itself when it is so old; 0: when it is asked for." },
	{ "zsk-lifetime", TIME(0, INT64_C(36500) * DAY, "0"), AT(p.zsk_lifetime_s),
	  .help = "The same of a key that signs the zone alone." },
	{ "roll-steps", OPTION_WORD, .words = steps, .def = "automatic", AT(p.roll_steps),
	  .help = "Whether the steps of a roll follow each other, or each waits for duetctl key release." },
	{ "observation-limit", TIME(0, 400 * DAY, "0"), AT(p.observation_limit_s),
	  .help = "A secondary or name server that has not answered for so long is not waited for in a roll; must be more than the "
		  "SOA's EXPIRE, after which it serves nothing; 0: it is waited for." },
	{ "name-servers", OPTION_WORD, .words = name_servers, .def = "look", AT(p.name_servers),
	  .help = "Whether every address of the zone's NS RRset is looked at as secondaries are, and waited for: look, or ignore "
		  "where the signers cannot ask those servers and you see to it that they follow the secondaries." },
	{ "denial", OPTION_WORD, .words = denials, .def = "nsec", AT(p.denial),
	  .help = "How absence is proven." },
	{ "nsec3-iterations", OPTION_COUNT, .least = 0, .most = 50, .def = "0", AT(p.nsec3_iterations),
	  .help = "Extra iterations; RFC 9276 asks for 0." },
	{ "nsec3-salt-len", OPTION_COUNT, .least = 0, .most = 16, .def = "0", .unit = "octets",
	  AT(p.nsec3_salt_len), .help = "Length of the salt that each signer draws; RFC 9276 asks for 0." },
	{ "unsigned", OPTION_WORD, .words = unsigned_ways, .def = "hold", AT(p.unsigned_zone),
	  .help = "What happens to a zone without a key: hold it back, or serve it unsigned." },
	{ "validity", TIME(10, 400 * DAY, "14d"), AT(p.validity_s), .help = "How long a new RRSIG lasts." },
	{ "renewal-margin", TIME(2, 200 * DAY, "7d"), AT(p.renewal_margin_s),
	  .help = "An RRSIG with less time left is renewed." },
	{ "jitter", TIME(0, 100 * DAY, "1d"), AT(p.jitter_s),
	  .help = "RRSIGs end up to this much earlier, spread." },
	{ "inception-offset", TIME(0, 30 * DAY, "1h"), AT(p.inception_offset_s),
	  .help = "RRSIGs begin this much in the past, for validators whose clock is late." },
	{ "dnskey-ttl", TIME(0, TTL_MOST, "1h"), AT(p.dnskey_ttl_s),
	  .help = "TTL of DNSKEY, CDS and CDNSKEY." },
	{ "propagation", TIME(0, 30 * DAY, "1h"), AT(p.propagation_s),
	  .help = "How long a new version takes to reach all secondaries." },
	{ "max-ttl-unsigned", TIME(0, TTL_MOST, "7d"), AT(p.max_ttl_unsigned_s),
	  .help = "Largest TTL allowed for delegations and glue." },
	{ "max-ttl-signed", TIME(0, TTL_MOST, "1d"), AT(p.max_ttl_signed_s),
	  .help = "Largest TTL allowed for everything else." },
	{ "require-backups", OPTION_COUNT, .least = 0, .most = 16, .def = "1", AT(p.require_backups),
	  .help = "So many backups must have stored a key before it is used." },
	{ "cds", OPTION_BOOL, .def = "yes", AT(p.cds), .help = "Whether CDS and CDNSKEY are published." },
	{ "cds-when", OPTION_WORD, .words = cds_times, .def = "always", AT(p.cds_when),
	  .help = "When: always, or around rollovers, while the DS of a key comes or goes." },
	{ "ds-digest", OPTION_WORD, .words = ds_digests, .def = "sha256", AT(p.ds_digest),
	  .help = "Digest of DS and CDS (RFC 8624 section 3.3): sha256, sha384, or both." },
	{ "parent-delay", TIME(0, 90 * DAY, "0"), AT(p.parent_delay_s),
	  .help = "Time added to what the parent needs." },
	{ "input-order", OPTION_WORD, .words = orders, .def = "auto", AT(p.input_order),
	  .help = "What makes input newer: that it was seen later, or its SOA serial; auto: seen for files, "
		  "serial for primaries, unless DS of zones below that are signed here are put into the zone." },
	{ "audit", OPTION_WORD, .words = audits, .def = "changes", AT(p.audit),
	  .help = "What duet-audit looks at before a version is published: all of it, what it changes where the "
		  "version before has passed, or nothing." },
	{ "audit-whole-every", TIME(0, 400 * DAY, "7d"), AT(p.audit_whole_every_s),
	  .help = "What is published is audited whole so often, besides after each start, also where only changes are before "
		  "publication; 0: after a start and when it is asked for." },
	{ "zonemd", OPTION_WORD, .words = zonemds, .def = "off", AT(p.zonemd),
	  .help = "Which digests of the zone are put into it (RFC 8976, scheme SIMPLE).  Each version costs a pass over the whole "
		  "zone and a whole audit then." },
	{ "change-warn", OPTION_COUNT, .least = 0, .most = 1000000, .def = "10", .unit = "%", AT(p.change_warn),
	  .help = "Change of the record count that the auditor warns of; 0: none is." },
	{ "change-refuse", OPTION_COUNT, .least = 0, .most = 1000000, .def = "0", .unit = "%", AT(p.change_refuse),
	  .help = "Change of the record count that the auditor refuses; 0: none is." },
	{ "together", OPTION_COUNT, .least = 0, .most = 100, .def = "0", .unit = "%", AT(p.together),
	  .help = "Share of the signatures that may expire within one hour before the auditor warns; 0: all." },
	{ "key-lifetime", TIME(0, INT64_C(36500) * DAY, "0"), AT(p.key_lifetime_s),
	  .help = "The auditor warns of keys that are in use for longer; 0: no limit." },
	{ "severity", OPTION_TEXT, .least = 0, .most = POLICY_SEVERITY_MAX, .def = "", AT(severity),
	  .help = "Rows of duet-audit with another severity than their own, such as AUD-RRSIG-13=error AUD-KEY-02=warning; any may "
		  "be raised, those that duet-audit --rows marks may be lowered." },
	{ "load-review", OPTION_TEXT, .least = 1, .most = POLICY_REVIEW_MAX, .def = "off", AT(load_review),
	  .help = "Who reviews new content before it is signed: off, manual (zone approve, zone reject), a program in hook.dir "
		  "with its arguments, or the URL of a webhook." },
	{ "sign-review", OPTION_TEXT, .least = 1, .most = POLICY_REVIEW_MAX, .def = "off", AT(sign_review),
	  .help = "The same for the signed version, once duet-audit has passed it." },
	{ "review-limit", TIME(1, DAY, "5m"), AT(p.review_limit_s),
	  .help = "A program or a webhook that has not approved by then has refused." },
	{ "load-refused", OPTION_WORD, .words = refusals, .def = "soft", AT(p.load_refused),
	  .help = "What a refusal of the content does: soft, the next version may pass; hard, the zone stops until zone "
		  "resume.  What is published is kept fresh either way." },
	{ "audit-refused", OPTION_WORD, .words = refusals, .def = "soft", AT(p.audit_refused),
	  .help = "The same when duet-audit refuses." },
	{ "sign-refused", OPTION_WORD, .words = refusals, .def = "soft", AT(p.sign_refused),
	  .help = "The same when the signed version is refused." },
	{ .name = NULL },
};

static bool is_text(const struct option *o)
{
	return o->type == OPTION_NAME || o->type == OPTION_TEXT;
}

static void text_set(char *to, size_t cap, const char *text)
{
	memset(to, 0, cap); /* policies are compared as octets */
	snprintf(to, cap, "%s", text);
}

/* The texts that were read move into the value. */
static void texts_take(struct policy_read *read)
{
	for (size_t i = 0; i < TEXTS; i++) {
		const char *text = *(char **)((char *)read + texts[i].read);

		text_set((char *)&read->p + texts[i].field, texts[i].cap, text != NULL ? text : texts[i].unset);
	}
}

/* The value's field of an option that is a text; *cap: octets of it. */
static char *text_of(const struct option *o, struct policy *p, size_t *cap)
{
	size_t i = 0;

	while (texts[i].read != o->offset)
		i++;
	*cap = texts[i].cap;
	return (char *)p + texts[i].field;
}

struct policy policy_default(void)
{
	struct policy_read read = { .name = NULL };

	option_defaults(policy_table, &read);
	texts_take(&read);
	option_free(policy_table, &read);
	text_set(read.p.name, sizeof(read.p.name), "default");
	return read.p;
}

/* ---- YAML ---- */

/* Puts "FILE:LINE: " or "FILE: " in front of what policy_check said. */
static void place(struct conf_errors *from, const char *path, struct conf_errors *to)
{
	for (size_t i = 0; i < from->n; i++)
		option_mistake_add(to, mem_printf("%s: %s", path, from->line[i]));
	conf_errors_free(from);
}

int policy_read_text(const char *path, const char *text, size_t len, struct policy *out,
		     struct conf_errors *errors, struct conf_errors *warnings)
{
	struct conf_errors rules = { .line = NULL }, hints = { .line = NULL };
	struct option_report report = { .file = path, .errors = errors };
	struct policy_read read = { .name = NULL };
	struct arena *arena = arena_new();
	struct yaml_node *root;
	struct err e;

	memset(errors, 0, sizeof(*errors));
	memset(warnings, 0, sizeof(*warnings));
	if (yamltree_parse(text, len, arena, &root, &e) != 0) {
		option_mistake_add(errors, mem_printf("%s:%s", path, e.text));
	} else if (root->kind != YAML_MAPPING) {
		option_mistake(&report, root->line, "", "must be options, one per line: name: ...");
	} else {
		option_read(policy_table, root, "", &read, &report);
		texts_take(&read);
		policy_check(&read.p, &rules, &hints);
		place(&rules, path, errors);
		place(&hints, path, warnings);
	}
	option_free(policy_table, &read);
	arena_free(arena);
	if (errors->n > 0)
		return -1;
	*out = read.p;
	return 0;
}

int policy_read_file(const char *path, struct policy *out, struct conf_errors *errors,
		     struct conf_errors *warnings)
{
	size_t len = 0;
	char *text;
	int rc = -1;

	memset(errors, 0, sizeof(*errors));
	memset(warnings, 0, sizeof(*warnings));
	text = conf_read_file(path, &len, errors);
	if (text != NULL)
		rc = policy_read_text(path, text, len, out, errors, warnings);
	free(text);
	return rc;
}

void policy_print(const struct policy *p, FILE *out)
{
	struct policy_read read = { .p = *p };

	for (size_t i = 0; i < TEXTS; i++)
		*(char **)((char *)&read + texts[i].read) = (char *)&read.p + texts[i].field;
	option_print(policy_table, &read, 0, out);
}

void policy_print_manual(FILE *out)
{
	option_manual(policy_table, "", out);
}

/* ---- JSON ---- */

#define MEMBER_LEN 40

/* renewal-margin of type duration -> renewal_margin_s */
static const char *member_name(const struct option *o, char out[MEMBER_LEN])
{
	snprintf(out, MEMBER_LEN, "%s%s", o->name, o->type == OPTION_DURATION ? "_s" : "");
	for (char *p = out; *p != '\0'; p++)
		if (*p == '-')
			*p = '_';
	return out;
}

static bool algorithm_known(json_int_t number)
{
	for (const struct option_word *w = algorithms; w->text != NULL; w++)
		if (w->value == number)
			return true;
	return false;
}

static bool word_value(const struct option *o, const json_t *v, int *out)
{
	if (o->words == algorithms) {
		if (!json_is_integer(v) || !algorithm_known(json_integer_value(v)))
			return false;
		*out = (int)json_integer_value(v);
		return true;
	}
	for (const struct option_word *w = o->words; json_is_string(v) && w->text != NULL; w++) {
		if (strcmp(w->text, json_string_value(v)) == 0) {
			*out = w->value;
			return true;
		}
	}
	return false;
}

/* One member into its field; false when its type or value is not allowed. */
static bool member_read(const struct option *o, const json_t *v, struct policy_read *read)
{
	void *field = (char *)read + o->offset;

	if (is_text(o)) {
		const char *text = json_string_value(v);
		size_t cap;
		char *to = text_of(o, &read->p, &cap);

		if (text == NULL || strlen(text) >= cap || (*text == '\0' && o->least > 0) || (o->type == OPTION_NAME && !option_name_valid(text)))
			return false;
		text_set(to, cap, text);
		return true;
	}
	if (o->type == OPTION_WORD)
		return word_value(o, v, field);
	if (o->type == OPTION_BOOL) {
		*(bool *)field = json_is_true(v);
		return json_is_boolean(v);
	}
	if (!json_is_integer(v) || json_integer_value(v) < o->least || json_integer_value(v) > o->most)
		return false;
	*(int64_t *)field = json_integer_value(v);
	return true;
}

int policy_from_json(const json_t *j, struct policy *out, struct err *e)
{
	struct policy_read read = { .p = policy_default() };
	struct conf_errors errors = { .line = NULL };
	const json_t *rev = json_object_get(j, "rev");
	char name[MEMBER_LEN], allowed[256];
	int rc = 0;

	if (!json_is_object(j))
		return err_set(e, ERR_SYNTAX, "a policy must be an object");
	for (const struct option *o = policy_table; o->name != NULL; o++) {
		const json_t *v = json_object_get(j, member_name(o, name));

		if (v == NULL ? o->def == NULL : !member_read(o, v, &read))
			option_mistake_add(&errors, mem_printf("%s: must be %s", name,
							       option_allowed(o, allowed, sizeof(allowed))));
	}
	if (rev != NULL && (!json_is_integer(rev) || json_integer_value(rev) < 0))
		option_mistake_add(&errors, mem_printf("rev: must be a number"));
	read.p.rev = json_integer_value(rev);
	if (errors.n == 0)
		policy_check(&read.p, &errors, NULL);
	if (errors.n > 0) {
		char *all = mem_strdup(errors.line[0]);

		for (size_t i = 1; i < errors.n; i++) {
			char *longer = mem_printf("%s; %s", all, errors.line[i]);

			free(all);
			all = longer;
		}
		rc = err_set(e, ERR_SYNTAX, "%s", all);
		free(all);
	} else {
		*out = read.p;
	}
	conf_errors_free(&errors);
	return rc;
}

static json_t *member_json(const struct option *o, const struct policy_read *read)
{
	const void *field = (const char *)read + o->offset;

	if (is_text(o)) {
		struct policy p = read->p;
		size_t cap;

		return json_string(text_of(o, &p, &cap));
	}
	if (o->type == OPTION_BOOL)
		return json_boolean(*(const bool *)field);
	if (o->type != OPTION_WORD)
		return json_integer(*(const int64_t *)field);
	if (o->words == algorithms)
		return json_integer(*(const int *)field);
	for (const struct option_word *w = o->words; w->text != NULL; w++)
		if (w->value == *(const int *)field)
			return json_string(w->text);
	return json_null();
}

json_t *policy_to_json(const struct policy *p)
{
	struct policy_read read = { .p = *p };
	json_t *j = json_object();
	char name[MEMBER_LEN];

	for (const struct option *o = policy_table; o->name != NULL; o++)
		json_object_set_new(j, member_name(o, name), member_json(o, &read));
	json_object_set_new(j, "rev", json_integer(p->rev));
	return j;
}
