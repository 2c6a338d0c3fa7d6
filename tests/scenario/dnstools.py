# SPDX-License-Identifier: BSD-3-Clause
"""Asking name servers, fetching zones, and the judges of others over signed zones."""

import re
import time

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.tsig
import dns.tsigkeyring
import dns.zone

from lab import DNS_PORT, PATIENCE, find_program, run


def query(addr, name, rdtype="SOA", port=DNS_PORT, tcp=False, dnssec=True, timeout=3.0, source=None, cd=False,
          rd=True, keyring=None, keyname=None):
    """One query; the answer as dns.message.Message.  Falls back to TCP when truncated."""
    q = dns.message.make_query(name, rdtype, want_dnssec=dnssec, payload=1232)
    q.flags |= dns.flags.AD
    if cd:
        q.flags |= dns.flags.CD
    if not rd:
        q.flags &= ~dns.flags.RD
    if keyring:
        q.use_tsig(keyring, keyname)
    if tcp:
        return dns.query.tcp(q, addr, timeout=timeout, port=port, source=source)
    return dns.query.udp_with_fallback(q, addr, timeout=timeout, port=port, source=source)[0]


def soa_serial(r):
    """The serial of the SOA in an answer; None."""
    return next((rrset[0].serial for rrset in r.answer if rrset.rdtype == dns.rdatatype.SOA), None)


def serial_of(addr, zone, port=DNS_PORT, timeout=2.0):
    """The serial that a server shows for the zone, None when it shows none, or does not answer."""
    try:
        return soa_serial(query(addr, zone, "SOA", port, timeout=timeout, rd=False))
    except (OSError, dns.exception.DNSException):
        return None


def shown_serial(addr, zone, port=DNS_PORT, timeout=10.0):
    """The same of one that has to answer: what a busy machine left without an answer is asked again, and silence is an exception."""
    end = time.monotonic() + timeout * PATIENCE
    while True:
        try:
            return soa_serial(query(addr, zone, "SOA", port, timeout=2.0, rd=False))
        except dns.exception.Timeout:
            if time.monotonic() > end:
                raise


def is_signed(addr, zone, port=DNS_PORT):
    """Whether the SOA answer has an RRSIG."""
    try:
        r = query(addr, zone, "SOA", port, timeout=2.0, rd=False)
    except (OSError, dns.exception.DNSException):
        return False
    return any(x.rdtype == dns.rdatatype.RRSIG for x in r.answer)


def axfr(addr, zone, port=DNS_PORT, keyring=None, keyname=None, source=None, timeout=20.0, algorithm=None):
    """The zone by AXFR as dns.zone.Zone; dns.exception or OSError when refused.  keyring: {name: secret}."""
    kw = {}
    if keyring:
        kw = {"keyring": dns.tsigkeyring.from_text(keyring), "keyname": keyname,
              "keyalgorithm": algorithm or dns.tsig.HMAC_SHA256}
    messages = dns.query.xfr(addr, zone, port=port, lifetime=timeout * PATIENCE, source=source, relativize=False, **kw)
    return dns.zone.from_xfr(messages, relativize=False, check_origin=False)


def axfr_text(addr, zone, port=DNS_PORT, **kw):
    """The same as text, one record a line."""
    z = axfr(addr, zone, port, **kw)
    return "".join("%s %d IN %s %s\n" % (name, ttl, dns.rdatatype.to_text(r.rdtype), r.to_text(origin=None, relativize=False))
                   for name, ttl, r in z.iterate_rdatas())


def axfr_file(lab, addr, zone, name=None, port=DNS_PORT, **kw):
    """AXFR into a file of the lab; its path."""
    return lab.write(name or "axfr/%s.%s.zone" % (zone.strip(".") or "root", addr),
                     axfr_text(addr, zone, port, **kw))


def verify(path, zone, tools=("dnssec-verify", "ldns-verify-zone", "kzonecheck"), at=None, timeout=60):
    """The judges of others over a signed zone file; Failed with the words of the first that refuses it.
    at: the time to judge by, seconds since 1970; dnssec-verify has no such option and is left out then."""
    zone = zone.rstrip(".") or "."
    when = time.strftime("%Y%m%d%H%M%S", time.gmtime(at)) if at else None
    for tool in tools:
        exe = find_program(tool)
        if tool == "dnssec-verify":
            if at:
                continue
            with open(path, encoding="utf-8") as f:
                keys = re.findall(r"\sDNSKEY\s+(\d+)\s", f.read())
            # -z: a key with the SEP flag may sign the zone, as a CSK does.
            argv = [exe, "-q", "-o", zone] + ([] if "256" in keys else ["-z"]) + [path]
        elif tool == "ldns-verify-zone":
            argv = [exe, "-V1"] + (["-t", when] if at else []) + [path]
        else:
            argv = [exe, "-o", zone, "-d", "on"] + (["-t", str(int(at))] if at else []) + [path]
        run(argv, timeout=timeout)


def rcode(r):
    return dns.rcode.to_text(r.rcode())


def has_ad(r):
    return bool(r.flags & dns.flags.AD)
