/* SPDX-License-Identifier: BSD-3-Clause */
/* conf_table: the options of /etc/duet/duet.yaml.  Parser, --print-config and duet.yaml(5) come from these
 * rows. */
#include "conf/conf_table.h"

#define END                                                                                                  \
	{                                                                                                    \
		.name = NULL                                                                                 \
	}
#define AT(type, field) .offset = offsetof(struct type, field)
#define DAYS_MOST       36500
/* 32 + 32 + 32 + 4 octets, and 32 + 4, in base64url without padding */
#define NODE_LINE_CHARS     134
#define RECOVERY_LINE_CHARS 48

static const struct option_word clocks[] = { { "check", CONF_CLOCK_CHECK },
					     { "trust", CONF_CLOCK_TRUST },
					     { NULL, 0 } };
static const struct option_word roles[] = { { "signer", CONF_SIGNER },
					    { "backup", CONF_BACKUP },
					    { NULL, 0 } };
static const struct option_word node_line[] = { { "duet1", 0 }, { NULL, 0 } };
static const struct option_word recovery_line[] = { { "duetR1", 0 }, { NULL, 0 } };

static const struct option node_table[] = {
	{ "name", OPTION_NAME, .def = "localhost", AT(conf_node, name),
	  .help = "Name of this node for people; other than those of the peers." },
	{ "identity", OPTION_PATH, .def = "/etc/duet/identity", AT(conf_node, identity),
	  .help = "Identity file that duetctl node init writes; mode 0600, belongs to the user of keydist or "
		  "backupd." },
	{ "engine-identity", OPTION_PATH, .def = "/etc/duet/identity.signer", AT(conf_node, engine_identity),
	  .help = "The signer's part of the identity; mode 0600, belongs to the signer's user." },
	{ "recovery", OPTION_LINE, .most = RECOVERY_LINE_CHARS, .words = recovery_line, .def = "",
	  AT(conf_node, recovery),
	  .help = "Public line of the recovery key, as duetctl recovery init prints it.  Without it no key "
		  "can be made." },
	{ "clock", OPTION_WORD, .words = clocks, .def = "check", AT(conf_node, clock),
	  .help = "check: sign only while the clock is vouched for by other nodes or by the kernel; trust: "
		  "take it as right." },
	END,
};

static const struct option peer_table[] = {
	{ "name", OPTION_NAME, AT(conf_peer, name), .help = "Name of the other node." },
	{ "line", OPTION_LINE, .most = NODE_LINE_CHARS, .words = node_line, AT(conf_peer, line),
	  .help = "Its public line, as its duetctl node init printed it." },
	{ "role", OPTION_WORD, .words = roles, AT(conf_peer, role), .help = "What it may ask of this node." },
	{ "endpoint", OPTION_ENDPOINT, AT(conf_peer, endpoint),
	  .help = "Where its keydist or backupd listens." },
	{ "dns", OPTION_ADDRS, .most = 1, .def = "", AT(conf_peer, dns), .count_offset = offsetof(struct conf_peer, dns_count),
	  .help = "Of a signer: where it serves what it signs.  With it the local signer fetches its zones now and then, by AXFR, and "
		  "compares them with its own; it must allow that (signer.transfer)." },
	{ "dns-key", OPTION_DOMAIN, .def = "", AT(conf_peer, dns_key), .help = "Name of the TSIG key for that." },
	END,
};

static const struct option tell_table[] = {
	{ "zone", OPTION_DOMAIN, AT(conf_tell, zone),
	  .help = "A zone above ours, such as org: the row with the longest name counts for a zone." },
	{ "hook", OPTION_TEXT, .least = 0, .most = 255, .def = "", AT(conf_tell, hook),
	  .help = "Program of hook.dir that is run with the wanted DS on its standard input; exit 0: done." },
	{ "webhook", OPTION_TEXT, .least = 0, .most = 2000, .def = "", AT(conf_tell, webhook),
	  .help = "URL that the wanted DS are posted to as JSON; a status of 2xx: done." },
	{ "webhook-secret", OPTION_PATH, .def = "", AT(conf_tell, webhook_secret),
	  .help = "File with the secret by which webhooks are signed (HMAC-SHA256)." },
	{ "update", OPTION_ADDRS, .most = 1, .def = "", AT(conf_tell, update),
	  .count_offset = offsetof(struct conf_tell, update_count),
	  .help = "Server that takes the DS by DNS UPDATE (RFC 2136), sent by the local signer." },
	{ "update-key", OPTION_DOMAIN, .def = "", AT(conf_tell, update_key), .help = "TSIG key of the UPDATE." },
	{ "ds-ttl-s", OPTION_TIME, .unit = "s", .least = 0, .most = 604800, .def = "3600", AT(conf_tell, ds_ttl_s),
	  .help = "TTL of the DS in an UPDATE." },
	{ "limit-s", OPTION_TIME, .unit = "s", .least = 1, .most = 86400, .def = "300", AT(conf_tell, limit_s),
	  .help = "Time limit of a hook or a webhook." },
	END,
};

static const struct option event_table[] = {
	{ "webhook", OPTION_TEXT, .least = 1, .most = 2000, AT(conf_event, webhook),
	  .help = "URL that each event is posted to as JSON, in order; a status of 2xx: taken." },
	{ "webhook-secret", OPTION_PATH, .def = "", AT(conf_event, webhook_secret),
	  .help = "File with the secret by which webhooks are signed (HMAC-SHA256)." },
	{ "limit-s", OPTION_TIME, .unit = "s", .least = 1, .most = 86400, .def = "30", AT(conf_event, limit_s),
	  .help = "Time limit of one POST." },
	END,
};

static const struct option keydist_table[] = {
	{ "listen", OPTION_ENDPOINT, AT(conf_keydist, listen),
	  .help = "Where peers and the local signer connect to." },
	{ "socket", OPTION_PATH, .def = "/run/duet/keydist.sock", AT(conf_keydist, socket),
	  .help = "Unix socket of the HTTP API." },
	{ "state-dir", OPTION_PATH, .def = "/var/lib/duet/keydist", AT(conf_keydist, state_dir),
	  .help = "Folder of the facts and sealed keys." },
	{ "wrap-key", OPTION_WRAP, .def = "", AT(conf_keydist, wrap_key),
	  .help = "Key of 32 octets under which keys lie on disk.  Default: the file named as node.identity "
		  "with .wrap behind." },
	{ "submit-max-mib", OPTION_COUNT, .least = 1, .most = 1048576, .def = "1024", .unit = "MiB",
	  AT(conf_keydist, submit_max_mib), .help = "A text that is submitted (duetctl zone submit) and larger is refused." },
	{ "tell-parents", OPTION_ROWS, .most = 1000, .def = "", .sub = tell_table, .sub_size = sizeof(struct conf_tell),
	  AT(conf_keydist, tell), .count_offset = offsetof(struct conf_keydist, tell_count),
	  .help = "How parents are told which DS our zones want, besides CDS and CDNSKEY." },
	{ "events", OPTION_ROWS, .most = 16, .def = "", .sub = event_table, .sub_size = sizeof(struct conf_event),
	  AT(conf_keydist, event), .count_offset = offsetof(struct conf_keydist, event_count),
	  .help = "Webhooks that the steps of keys (created, published, active, ds-seen, retired, removed) and alarms are "
		  "posted to." },
	END,
};

static const struct option secondary_table[] = {
	{ "address", OPTION_ADDR, AT(conf_secondary, address),
	  .help = "Address of the server, for NOTIFY and queries." },
	{ "key", OPTION_DOMAIN, .def = "", AT(conf_secondary, key),
	  .help = "Name of the TSIG key it must use." },
	{ "zones", OPTION_ZONES, .most = 100000, .def = "*", AT(conf_secondary, zones),
	  .count_offset = offsetof(struct conf_secondary, zone_count), .help = "Zones that it transfers." },
	{ "notify", OPTION_BOOL, .def = "yes", AT(conf_secondary, notify),
	  .help = "Whether it is told of new versions." },
	END,
};

static const struct option transfer_table[] = {
	{ "prefix", OPTION_PREFIX, AT(conf_transfer, prefix),
	  .help = "Addresses that may transfer any zone." },
	{ "key", OPTION_DOMAIN, .def = "", AT(conf_transfer, key),
	  .help = "Name of the TSIG key they must use." },
	END,
};

static const struct option parent_table[] = {
	{ "zone", OPTION_DOMAIN, AT(conf_parent, zone),
	  .help = "A zone above ours, such as org: the row with the longest name counts for a zone." },
	{ "servers", OPTION_ADDRS, .most = 32, .def = "", AT(conf_parent, servers),
	  .count_offset = offsetof(struct conf_parent, server_count),
	  .help = "All its name servers.  Each must show a DS, or that there is none, before it counts.  Without them "
		  "they are found through signer.resolvers." },
	{ "resolver", OPTION_BOOL, .def = "no", AT(conf_parent, resolver),
	  .help = "Whether the first of signer.resolvers stands in for the servers, which are not asked." },
	{ "validate", OPTION_BOOL, .def = "yes", AT(conf_parent, validate),
	  .help = "Whether answers must be validated where the zone is signed, by its keys as signer.resolvers "
		  "validate them." },
	END,
};

static const struct option review_table[] = {
	{ "load", OPTION_ADDRS, .most = 16, .def = "", AT(conf_review, load),
	  .count_offset = offsetof(struct conf_review, load_count),
	  .help = "Addresses on which unsigned versions that wait for their review are shown, by SOA and AXFR.  Not those of "
		  "signer.listen." },
	{ "sign", OPTION_ADDRS, .most = 16, .def = "", AT(conf_review, sign),
	  .count_offset = offsetof(struct conf_review, sign_count),
	  .help = "The same for signed versions." },
	{ "transfer", OPTION_ROWS, .most = 1000, .def = "", .sub = transfer_table,
	  .sub_size = sizeof(struct conf_transfer), AT(conf_review, transfer),
	  .count_offset = offsetof(struct conf_review, transfer_count), .help = "Who may ask there." },
	{ "dir", OPTION_PATH, .def = "/var/lib/duet/review", AT(conf_review, dir),
	  .help = "Folder of the text files that hooks are given." },
	{ "socket", OPTION_PATH, .def = "/run/duet/review.sock", AT(conf_review, socket),
	  .help = "Unix socket on which a hook approves or rejects with its token." },
	{ "webhook-secret", OPTION_PATH, .def = "", AT(conf_review, webhook_secret),
	  .help = "File with the secret by which webhooks are signed (HMAC-SHA256)." },
	END,
};

static const struct option signer_table[] = {
	{ "listen", OPTION_ADDRS, .most = 64, AT(conf_signer, listen),
	  .count_offset = offsetof(struct conf_signer, listen_count),
	  .help = "Addresses for DNS, UDP and TCP." },
	{ "socket", OPTION_PATH, .def = "/run/duet/signer.sock", AT(conf_signer, socket),
	  .help = "Unix socket of the HTTP API." },
	{ "state-dir", OPTION_PATH, .def = "/var/lib/duet/signer", AT(conf_signer, state_dir),
	  .help = "Folder of the signed zones." },
	{ "zones-dir", OPTION_PATH, .def = "/etc/duet/zones", AT(conf_signer, zones_dir),
	  .help = "Folder that sources file:NAME are relative to." },
	{ "keydist", OPTION_ENDPOINT, .def = "", AT(conf_signer, keydist),
	  .help = "Where the local keydist listens.  Default: keydist.listen." },
	{ "serve-wait-s", OPTION_TIME, .unit = "s", .least = 0, .most = 3600, .def = "5",
	  AT(conf_signer, serve_wait_s),
	  .help = "How long after a start transfers wait for the comparison with other nodes." },
	{ "max-tcp", OPTION_COUNT, .least = 1, .most = 100000, .def = "512", AT(conf_signer, max_tcp),
	  .unit = "connections", .help = "TCP connections at a time." },
	{ "max-tcp-per-address", OPTION_COUNT, .least = 1, .most = 100000, .def = "64",
	  AT(conf_signer, max_tcp_per_address), .unit = "connections",
	  .help = "TCP connections of one address." },
	{ "max-transfers", OPTION_COUNT, .least = 1, .most = 10000, .def = "64",
	  AT(conf_signer, max_transfers), .unit = "transfers", .help = "Zone transfers at a time, out." },
	{ "max-transfers-per-address", OPTION_COUNT, .least = 0, .most = 10000, .def = "0",
	  AT(conf_signer, max_transfers_per_address), .unit = "transfers",
	  .help = "Those of them that one address may have, so that others always find a free one; 0: half of them." },
	{ "tcp-idle-timeout-s", OPTION_TIME, .unit = "s", .least = 1, .most = 3600, .def = "10",
	  AT(conf_signer, tcp_idle_timeout_s),
	  .help = "A TCP connection without progress is closed after this." },
	{ "secondaries", OPTION_ROWS, .most = 1000, .def = "", .sub = secondary_table,
	  .sub_size = sizeof(struct conf_secondary), AT(conf_signer, secondaries),
	  .count_offset = offsetof(struct conf_signer, secondary_count),
	  .help = "Servers that transfer from this signer: they are notified, asked and may transfer." },
	{ "transfer", OPTION_ROWS, .most = 1000, .def = "", .sub = transfer_table,
	  .sub_size = sizeof(struct conf_transfer), AT(conf_signer, transfer),
	  .count_offset = offsetof(struct conf_signer, transfer_count), .help = "Who else may transfer." },
	{ "resolvers", OPTION_ADDRS, .most = 8, .def = "", AT(conf_signer, resolvers),
	  .count_offset = offsetof(struct conf_signer, resolver_count),
	  .help = "Validating resolvers.  Through them parents and their keys are found, and the addresses of name servers that the "
		  "zones do not have." },
	{ "parents", OPTION_ROWS, .most = 1000, .def = "", .sub = parent_table,
	  .sub_size = sizeof(struct conf_parent), AT(conf_signer, parents),
	  .count_offset = offsetof(struct conf_signer, parent_count),
	  .help = "Where the DS of our zones is looked at." },
	{ "look-interval-s", OPTION_TIME, .unit = "s", .least = 1, .most = 86400, .def = "60",
	  AT(conf_signer, look_interval_s),
	  .help = "How often a server is looked at, at least, while a key waits for it." },
	{ "cross-audit-interval-s", OPTION_TIME, .unit = "s", .least = 0, .most = 31536000, .def = "86400",
	  AT(conf_signer, cross_audit_interval_s),
	  .help = "How often each zone is compared with what the peers with a dns publish of it; 0: by duetctl zone cross-audit alone." },
	{ "fetch-interval-s", OPTION_TIME, .unit = "s", .least = 1, .most = 86400, .def = "60",
	  AT(conf_signer, fetch_interval_s),
	  .help = "How often a source https://... is asked whether it has another text." },
	{ "fetch-max-mib", OPTION_COUNT, .least = 1, .most = 1048576, .def = "4096", .unit = "MiB",
	  AT(conf_signer, fetch_max_mib), .help = "A text from such a source, unpacked, or from a peer that is larger is refused." },
	{ "sort-memory-mib", OPTION_COUNT, .least = 1, .most = 1048576, .def = "128", .unit = "MiB",
	  AT(conf_signer, sort_memory_mib),
	  .help = "Memory in which the records of a zone that is read are put in order, and half as much for its NSEC3 hashes; what is above goes to a file in TMPDIR, or /var/tmp." },
	{ "peer-input-after-s", OPTION_TIME, .unit = "s", .least = 1, .most = 86400, .def = "10",
	  AT(conf_signer, peer_input_after_s),
	  .help = "How long newer content that a peer publishes is waited for from a zone's own source before the peer gives it." },
	{ "review", OPTION_SECTION, .sub = review_table, AT(conf_signer, review),
	  .help = "How versions are shown to those who review them." },
	END,
};

static const struct option backupd_table[] = {
	{ "listen", OPTION_ENDPOINT, AT(conf_backupd, listen),
	  .help = "Where the signers' keydist connect to." },
	{ "socket", OPTION_PATH, .def = "/run/duet/backupd.sock", AT(conf_backupd, socket),
	  .help = "Unix socket of the HTTP API." },
	{ "state-dir", OPTION_PATH, .def = "/var/lib/duet/backupd", AT(conf_backupd, state_dir),
	  .help = "Folder of the facts and sealed keys." },
	{ "retention-days", OPTION_TIME, .unit = "d", .least = 0, .most = DAYS_MOST, .def = "0",
	  AT(conf_backupd, retention_days),
	  .help = "How long the keys of a zone are kept after its removal, counted while the backup runs; 0: for good." },
	END,
};

static const struct option hook_table[] = {
	{ "socket", OPTION_PATH, .def = "/run/duet/hook.sock", AT(conf_hook, socket),
	  .help = "Unix socket of duet-hook, which starts hooks." },
	{ "dir", OPTION_PATH, .def = "/etc/duet/hooks", AT(conf_hook, dir),
	  .help = "Folder of the hooks: programs that belong to root and that nobody else may write.  No other "
		  "program is started." },
	{ "at-once", OPTION_COUNT, .least = 1, .most = 256, .def = "8", AT(conf_hook, at_once), .unit = "programs",
	  .help = "Hooks that run at a time; others wait." },
	END,
};

static const struct option fetch_table[] = {
	{ "socket", OPTION_PATH, .def = "/run/duet/fetch.sock", AT(conf_fetch, socket),
	  .help = "Unix socket of duet-fetch, which speaks HTTP and HTTPS." },
	{ "ca-file", OPTION_PATH, .def = "", AT(conf_fetch, ca_file),
	  .help = "Certificates (PEM) that servers are verified by.  Default: those that the system trusts." },
	{ "at-once", OPTION_COUNT, .least = 1, .most = 256, .def = "8", AT(conf_fetch, at_once), .unit = "requests",
	  .help = "Requests that run at a time; others wait." },
	END,
};

const struct option conf_table[] = {
	{ "node", OPTION_SECTION, .sub = node_table, AT(conf, node), .help = "This host." },
	{ "peers", OPTION_ROWS, .most = 100, .def = "", .sub = peer_table,
	  .sub_size = sizeof(struct conf_peer), AT(conf, peers),
	  .count_offset = offsetof(struct conf, peer_count), .help = "All other nodes." },
	{ "keydist", OPTION_SECTION, .sub = keydist_table, AT(conf, keydist),
	  .present_offset = offsetof(struct conf, keydist.present),
	  .help = "duet-keydist, on signer hosts." },
	{ "signer", OPTION_SECTION, .sub = signer_table, AT(conf, signer),
	  .present_offset = offsetof(struct conf, signer.present), .help = "duet-signer, on signer hosts." },
	{ "backupd", OPTION_SECTION, .sub = backupd_table, AT(conf, backupd),
	  .present_offset = offsetof(struct conf, backupd.present),
	  .help = "duet-backupd, on backup hosts." },
	{ "hook", OPTION_SECTION, .sub = hook_table, AT(conf, hook), .help = "duet-hook, the process that starts hooks." },
	{ "fetch", OPTION_SECTION, .sub = fetch_table, AT(conf, fetch),
	  .help = "duet-fetch, the process that speaks HTTP and HTTPS." },
	END,
};
