# SPDX-License-Identifier: BSD-3-Clause
"""The demo is what people see first."""

import os

from duetlab import ROOT, Failed, limit, run


@limit(180)
def test_demo(lab):
    out = run([os.path.join(ROOT, "deploy", "demo.py"), "--programs", lab.release], timeout=170,
              env={"TMPDIR": lab.folder("demo")}).stdout
    for words in ("is distributed", "flags: qr rd ra ad", "NXDOMAIN", "was silent", "made while signer1 was dead",
                  "nothing is left behind"):
        if words not in out:
            raise Failed("the demo does not say: %s\n%s" % (words, out))
    if os.listdir(lab.path("demo")):
        raise Failed("the demo left something behind: %s" % os.listdir(lab.path("demo")))
