/* SPDX-License-Identifier: BSD-3-Clause */
/* yamltree: libyaml's events, made into a bounded tree. */
#include "yaml/yamltree.h"

#include <string.h>
#include <yaml.h>

struct builder {
	yaml_parser_t parser;
	struct arena *arena;
	size_t nodes;
	struct err *e;
};

static int next_event(struct builder *b, yaml_event_t *event)
{
	if (yaml_parser_parse(&b->parser, event))
		return 0;
	return err_set(b->e, ERR_SYNTAX, "%zu: %s%s%s", b->parser.problem_mark.line + 1,
		       b->parser.problem != NULL ? b->parser.problem : "no YAML",
		       b->parser.context != NULL ? " " : "",
		       b->parser.context != NULL ? b->parser.context : "");
}

static struct yaml_node *node_new(struct builder *b, enum yaml_kind kind, const yaml_event_t *event)
{
	struct yaml_node *n;

	if (++b->nodes > YAMLTREE_NODES) {
		err_set(b->e, ERR_LIMIT, "%zu: more than %d values", event->start_mark.line + 1,
			YAMLTREE_NODES);
		return NULL;
	}
	n = arena_alloc(b->arena, 1, sizeof(*n));
	n->kind = kind;
	n->line = event->start_mark.line + 1;
	return n;
}

static struct yaml_node *scalar_new(struct builder *b, const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;
	struct yaml_node *n;

	if (memchr(text, '\0', event->data.scalar.length) != NULL) {
		err_set(b->e, ERR_SYNTAX, "%zu: a NUL octet", event->start_mark.line + 1);
		return NULL;
	}
	if ((n = node_new(b, YAML_SCALAR, event)) == NULL)
		return NULL;
	n->text = arena_strdup(b->arena, text);
	n->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	return n;
}

/* Makes room for one more item in n; room is a power of two. */
static void item_add(struct builder *b, struct yaml_node *n, const char *key, struct yaml_node *item)
{
	if ((n->n & (n->n - 1)) == 0) {
		size_t room = n->n == 0 ? 1 : n->n * 2;
		struct yaml_node **items = arena_alloc(b->arena, room, sizeof(*items));
		const char **keys = arena_alloc(b->arena, room, sizeof(*keys));

		if (n->n > 0) {
			memcpy(items, n->item, n->n * sizeof(*items));
			memcpy(keys, n->key, n->n * sizeof(*keys));
		}
		n->item = items;
		n->key = keys;
	}
	n->key[n->n] = key;
	n->item[n->n++] = item;
}

static int refuse_extras(struct builder *b, const yaml_event_t *event)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;

	if (event->type == YAML_ALIAS_EVENT)
		return err_set(b->e, ERR_SYNTAX, "%zu: an alias, which is not allowed",
			       event->start_mark.line + 1);
	if (event->type == YAML_SCALAR_EVENT) {
		anchor = event->data.scalar.anchor;
		tag = event->data.scalar.tag;
	} else if (event->type == YAML_SEQUENCE_START_EVENT) {
		anchor = event->data.sequence_start.anchor;
		tag = event->data.sequence_start.tag;
	} else if (event->type == YAML_MAPPING_START_EVENT) {
		anchor = event->data.mapping_start.anchor;
		tag = event->data.mapping_start.tag;
	}
	if (anchor != NULL || tag != NULL)
		return err_set(b->e, ERR_SYNTAX, "%zu: an anchor or tag, which is not allowed",
			       event->start_mark.line + 1);
	return 0;
}

static struct yaml_node *node_read(struct builder *b, yaml_event_t *event, int depth);

/* One key of a mapping and its value.  Returns 1 at the mapping's end. */
static int pair_read(struct builder *b, struct yaml_node *map, int depth)
{
	struct yaml_node *key, *value;
	yaml_event_t event;

	if (next_event(b, &event) != 0)
		return -1;
	if (event.type == YAML_MAPPING_END_EVENT) {
		yaml_event_delete(&event);
		return 1;
	}
	if (event.type != YAML_SCALAR_EVENT) {
		err_set(b->e, ERR_SYNTAX, "%zu: the name of an option must be a word",
			event.start_mark.line + 1);
		yaml_event_delete(&event);
		return -1;
	}
	key = node_read(b, &event, depth);
	if (key == NULL)
		return -1;
	for (size_t i = 0; i < map->n; i++)
		if (strcmp(map->key[i], key->text) == 0)
			return err_set(b->e, ERR_SYNTAX, "%zu: %.80s: given twice, first in line %zu",
				       key->line, key->text, map->item[i]->line);
	if (map->n >= 1000)
		return err_set(b->e, ERR_LIMIT, "%zu: more than 1000 options in one section", key->line);
	if (next_event(b, &event) != 0)
		return -1;
	value = node_read(b, &event, depth);
	if (value == NULL)
		return -1;
	item_add(b, map, key->text, value);
	return 0;
}

/* One item of a sequence.  Returns 1 at its end. */
static int item_read(struct builder *b, struct yaml_node *list, int depth)
{
	struct yaml_node *item;
	yaml_event_t event;

	if (next_event(b, &event) != 0)
		return -1;
	if (event.type == YAML_SEQUENCE_END_EVENT) {
		yaml_event_delete(&event);
		return 1;
	}
	item = node_read(b, &event, depth);
	if (item == NULL)
		return -1;
	item_add(b, list, NULL, item);
	return 0;
}

/* Makes the node that the event begins; the event is deleted. */
static struct yaml_node *node_read(struct builder *b, yaml_event_t *event, int depth)
{
	struct yaml_node *n = NULL;
	bool map = event->type == YAML_MAPPING_START_EVENT;
	int rc = 0;

	if (refuse_extras(b, event) != 0)
		goto out;
	if (event->type == YAML_SCALAR_EVENT) {
		n = scalar_new(b, event);
		goto out;
	}
	if (!map && event->type != YAML_SEQUENCE_START_EVENT) {
		err_set(b->e, ERR_SYNTAX, "%zu: a value is missing", event->start_mark.line + 1);
		goto out;
	}
	if (depth >= YAMLTREE_DEPTH) {
		err_set(b->e, ERR_LIMIT, "%zu: nested deeper than %d", event->start_mark.line + 1,
			YAMLTREE_DEPTH);
		goto out;
	}
	n = node_new(b, map ? YAML_MAPPING : YAML_SEQUENCE, event);
	while (n != NULL && rc == 0)
		rc = map ? pair_read(b, n, depth + 1) : item_read(b, n, depth + 1);
	if (rc < 0)
		n = NULL;
out:
	yaml_event_delete(event);
	return n;
}

/* Reads up to the document's first node: out is NULL for a file without one. */
static int document_read(struct builder *b, struct yaml_node **out)
{
	yaml_event_t event;

	*out = NULL;
	for (;;) {
		if (next_event(b, &event) != 0)
			return -1;
		switch (event.type) {
		case YAML_STREAM_START_EVENT:
		case YAML_DOCUMENT_END_EVENT:
			yaml_event_delete(&event);
			break;
		case YAML_DOCUMENT_START_EVENT:
			if (*out != NULL) {
				err_set(b->e, ERR_SYNTAX, "%zu: a second document",
					event.start_mark.line + 1);
				yaml_event_delete(&event);
				return -1;
			}
			yaml_event_delete(&event);
			break;
		case YAML_STREAM_END_EVENT:
			yaml_event_delete(&event);
			return 0;
		case YAML_NO_EVENT:
			return err_set(b->e, ERR_SYNTAX, "1: no YAML");
		case YAML_ALIAS_EVENT:
		case YAML_SCALAR_EVENT:
		case YAML_SEQUENCE_START_EVENT:
		case YAML_SEQUENCE_END_EVENT:
		case YAML_MAPPING_START_EVENT:
		case YAML_MAPPING_END_EVENT:
			*out = node_read(b, &event, 0);
			if (*out == NULL)
				return -1;
			break;
		}
	}
}

int yamltree_parse(const char *text, size_t len, struct arena *arena, struct yaml_node **out, struct err *e)
{
	struct builder b = { .arena = arena, .e = e };
	struct yaml_node *root = NULL;
	int rc;

	if (!yaml_parser_initialize(&b.parser))
		return err_set(e, ERR_INTERNAL, "1: the YAML parser does not start");
	yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING); /* else a BOM decides */
	yaml_parser_set_input_string(&b.parser, (const unsigned char *)text, len);
	rc = document_read(&b, &root);
	yaml_parser_delete(&b.parser);
	if (rc != 0)
		return -1;
	if (root == NULL || yaml_is_null(root)) {
		root = arena_alloc(arena, 1, sizeof(*root));
		root->kind = YAML_MAPPING;
		root->line = 1;
	}
	*out = root;
	return 0;
}

bool yaml_is_null(const struct yaml_node *n)
{
	return n->kind == YAML_SCALAR && n->plain &&
	       (*n->text == '\0' || strcmp(n->text, "~") == 0 || strcmp(n->text, "null") == 0);
}
