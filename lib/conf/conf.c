/* SPDX-License-Identifier: BSD-3-Clause */
/* conf: reads duet.yaml by the table, then checks what binds several options. */
#include "conf/conf.h"

#include "arena/arena.h"
#include "conf/conf_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void check_peers(const struct conf *c, const struct yaml_node *list, struct option_report *r)
{
	for (size_t i = 0; i < c->peer_count; i++) {
		const struct conf_peer *p = &c->peers[i];
		size_t line = list != NULL && i < list->n ? list->item[i]->line : 1;

		if (p->name != NULL && c->node.name != NULL && strcmp(p->name, c->node.name) == 0)
			option_mistake(r, line, "peers.name",
				       "\"%s\" is this node's own name, must be another", p->name);
		for (size_t k = 0; k < i; k++) {
			const struct conf_peer *q = &c->peers[k];

			if (p->name != NULL && q->name != NULL && strcmp(p->name, q->name) == 0)
				option_mistake(r, line, "peers.name",
					       "\"%s\" is given twice, names must differ", p->name);
			if (p->line != NULL && q->line != NULL && strcmp(p->line, q->line) == 0)
				option_mistake(r, line, "peers.line",
					       "the same line as that of %s, nodes must differ",
					       q->name != NULL ? q->name : "another peer");
		}
	}
}

static const struct yaml_node *child(const struct yaml_node *map, const char *name)
{
	for (size_t i = 0; map != NULL && map->kind == YAML_MAPPING && i < map->n; i++)
		if (strcmp(map->key[i], name) == 0)
			return map->item[i];
	return NULL;
}

static size_t line_of(const struct yaml_node *root, const char *section, const char *name)
{
	const struct yaml_node *s = child(root, section), *n = child(s, name);

	return n != NULL ? n->line : s != NULL ? s->line : root->line;
}

static void check_signer(const struct conf *c, const struct yaml_node *root, struct option_report *r)
{
	const struct conf_signer *s = &c->signer;

	if (!s->present)
		return;
	if (s->listen != NULL && s->listen_count == 0)
		option_mistake(r, line_of(root, "signer", "listen"), "signer.listen",
			       "is empty, must name an address");
	for (size_t i = 0; i < s->listen_count; i++)
		for (size_t k = 0; k < i; k++)
			if (addr_equal(&s->listen[i], &s->listen[k]))
				option_mistake(r, line_of(root, "signer", "listen"), "signer.listen",
					       "an address is given twice, each must stand once");
	if (s->keydist == NULL && !c->keydist.present)
		option_mistake(r, line_of(root, "signer", "keydist"), "signer.keydist",
			       "must be given where there is no keydist.listen: tcp://ADDRESS:PORT");
	for (size_t i = 0; i < s->parent_count; i++)
		if (s->resolver_count == 0 && (s->parents[i].resolver || s->parents[i].server_count == 0))
			option_mistake(r, line_of(root, "signer", "parents"), "signer.parents",
				       "%s has no servers, so signer.resolvers must be given", s->parents[i].zone);
	if (s->max_tcp_per_address > s->max_tcp)
		option_mistake(r, line_of(root, "signer", "max-tcp-per-address"),
			       "signer.max-tcp-per-address",
			       "%lld is more than signer.max-tcp, must be at most %lld",
			       (long long)s->max_tcp_per_address, (long long)s->max_tcp);
}

/* Defaults that depend on other options. */
static void derive(struct conf *c)
{
	if (c->signer.keydist == NULL && c->keydist.listen != NULL)
		c->signer.keydist = mem_strdup(c->keydist.listen);
	if (c->keydist.wrap_key == NULL && c->node.identity != NULL)
		c->keydist.wrap_key = mem_printf("file:%s.wrap", c->node.identity);
}

int conf_parse(const char *path, const char *text, size_t len, struct conf **out, struct conf_errors *errors)
{
	struct option_report report = { .file = path, .errors = errors };
	struct arena *arena = arena_new();
	struct conf *c = NULL;
	struct yaml_node *root;
	struct err e;
	int rc = -1;

	errors->line = NULL;
	errors->n = 0;
	if (yamltree_parse(text, len, arena, &root, &e) != 0) {
		option_mistake_add(errors, mem_printf("%s:%s", path, e.text));
		goto out;
	}
	if (root->kind != YAML_MAPPING) {
		option_mistake(&report, root->line, "",
			       "must be sections of options: node, peers, keydist, signer, backupd");
		goto out;
	}
	c = mem_new(1, sizeof(*c));
	c->path = mem_strdup(path);
	option_read(conf_table, root, "", c, &report);
	derive(c);
	check_peers(c, child(root, "peers"), &report);
	check_signer(c, root, &report);
	if (errors->n == 0) {
		*out = c;
		c = NULL;
		rc = 0;
	}
out:
	conf_free(c);
	arena_free(arena);
	return rc;
}

/* The whole file, or NULL with the reason in errors. */
char *conf_read_file(const char *path, size_t *len, struct conf_errors *errors)
{
	FILE *f = fopen(path, "re");
	char *text = NULL;

	if (f == NULL) {
		option_mistake_add(errors, mem_printf("%s: %s", path, strerror(errno)));
		return NULL;
	}
	text = mem_new(CONF_OCTETS_MAX + 1, 1);
	*len = fread(text, 1, CONF_OCTETS_MAX + 1, f);
	if (ferror(f) || *len > CONF_OCTETS_MAX) {
		if (ferror(f))
			option_mistake_add(errors, mem_printf("%s: %s", path, strerror(errno)));
		else
			option_mistake_add(errors,
					   mem_printf("%s: has more than %d octets", path, CONF_OCTETS_MAX));
		free(text);
		text = NULL;
	}
	fclose(f);
	return text;
}

int conf_load(const char *path, struct conf **out, struct conf_errors *errors)
{
	size_t len = 0;
	char *text;
	int rc = -1;

	errors->line = NULL;
	errors->n = 0;
	text = conf_read_file(path, &len, errors);
	if (text != NULL)
		rc = conf_parse(path, text, len, out, errors);
	free(text);
	return rc;
}

void conf_free(struct conf *c)
{
	if (c == NULL)
		return;
	option_free(conf_table, c);
	free(c->path);
	free(c);
}

void conf_errors_free(struct conf_errors *errors)
{
	for (size_t i = 0; i < errors->n; i++)
		free(errors->line[i]);
	free(errors->line);
	errors->line = NULL;
	errors->n = 0;
}

void conf_print_manual(FILE *out)
{
	option_manual(conf_table, "", out);
}
