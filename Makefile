# SPDX-License-Identifier: BSD-3-Clause
#
# make                    programs into build/bin
# make check              everything with ASan and UBSan into build/check, then all tests
# make SAN=thread TEST=1  another sanitizer, into build/san-thread
# make V=1                shows the commands

VERSION  = 0.1.0
CC      ?= gcc
SAN      =
TEST     =
PREFIX   = /usr
DESTDIR  =
O        = build$(if $(SAN),/san-$(subst $(comma),-,$(SAN)))$(if $(TEST),/test)
comma   := ,

PKGS     = openssl libsodium libzmq sqlite3 ldns libcurl libuv libmicrohttpd jansson yaml-0.1 libseccomp libxxhash
WARN     = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wformat=2 \
           -Wvla -Wundef -Wwrite-strings
OPT      = -O2 -g
HARDEN   = -fstack-protector-strong -fPIE $(if $(SAN),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
SANFLAGS = $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
PKGFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKGLIBS  := $(shell pkg-config --libs $(PKGS) 2>/dev/null)
CPPFLAGS_ALL = -D_GNU_SOURCE -DDUET_VERSION='"$(VERSION)"' $(if $(TEST),-DDUET_TEST) -I. -Ilib $(PKGFLAGS) $(CPPFLAGS)
CFLAGS_ALL   = -std=c17 $(OPT) $(WARN) $(HARDEN) $(SANFLAGS) $(CFLAGS)
LDFLAGS_ALL  = -pie -Wl,-z,relro,-z,now $(SANFLAGS) $(LDFLAGS)
LDLIBS_ALL   = $(PKGLIBS) -lpthread $(LDLIBS)

Q = $(if $(V),,@)
say = $(if $(V),,@printf '  %-5s %s\n' $(1) $(2))

objs = $(patsubst %.c,$(O)/%.o,$(1))
LIB_OBJS     := $(call objs,$(wildcard lib/*/*.c))
# A folder's main files make its programs; the rest of the folder is linked into each of them.
MAINS        := signer/main.c signer/sign_main.c keydist/main.c backupd/main.c ctl/main.c audit/main.c \
                signer/hook_main.c signer/fetch_main.c
SIGNER_OBJS  := $(call objs,$(filter-out $(MAINS),$(wildcard signer/*.c signer/*/*.c)))
KEYDIST_OBJS := $(call objs,$(filter-out $(MAINS),$(wildcard keydist/*.c)))
BACKUPD_OBJS := $(call objs,$(filter-out $(MAINS),$(wildcard backupd/*.c)))
CTL_OBJS     := $(call objs,$(filter-out $(MAINS),$(wildcard ctl/*.c)))
AUDIT_OBJS   := $(call objs,$(filter-out $(MAINS),$(wildcard audit/*.c)))

# program name, its main file: built only where the main file is there
prog = $(if $(wildcard $(2)),$(O)/bin/$(1))
PROGRAMS := $(call prog,duet-signer,signer/main.c) $(call prog,duet-sign,signer/sign_main.c) \
            $(call prog,duet-keydist,keydist/main.c) $(call prog,duet-backupd,backupd/main.c) \
            $(call prog,duetctl,ctl/main.c) $(call prog,duet-audit,audit/main.c) \
            $(call prog,duet-hook,signer/hook_main.c) $(call prog,duet-fetch,signer/fetch_main.c)

UNIT_SRCS  := $(shell find tests/unit -name 'test_*.c' 2>/dev/null)
UNIT_BINS  := $(patsubst tests/unit/%.c,$(O)/unit/%,$(UNIT_SRCS))
FUZZ_SRCS  := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ_BINS  := $(patsubst tests/fuzz/%.c,$(O)/fuzz/%,$(FUZZ_SRCS))
TOOL_SRCS  := $(wildcard tests/tool/*.c)
TOOL_BINS  := $(patsubst tests/tool/%.c,$(O)/tool/%,$(TOOL_SRCS))
BENCH_SRCS := $(wildcard tests/bench/*.c)
BENCH_BINS := $(patsubst tests/bench/%.c,$(O)/bench/%,$(BENCH_SRCS))

all: $(PROGRAMS)
tests: $(UNIT_BINS) $(FUZZ_BINS) $(TOOL_BINS)
bench-programs: $(BENCH_BINS)

$(O)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

$(O)/libduet.a: $(LIB_OBJS)
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $(LIB_OBJS)

link = @mkdir -p $(@D)
$(O)/bin/duet-signer:  $(O)/signer/main.o      $(SIGNER_OBJS)  $(O)/libduet.a
$(O)/bin/duet-sign:    $(O)/signer/sign_main.o $(SIGNER_OBJS)  $(O)/libduet.a
$(O)/bin/duet-hook:    $(O)/signer/hook_main.o  $(O)/libduet.a
$(O)/bin/duet-fetch:   $(O)/signer/fetch_main.o $(O)/libduet.a
$(O)/bin/duet-keydist: $(O)/keydist/main.o     $(KEYDIST_OBJS) $(O)/libduet.a
$(O)/bin/duet-backupd: $(O)/backupd/main.o     $(BACKUPD_OBJS) $(O)/libduet.a
$(O)/bin/duetctl:      $(O)/ctl/main.o         $(CTL_OBJS)     $(O)/libduet.a
$(O)/bin/duet-audit:   $(O)/audit/main.o       $(AUDIT_OBJS)   $(O)/libduet.a
$(PROGRAMS):
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LDLIBS_ALL)

# A unit test may use lib and the folder of the program that it tests.
$(filter $(O)/unit/signer/%,$(UNIT_BINS)):  $(SIGNER_OBJS)
$(filter $(O)/unit/keydist/%,$(UNIT_BINS)): $(KEYDIST_OBJS)
$(filter $(O)/unit/backupd/%,$(UNIT_BINS)): $(BACKUPD_OBJS)
$(filter $(O)/unit/ctl/%,$(UNIT_BINS)):     $(CTL_OBJS)
$(filter $(O)/unit/audit/%,$(UNIT_BINS)):   $(AUDIT_OBJS)
$(O)/unit/%: $(O)/tests/unit/%.o $(O)/libduet.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LDLIBS_ALL) -lcmocka

# Fuzz harnesses define LLVMFuzzerTestOneInput; fuzz_main.h replays files where there is no libFuzzer.
$(O)/fuzz/%: $(O)/tests/fuzz/%.o $(SIGNER_OBJS) $(O)/libduet.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LDLIBS_ALL)

# The auditor's harnesses have nothing of the signer in them.
$(O)/fuzz/fuzz_audit_%: $(O)/tests/fuzz/fuzz_audit_%.o $(AUDIT_OBJS) $(O)/libduet.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LDLIBS_ALL)

# A harness of keydist has its files, which do not go together with signer's.
$(O)/fuzz/fuzz_keydist: $(O)/tests/fuzz/fuzz_keydist.o $(KEYDIST_OBJS) $(O)/libduet.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LDLIBS_ALL)

# Small programs over the libraries for scenario tests.
$(O)/tool/%: $(O)/tests/tool/%.o $(O)/libduet.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LDLIBS_ALL)

$(O)/bench/%: $(O)/tests/bench/%.o $(O)/libduet.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LDLIBS_ALL)

# The simulator has the engine compiled once more, with mistakes that it can switch on, and without cryptography; as one
# program, since it runs millions of histories.
SIM_SRCS := $(wildcard tests/sim/*.c lib/timeline/*.c lib/serial/*.c lib/fact/state*.c) lib/fact/members.c lib/fact/own.c signer/engine/past.c signer/engine/known.c
SIM_LTO = $(if $(SAN),,-flto=auto)
SIM_OBJS := $(patsubst %.c,$(O)/sim/%.o,$(SIM_SRCS))
$(O)/sim/%.o: %.c
	@mkdir -p $(@D)
	$(call say,SIM,$<)
	$(Q)$(CC) $(CPPFLAGS_ALL) -DDUET_SIM $(CFLAGS_ALL) $(SIM_LTO) -MMD -MP -c -o $@ $<
$(O)/sim/duet-sim: $(SIM_OBJS) $(O)/libduet.a
	$(call say,LD,$@)
	$(Q)$(CC) $(if $(SIM_LTO),$(OPT) $(SIM_LTO)) $(LDFLAGS_ALL) -Wl,--wrap=key_verify,--wrap=dnskey_check,--wrap=json_dumps,--wrap=key_from_dnskey,--wrap=key_free,--wrap=crypto_sign_detached,--wrap=secret_open,--wrap=secret_close,--wrap=node_line_parse,--wrap=fact_body,--wrap=msg_hex,--wrap=sodium_base642bin -o $@ $^ $(LDLIBS_ALL)
sim: $(O)/sim/duet-sim
	$(Q)$< --runs $(or $(RUNS),20000) --seed $(or $(SEED),1) $(if $(FAULT),--fault $(FAULT)) $(if $(ALL),--all)

# The sanitized build with test controls (movable clock, fail-points), then every test.
CHECK = $(MAKE) --no-print-directory SAN=address,undefined TEST=1
CHECK_O = build/san-address-undefined/test
check-build: all bench-programs $(O)/sim/duet-sim
	+$(Q)$(CHECK) all tests $(CHECK_O)/sim/duet-sim
check: check-build
	$(Q)tests/run --programs $(CHECK_O)/bin --unit $(CHECK_O)/unit --fuzz $(CHECK_O)/fuzz --sim build/sim/duet-sim --sim $(CHECK_O)/sim/duet-sim --release build/bin $(T)

# Commands and faults by chance, one cluster a seed: make soak-chaos SEED=100 RUNS=50, or MINUTES=60.
soak-chaos:
	+$(Q)$(CHECK) all
	$(Q)tests/scenario/soak_chaos.py --programs $(CHECK_O)/bin $(if $(SEED),--seed $(SEED)) --runs $(or $(RUNS),$(if $(MINUTES),1000000,10)) \
		$(if $(MINUTES),--minutes $(MINUTES)) $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(STEPS),--steps $(STEPS))

# Killed at each step of the pipeline and of its reviews, 20 times each: make soak-crash, or ROUNDS=5.
soak-crash:
	+$(Q)$(CHECK) all
	$(Q)for t in "test_audit_pipeline.py test_killed_at_each_step" "test_review.py test_killed_at_each_step_of_a_review"; do \
		set -- $$t; ROUNDS=$(or $(ROUNDS),20) DUET_PROGRAMS=$(CURDIR)/$(CHECK_O)/bin \
		/usr/bin/python3 tests/scenario/duetlab.py tests/scenario/$$1 $$2 || exit 1; done

# A day's worth of versions, every tenth broken: make soak-day, or VERSIONS=1000 SEED=7, or FAULT=RRSIG-11.
soak-day:
	+$(Q)$(CHECK) all
	$(Q)VERSIONS=$(or $(VERSIONS),200) SEED=$(or $(SEED),5) FAULT="$(FAULT)" DUET_PROGRAMS=$(CURDIR)/$(CHECK_O)/bin \
		/usr/bin/python3 tests/scenario/duetlab.py tests/scenario/test_day.py test_a_days_worth_of_versions

# One zone's trouble beside 1,000 others, and what it costs them: make soak-neighbours, or ZONES=100 RECORDS=100000 ROUNDS=1.
soak-neighbours: all
	$(Q)ZONES=$(or $(ZONES),1000) RECORDS=$(or $(RECORDS),1000000) ROUNDS=$(or $(ROUNDS),3) DUET_PROGRAMS=$(CURDIR)/build/bin \
		/usr/bin/python3 tests/scenario/duetlab.py tests/scenario/test_neighbours.py test_the_others_go_on

# Every rollover beside a real parent, with trouble in the middle of each: make soak-rollover, or CASE=ksk for some zones.
soak-rollover:
	+$(Q)$(CHECK) all
	$(Q)tests/scenario/soak_rollover.py --programs $(CHECK_O)/bin $(CASE)

# All faults in all kinds of zones before duet-audit and the tools of others; 200 good zones before duet-audit.
audit-table: all
	$(Q)tests/audit/table.py --programs build/bin --write docs/audit.md
audit-zones: all
	$(Q)tests/audit/table.py --programs build/bin --all >/dev/null
	$(Q)tests/audit/many.py --programs build/bin --least 200

demo: all
	$(Q)deploy/demo.py --programs build/bin $(ARGS)

# make bench, make bench BIG=1, make bench ONLY="sign axfr" N=20000 ARGS="--runs 5"; all of it writes the document, parts of
# it wait for make bench-docs.  The programs beside which ours are measured are installed where Debian's packages are to be had.
bench-peers:
	$(Q)! command -v apt-get >/dev/null || sh deploy/setup bench
bench: bench-peers all bench-programs
	$(Q)tests/bench/run $(if $(BIG),--big) $(if $(N),-n $(N)) $(foreach s,$(ONLY),--only $(s)) \
		$(if $(ONLY)$(N),,--docs docs/benchmarks.md) $(ARGS)
bench-docs:
	$(Q)tests/bench/run --nothing --docs docs/benchmarks.md

# Programs, units, manual pages and completion, as a package would place them.
D = $(DESTDIR)$(PREFIX)
install: all
	install -d $(D)/bin $(D)/lib/systemd/system $(D)/lib/sysusers.d $(D)/lib/tmpfiles.d
	install -m 755 $(PROGRAMS) $(D)/bin
	install -m 755 deploy/pkcs11-export $(D)/bin/duet-pkcs11-export
	install -m 644 $(wildcard deploy/units/*.service deploy/units/*.socket) $(D)/lib/systemd/system
	install -m 644 deploy/units/duet.sysusers $(D)/lib/sysusers.d/duet.conf
	install -m 644 deploy/units/duet.tmpfiles $(D)/lib/tmpfiles.d/duet.conf
	for m in $(wildcard docs/man/*.[158]); do \
		install -D -m 644 $$m $(D)/share/man/man$${m##*.}/$${m##*/} || exit 1; done
	for c in $(wildcard deploy/completion/*); do \
		install -D -m 644 $$c $(D)/share/bash-completion/completions/$${c##*/} || exit 1; done

# Three hosts booted from one Debian root; runs the commands of docs/deploy.md on them.
check-vms: all
	$(Q)tests/vms/run

clean:
	rm -rf build

.PHONY: all sim tests bench-programs check-build check check-vms audit-table audit-zones soak-chaos soak-crash soak-day soak-neighbours soak-rollover demo bench bench-peers bench-docs install clean
.SECONDARY:
.DELETE_ON_ERROR:

-include $(wildcard $(LIB_OBJS:.o=.d) $(SIGNER_OBJS:.o=.d) $(KEYDIST_OBJS:.o=.d) $(BACKUPD_OBJS:.o=.d) $(CTL_OBJS:.o=.d) \
           $(AUDIT_OBJS:.o=.d) \
           $(MAINS:%.c=$(O)/%.d) $(UNIT_SRCS:%.c=$(O)/%.d) $(FUZZ_SRCS:%.c=$(O)/%.d) $(TOOL_SRCS:%.c=$(O)/%.d) \
           $(SIM_OBJS:.o=.d) $(BENCH_SRCS:%.c=$(O)/%.d))
