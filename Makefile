# SPDX-License-Identifier: GPL-2.0-or-later
# `make help` lists the targets. One rule per folder of the house: a program is
# made of its folder's sources and of common/.

VERSION := 0.1.0
BUILD ?= build
PREFIX ?= /usr
BINDIR ?= $(PREFIX)/bin
LIBEXECDIR ?= $(PREFIX)/libexec/wnodes
SPANKDIR ?= $(PREFIX)/lib/slurm
MANDIR ?= $(PREFIX)/share/man
SYSCONFDIR ?= /etc/wnodes
STATEDIR ?= /var/lib/wnodes
RUNDIR ?= /run/wnodes
DESTDIR ?=

CC ?= gcc
MUSL_CC ?= musl-gcc
PKG_CONFIG ?= pkg-config
OPT ?= -O2 -g
WARN := -Wall -Wextra -Wconversion -Wshadow -Werror
HARDEN ?= -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection -fcf-protection
PATHS := -DWNODES_SYSCONFDIR='"$(SYSCONFDIR)"' -DWNODES_LIBEXECDIR='"$(LIBEXECDIR)"' \
	-DWNODES_STATEDIR='"$(STATEDIR)"' -DWNODES_RUNDIR='"$(RUNDIR)"'
CPPFLAGS += -I. -D_GNU_SOURCE -DWNODES_VERSION='"$(VERSION)"' $(PATHS)
CFLAGS += -std=gnu17 $(OPT) $(WARN) $(HARDEN) $(SANITIZE) -fPIC -MMD -MP
LDFLAGS += -Wl,-z,relro,-z,now -Wl,--as-needed -Wl,-z,noexecstack $(SANITIZE)

objects = $(patsubst %.c,$(BUILD)/%.o,$(wildcard $(addsuffix /*.c,$(1))))

COMMON := $(call objects,common)
HELPER := $(call objects,helper helper/disk helper/network helper/image)
MONITOR := $(call objects,monitor)
RUN := $(filter-out $(BUILD)/run/relay%,$(call objects,run))
RELAY := $(filter $(BUILD)/run/relay%,$(call objects,run))
PLUGIN := $(call objects,plugin)
CLI := $(call objects,cli)

PROGRAMS := $(BUILD)/wnodes-helper $(BUILD)/wnodes-monitor $(BUILD)/wnodes-run \
	$(BUILD)/wnodes-relay $(BUILD)/wnodes $(BUILD)/wnodes-agent $(BUILD)/wnodes.so

pkg_cflags = $(shell $(PKG_CONFIG) --cflags $(1))
pkg_libs = $(shell $(PKG_CONFIG) --libs $(1))

.PHONY: all
all: $(PROGRAMS)

$(BUILD)/monitor/%.o: CPPFLAGS += $(call pkg_cflags,libvirt libxml-2.0)
$(BUILD)/wnodes-helper: LIBS = -lslurm -linih
$(BUILD)/wnodes-monitor: LIBS = $(call pkg_libs,libvirt libxml-2.0)
$(BUILD)/wnodes-run: LIBS = $(call pkg_libs,libsystemd)
$(BUILD)/wnodes-relay: LIBS = $(call pkg_libs,libsystemd libseccomp)

$(BUILD)/wnodes-helper: $(HELPER) $(COMMON)
$(BUILD)/wnodes-monitor: $(MONITOR) $(COMMON)
$(BUILD)/wnodes-run: $(RUN) $(COMMON)
$(BUILD)/wnodes-relay: $(RELAY) $(COMMON)
$(BUILD)/wnodes: $(CLI) $(COMMON)
$(BUILD)/wnodes-helper $(BUILD)/wnodes-monitor $(BUILD)/wnodes-run $(BUILD)/wnodes-relay $(BUILD)/wnodes:
	$(CC) -pie $(LDFLAGS) -o $@ $^ $(LIBS)

# The plugin links nothing: what it calls of Slurm is there when it is loaded.
$(BUILD)/wnodes.so: $(PLUGIN) $(BUILD)/common/str.o plugin/wnodes.map
	$(CC) -shared $(LDFLAGS) -Wl,--version-script=plugin/wnodes.map -o $@ $(PLUGIN) $(BUILD)/common/str.o

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

# The agent runs in any guest: static, musl, and nothing of the host's libraries.
AGENT_SOURCES := $(wildcard guest/*.c) common/wire.c common/str.c
AGENT := $(patsubst %.c,$(BUILD)/musl/%.o,$(AGENT_SOURCES))
$(BUILD)/musl/%.o: %.c
	@mkdir -p $(@D)
	$(MUSL_CC) -I. -D_GNU_SOURCE -DWNODES_VERSION='"$(VERSION)"' -std=gnu17 -Os -g $(WARN) \
		-fstack-protector-strong -fno-pie -MMD -MP -c -o $@ $<
$(BUILD)/wnodes-agent: $(AGENT)
	$(MUSL_CC) -static -no-pie -Wl,-z,noexecstack -o $@ $^

-include $(wildcard $(patsubst %.o,%.d,$(COMMON) $(HELPER) $(MONITOR) $(RUN) $(RELAY) $(PLUGIN) $(CLI) $(AGENT)))

.PHONY: install
install: all
	install -d $(addprefix $(DESTDIR),$(BINDIR) $(LIBEXECDIR) $(SPANKDIR) $(SYSCONFDIR)/images.d \
		$(MANDIR)/man1 $(MANDIR)/man5 $(MANDIR)/man8)
	install -d -m 0711 $(DESTDIR)$(STATEDIR)
	install -m 0755 $(BUILD)/wnodes $(DESTDIR)$(BINDIR)/
	install -m 0755 $(addprefix $(BUILD)/,wnodes-monitor wnodes-run wnodes-relay wnodes-agent) $(DESTDIR)$(LIBEXECDIR)/
	install -m 4755 $(BUILD)/wnodes-helper $(DESTDIR)$(LIBEXECDIR)/
	install -m 0755 $(BUILD)/wnodes.so $(DESTDIR)$(SPANKDIR)/
	[ -e $(DESTDIR)$(SYSCONFDIR)/wnodes.conf ] || install -m 0644 etc/wnodes.conf $(DESTDIR)$(SYSCONFDIR)/
	for section in 1 5 8; do for page in man/*.$$section; do [ ! -e "$$page" ] || \
		install -m 0644 "$$page" $(DESTDIR)$(MANDIR)/man$$section/ || exit 1; done; done

.PHONY: clean
clean:
	rm -rf $(BUILD)
