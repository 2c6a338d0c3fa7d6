# SPDX-License-Identifier: BSD-3-Clause
"""A signer joins a cluster that has keys, and who is to seal them for it falls silent: the next one does."""

import json
import signal

from duetlab import Cluster, Failed, limit, wait_until

ZONE = "example.org"
HEARD_S = 10        # as keydist has it: who said nothing for so long is not there


def node_id(host, name):
    return next(n["id"] for n in json.loads(host.ctl("node", "list", "--json").stdout)["nodes"] if n["name"] == name)


@limit(120)
def test_the_next_holder_seals_a_key_for_a_newcomer(lab):
    cluster = Cluster(lab, signers=2, backups=0).init()
    for h in cluster.signers():     # no zone is served here
        h.start("keydist")
    s1, s2 = cluster.signer1, cluster.signer2
    s1.keydist.wait_event("event=node-first", 30)
    wait_until(lambda: s1.ctl("node", "add", "--name", "signer2", "--role", "signer", s2.line, check=False).returncode == 0, 30,
               "signer2 is admitted", every=0.2)
    s1.ctl("policy", "apply", lab.write("policy.yaml", "name: default\nrequire-backups: 0\n"))
    s1.ctl("zone", "add", ZONE, "--source", "file:" + ZONE)
    wait_until(lambda: s1.ctl("key", "create", ZONE, check=False).returncode == 0, 30, "a key is made", every=0.2)
    for h in (s1, s2):
        wait_until(lambda h=h: all(len(k["held"]) == 2 for k in json.loads(h.ctl("key", "list", ZONE, "--json").stdout)["keys"]), 30,
                   "%s knows that both hold it" % h.name, every=0.2)
    first, second = sorted((s1, s2), key=lambda h: node_id(s1, h.name))
    s3 = cluster.blank_host("signer3", number=3)
    cluster.write_confs()
    for h in (s1, s2):
        h.keydist.send(signal.SIGHUP)
    s3.start("keydist")
    second.keydist.wait_event("event=peer-heard peer=signer3", 30)
    mark = second.keydist.mark()
    first.keydist.pause()
    second.ctl("node", "add", "--name", "signer3", "--role", "signer", s3.line)
    s3.keydist.wait_event("event=key-held zone=%s." % ZONE, 6 * HEARD_S)
    second.keydist.wait_event("event=key-shared zone=%s." % ZONE, 20, mark)
    if second.keydist.count("event=key-shared zone=%s." % ZONE, mark) != 1:
        raise Failed("%s has not sealed it" % second.name)
    first.keydist.resume()
    wait_until(lambda: len(json.loads(first.ctl("key", "list", ZONE, "--json").stdout)["keys"][0]["held"]) == 3, 30,
               "the first one knows", every=0.2)
