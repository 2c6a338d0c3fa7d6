/* SPDX-License-Identifier: BSD-3-Clause */
/* option_text: lengths of time as people write them, and what an option allows, in words. */
#include "conf/option.h"

#include <ctype.h>
#include <string.h>

#define DAY_S 86400

static const struct {
	char letter;
	int64_t seconds;
} duration_units[] = { { 'w', 7 * DAY_S }, { 'd', DAY_S }, { 'h', 3600 }, { 'm', 60 }, { 's', 1 } };

static int64_t unit_seconds(char letter)
{
	for (size_t i = 0; i < sizeof(duration_units) / sizeof(duration_units[0]); i++)
		if (duration_units[i].letter == letter)
			return duration_units[i].seconds;
	return 0;
}

bool option_duration(const char *text, int64_t unit_s, int64_t *seconds)
{
	const int64_t limit = (int64_t)1 << 40;
	int64_t total = 0;

	if (*text == '\0')
		return false;
	while (*text != '\0') {
		int64_t n = 0, unit;

		if (!isdigit((unsigned char)*text))
			return false;
		for (; isdigit((unsigned char)*text); text++)
			if ((n = n * 10 + (*text - '0')) > limit)
				return false;
		unit = *text == '\0' && total == 0 ? unit_s : unit_seconds(*text);
		if (unit == 0 || n > limit / unit || (total += n * unit) > limit)
			return false;
		if (*text != '\0')
			text++;
	}
	*seconds = total;
	return true;
}

char *option_duration_text(int64_t seconds, char out[OPTION_DURATION_LEN])
{
	/* weeks are left out: people say 14d */
	for (size_t i = 1; i < sizeof(duration_units) / sizeof(duration_units[0]); i++) {
		if (seconds % duration_units[i].seconds == 0 && seconds >= duration_units[i].seconds) {
			snprintf(out, OPTION_DURATION_LEN, "%lld%c",
				 (long long)(seconds / duration_units[i].seconds), duration_units[i].letter);
			return out;
		}
	}
	snprintf(out, OPTION_DURATION_LEN, "%llds", (long long)seconds);
	return out;
}

static char *words_text(const struct option *o, char *out, size_t cap)
{
	size_t used = 0;

	*out = '\0';
	for (const struct option_word *w = o->words; w->text != NULL && used < cap; w++)
		used += (size_t)snprintf(out + used, cap - used, "%s%s",
					 w == o->words       ? ""
					 : w[1].text == NULL ? " or "
							     : ", ",
					 w->text);
	return out;
}

char *option_allowed(const struct option *o, char *out, size_t cap)
{
	char least[OPTION_DURATION_LEN], most[OPTION_DURATION_LEN];

	switch (o->type) {
	case OPTION_TEXT:
		snprintf(out, cap, "text of %lld to %lld octets", (long long)o->least, (long long)o->most);
		break;
	case OPTION_NAME:
		snprintf(out, cap, "a name of letters, digits, '.', '_' and '-', at most 63");
		break;
	case OPTION_PATH:
		snprintf(out, cap, "an absolute path");
		break;
	case OPTION_DOMAIN:
		snprintf(out, cap, "a domain name");
		break;
	case OPTION_ENDPOINT:
		snprintf(out, cap, "tcp://ADDRESS:PORT");
		break;
	case OPTION_LINE:
		snprintf(out, cap, "a line %s... of %lld characters", o->words[0].text,
			 (long long)((int64_t)strlen(o->words[0].text) + o->most));
		break;
	case OPTION_WRAP:
		snprintf(out, cap, "file:/PATH or systemd-credential:NAME");
		break;
	case OPTION_ADDR:
		snprintf(out, cap, "ADDRESS#PORT, port 53 when none is given");
		break;
	case OPTION_PREFIX:
		snprintf(out, cap, "ADDRESS/LENGTH or ADDRESS");
		break;
	case OPTION_WORD:
		words_text(o, out, cap);
		break;
	case OPTION_COUNT:
		snprintf(out, cap, "%lld to %lld%s%s", (long long)o->least, (long long)o->most,
			 o->unit != NULL ? " " : "", o->unit != NULL ? o->unit : "");
		break;
	case OPTION_TIME:
		snprintf(out, cap, "%lld to %lld %s", (long long)o->least, (long long)o->most,
			 strcmp(o->unit, "d") == 0 ? "days" : "seconds");
		break;
	case OPTION_DURATION:
		snprintf(out, cap, "%s to %s", option_duration_text(o->least, least),
			 option_duration_text(o->most, most));
		break;
	case OPTION_BOOL:
		snprintf(out, cap, "yes or no");
		break;
	case OPTION_ADDRS:
		snprintf(out, cap, "a list of at most %lld times ADDRESS#PORT", (long long)o->most);
		break;
	case OPTION_ZONES:
		snprintf(out, cap, "a list of at most %lld domain names, \"*\" for all", (long long)o->most);
		break;
	case OPTION_SECTION:
		snprintf(out, cap, "a section of options");
		break;
	case OPTION_ROWS:
		snprintf(out, cap, "a list of at most %lld sets of options", (long long)o->most);
		break;
	}
	return out;
}
