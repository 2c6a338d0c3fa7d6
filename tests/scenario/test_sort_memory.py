# SPDX-License-Identifier: BSD-3-Clause
"""A zone larger than signer.sort-memory-mib is put in order through a file of TMPDIR, and is the same zone."""

import os
import random

from duetlab import *

ZONE = "example.org"
TMP = "TMPDIR"


def large_zone(serial):
    """Above 2 MiB of few RRsets, in no order."""
    chance = random.Random(7)
    rows = ["n%07d TXT %s\n" % (chance.randrange(10000000), " ".join(["x%07d%s" % (chance.randrange(10000000), "y" * 240)] * 30))
            for _ in range(300)]
    return small_zone(ZONE, serial=serial, more="".join(rows) + "v%d TXT x\n" % serial)


def start_with(s1, folder):
    before = os.environ.get(TMP)
    os.environ[TMP] = folder
    try:
        s1.start()
    finally:
        os.environ.pop(TMP)
        if before is not None:
            os.environ[TMP] = before


@limit(180)
def test_what_does_not_fit_goes_through_a_file(lab):
    cluster = Cluster(lab, signers=1, backups=0).init()
    s1, absent = cluster.signer1, lab.path("spill")
    cluster.write_confs()
    start_with(s1, absent)
    s1.ctl("policy", "apply", lab.write("policy.yaml", "name: default\nrequire-backups: 0\npropagation: 0\n"))
    s1.put_zone(ZONE + ".zone", large_zone(1))
    s1.ctl("zone", "add", ZONE, "--source", "file:%s.zone" % ZONE)
    s1.ctl("key", "create", ZONE)
    cluster.wait_signed(ZONE, 60)       # in 128 MiB nothing needs the folder
    s1.wait_first_ds(ZONE)
    s1.stop()
    s1.conf["signer"]["sort-memory-mib"] = 1
    lab.write(os.path.join(s1.dir, "numbers", "hasten"), "9\n")     # what is tried again after half a minute
    cluster.write_confs()
    s1.put_zone(ZONE + ".zone", large_zone(2))
    mark = s1.signer.mark()
    start_with(s1, absent)
    why = s1.signer.wait_event("event=zone-refused zone=%s. " % ZONE, 40, mark)
    if absent not in str(why):
        raise Failed("refused for another reason: %s" % why)
    mark = s1.signer.mark()
    os.mkdir(absent)        # without another word, and with the file as it is
    s1.signer.wait_event("event=zone-loaded zone=%s. " % ZONE, 60, mark)
    wait_until(lambda: "\nv2." in axfr_text(s1.addr, ZONE), 60, "its new version is served", every=0.5)
    verify(axfr_file(lab, s1.addr, ZONE), ZONE)
    if os.listdir(absent):
        raise Failed("left behind: %s" % os.listdir(absent))
