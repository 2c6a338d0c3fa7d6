/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_YAMLTREE_H
#define DUET_YAMLTREE_H

#include <stdbool.h>
#include <stddef.h>

#include "arena/arena.h"
#include "err/err.h"

/*
 * yamltree - a small YAML document as a tree whose nodes know their line.
 *
 * One document of mappings, sequences and scalars.  Anchors, aliases, tags and a key given twice are refused;
 * depth and number of nodes are bounded.  Everything lives in the caller's arena.
 */
#define YAMLTREE_DEPTH 16
#define YAMLTREE_NODES 100000

enum yaml_kind { YAML_SCALAR, YAML_SEQUENCE, YAML_MAPPING };

struct yaml_node {
	enum yaml_kind kind;
	size_t line;      /* from 1 */
	const char *text; /* scalar: its text, without NUL octets */
	bool plain;       /* scalar: written without quotes, so null and true mean something */
	const char **key; /* mapping: name of item i */
	struct yaml_node **item;
	size_t n; /* items */
};

/* An empty file is an empty mapping.  ERR_SYNTAX or ERR_LIMIT with "LINE: what" in e. */
int yamltree_parse(const char *text, size_t len, struct arena *arena, struct yaml_node **out, struct err *e);

/* Whether a scalar is null: plain and empty, ~ or null. */
bool yaml_is_null(const struct yaml_node *n);

#endif
