/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_SIM_FAULT_LIST_H
#define DUET_SIM_FAULT_LIST_H

/*
 * Mistakes that the simulator must find, one at a time: name, what is done wrong.  Each is made where production decides, in
 * lib/timeline, lib/fact, lib/serial and signer/engine.  Two have no such place, and are made in tests/sim/node.c:
 *
 *   STATUS_OPENS      no status reaches lib/timeline at all: the mistake is to give it some, which is what a node does for it
 *   WALL_CLOCK_WAITS  timeline_ran is told how long the node ran; by which clock is keydist's (running.c), and the simulator's
 */
#define FAULT_LIST(X)                                                                                             \
	X(NO_WAIT_DNSKEY_IN, "no wait for caches that hold the DNSKEY RRset without the new key")                 \
	X(NOT_LOOKED_IN, "secondaries are not looked at before a record counts as everywhere")                    \
	X(NOT_LOOKED_OUT, "secondaries are not looked at before a record counts as gone")                         \
	X(ONE_SECONDARY, "one secondary instead of all")                                                          \
	X(OWN_SERVES_IS_ENOUGH, "what this signer serves counts as served by all")                                \
	X(ANY_SERVES_IS_ENOUGH, "what any signer serves counts as served by all")                                 \
	X(OWN_SEEN_IS_ENOUGH, "what this signer has seen counts as seen by all")                                  \
	X(ANY_SEEN_IS_ENOUGH, "what any signer has seen counts as seen by all")                                   \
	X(ANY_GONE_IS_ENOUGH, "what any signer finds gone counts as gone")                                        \
	X(OWN_HELD_IS_ENOUGH, "a key that this signer holds counts as distributed")                               \
	X(BACKUP_NOT_WAITED_FOR, "a key that no backup stores counts as distributed")                             \
	X(NOT_DISTRIBUTED, "a key is used before it is distributed")                                              \
	X(SIGNS_BEFORE_DNSKEY, "a new key signs before its DNSKEY is everywhere")                                 \
	X(OLD_KEY_REMOVED_EARLY, "the old DNSKEY goes as soon as another key is there")                           \
	X(NO_WAIT_DNSKEY_OUT, "no wait for caches that hold the old DNSKEY")                                      \
	X(NO_WAIT_ZONE, "no wait for caches that hold RRsets with the old RRSIGs, or without")                   \
	X(NO_WAIT_DS_OUT, "no wait for caches that hold the old DS")                                              \
	X(NO_PARENT_DELAY, "no wait for a parent that is still at work on an older CDS")                          \
	X(LAST_DS_TTL, "the last TTL of the DS instead of the largest")                                           \
	X(ONE_PARENT, "one server of the parent instead of all")                                                  \
	X(CDS_NOT_LOOKED_AT, "the old KSK goes though a secondary still shows its CDS")                           \
	X(DS_BEFORE_DNSKEY, "the DS is asked for before the DNSKEY is everywhere")                                \
	X(DS_BEFORE_SIGNATURES, "the DS is asked for before the RRSIGs are everywhere")                           \
	X(CONSERVATIVE_DNSKEY_AT_ONCE, "a new algorithm's DNSKEY comes with its RRSIGs")                          \
	X(EVERYBODY_CREATES, "nobody waits for another's turn to create")                                         \
	X(LAST_SIGNATURE_GOES, "the last signature of an algorithm goes while it is asked for")                   \
	X(JOINER_NO_UNION, "a joiner does not publish what the others serve")                                     \
	X(COPY_OVER_FACTS, "after a set-back, what the old copy shows counts more than the node's own facts")     \
	X(DNSKEY_BEFORE_DS, "the old KSK's DNSKEY goes while its DS may be in caches")                            \
	X(DNSKEY_BEFORE_SIGNATURES, "the old ZSK's DNSKEY goes while its RRSIGs may be in caches")                \
	X(RETIREMENT_AT_ONCE, "a signer leaves the conjunctions at once, while caches have what it served")           \
	X(DEAD_WITH_DNSKEY, "a key is forgotten when its DNSKEY is gone, whatever it still signs") \
	X(POLICY_TTL, "waits are as long as policy has it, not as what was published") \
	X(TIME_BEFORE_LOOKS, "a wait counts time before all servers have shown the record") \
	X(PROMISE_FORGOTTEN, "what a signer has stopped is published again since others serve it") \
	X(JOINER_NO_CDS, "a joiner does not name in CDS what the others name") \
	X(SIGNATURES_WITH_DNSKEY, "the last signatures of an algorithm go with its DNSKEY") \
	X(INSECURE_AT_ONCE, "a zone that is to be insecure drops its signatures before the DS is gone") \
	X(RELIES_ON_SIGNATURES, "a DNSKEY goes on the strength of signatures that others may take away") \
	X(JOINER_PROMISES, "a joiner gives promises before it serves") \
	X(ROLLS_OVERLAP, "a roll begins while another one of the same use runs") \
	X(TURN_BY_NAMED_KEY, "whose turn it is depends on the key that was named") \
	X(WALL_CLOCK_WAITS, "waits are measured by the wall clock") \
	X(RESTORE_FORGETS, "a signer that is restored does not go by what those before it served") \
	X(STEPS_TEAR_ALGORITHM, "the keys of a new algorithm are released one by one") \
	X(NO_HOLD_AFTER_START, "a node acts after a start before it has compared with another") \
	X(STALE_RENEWED, "a version older than the node's own facts is renewed") \
	X(TAKES_BELOW_HIGHEST, "a serial is taken while a higher one is known") \
	X(PEER_END_IGNORED, "renewal has no regard for when a peer's signatures end") \
	X(OLDER_ON_TOP, "older content takes the top serial") \
	X(NO_OVERTAKING, "older or unexplained versions are not overtaken") \
	X(NO_BACK_OFF, "unexplained versions are overtaken at once, again and again") \
	X(SERIAL_FOR_ID, "a version is known by its serial, not by its id") \
	X(CLOCK_TRUSTED, "a node signs whatever its clock says") \
	X(ORDER_BY_TIME, "the later time wins, not the higher revision") \
	X(SERVES_TAKEN_BACK, "what is served is taken back without a promise") \
	X(OWN_CLOCK, "own clock for another's") \
	X(TAG_FOR_HASH, "a key is known by a part of its hash, which two may share") \
	X(STATUS_OPENS, "a signer whose status shows a record no more counts as having stopped") \
	X(SAME_INCARNATION, "the same incarnation after a set-back") \
	X(LEARNED_MAX, "the highest serial that a secondary ever showed is remembered") \
	X(LEAVE_NO_WAIT, "a signer that leaves does not wait for what caches have of it") \
	X(LEAVE_NOT_LOOKED, "a signer leaves though secondaries show its version") \
	X(HELD_TWICE, "held is said for two keys of one tag") \
	X(ADMITTED_SERVES, "a joiner serves on `admitted` alone") \
	X(CLONE_ACCEPTED, "a cloned identity is accepted") \
	X(QUIET_CLONE_ACCEPTED, "a cloned identity is accepted as long as neither host says a fact") \
	X(CDS_AWAITED, "a CDS is waited for where policy has none published") \
	X(FOREIGN_DNSKEY_AT_ONCE, "a foreign DNSKEY goes while RRSIGs made with it may be in caches") \
	X(FOREIGN_DS_AT_ONCE, "a foreign key's DS goes while a DNSKEY RRset that it alone has signed may be in caches") \
	X(FOREIGN_DNSKEY_TTL, "that wait is as long as RRSIGs are cached, not the foreign DNSKEY RRset") \
	X(FOREIGN_NAMED_LATER, "CDS names a key of ours before it names the foreign ones") \
	X(FOREIGN_SIGNS, "a foreign key is taken as one that can sign") \
	X(FOREIGN_ROLLS, "a key of ours is rolled while the foreign signer, which does not know of the new one, is asked") \
	X(FOREIGN_NOT_NAMED, "CDS does not name a foreign key whose signer is still asked") \
	/* end */

enum fault_name {
	FAULT_NONE,
#define X(name, text) FAULT_##name,
	FAULT_LIST(X)
#undef X
	FAULTS
};
extern enum fault_name fault_now;

#endif
