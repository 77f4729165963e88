# SPDX-License-Identifier: GPL-2.0-or-later
# One rule per folder of the house: a program is
# made of its folder's sources and of common/.

VERSION := 0.1.0
BUILD ?= build
PREFIX ?= /usr
BINDIR ?= $(PREFIX)/bin
LIBEXECDIR ?= $(PREFIX)/libexec/wnodes
SPANKDIR ?= $(PREFIX)/lib/slurm
MANDIR ?= $(PREFIX)/share/man
SYSCONFDIR ?= /etc/wnodes
UNITDIR ?= $(PREFIX)/lib/systemd/system
STATEDIR ?= /var/lib/wnodes
RUNDIR ?= /run/wnodes
# where the host has srun, sbatch and the others
SLURMBINDIR ?= /usr/bin
# the system user that fetches images
FETCH_USER ?= wnodes
DESTDIR ?=

CC ?= gcc
MUSL_CC ?= musl-gcc
PKG_CONFIG ?= pkg-config
OPT ?= -O2 -g
WARN := -Wall -Wextra -Wconversion -Wshadow -Werror
HARDEN ?= -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection -fcf-protection
PATHS := -DWNODES_SYSCONFDIR='"$(SYSCONFDIR)"' -DWNODES_LIBEXECDIR='"$(LIBEXECDIR)"' \
	-DWNODES_STATEDIR='"$(STATEDIR)"' -DWNODES_RUNDIR='"$(RUNDIR)"' \
	-DWNODES_SLURM_BINDIR='"$(SLURMBINDIR)"' -DWNODES_FETCH_USER='"$(FETCH_USER)"'
CPPFLAGS += -I. -D_GNU_SOURCE -DWNODES_VERSION='"$(VERSION)"' $(PATHS)
CFLAGS += -std=gnu17 $(OPT) $(WARN) $(HARDEN) $(SANITIZE) -fPIC -MMD -MP
LDFLAGS += -Wl,-z,relro,-z,now -Wl,--as-needed -Wl,-z,noexecstack $(SANITIZE)

# V=1 shows the commands
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-8s %s\n' "$(1)" "$(2)")

objects = $(patsubst %.c,$(BUILD)/%.o,$(wildcard $(addsuffix /*.c,$(1))))

COMMON := $(call objects,common)
HELPER := $(call objects,helper helper/disk helper/network helper/image helper/device)
MONITOR := $(call objects,monitor)
RUN := $(filter-out $(BUILD)/run/relay%,$(call objects,run))
RELAY := $(filter $(BUILD)/run/relay%,$(call objects,run))
PLUGIN := $(call objects,plugin)
CLI := $(call objects,cli)
FETCH := $(call objects,fetch fetch/unpack)

PROGRAMS := $(BUILD)/wnodes-helper $(BUILD)/wnodes-monitor $(BUILD)/wnodes-run \
	$(BUILD)/wnodes-relay $(BUILD)/wnodes-fetch $(BUILD)/wnodes $(BUILD)/wnodes-agent $(BUILD)/wnodes.so

pkg_cflags = $(shell $(PKG_CONFIG) --cflags $(1))
pkg_libs = $(shell $(PKG_CONFIG) --libs $(1))

.PHONY: all
all: $(PROGRAMS)

$(BUILD)/monitor/%.o $(BUILD)/tests/unit/test_monitor_%.o: CPPFLAGS += $(call pkg_cflags,libvirt libxml-2.0)
FETCH_LIBS := libcurl libcrypto zlib liblzma libzstd libseccomp jansson
$(BUILD)/fetch/%.o $(BUILD)/tests/unit/test_fetch_%.o: CPPFLAGS += $(call pkg_cflags,$(FETCH_LIBS))
$(BUILD)/helper/network/%.o: CPPFLAGS += $(call pkg_cflags,libmnl)
$(BUILD)/wnodes-helper: LIBS = -lslurm -linih $(call pkg_libs,libmnl)
$(BUILD)/wnodes-monitor: LIBS = $(call pkg_libs,libvirt libxml-2.0 libseccomp)
$(BUILD)/wnodes-run: LIBS = $(call pkg_libs,libsystemd)
$(BUILD)/wnodes-relay: LIBS = $(call pkg_libs,libsystemd libseccomp)
$(BUILD)/wnodes: LIBS = $(call pkg_libs,jansson)
$(BUILD)/wnodes-fetch: LIBS = $(call pkg_libs,$(FETCH_LIBS))

$(BUILD)/wnodes-helper: $(HELPER) $(COMMON)
$(BUILD)/wnodes-monitor: $(MONITOR) $(COMMON)
$(BUILD)/wnodes-run: $(RUN) $(COMMON)
$(BUILD)/wnodes-relay: $(RELAY) $(COMMON)
$(BUILD)/wnodes-fetch: $(FETCH) $(COMMON)
$(BUILD)/wnodes: $(CLI) $(COMMON)
$(BUILD)/wnodes-helper $(BUILD)/wnodes-monitor $(BUILD)/wnodes-run $(BUILD)/wnodes-relay $(BUILD)/wnodes-fetch $(BUILD)/wnodes:
	$(call say,LINK,$@)
	$(Q)$(CC) -pie $(LDFLAGS) -o $@ $^ $(LIBS)

# The plugin links nothing: what it calls of Slurm is there when it is loaded.
PLUGIN_COMMON := $(addprefix $(BUILD)/common/,str.o kv.o range.o mounts.o disk_option.o network_option.o)
$(BUILD)/wnodes.so: $(PLUGIN) $(PLUGIN_COMMON) plugin/wnodes.map
	$(call say,LINK,$@)
	$(Q)$(CC) -shared $(LDFLAGS) -Wl,--version-script=plugin/wnodes.map -o $@ $(PLUGIN) $(PLUGIN_COMMON)

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

# The agent runs in any guest: static, musl, and nothing of the host's libraries.
AGENT_SOURCES := $(wildcard guest/*.c) common/wire.c common/str.c \
	$(addprefix common/,channel.c command.c command_names.c frame.c queue.c range.c slurm_options.c slurm_tables.c spec_put.c task_file.c terminal.c)
AGENT := $(patsubst %.c,$(BUILD)/musl/%.o,$(AGENT_SOURCES))
$(BUILD)/musl/%.o: %.c
	@mkdir -p $(@D)
	$(call say,MUSL,$<)
	$(Q)$(MUSL_CC) -I. -D_GNU_SOURCE -DWNODES_VERSION='"$(VERSION)"' -std=gnu17 -Os -g $(WARN) \
		-fstack-protector-strong -fno-pie -MMD -MP -c -o $@ $<
$(BUILD)/wnodes-agent: $(AGENT)
	$(call say,LINK,$@)
	$(Q)$(MUSL_CC) -static -no-pie -Wl,-z,noexecstack -o $@ $^

-include $(wildcard $(patsubst %.o,%.d,$(COMMON) $(HELPER) $(MONITOR) $(RUN) $(RELAY) $(PLUGIN) $(CLI) $(FETCH) $(AGENT)) \
	$(BUILD)/guest/*.d $(BUILD)/tests/unit/*.d)

# What a guest without the agent gets by its seed, besides the agent.
SEED := $(addprefix guest/,user-data wnodes-start wnodes-agent.service wnodes-agent.init)

.PHONY: install
install: all
	install -d $(addprefix $(DESTDIR),$(BINDIR) $(LIBEXECDIR)/guest $(SPANKDIR) $(SYSCONFDIR)/images.d \
		$(UNITDIR) $(MANDIR)/man1 $(MANDIR)/man5 $(MANDIR)/man7 $(MANDIR)/man8)
	install -d -m 0711 $(DESTDIR)$(STATEDIR)
	install -m 0755 $(BUILD)/wnodes $(DESTDIR)$(BINDIR)/
	install -m 0755 $(addprefix $(BUILD)/,wnodes-monitor wnodes-run wnodes-relay wnodes-agent) $(DESTDIR)$(LIBEXECDIR)/
	install -m 0644 $(SEED) $(DESTDIR)$(LIBEXECDIR)/guest/
	# not to be read: then nobody, the fetch user's other processes neither, may look into one that runs
	install -m 0711 $(BUILD)/wnodes-fetch $(DESTDIR)$(LIBEXECDIR)/
	install -m 4755 $(BUILD)/wnodes-helper $(DESTDIR)$(LIBEXECDIR)/
	install -m 0755 $(BUILD)/wnodes.so $(DESTDIR)$(SPANKDIR)/
	[ -e $(DESTDIR)$(SYSCONFDIR)/wnodes.conf ] || install -m 0644 etc/wnodes.conf $(DESTDIR)$(SYSCONFDIR)/
	for unit in wnodes-sweep.service wnodes-sweep.timer; do \
		sed 's|@BINDIR@|$(BINDIR)|' "etc/$$unit" > $(DESTDIR)$(UNITDIR)/$$unit || exit 1; \
		chmod 0644 $(DESTDIR)$(UNITDIR)/$$unit || exit 1; done
	for section in 1 5 7 8; do for page in man/*.$$section; do [ ! -e "$$page" ] || \
		install -m 0644 "$$page" $(DESTDIR)$(MANDIR)/man$$section/ || exit 1; done; done

# A unit test names in its first lines what it links: `/* links: common/kv.o */`,
# `/* libs: -lfoo */`.
UNIT := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_*.c))
unit_links = $(addprefix $(BUILD)/,$(shell sed -n 's|^/\* links: \(.*\) \*/$$|\1|p' $(1)))
unit_libs = $(shell sed -n 's|^/\* libs: \(.*\) \*/$$|\1|p' $(1))
.SECONDEXPANSION:
$(UNIT): $(BUILD)/tests/%: $(BUILD)/tests/unit/%.o $$(call unit_links,tests/unit/$$*.c)
	$(call say,LINK,$@)
	$(Q)$(CC) -pie $(LDFLAGS) -o $@ $^ -lcmocka $(call unit_libs,tests/unit/$*.c)

# Executed inside a guest, too: it brings its libraries.
OLD_KERNEL := $(BUILD)/tests/old-kernel
$(OLD_KERNEL): tests/lib/old-kernel.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) -std=gnu17 -O2 $(WARN) -static -o $@ $<

.PHONY: unit
unit: $(UNIT) $(PROGRAMS) $(OLD_KERNEL)
	$(Q)BUILD=$(abspath $(BUILD)) tests/unit/run $(UNIT)

# The same tests under the sanitizers, built beside the others.
.PHONY: sanitize
sanitize:
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/sanitize OPT='-O1 -g -fno-omit-frame-pointer' HARDEN= \
		SANITIZE='-fsanitize=address,undefined -fno-sanitize-recover=all' unit

C_FILES = $(shell git ls-files '*.c')
SCRIPTS = $(shell git ls-files tests bench guest .ci | xargs grep -lE '^\#!.*(bash|sh|bats)$$')
.PHONY: lint
lint:
	$(call say,LINT,clang-format)
	$(Q)clang-format --dry-run -Werror $(C_FILES) $(shell git ls-files '*.h')
	$(call say,LINT,cppcheck)
	$(Q)cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
		--suppress=missingIncludeSystem --suppress=unknownMacro $(filter -I% -D%,$(CPPFLAGS)) $(C_FILES)
	$(call say,LINT,clang-tidy)
	$(Q)clang-tidy --quiet --warnings-as-errors='*' $(filter-out tests/% bench/%,$(C_FILES)) -- $(CPPFLAGS) -std=gnu17 \
		$(call pkg_cflags,libvirt libxml-2.0 $(FETCH_LIBS))
	$(call say,LINT,shellcheck)
	$(Q)shellcheck -x $(SCRIPTS)

.PHONY: clean
clean:
	rm -rf $(BUILD)

.PHONY: rpm
rpm:
	rm -rf $(BUILD)/rpm && mkdir -p $(BUILD)/rpm/SOURCES
	git archive --format=tar.gz --prefix=wnodes-spank-$(VERSION)/ -o $(BUILD)/rpm/SOURCES/wnodes-spank-$(VERSION).tar.gz HEAD
	rpmbuild --quiet -bb --define '_topdir $(abspath $(BUILD))/rpm' wnodes-spank.spec
	find $(BUILD)/rpm/RPMS -name '*.rpm' -print

# For whoever builds images: the agent, to be installed in one.
.PHONY: guest-package
guest-package: $(BUILD)/wnodes-agent
	$(Q)guest/package/build deb $< $(BUILD)/guest-package
	$(Q)guest/package/build rpm $< $(BUILD)/guest-package

.PHONY: packages
packages:
	tests/install-packages

.PHONY: check
check: packages
	tests/check

.PHONY: check-node
check-node: packages
	tests/node/check

# 500 kills, an hour or more
.PHONY: soak-node
soak-node: packages
	WNODES_NODE_SECONDS=21600 WNODES_NODE_SUBJECT_SECONDS=21000 tests/node/check soak

.PHONY: demo
demo: packages
	tests/demo

.PHONY: soak
soak: packages
	tests/soak

.PHONY: bench-start
bench-start: packages
	bench/start

.PHONY: bench-files
bench-files: packages
	bench/files

.PHONY: bench-fetch
bench-fetch: packages
	bench/fetch

.PHONY: bench-disk
bench-disk: packages
	bench/disk

# Runs in any guest and on peers.
$(BUILD)/bench/round-trips: bench/round-trips.c
	@mkdir -p $(@D)
	$(call say,MUSL,$<)
	$(Q)$(MUSL_CC) -static -std=gnu17 -O2 -s -D_GNU_SOURCE $(WARN) -o $@ $<

.PHONY: bench-network
bench-network: packages
	bench/network
