/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_NETMSG_H
#define DUET_NETMSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dns/tsig.h"
#include "err/err.h"
#include "msg/packet.h"
#include "secret/secret.h"

/*
 * netmsg - what engine and net say to each other, over one SOCK_SEQPACKET socketpair.
 *
 * Each packet is one JSON object of at most NETMSG_MAX octets with "v":1 and "t":<type>, and at most NETMSG_FDS descriptors
 * (SCM_RIGHTS).  Names are text with final dot, digests hex, addresses "192.0.2.1#53" or "2001:db8::1#53".  net trusts engine;
 * engine checks every field of what net says.  A packet that does not follow the format ends the process that gets it from
 * engine, and is logged and dropped by engine.  Large things (page tables, transferred zones) travel as sealed memfds.
 *
 * TSIG secrets travel in a packet of their own type, built and read without JSON: see netmsg_tsig_*.
 */
#define NETMSG_MAX 65536
#define NETMSG_FDS PACKET_FDS

/*
 * engine -> net
 *
 * volume      {"volume":N} + fd                 a volume file, opened read-only; before the first version that uses it
 * volume-gone {"volume":N}                      net closes it once no transfer uses it
 * version     {"zone":"example.org.","number":N,"from":N | absent,"serial":N,"soa":base64 record stream (SOA, then its
 *              RRSIGs),"pages":N,"splices":base64 | absent} + memfd | none      the version to serve from now on.  Its page
 *              table is the splices (signer/netpages.h; in a memfd when they are many) into that of the version with the
 *              number "from", which must be the zone's present one; without "from", into an empty table
 * candidate   {"zone":Z,"stage":"load"|"sign",...}   what waits for that review, as a version: "from" is the published one; it
 *                                               is shown on the addresses of that review
 * candidate-gone {"zone":Z}                     nothing waits any more
 * unserve     {"zone":Z,"for_now":bool}         serve it no more (REFUSED); for now: not before the next version (SERVFAIL)
 * zone        {"zone":Z,"source":null | primaries (primaries.h),"refresh":bool,
 *              "have":N | null,"ixfr":bool,"retry_s":N,"expire_s":N}     net keeps a zone's primary fresh by SOA timers; "refresh": look now;
 *                                               "have": serial of the input that engine has taken; "ixfr": it can
 *                                               apply differences to that; "retry_s", "expire_s": SOA timers of that,
 *                                               by which net goes until the primary has answered; absent without "have"
 * zone-gone   {"zone":Z}
 * peers       {"secondaries":[{"address":A,"key":K|null,"zones":["*"|Z,...],"notify":bool}],
 *              "transfer":[{"prefix":"192.0.2.0/24","key":K|null}],"review":[the same]}    whole list, replaces the one before
 * query       {"id":N,"zone":Z,"name":name | absent,"address":A,"key":K|null,"what":"soa"|"dnskey"|"cds"|"ds"|"ns"|"a"|"aaaa" or
 *              "update" (with "update":base64,"count":N: the update section of an UPDATE for the zone "name"),
 *              "tcp":bool | absent,"recursion":bool | absent,"timeout_ms":N}    ask a server for an RRset of "name", or of the
 *              zone; TCP for dnskey and cds; "recursion": it is a resolver
 * fetch       {"id":N,"zone":Z,"address":A,"key":K|null} + file    the zone by AXFR as another signer publishes it: the messages go
 *              to the file, each behind its length, in two octets; one fetch at a time
 * drain       {"for_ms":N}                      answer nothing (drop UDP, close TCP) until then; 0: serve again
 * notify      {"zone":Z,"address":A}            tell this secondary again: it still shows an older version
 * hold-serve  {"on":bool}                       at start: answer SERVFAIL to SOA and transfers until off
 *
 * net -> engine
 *
 * ready       {}                                sandboxed and serving
 * asked       {"zone":Z,"address":A,"serial":N,"authenticated":bool}   an IXFR or SOA query of a secondary told its serial (IXFR)
 * transferred {"zone":Z,"address":A,"serial":N,"octets":N,"ms":N}      a transfer out has ended well
 * notified    {"zone":Z,"address":A,"serial":N,"result":"ok"|"timeout"|"rcode"|"bad","rcode":N}    final result of NOTIFY to
 *              one secondary; bad: what came was no answer to it, or its TSIG was wrong
 * answer      {"zone":Z,"id":N,"result":"ok"|"timeout"|"refused"|"bad","rcode":N,"rrs":base64 record stream,"serial":N,"ms":N,
 *              "aa":bool,"ad":bool,"cname":bool,"auth":base64 record stream,"why":text}   "rrs": the RRset that was asked for and
 *              its RRSIGs; "auth", to ds: SOA, NS, NSEC, NSEC3 and RRSIGs of the authority section
 * fetched     {"zone":Z,"id":N,"rrs":base64 record stream,"octets":N}   or "why":text in place of the last two.  "rrs": SOA and its RRSIGs
 * input       {"zone":Z,"serial":N,"primary":A,"kind":"axfr","octets":N} + memfd (record stream: the SOA, then all others)
 * input       {...,"kind":"ixfr","from":N,...} + memfd   the differences from serial "from" to "serial", as one record
 *              stream of one difference or more, oldest first: SOA of where it begins, records removed, SOA of where it
 *              ends, records added (RFC 1995 section 4 without the first and last SOA).  net has checked that they follow
 *              on each other
 * input-same  {"zone":Z,"serial":N}              the primary confirmed that this serial is current
 * input-failed {"zone":Z,"primary":A,"why":text,"retry_s":N}
 * input-expired {"zone":Z,"primary":A,"expire_s":N}   the primary has not confirmed the zone for SOA expire; once
 * damaged     {"zone":Z,"volume":N,"offset":N}   a page read for a transfer is not what was written
 */
/* Reads or writes one packet.  fds: in: the descriptors to send; out: those that came (close-on-exec, the caller closes them).
 * Sending never blocks: -1 with ERR_NOTNOW when the socket is full (keep the packet and wait for it to be writable). */
int netmsg_send(int sock, const void *packet, size_t len, const int *fds, size_t fd_count, struct err *e);
/* Returns the length, 0 at the end of the socket, -1 with ERR_NOTNOW when there is nothing, or ERR_IO, ERR_LIMIT. */
long netmsg_recv(int sock, void *packet, size_t cap, int fds[NETMSG_FDS], size_t *fd_count, struct err *e);

/* A sealed memfd with these octets (F_SEAL_WRITE | SHRINK | GROW | SEAL), or -1. */
int netmsg_memfd(const char *name, const void *octets, size_t len, struct err *e);
/* The same seals on a memfd that was made with MFD_ALLOW_SEALING and filled by the caller. */
int netmsg_memfd_seal(int fd, struct err *e);
/* Maps a memfd read-only; refuses one that could still change under us.  The caller closes fd and unmaps. */
int netmsg_map(int fd, const void **octets, size_t *len, struct err *e);
void netmsg_unmap(const void *octets, size_t len);

/*
 * TSIG keys, engine -> net: the whole list replaces the one before, in one or more packets.
 *
 * netmsg_tsig_pack packs keys[*at..] into one packet, moves *at, and is called until *at == n (once for an empty list).  The
 * packet is a secret: open it, netmsg_send, close, free.  newest[i]: key i is the one of its name to send with; all are
 * accepted.
 */
struct secret *netmsg_tsig_pack(const struct tsig_key *const *keys, const bool *newest, size_t n, size_t *at);
bool netmsg_tsig_is(const void *packet, size_t len);
/* fn owns each key.  *first: forget the keys of an unfinished list; *last: the list is complete.  The caller wipes packet. */
typedef void netmsg_tsig_fn(void *ctx, struct tsig_key *key, bool newest);
int netmsg_tsig_read(const void *packet, size_t len, netmsg_tsig_fn *fn, void *ctx, bool *first, bool *last,
		     struct err *e);

#endif
