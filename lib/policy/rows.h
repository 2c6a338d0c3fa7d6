/* SPDX-License-Identifier: BSD-3-Clause */
/* rows - what duet-audit looks for: ROW(enum, identifier, severity, may be lowered, sentence, why); a list alone, which the
 * auditor and the rules of a policy include.  No guard. */

/* ---- frame ---- */
ROW(FRAME_SOA, "AUD-FRAME-01", ERROR, FIXED, "not exactly one SOA at the apex",
    "A zone without its SOA, or with two, is refused by secondaries or served with either.")
ROW(FRAME_SOA_OWNER, "AUD-FRAME-02", ERROR, FIXED, "SOA at a name that is not the zone",
    "A SOA below the apex is a zone cut to nobody; it shows that two zones were mixed.")
ROW(FRAME_READ, "AUD-FRAME-03", ERROR, FIXED, "input or signed zone is empty or cut short",
    "Half a zone is a good zone to every check that looks at one record at a time.")
ROW(FRAME_SIZE, "AUD-FRAME-04", WARNING, LOWERABLE, "size or record count differs much from the last published version",
    "A broken export that lost most of its records signs well; the past is the only measure.")
ROW(FRAME_NS, "AUD-FRAME-05", ERROR, FIXED, "no NS at the apex",
    "RFC 1034 section 4.2.1: name servers refuse such a zone, and no answer refers to it.")
ROW(FRAME_RRSET, "AUD-FRAME-06", ERROR, FIXED, "RRset that fits into no message",
    "RFC 1035 section 4.2.2: 65,535 octets; it can be transferred, and never be answered.")

/* ---- content ---- */
ROW(CONTENT_MISSING, "AUD-CONTENT-01", ERROR, FIXED, "record of the input is missing",
    "No other check sees a record that the signer dropped.")
ROW(CONTENT_EXTRA, "AUD-CONTENT-02", ERROR, FIXED, "record that is neither in the input nor added by signing",
    "Signed data that nobody asked for is an error of the signer, or an attack on it.")
ROW(CONTENT_TTL, "AUD-CONTENT-03", ERROR, FIXED, "TTL differs from that of the input",
    "RFC 4034 signs the TTL; waits for key changes are computed from the TTLs of the input.")
ROW(CONTENT_DIGEST, "AUD-CONTENT-13", ERROR, FIXED, "content is not that of the input, by its digest",
    "A record was dropped, added or changed on the way through the signer; the digest is the sum over all owners, so it shows "
    "that without the input at hand.")
ROW(CONTENT_DNSSEC, "AUD-CONTENT-04", WARNING, LOWERABLE, "DNSSEC record of the input was dropped",
    "Somebody else signed this zone before; two signers in a row are often a mistake.")
ROW(CONTENT_OCCLUDED, "AUD-CONTENT-05", WARNING, LOWERABLE, "record below a delegation or DNAME that is not glue",
    "It is never answered from this zone, whatever its author meant.")
ROW(CONTENT_OUTSIDE, "AUD-CONTENT-06", ERROR, FIXED, "record outside of the zone",
    "Name servers refuse the zone or ignore the record.")
ROW(CONTENT_CNAME_DATA, "AUD-CONTENT-07", ERROR, FIXED, "CNAME beside other data",
    "RFC 1034 section 3.6.2, RFC 2181 section 10.1: servers refuse the zone or answer by chance.")
ROW(CONTENT_CNAMES, "AUD-CONTENT-08", ERROR, FIXED, "more than one CNAME or DNAME at a name",
    "RFC 2181 section 10.1, RFC 6672 section 2.4.")
ROW(CONTENT_DS, "AUD-CONTENT-09", ERROR, FIXED, "DS without NS, or DS at the apex",
    "RFC 4035 section 2.4: DS belongs to the parent's side of a delegation.")
ROW(CONTENT_CHILD, "AUD-CONTENT-14", ERROR, FIXED, "DS of a zone that is signed here, too, is not what the plan says",
    "It goes in and out by itself, at the step of a rollover that is due; any other is bogus to those who have its parent's DS.")
ROW(CONTENT_DNAME_NS, "AUD-CONTENT-10", ERROR, FIXED, "NS and DNAME at one name below the apex",
    "RFC 6672 section 2.3: the name would be a delegation and a redirection.")
ROW(CONTENT_WILDCARD_NS, "AUD-CONTENT-11", ERROR, FIXED, "NS at a wildcard",
    "RFC 4592 section 4.2: what it means is undefined, and it cannot be proven.")
ROW(CONTENT_IN_OUTSIDE, "AUD-CONTENT-12", WARNING, LOWERABLE, "record of the input is outside of the zone and was dropped",
    "The author of the input has another zone in mind.")

/* ---- TTL ---- */
ROW(TTL_MAX, "AUD-TTL-01", ERROR, FIXED, "TTL above the largest that policy allows",
    "ripe.net, November 2023: a TTL typed too large outlived the renewal of signatures.")
ROW(TTL_RRSET, "AUD-TTL-02", ERROR, FIXED, "TTLs within an RRset differ",
    "RFC 2181 section 5.2; one signature cannot cover two TTLs.")
ROW(TTL_RRSIG, "AUD-TTL-03", ERROR, FIXED, "TTL or original TTL of an RRSIG is not that of its RRset",
    "RFC 4034 sections 3 and 3.1.4; a smaller original TTL cuts caches, a larger one is bogus to some.")
ROW(TTL_DENIAL, "AUD-TTL-04", ERROR, LOWERABLE, "TTL of NSEC or NSEC3 is not min(SOA MINIMUM, SOA TTL)",
    "RFC 9077: resolvers that use NSEC aggressively keep denials as long as this TTL.")

/* ---- serial ---- */
ROW(SERIAL_OWN, "AUD-SERIAL-01", ERROR, FIXED, "serial is not above the last one published here",
    "Secondaries would not take the version, and the one they have runs out.")
ROW(SERIAL_OLDER, "AUD-SERIAL-02", ERROR, FIXED, "serial is not above that of a known version with older content",
    "Secondaries that have the old content would keep it.")
ROW(SERIAL_SAME, "AUD-SERIAL-03", ERROR, FIXED, "serial is below that of a known version with the same content",
    "Secondaries of both signers would not take it until the other renews.")
ROW(SERIAL_STALE, "AUD-SERIAL-04", ERROR, FIXED, "content is older than that of a version a peer serves at this serial or below",
    "It would overwrite newer content at every secondary that asks both.")
ROW(SERIAL_DATE, "AUD-SERIAL-05", WARNING, LOWERABLE, "serial is more than a day ahead of the date",
    "A jump of serials is hard to undo; ripe.net and e164.arpa met it in 2011.")

/* ---- keys ---- */
ROW(KEY_PLAN, "AUD-KEY-01", ERROR, FIXED, "DNSKEY RRset differs from the plan",
    "Full keys, not tags: .de, May 2026, three key pairs had one tag and one was published.")
ROW(KEY_CHANGED, "AUD-KEY-02", ERROR, LOWERABLE, "DNSKEY appeared or vanished outside of a plan",
    "APNIC, December 2012: failover to a standby with other zone-signing keys.")
ROW(KEY_POLICY, "AUD-KEY-03", ERROR, FIXED, "protocol, flags, algorithm or length of a DNSKEY outside of policy",
    "A validator ignores a key that it does not understand, and the zone is bogus or insecure.")
ROW(KEY_TAG_TWICE, "AUD-KEY-04", ERROR, FIXED, "two DNSKEYs with one key tag",
    "Validators may try one key only; .de, May 2026.")
ROW(KEY_TAG_USED, "AUD-KEY-05", WARNING, FIXED, "key tag that an earlier key had",
    ".ru, January 2024: the new key had the tag of the old one.")
ROW(KEY_DS, "AUD-KEY-06", ERROR, FIXED, "DNSKEY RRset is not signed by a key that a DS at the parent names",
    ".fj, March 2022: signed with a KSK that no DS names; the zone is bogus at once.")
ROW(KEY_SEP, "AUD-KEY-07", ERROR, LOWERABLE, "no key with the SEP flag signs the DNSKEY RRset",
    "e164.arpa, 2011: DNSKEY RRset without the current KSK's signature.")
ROW(KEY_REVOKED, "AUD-KEY-08", ERROR, FIXED, "revoked key that does not sign the DNSKEY RRset",
    "RFC 5011 section 2.1: without its own signature the revocation is not seen.")
ROW(KEY_NONE, "AUD-KEY-09", ERROR, FIXED, "no DNSKEY, or DNSSEC records in a zone that is to be unsigned",
    "slack.com, September 2021: unsigned while the DS was cached.")
ROW(KEY_ANSWER, "AUD-KEY-10", WARNING, LOWERABLE, "answer with the DNSKEY RRset is larger than 1232 octets",
    "It is truncated over UDP; some resolvers cannot ask over TCP.")

ROW(CDS_PLAN, "AUD-CDS-01", ERROR, FIXED, "CDS or CDNSKEY differs from the plan",
    "The parent acts on them; nothing else may decide its DS.")
ROW(CDS_UNSIGNED, "AUD-CDS-02", ERROR, FIXED, "CDS or CDNSKEY names no key that signs the DNSKEY RRset, and the plan does not name it either",
    "RFC 7344 section 4.1: the DS would lead nowhere.")
ROW(CDS_BREAKS, "AUD-CDS-03", ERROR, FIXED, "CDS and CDNSKEY would break the chain of trust if the parent acted on them",
    "RFC 7344 section 4, RFC 8078 section 4: parents may act on either, and DELETE means insecure.")

ROW(HIST_EARLY, "AUD-HIST-01", ERROR, FIXED, "key signs before its DNSKEY was visible for long enough",
    "Resolvers that have the old DNSKEY RRset cannot validate; .nl, October 2012.")
ROW(HIST_REMOVED, "AUD-HIST-02", ERROR, FIXED, "DNSKEY removed while its signatures are cached",
    ".nz, May 2023: the old key was removed while it was still needed.")
ROW(HIST_BACK, "AUD-HIST-03", ERROR, FIXED, "retired key is back in use",
    "Its DNSKEY may go any moment; some node has old keys.")
ROW(HIST_LIFETIME, "AUD-HIST-04", WARNING, LOWERABLE, "key in use past its lifetime",
    "A rollover is stuck, and nobody noticed.")

/* ---- signatures ---- */
ROW(RRSIG_BOGUS, "AUD-RRSIG-01", ERROR, FIXED, "RRSIG does not verify",
    ".au 2022 and 2023, .se 2022, .mx 2023: the signer wrote wrong signatures for some names.")
ROW(RRSIG_MISSING, "AUD-RRSIG-02", ERROR, FIXED, "RRset without an RRSIG of each algorithm",
    "RFC 4035 section 2.2; .gov, August 2013: algorithm roll with the new signatures only.")
ROW(RRSIG_UNSIGNABLE, "AUD-RRSIG-03", ERROR, FIXED, "RRSIG over glue, a delegation's NS or other data that is not authoritative",
    "RFC 4035 section 2.2: validators of the child's data may take it for the child's.")
ROW(RRSIG_NOTHING, "AUD-RRSIG-04", ERROR, FIXED, "RRSIG over an RRset that is not there",
    "It shows that data was lost after signing; with NSEC it contradicts the denial.")
ROW(RRSIG_SIGNER, "AUD-RRSIG-05", ERROR, FIXED, "signer's name is not the zone",
    "RFC 4035 section 5.3.1.")
ROW(RRSIG_LABELS, "AUD-RRSIG-06", ERROR, FIXED, "labels field is not the owner's number of labels",
    "RFC 4034 section 3.1.3: wildcard answers and plain ones could not be told apart.")
ROW(RRSIG_KEY, "AUD-RRSIG-07", ERROR, FIXED, "RRSIG by a key that is not in the DNSKEY RRset",
    ".ru, January 2024; .de, May 2026: keys are found by content, never by tag alone.")
ROW(RRSIG_FLAGS, "AUD-RRSIG-08", ERROR, FIXED, "RRSIG by a key without the zone flag, or by a revoked one",
    "RFC 4034 section 2.1.1, RFC 5011 section 2.1: validators do not use it.")
ROW(RRSIG_ROLE, "AUD-RRSIG-09", ERROR, LOWERABLE, "zone data signed by a KSK that is no CSK",
    "The KSK is in use where it should not be known.")
ROW(RRSIG_INCEPTION, "AUD-RRSIG-10", ERROR, FIXED, "inception is in the future, or less than the offset ago",
    "Validators whose clock is late call it bogus.")
ROW(RRSIG_EXPIRATION, "AUD-RRSIG-11", ERROR, FIXED, "expiration before now + propagation + largest TTL",
    "Caches would give out a signature that has run out; .bn, .mm and many more.")
ROW(RRSIG_LIFETIME, "AUD-RRSIG-12", ERROR, FIXED, "lifetime of a signature beyond policy",
    "The data can be replayed for as long.")
ROW(RRSIG_EXPIRE, "AUD-RRSIG-13", WARNING, LOWERABLE, "expiration before now + propagation + largest TTL + SOA expire",
    "A secondary that lost its primary would serve bogus data before it gives up the zone.")
ROW(RRSIG_TOGETHER, "AUD-RRSIG-14", WARNING, LOWERABLE, "too many signatures expire within one hour",
    "They will all have to be renewed at one time.")

/* ---- denial ---- */
ROW(NSEC_MISSING, "AUD-NSEC-01", ERROR, FIXED, "name without NSEC",
    "Types that the name does not have cannot be denied.")
ROW(NSEC_NOTHING, "AUD-NSEC-02", ERROR, FIXED, "NSEC at a name that has no data",
    "RFC 4035 section 2.3: it claims that the name exists.")
ROW(NSEC_BELOW, "AUD-NSEC-03", ERROR, FIXED, "NSEC at glue or below a delegation or DNAME",
    "RFC 4035 section 2.3.")
ROW(NSEC_BITMAP, "AUD-NSEC-04", ERROR, FIXED, "NSEC bitmap is not exactly the types present",
    "slack.com, September 2021: the NSEC of a wildcard lacked types, and resolvers believed it.")
ROW(NSEC_NEXT, "AUD-NSEC-05", ERROR, FIXED, "next name of an NSEC is not the next name of the zone",
    "Resolvers that use NSEC aggressively deny names that exist, or cannot deny others.")
ROW(NSEC_CYCLE, "AUD-NSEC-06", ERROR, FIXED, "NSEC chain does not close in one cycle",
    "The last NSEC leads to the apex, and no other.")
ROW(NSEC_BOTH, "AUD-NSEC-07", ERROR, FIXED, "NSEC together with NSEC3",
    "Two ways of denial in one zone; servers choose either and neither is whole.")
ROW(NSEC_TWICE, "AUD-NSEC-08", ERROR, FIXED, "more than one NSEC at a name",
    "One of them is wrong, and resolvers may have either.")

ROW(NSEC3_PARAM, "AUD-NSEC3-01", ERROR, FIXED, "not exactly one NSEC3PARAM that matches the chain",
    "RFC 5155 section 7.3: name servers find the chain by it.")
ROW(NSEC3_PARAM_FLAGS, "AUD-NSEC3-02", ERROR, FIXED, "flags of NSEC3PARAM are not 0",
    "RFC 5155 section 4.1.2: name servers ignore it then.")
ROW(NSEC3_PARAM_OWNER, "AUD-NSEC3-03", ERROR, FIXED, "NSEC3PARAM not at the apex",
    "RFC 5155 section 4.")
ROW(NSEC3_VALUES, "AUD-NSEC3-04", ERROR, FIXED, "NSEC3 algorithm, iterations or salt outside of policy",
    "RFC 9276: resolvers treat zones with many iterations as insecure or fail.")
ROW(NSEC3_MISSING, "AUD-NSEC3-05", ERROR, FIXED, "name or empty non-terminal without NSEC3",
    "It cannot be proven to exist, and what does not exist below it cannot be denied.")
ROW(NSEC3_NOTHING, "AUD-NSEC3-06", ERROR, FIXED, "NSEC3 that belongs to no name",
    "It claims that a name exists which does not.")
ROW(NSEC3_BITMAP, "AUD-NSEC3-07", ERROR, FIXED, "NSEC3 bitmap is not exactly the types present",
    "Types that exist would be denied, or those that do not could not be.")
ROW(NSEC3_CHAIN, "AUD-NSEC3-08", ERROR, FIXED, "NSEC3 chain is not one cycle in the order of hashes",
    "Names between could be denied that exist, or not be denied at all.")
ROW(NSEC3_OPTOUT, "AUD-NSEC3-09", ERROR, FIXED, "opt-out flag where policy says no",
    "Names in an opt-out span can be added by an attacker.")
ROW(NSEC3_NO_OPTOUT, "AUD-NSEC3-10", ERROR, FIXED, "span without opt-out flag covers an insecure delegation",
    "RFC 5155 section 7.1: the delegation would be denied.")
ROW(NSEC3_SECURE, "AUD-NSEC3-11", ERROR, FIXED, "secure delegation is opted out",
    "RFC 5155 section 6: its DS would be denied.")
ROW(NSEC3_COLLISION, "AUD-NSEC3-12", ERROR, FIXED, "two names with one hash",
    "RFC 5155 section 7.2: choose another salt.")
ROW(NSEC3_FIELDS, "AUD-NSEC3-13", ERROR, FIXED, "NSEC3 with other parameters than the chain, unknown flags, or twice",
    "Servers and resolvers ignore it, and the chain has a hole there.")

/* ---- between signers ---- */
ROW(CROSS_CONTENT, "AUD-CROSS-01", ERROR, FIXED, "two signers publish different content under one content number",
    "Secondaries of the two answer differently for ever: neither signer has a reason to publish again.")
ROW(CROSS_DNSKEY, "AUD-CROSS-02", ERROR, FIXED, "DNSKEY RRsets of two signers differ, and no step of a rollover explains it",
    "APNIC, December 2012: failover to a standby with other keys; caches hold the DNSKEY RRset of the one and data of the other.")
ROW(CROSS_CDS, "AUD-CROSS-03", ERROR, FIXED, "CDS or CDNSKEY of two signers differ, and no step of a rollover explains it",
    "The parent acts on whichever it asked last (RFC 7344), and the DS goes to and fro.")
ROW(CROSS_MIX, "AUD-CROSS-04", ERROR, FIXED, "no signature of one signer's RRset validates by the DNSKEY RRset of another",
    "Resolvers mix what they have from both; to them it is bogus, though each signer's zone is valid by itself.")

/* ---- ZONEMD ---- */
ROW(ZONEMD_WRONG, "AUD-ZONEMD-01", ERROR, FIXED, "ZONEMD does not match the zone",
    "RFC 8976: who checks it refuses the zone.")
ROW(ZONEMD_MISSING, "AUD-ZONEMD-02", ERROR, FIXED, "ZONEMD is missing",
    "Policy wants it.")
