/* SPDX-License-Identifier: BSD-3-Clause */
#include "conf/conf.h"
#include "conf/option.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* well-formed, of nobody */
#define LINE_A                                                                                               \
	"duet1Bu6Gma5N6spSEa6k9mb-vG_tKQDj7M8ISk860SLEiyNGj4KbRZAsp-ybutjRP7bwCZWjr5Khu_-"                   \
	"H7S6c_42wKLGcB52evGCCnJsqjFI-E9dNWhz49Yutc_qV6QIGqAgYZMhblA"
#define LINE_B                                                                                               \
	"duet1SW0mXc702wIvjQWGP6OhRDslswVliNin15K8fUd-EvYhomx6-quRizrRWb8x9KZD6IjpQZQ7Mrc"                   \
	"hmDrSkUj-dv_7ERq18fW7WH0vfsljpBm5VlX4W0kg1a6-586IwiZH8t-UnQ"

static const char good[] =
	"node: {name: signer1, clock: trust}\n"
	"peers:\n"
	"  - name: signer2\n"
	"    line: " LINE_A "\n"
	"    role: signer\n"
	"    endpoint: tcp://192.0.2.2:5301\n"
	"  - {name: vault, line: " LINE_B ", role: backup, endpoint: \"tcp://[2001:db8::3]:5301\"}\n"
	"keydist:\n"
	"  listen: tcp://192.0.2.1:5301\n"
	"signer:\n"
	"  listen: [192.0.2.1#53, \"2001:db8::1\"]\n"
	"  serve-wait-s: 2m\n"
	"  secondaries:\n"
	"    - address: 192.0.2.53\n"
	"    - {address: 192.0.2.54#5353, key: xfr.example, zones: "
	"[example.org, example.net.], notify: no}\n"
	"  transfer:\n"
	"    - {prefix: 192.0.2.0/24, key: null}\n";

static struct conf *parse(const char *text, struct conf_errors *errors)
{
	struct conf *c = NULL;
	int rc = conf_parse("t.yaml", text, strlen(text), &c, errors);

	assert_int_equal(rc, c != NULL ? 0 : -1);
	assert_int_equal(errors->n == 0, c != NULL);
	return c;
}

static void a_good_file_becomes_a_struct_with_defaults(void **state)
{
	struct conf_errors errors;
	struct conf *c = parse(good, &errors);
	char text[ADDR_TEXT_LEN];

	(void)state;
	assert_non_null(c);
	assert_string_equal(c->node.name, "signer1");
	assert_int_equal(c->node.clock, CONF_CLOCK_TRUST);
	assert_string_equal(c->node.identity, "/etc/duet/identity");
	assert_null(c->node.recovery);
	assert_int_equal(c->peer_count, 2);
	assert_int_equal(c->peers[1].role, CONF_BACKUP);
	assert_true(c->keydist.present);
	assert_string_equal(c->keydist.wrap_key, "file:/etc/duet/identity.wrap");
	assert_string_equal(c->signer.keydist, "tcp://192.0.2.1:5301");
	assert_int_equal(c->signer.listen_count, 2);
	assert_string_equal(addr_text(&c->signer.listen[1], text), "2001:db8::1#53");
	assert_int_equal(c->signer.serve_wait_s, 120);
	assert_int_equal(c->signer.max_tcp, 512);
	assert_int_equal(c->signer.secondary_count, 2);
	assert_string_equal(c->signer.secondaries[0].zones[0], "*");
	assert_true(c->signer.secondaries[0].notify);
	assert_null(c->signer.secondaries[0].key);
	assert_string_equal(c->signer.secondaries[1].key, "xfr.example.");
	assert_string_equal(c->signer.secondaries[1].zones[0], "example.org.");
	assert_int_equal(c->signer.secondaries[1].zone_count, 2);
	assert_false(c->signer.secondaries[1].notify);
	assert_int_equal(c->signer.transfer[0].prefix.len, 24);
	assert_false(c->backupd.present);
	assert_string_equal(c->backupd.socket, "/run/duet/backupd.sock");
	conf_free(c);
	conf_errors_free(&errors);
}

static void every_mistake_is_told_with_its_line(void **state)
{
	static const char text[] = "node:\n"
				   "  name: \"a b\"\n"         /* 2 */
				   "  colour: red\n"           /* 3 */
				   "  clock: maybe\n"          /* 4 */
				   "  recovery: duetR1short\n" /* 5 */
				   "peers:\n"
				   "  - name: localhost\n"          /* 7: own name; no line */
				   "    role: king\n"               /* 8 */
				   "    endpoint: 192.0.2.2:5301\n" /* 9 */
				   "keydist: {}\n"                  /* 10: no listen */
				   "signer:\n"
				   "  listen: [192.0.2.1#0, 192.0.2.300]\n" /* 12 twice */
				   "  max-tcp: 0\n"                         /* 13 */
				   "  serve-wait-s: 1y\n"                   /* 14 */
				   "  socket: relative\n"                   /* 15 */
				   "  secondaries: 5\n"                     /* 16 */
				   "  transfer:\n"
				   "    - prefix: 192.0.2.1/24\n" /* 18 */
				   "backupd:\n"
				   "  - x\n"; /* 20 */
	static const char *const wanted[] = {
		"t.yaml:2: node.name: \"a b\" is not allowed, must be a name of letters",
		"t.yaml:3: node.colour: unknown option here",
		"t.yaml:4: node.clock: \"maybe\" is not allowed, must be check or trust",
		"t.yaml:5: node.recovery: ",
		"t.yaml:7: peers[0].line: must be given: a line duet1... of 139 characters",
		"t.yaml:8: peers[0].role: \"king\" is not allowed, must be signer or backup",
		"t.yaml:9: peers[0].endpoint: ",
		"t.yaml:10: keydist.listen: must be given: tcp://ADDRESS:PORT",
		"t.yaml:12: signer.listen: \"192.0.2.1#0\": the port",
		"t.yaml:12: signer.listen: \"192.0.2.300\" is no address",
		"t.yaml:13: signer.max-tcp: \"0\" is not allowed, must be 1 to 100000 connections",
		"t.yaml:14: signer.serve-wait-s: \"1y\" is not allowed, must be 0 to 3600 seconds",
		"t.yaml:15: signer.socket: \"relative\" is not allowed, must be an absolute path",
		"t.yaml:16: signer.secondaries: is no list",
		"t.yaml:18: signer.transfer[0].prefix: ",
		"t.yaml:20: backupd: is no section",
		"t.yaml:7: peers.name: \"localhost\" is this node's own name",
	};
	struct conf_errors errors;
	struct conf *c = parse(text, &errors);

	(void)state;
	assert_null(c);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		bool found = false;

		for (size_t k = 0; k < errors.n; k++)
			found |= strncmp(errors.line[k], wanted[i], strlen(wanted[i])) == 0;
		if (!found)
			print_error("missing: %s\n", wanted[i]);
		assert_true(found);
	}
	conf_errors_free(&errors);
}

static void what_is_printed_reads_back_the_same(void **state)
{
	struct conf_errors errors;
	struct conf *c = parse(good, &errors), *again;
	char *first = NULL, *second = NULL;
	size_t len;
	FILE *f;

	(void)state;
	conf_errors_free(&errors);
	f = open_memstream(&first, &len);
	conf_print(c, f);
	fclose(f);
	again = parse(first, &errors);
	if (again == NULL)
		print_error("%s\n%s\n", errors.line[0], first);
	assert_non_null(again);
	f = open_memstream(&second, &len);
	conf_print(again, f);
	fclose(f);
	assert_string_equal(first, second);
	assert_non_null(strstr(first, "max-tcp-per-address: 64\n"));
	conf_free(c);
	conf_free(again);
	conf_errors_free(&errors);
	free(first);
	free(second);
}

static void broken_yaml_and_its_extras_are_refused_by_line(void **state)
{
	static const struct {
		const char *text, *starts;
	} cases[] = {
		{ "node:\n  name: [\n", "t.yaml:3: " },
		{ "node: &a {name: x}\n", "t.yaml:1: an anchor" },
		{ "node: !t {name: x}\n", "t.yaml:1: an anchor or tag" },
		{ "node: {name: x}\nnode: {name: y}\n", "t.yaml:2: node: given twice, first in line 1" },
		{ "- x\n", "t.yaml:1: must be sections" },
		{ "nodes: {}\n", "t.yaml:1: nodes: unknown option" },
		{ "node: {? [a] : b}\n", "t.yaml:1: the name of an option" },
		{ "node: {name: x}\n---\nnode: {name: x}\n", "t.yaml:2: a second document" },
		{ "a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {}}}}}}}}}}}}}}}}}\n",
		  "t.yaml:1: nested deeper" },
		{ "\xff\xfe", "t.yaml:" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct conf_errors errors;

		assert_null(parse(cases[i].text, &errors));
		if (strncmp(errors.line[0], cases[i].starts, strlen(cases[i].starts)) != 0)
			print_error("%s\n", errors.line[0]);
		assert_int_equal(strncmp(errors.line[0], cases[i].starts, strlen(cases[i].starts)), 0);
		conf_errors_free(&errors);
	}
}

static void a_slip_in_a_line_is_found_by_its_checksum(void **state)
{
	static const char text[] =
		"peers: [{name: a, role: signer, endpoint: tcp://192.0.2.2:5301, line: " LINE_A "}]\n";
	char *copy = strdup(text), *p = strstr(copy, "duet1") + 40;
	struct conf_errors errors;

	(void)state;
	conf_free(parse(text, &errors));
	*p = *p == 'B' ? 'C' : 'B';
	assert_null(parse(copy, &errors));
	assert_int_equal(errors.n, 1);
	assert_non_null(strstr(errors.line[0], "t.yaml:1: peers[0].line: \"duet1"));
	assert_non_null(strstr(errors.line[0], "checksum is wrong"));
	conf_errors_free(&errors);
	free(copy);
}

static void an_absent_file_is_one_mistake(void **state)
{
	struct conf_errors errors;
	struct conf *c = NULL;

	(void)state;
	assert_int_equal(conf_load("/nonexistent/duet.yaml", &c, &errors), -1);
	assert_int_equal(errors.n, 1);
	assert_non_null(strstr(errors.line[0], "No such file"));
	conf_errors_free(&errors);
}

static void durations_read_and_write(void **state)
{
	static const struct {
		const char *text;
		int64_t seconds; /* -1: refused */
		const char *back;
	} cases[] = {
		{ "0", 0, "0s" },
		{ "90", 90, "90s" },
		{ "14d", 1209600, "14d" },
		{ "1h30m", 5400, "90m" },
		{ "2w", 1209600, "14d" },
		{ "1d12h", 129600, "36h" },
		{ "", -1, NULL },
		{ "d", -1, NULL },
		{ "1y", -1, NULL },
		{ "-1", -1, NULL },
		{ "1.5h", -1, NULL },
		{ "1h30", -1, NULL },
		{ "99999999999999999999", -1, NULL },
		{ "9999999999w", -1, NULL },
	};
	char back[OPTION_DURATION_LEN];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t s = -1;

		assert_int_equal(option_duration(cases[i].text, 1, &s), cases[i].seconds >= 0);
		if (cases[i].seconds >= 0) {
			assert_int_equal(s, cases[i].seconds);
			assert_string_equal(option_duration_text(s, back), cases[i].back);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_file_becomes_a_struct_with_defaults),
		cmocka_unit_test(every_mistake_is_told_with_its_line),
		cmocka_unit_test(what_is_printed_reads_back_the_same),
		cmocka_unit_test(broken_yaml_and_its_extras_are_refused_by_line),
		cmocka_unit_test(a_slip_in_a_line_is_found_by_its_checksum),
		cmocka_unit_test(an_absent_file_is_one_mistake),
		cmocka_unit_test(durations_read_and_write),
	};

	return cmocka_run_group_tests_name("conf", tests, NULL, NULL);
}
