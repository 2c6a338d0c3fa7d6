/* SPDX-License-Identifier: BSD-3-Clause */
/* rules: what binds several options of a policy; a refusal shows both sides of the inequality. */
#include "policy/policy.h"

#include "arena/arena.h"
#include "conf/option.h"

#include <stdarg.h>
#include <string.h>
#include <strings.h>

#define MINUTE 60
#define DAY    86400

static void say(struct conf_errors *to, const char *option, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void say(struct conf_errors *to, const char *option, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	if (to == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	option_mistake_add(to, mem_printf("%s: %s", option, text));
}

static void check_signatures(const struct policy *p, struct conf_errors *errors, struct conf_errors *warnings)
{
	char a[OPTION_DURATION_LEN], b[OPTION_DURATION_LEN];
	int64_t fresh_s = p->validity_s - p->jitter_s, needed_s = p->propagation_s + p->max_ttl_signed_s;

	if (fresh_s <= p->renewal_margin_s)
		say(errors, "renewal-margin",
		    "%s does not fit: a new RRSIG lasts at least validity - jitter = %s and must not be due "
		    "at once",
		    option_duration_text(p->renewal_margin_s, a),
		    option_duration_text(fresh_s < 0 ? 0 : fresh_s, b));
	if (p->renewal_margin_s < needed_s)
		say(errors, "renewal-margin",
		    "%s is too short: RRSIGs in caches must not end before propagation + max-ttl-signed = %s",
		    option_duration_text(p->renewal_margin_s, a), option_duration_text(needed_s, b));
	else if (p->renewal_margin_s / 2 < needed_s)
		say(warnings, "renewal-margin",
		    "half of %s, when signers act alone, is less than propagation + max-ttl-signed = %s",
		    option_duration_text(p->renewal_margin_s, a), option_duration_text(needed_s, b));
	if (p->dnskey_ttl_s > p->max_ttl_signed_s)
		say(errors, "dnskey-ttl", "%s is more than max-ttl-signed, must be at most %s",
		    option_duration_text(p->dnskey_ttl_s, a), option_duration_text(p->max_ttl_signed_s, b));
	if (p->inception_offset_s < 5 * MINUTE)
		say(warnings, "inception-offset",
		    "%s is little: validators with a late clock will see RRSIGs from the future",
		    option_duration_text(p->inception_offset_s, a));
}

/* A sum of times as people write it: "dnskey-ttl 1h + propagation 1h = 2h". */
struct sum {
	char text[400];
	int64_t s;
};

static void plus(struct sum *sum, const char *what, int64_t s)
{
	char a[OPTION_DURATION_LEN];
	const size_t at = strlen(sum->text);

	sum->s += s;
	if (s > 0)
		snprintf(sum->text + at, sizeof(sum->text) - at, "%s%s %s", at > 0 ? " + " : "", what, option_duration_text(s, a));
}

/* A key must not be due again before its roll can be over (RFC 7583 sections 3.2.1 and 3.3.1, without the TTL of the DS,
 * which is the parent's). */
static struct sum roll_length(const struct policy *p, bool ksk)
{
	const bool signs = !ksk || p->keys == POLICY_CSK;
	struct sum sum = { .text = "" };

	plus(&sum, "dnskey-ttl", p->dnskey_ttl_s);
	plus(&sum, "propagation", p->propagation_s);
	if (signs) {
		plus(&sum, "max-ttl-signed", p->max_ttl_signed_s);
		plus(&sum, "propagation", p->propagation_s);
	}
	if (ksk) {
		plus(&sum, "twice parent-delay", 2 * p->parent_delay_s);
		plus(&sum, "twice propagation", 2 * p->propagation_s);
	}
	plus(&sum, "dnskey-ttl", p->dnskey_ttl_s);
	plus(&sum, "propagation", p->propagation_s);
	return sum;
}

static void check_lifetime(const struct policy *p, bool ksk, struct conf_errors *errors)
{
	const char *option = ksk ? "ksk-lifetime" : "zsk-lifetime";
	const int64_t lifetime = ksk ? p->ksk_lifetime_s : p->zsk_lifetime_s;
	const struct sum roll = roll_length(p, ksk);
	char a[OPTION_DURATION_LEN], b[OPTION_DURATION_LEN], c[OPTION_DURATION_LEN], d[OPTION_DURATION_LEN];

	if (lifetime == 0)
		return;
	if (lifetime <= roll.s)
		say(errors, option, "%s is too short: a roll takes %s = %s or more, and must be over before the next",
		    option_duration_text(lifetime, a), roll.text, option_duration_text(roll.s, b));
	if (p->key_lifetime_s > 0 && p->key_lifetime_s < lifetime + roll.s)
		say(errors, "key-lifetime", "%s is too short: keys are in use for %s %s + a roll %s = %s",
		    option_duration_text(p->key_lifetime_s, a), option, option_duration_text(lifetime, b),
		    option_duration_text(roll.s, c), option_duration_text(lifetime + roll.s, d));
}

static void check_rolls(const struct policy *p, struct conf_errors *errors, struct conf_errors *warnings)
{
	char a[OPTION_DURATION_LEN], b[OPTION_DURATION_LEN];

	check_lifetime(p, true, errors);
	if (p->keys == POLICY_CSK && p->zsk_lifetime_s > 0)
		say(errors, "zsk-lifetime", "%s is for keys: ksk+zsk; with one key its lifetime is ksk-lifetime",
		    option_duration_text(p->zsk_lifetime_s, a));
	else
		check_lifetime(p, false, errors);
	if (p->roll_steps == POLICY_MANUAL && (p->ksk_lifetime_s > 0 || p->zsk_lifetime_s > 0))
		say(warnings, "roll-steps", "manual: rolls begin by themselves, and then wait for duetctl key release");
	if (p->observation_limit_s > 0 && p->observation_limit_s < DAY)
		say(errors, "observation-limit", "%s is too short: a limit is a fallback of %s or more",
		    option_duration_text(p->observation_limit_s, a), option_duration_text(DAY, b));
	if (p->inception_offset_s >= p->validity_s)
		say(errors, "inception-offset", "%s is not below validity = %s", option_duration_text(p->inception_offset_s, a),
		    option_duration_text(p->validity_s, b));
}

static const struct audit_row {
	const char *id;
	bool error, lowerable;
} audit_rows[] = {
#define ERROR     true
#define WARNING   false
#define LOWERABLE true
#define FIXED     false
#define ROW(number, id, severity, lower, sentence, why) { id, severity, lower },
#include "policy/rows.h"
#undef ROW
#undef ERROR
#undef WARNING
#undef LOWERABLE
#undef FIXED
};

static const struct audit_row *row_of(const char *id, size_t len)
{
	for (size_t i = 0; i < sizeof(audit_rows) / sizeof(audit_rows[0]); i++)
		if (strlen(audit_rows[i].id) == len && strncasecmp(audit_rows[i].id, id, len) == 0)
			return &audit_rows[i];
	return NULL;
}

static void check_severity(const struct policy *p, struct conf_errors *errors)
{
	char copy[sizeof(p->severity)], *save = NULL;

	memcpy(copy, p->severity, sizeof(copy));
	for (const char *word = strtok_r(copy, " \t", &save); word != NULL; word = strtok_r(NULL, " \t", &save)) {
		const size_t len = strcspn(word, "=");
		const struct audit_row *row = row_of(word, len);

		if (strcmp(word + len, "=error") != 0 && strcmp(word + len, "=warning") != 0)
			say(errors, "severity", "\"%s\" must be ROW=error or ROW=warning", word);
		else if (row == NULL)
			say(errors, "severity", "there is no row %.*s: duet-audit --rows", (int)len, word);
		else if (row->error && !row->lowerable && strcmp(word + len, "=warning") == 0)
			say(errors, "severity", "%s cannot be lowered", row->id);
	}
}

void policy_check(const struct policy *p, struct conf_errors *errors, struct conf_errors *warnings)
{
	if (warnings != NULL)
		check_severity(p, errors);
	check_signatures(p, errors, warnings);
	check_rolls(p, errors, warnings);
	if ((p->ksk_bits | p->zsk_bits) % 8 != 0)
		say(errors, "ksk-bits, zsk-bits", "must be multiples of 8");
	if (p->denial != POLICY_NSEC && p->nsec3_iterations > 0)
		say(warnings, "nsec3-iterations",
		    "%lld: some validators take such a zone as insecure (RFC 9276)",
		    (long long)p->nsec3_iterations);
	if (p->denial != POLICY_NSEC && p->nsec3_salt_len > 0)
		say(warnings, "nsec3-salt-len", "%lld: a salt is of no use (RFC 9276)",
		    (long long)p->nsec3_salt_len);
	if (p->audit == POLICY_AUDIT_OFF)
		say(warnings, "audit", "off: what is published is not checked by other software than the signer");
	if (p->require_backups == 0)
		say(warnings, "require-backups", "0: a key may be used that no backup has");
	if (p->algorithm == 10)
		say(warnings, "algorithm", "10 (RSASHA512) is not recommended for signing (RFC 8624)");
}

int policy_order(const struct policy *p, const char *source)
{
	if (p->input_order != POLICY_ORDER_AUTO)
		return p->input_order;
	return strncmp(source, "primary:", 8) == 0 ? POLICY_ORDER_SERIAL : POLICY_ORDER_SEEN;
}
