/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: guest/network.o guest/network_files.o guest/network_dhcp.o guest/rtnetlink.o guest/modules.o */
/* links: guest/announce.o guest/execute.o guest/unfit.o guest/oom.o guest/log.o guest/etc.o guest/job.o */
/* links: guest/job_network.o guest/accounts.o guest/names.o run/relay_network.o monitor/guest_network.o */
/* links: common/queue.o common/mac.o common/sha256.o common/wire.o common/str.o */
/* links: guest/small_file.o */
/*
 * The guest's networks, from the machine's description to the kernel: on NICs
 * of a network namespace, and with folders of the test's own over /sys and
 * /usr/local/sbin.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/if_ether.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/exitcode.h"
#include "guest/log.h"
#include "guest/modules.h"
#include "guest/network.h"
#include "guest/network_dhcp.h"
#include "monitor/guest_network.h"
#include "run/relay.h"

#define MAC "02:00:00:00:10:00"
#define OTHER_MAC "02:00:00:00:10:01"
#define MINUTES (10U * 60U * 1000U)

static char folder[64], etc[80], run_dir[80];
static struct networks networks;
static struct job job;

/* --- from the description to JOB ------------------------------------------ */

static struct job parse(struct relay_job *packed)
{
	const char *why = NULL;
	struct job parsed = {0};
	uint8_t bytes[4096];
	size_t used = wire_put_attribute(bytes, WIRE_UID, "\1\0\0\0", 4);

	used += wire_put_attribute(bytes + used, WIRE_GID, "\1\0\0\0", 4);
	memcpy(bytes + used, queue_data(&packed->networks), packed->networks.used);
	used += packed->networks.used;
	queue_free(&packed->networks);
	assert_int_equal(job_parse(&parsed, bytes, used, &why), 0);
	return parsed;
}

static struct job travel(const struct machine_network *all, size_t count)
{
	struct relay_job packed = {0};
	char packet[512];

	for (size_t i = 0; i < count; i++) {
		assert_int_equal(guest_network_packet(&all[i], packet, sizeof(packet)), 0);
		assert_int_equal(strncmp(packet, "network ", 8), 0);
		assert_int_equal(relay_job_network(&packed, packet + 8), 0);
	}
	return parse(&packed);
}

static void the_description_reaches_the_agent(void **state)
{
	const struct machine_network all[] = {{.name = "lan",
	                                       .mac = MAC,
	                                       .address = "10.1.2.10/24",
	                                       .gateway = "10.1.2.1",
	                                       .dns = "10.1.2.1 10.1.2.2",
	                                       .mtu = 9000,
	                                       .wait = 60},
	                                      {.name = "user", .mac = OTHER_MAC, .dhcp = true}};
	struct job parsed = travel(all, 2);
	const struct job_network *lan = &parsed.networks[0], *user = &parsed.networks[1];

	(void)state;
	assert_int_equal(parsed.network_count, 2);
	assert_string_equal(lan->name, "lan");
	assert_memory_equal(lan->mac, "\2\0\0\0\20\0", 6);
	assert_false(lan->dhcp);
	assert_int_equal(lan->mtu, 9000);
	assert_int_equal(lan->wait, 60);
	assert_int_equal(lan->address_count, 1);
	assert_int_equal(lan->addresses[0].family, AF_INET);
	assert_int_equal(lan->addresses[0].prefix, 24);
	assert_memory_equal(lan->addresses[0].bytes, "\12\1\2\12", 4);
	assert_memory_equal(lan->gateways[0].bytes, "\12\1\2\1", 4);
	assert_int_equal(lan->dns_count, 2);
	assert_memory_equal(lan->dns[1].bytes, "\12\1\2\2", 4);
	assert_true(user->dhcp);
	assert_int_equal(user->address_count + user->gateway_count + user->dns_count + user->mtu + user->wait, 0);
	job_free(&parsed);
}

static void the_relay_refuses_what_is_none(void **state)
{
	static const char *const wrong[] = {
	        "",
	        MAC " 1 0 0 lan - -",
	        "02:00:00:00:10 1 0 0 lan - - -",
	        MAC " 1 0 0 lan 10.0.0.1 - -",
	        MAC " 1 0 0 lan 10.0.0.1/33 - -",
	        MAC " 1 0 0 lan 10.0.0.1/0 - -",
	        MAC " 1 0 0 lan 10.0.0/8 - -",
	        MAC " 1 0 0 lan fd00::1/129 - -",
	        MAC " 1 0 0 lan - 10.0.0.1/8 -",
	        MAC " 1 0 0 lan - - name",
	};
	struct relay_job packed = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(relay_job_network(&packed, wrong[i]), -EINVAL);
	assert_int_equal(packed.networks.used, 0);
	assert_int_equal(relay_job_network(&packed, MAC " 0 0 0 lan fd00::2/64,10.0.0.2/8 fd00::1 -"), 0);
	queue_free(&packed.networks);
}

/* An attribute NETWORK of a MAC and what follows; returns what comes of it. */
static int parse_bytes(const char *attributes, size_t size)
{
	uint8_t bytes[512] = "\2\0\0\0\20";
	struct job_network network;
	const char *why = NULL;

	memcpy(bytes + WIRE_NETWORK_FIXED, attributes, size);
	return job_network_parse(&network, bytes, WIRE_NETWORK_FIXED + size, &why);
}

#define NAMED "\65\0\0\0\1\0\0\0n"
#define PARSE(text) parse_bytes(text, sizeof(text) - 1)

static void the_agent_refuses_what_is_none(void **state)
{
	struct job_network network;
	const char *why = NULL;

	(void)state;
	assert_int_equal(job_network_parse(&network, (const uint8_t *)"\2\0\0\0\20\0\0\0", 8, &why), -EPROTO);
	assert_int_equal(PARSE(NAMED), 0);
	assert_int_equal(PARSE(""), -EPROTO);
	assert_int_equal(PARSE("\65\0\0\0\1\0\0\0/"), -EPROTO);
	assert_int_equal(PARSE(NAMED "\66\0\0\0\5\0\0\0\30\12\0\0\1"), 0);
	assert_int_equal(PARSE(NAMED "\66\0\0\0\5\0\0\0\41\12\0\0\1"), -EPROTO);
	assert_int_equal(PARSE(NAMED "\66\0\0\0\5\0\0\0\0\12\0\0\1"), -EPROTO);
	assert_int_equal(PARSE(NAMED "\66\0\0\0\4\0\0\0\12\0\0\1"), -EPROTO);
	assert_int_equal(PARSE(NAMED "\66\0\0\0\0\0\0\0"), -EPROTO);
	assert_int_equal(PARSE(NAMED "\67\0\0\0\4\0\0\0\12\0\0\1"), 0);
	assert_int_equal(PARSE(NAMED "\67\0\0\0\3\0\0\0\12\0\0"), -EPROTO);
	assert_int_equal(PARSE(NAMED "\67\0\0\0\4\0\0\0\12\0\0"), -EPROTO);
	assert_int_equal(PARSE(NAMED "\70\0\0\0\4\0\0\0AAAA\70\0\0\0\4\0\0\0AAAA\70\0\0\0\4\0\0\0AAAA"
	                             "\70\0\0\0\4\0\0\0AAAA"),
	                 0);
	assert_int_equal(PARSE(NAMED "\70\0\0\0\4\0\0\0AAAA\70\0\0\0\4\0\0\0AAAA\70\0\0\0\4\0\0\0AAAA"
	                             "\70\0\0\0\4\0\0\0AAAA\70\0\0\0\4\0\0\0AAAA"),
	                 -EPROTO);
}

/* --- the kernel ------------------------------------------------------------ */

static void sh(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void sh(const char *format, ...)
{
	char line[512];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	if (system(line) != 0)
		fail_msg("%s", line);
}

/* Whether the shell's line comes true within ms, while the networks are looked after. */
static bool comes(unsigned int ms, const char *line)
{
	uint64_t until = agent_now() + ms;

	do {
		struct pollfd news = {.fd = networks_fd(&networks), .events = POLLIN};

		if (system(line) == 0)
			return true;
		if (poll(&news, 1, 50) > 0 || (networks.due && agent_now() >= networks.due))
			networks_look(&networks, agent_now());
	} while (agent_now() < until);
	return false;
}

static void begin(const struct machine_network *all, size_t count, bool alone)
{
	networks_undo(&networks);
	job_free(&job);
	job = travel(all, count);
	networks_begin(&networks, &job, etc, run_dir, alone);
}

/* A NIC, whose other end stands for the host's. */
static void plug(const char *name, const char *mac)
{
	sh("ip link add %s address %s type veth peer name %s-host", name, mac, name);
}

static const char *unfit(void)
{
	static char text[WIRE_NOTE_MAX + 1];

	assert_true(networks.unfit.length >= 4);
	assert_int_equal(wire_u32(networks.unfit.bytes), EXIT_NODE);
	(void)snprintf(text, sizeof(text), "%.*s", (int)networks.unfit.length - 4,
	               (const char *)networks.unfit.bytes + 4);
	return text;
}

static const struct machine_network fixed = {.name = "lan",
                                             .mac = MAC,
                                             .address = "10.1.2.10/24",
                                             .gateway = "10.1.2.1",
                                             .dns = "10.1.2.1",
                                             .mtu = 1400,
                                             .wait = 60};
static const struct machine_network asked = {.name = "wan", .mac = OTHER_MAC, .dhcp = true, .wait = 30};

static void a_static_address_is_set_whole(void **state)
{
	(void)state;
	plug("nic0", MAC);
	begin(&fixed, 1, false);
	sh("ip -4 -o addr show dev nic0 | grep -q 'inet 10.1.2.10/24 brd 10.1.2.255 scope global'");
	sh("ip route show default | grep -q '^default via 10.1.2.1 dev nic0'");
	sh("ip link show dev nic0 | grep -q 'mtu 1400'");
	sh("grep -qx 'nameserver 10.1.2.1' %s/resolv.conf", etc);
	/* the cable is not plugged in */
	assert_true(networks_hold(&networks));
	sh("ip link set nic0-host up");
	assert_true(comes(5000, "ip link show dev nic0 | grep -q 'state UP'"));
	networks_look(&networks, agent_now());
	assert_false(networks_hold(&networks));
	assert_int_equal(networks.unfit.length, 0);
	networks_undo(&networks);
	sh("! ip -o addr show dev nic0 | grep -q inet");
	sh("ip link show dev nic0 | grep 'mtu 1500' | grep -qv ',UP'");
	sh("[ ! -s %s/resolv.conf ]", etc);
}

/* Whether the other end of nic0 gets a gratuitous ARP for 10.1.2.10; fd is of listen_for_arp(). */
static bool hears_arp(int fd)
{
	struct pollfd news = {.fd = fd, .events = POLLIN};
	struct ether_arp arp;

	while (poll(&news, 1, 2000) > 0)
		if (recv(fd, &arp, sizeof(arp), 0) == sizeof(arp) && memcmp(arp.arp_spa, "\12\1\2\12", 4) == 0 &&
		    memcmp(arp.arp_tpa, "\12\1\2\12", 4) == 0)
			return memcmp(arp.arp_sha, "\2\0\0\0\20\0", 6) == 0;
	return false;
}

static int listen_for_arp(void)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET,
	                         .sll_protocol = htons(ETH_P_ARP),
	                         .sll_ifindex = (int)if_nametoindex("nic0-host")};
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

static void neighbours_are_told_of_the_address(void **state)
{
	int fd;

	(void)state;
	plug("nic0", MAC);
	sh("ip link set nic0-host up");
	fd = listen_for_arp();
	begin(&fixed, 1, false);
	assert_true(comes(5000, "ip link show dev nic0 | grep -q 'state UP'"));
	networks_look(&networks, agent_now());
	assert_true(hears_arp(fd));
	close(fd);
}

static void ipv6_is_set_as_well(void **state)
{
	const struct machine_network six = {
	        .name = "six", .mac = MAC, .address = "fd00:1::10/64", .gateway = "fd00:1::1", .wait = 60};

	(void)state;
	plug("nic0", MAC);
	sh("ip link set nic0-host up");
	begin(&six, 1, false);
	assert_true(comes(5000, "ip -6 -o addr show dev nic0 | grep fd00:1::10/64 | grep -qv tentative"));
	sh("ip -6 route show default | grep -q '^default via fd00:1::1 dev nic0'");
	networks_look(&networks, agent_now());
	assert_false(networks_hold(&networks));
}

static void a_nic_may_come_late(void **state)
{
	(void)state;
	begin(&fixed, 1, false);
	assert_true(networks_hold(&networks));
	plug("late0", MAC);
	sh("ip link set late0-host up");
	assert_true(comes(5000, "ip -4 -o addr show dev late0 | grep -q 10.1.2.10/24"));
	assert_true(comes(5000, "ip link show dev late0 | grep -q 'state UP'"));
	networks_look(&networks, agent_now());
	assert_false(networks_hold(&networks));
}

static void nobody_looks_for_ever(void **state)
{
	struct machine_network patient = fixed;

	(void)state;
	patient.wait = 0;
	plug("nic0", MAC);
	begin(&patient, 1, false);
	assert_int_not_equal(networks.due, 0);
	/* its carrier may still come, and the kernel will say so */
	networks_look(&networks, networks.begun + MINUTES);
	assert_int_equal(networks.due, 0);
	assert_true(networks_fd(&networks) >= 0);
	assert_false(networks.nics[0].up);
	sh("ip link set nic0-host up");
	assert_true(comes(5000, "ip link show dev nic0 | grep -q 'state UP'"));
	networks_look(&networks, networks.begun + MINUTES);
	assert_true(networks.nics[0].up);
	assert_int_equal(networks_fd(&networks), -1);
}

static void a_wait_has_an_end(void **state)
{
	(void)state;
	begin(&fixed, 1, false);
	networks_look(&networks, networks.begun + 59999);
	assert_int_equal(networks.unfit.length, 0);
	networks_look(&networks, networks.begun + 60000);
	assert_string_equal(unfit(), "network lan: no address after 60 s: the guest has no driver for its NIC, or the "
	                             "driver is not loaded");
	networks_undo(&networks);
	plug("nic0", MAC);
	begin(&fixed, 1, false);
	networks_look(&networks, networks.begun + 60000);
	assert_string_equal(unfit(), "network lan: no address after 60 s: its NIC has no carrier");
	plug("nic1", OTHER_MAC);
	begin(&asked, 1, false);
	networks_look(&networks, networks.begun + 30000);
	assert_string_equal(unfit(), "network wan: no address after 30 s: nothing in the guest has set its NIC up");
	networks_undo(&networks);
	sh("ip link set nic1-host up && ip link set nic1 up");
	begin(&asked, 1, false);
	assert_true(comes(5000, "ip link show dev nic1 | grep -q 'state UP'"));
	networks_look(&networks, networks.begun + 30000);
	assert_string_equal(unfit(), "network wan: no address after 30 s: no DHCP server has given it one");
	networks_undo(&networks);
	begin(&asked, 1, false);
	networks_reaped(&networks, networks.nics[0].dhcp, NETWORK_DHCP_NO_CLIENT << 8);
	networks_look(&networks, networks.begun + 30000);
	assert_string_equal(unfit(), "network wan: no address after 30 s: the guest has no DHCP client (udhcpc, "
	                             "dhclient, dhcpcd or systemd-networkd)");
}

static void what_the_kernel_refuses_is_said(void **state)
{
	struct machine_network wrong = fixed;

	(void)state;
	plug("nic0", MAC);
	wrong.mtu = 60;
	wrong.wait = 0;
	begin(&wrong, 1, false);
	assert_string_equal(unfit(), "network lan: its MTU cannot be set: Invalid argument");
	networks_undo(&networks);
	wrong.mtu = 0;
	wrong.gateway = "224.0.0.1";
	begin(&wrong, 1, false);
	assert_non_null(strstr(unfit(), "network lan: its gateway cannot be set: "));
}

static void what_is_taken_away_is_set_again(void **state)
{
	(void)state;
	plug("nic0", MAC);
	sh("ip link set nic0-host up");
	begin(&fixed, 1, false);
	sh("ip addr flush dev nic0");
	assert_true(comes(5000, "ip -4 -o addr show dev nic0 | grep -q 10.1.2.10/24 && ip route | grep -q ^default"));
	/* but not for ever: who flushes it all the time means it */
	for (int i = 0; i < 25; i++) {
		sh("ip addr flush dev nic0");
		networks_look(&networks, agent_now());
	}
	sh("! ip -4 -o addr show dev nic0 | grep -q 10.1.2.10/24");
	assert_true(networks_fd(&networks) >= 0);
	networks_look(&networks, networks.begun + MINUTES);
	assert_int_equal(networks_fd(&networks), -1);
	assert_int_equal(networks.due, 0);
}

static void the_first_network_has_the_default_route(void **state)
{
	const struct machine_network both[] = {
	        fixed, {.name = "second", .mac = OTHER_MAC, .address = "10.9.0.5/16", .gateway = "10.9.0.1"}};

	(void)state;
	plug("nic1", OTHER_MAC);
	plug("nic0", MAC);
	sh("ip link set nic0-host up; ip link set nic1-host up");
	begin(both, 2, false);
	sh("ip -4 -o addr show dev nic1 | grep -q 10.9.0.5/16");
	sh("ip route get 192.0.2.1 | grep -q 'via 10.1.2.1 dev nic0'");
	sh("ip route show default | grep -q 'via 10.9.0.1 dev nic1 .*metric 4097'");
}

/* --- DHCP ------------------------------------------------------------------- */

static void write_file(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* What the guest's udhcpc is: its last argument is the NIC. */
static void install_client(const char *script)
{
	write_file("/usr/local/sbin/udhcpc", script, 0755);
}

static void the_agent_asks_where_nobody_else_does(void **state)
{
	(void)state;
	install_client("#!/bin/sh\nfor nic; do :; done\nip addr add 10.7.0.9/16 dev $nic\n"
	               "ip route add default via 10.7.0.1\nsleep 100\n");
	plug("nic1", OTHER_MAC);
	sh("ip link set nic1-host up");
	begin(&asked, 1, true);
	assert_true(networks_hold(&networks));
	assert_true(comes(10000, "ip route show default | grep -q 'via 10.7.0.1 dev nic1'"));
	networks_look(&networks, agent_now());
	assert_false(networks_hold(&networks));
	/* nothing is left to look for */
	assert_int_equal(networks_fd(&networks), -1);
	networks_undo(&networks);
	sh("! ip -o addr show dev nic1 | grep -q inet");
	sh("ip link show dev nic1 | grep -qv ',UP'");
}

/* Whatever the client of another network makes of resolv.conf, and whenever. */
static void the_jobs_servers_come_before_those_of_dhcp(void **state)
{
	const struct machine_network both[] = {fixed, asked};
	char line[256];

	(void)state;
	sh("echo nameserver 1.1.1.1 > %s/resolv.conf", etc);
	(void)snprintf(line, sizeof(line),
	               "#!/bin/sh\nfor nic; do :; done\nip addr add 10.7.0.9/16 dev $nic\nsleep 0.5\n"
	               "printf 'search x.org\\nnameserver 10.7.0.1\\n' > %s/resolv.conf\nsleep 100\n",
	               etc);
	install_client(line);
	plug("nic0", MAC);
	plug("nic1", OTHER_MAC);
	sh("ip link set nic0-host up; ip link set nic1-host up");
	begin(both, 2, true);
	sh("[ \"$(cat %s/resolv.conf)\" = 'nameserver 10.1.2.1' ]", etc);
	(void)snprintf(line, sizeof(line),
	               "printf 'nameserver 10.1.2.1\\nsearch x.org\\nnameserver 10.7.0.1\\n' | cmp -s - %s/resolv.conf",
	               etc);
	assert_true(comes(15000, line));
	assert_false(networks_hold(&networks));
	/* with what the kernel tells of a lease that is renewed */
	networks_look(&networks, networks.nics[1].since + 10000);
	sh("printf 'nameserver 10.7.0.1\\n' > %s/resolv.conf; ip addr change 10.7.0.9/16 dev nic1 preferred_lft 900 "
	   "valid_lft 900",
	   etc);
	(void)snprintf(line, sizeof(line),
	               "printf 'nameserver 10.1.2.1\\nnameserver 10.7.0.1\\n' | cmp -s - %s/resolv.conf", etc);
	assert_true(comes(5000, line));
	networks_undo(&networks);
	sh("[ \"$(cat %s/resolv.conf)\" = 'nameserver 1.1.1.1' ]", etc);
}

static void an_address_without_a_route_is_enough_after_a_moment(void **state)
{
	(void)state;
	install_client("#!/bin/sh\nsleep 100\n");
	plug("nic1", OTHER_MAC);
	sh("ip link set nic1-host up; ip link set nic1 up");
	begin(&asked, 1, false);
	sh("ip addr add 169.254.1.1/16 dev nic1 scope link");
	networks_look(&networks, networks.begun + 100);
	assert_int_equal(networks.nics[0].since, 0);
	sh("ip addr add 10.7.0.9/16 dev nic1");
	networks_look(&networks, networks.begun + 200);
	assert_true(networks_hold(&networks));
	networks_look(&networks, networks.begun + 1200);
	assert_false(networks_hold(&networks));
}

static void whoever_manages_the_nic_is_left_to_it(void **state)
{
	int status = -1;
	pid_t child;

	(void)state;
	install_client("#!/bin/sh\ntouch /usr/local/sbin/asked\n");
	plug("nic1", OTHER_MAC);
	sh("ip link set nic1-host up; ip link set nic1 up");
	begin(&asked, 1, false);
	child = networks.nics[0].dhcp;
	assert_true(child > 0);
	sh("ip addr add 10.7.0.9/16 dev nic1");
	for (int i = 0; i < 50 && waitpid(child, &status, WNOHANG) == 0; i++)
		usleep(100000);
	assert_int_equal(status, 0);
	networks_reaped(&networks, child, status);
	assert_int_not_equal(access("/usr/local/sbin/asked", F_OK), 0);
	networks_undo(&networks);
	/* the address is not ours to remove */
	sh("ip -o addr show dev nic1 | grep -q 10.7.0.9/16");
}

/* --- files ------------------------------------------------------------------ */

static void resolv_conf_keeps_what_else_it_says(void **state)
{
	char path[128], target[128];
	struct network_files files = {.etc = etc, .run = run_dir};

	(void)state;
	job = travel(&fixed, 1);
	(void)snprintf(path, sizeof(path), "%s/resolv.conf", etc);
	write_file(path, "search example.org\nnameserver 1.1.1.1\noptions rotate", 0640);
	network_files_resolver(&files, &job);
	sh("printf 'nameserver 10.1.2.1\\nsearch example.org\\noptions rotate\\n' | cmp - %s", path);
	network_files_undo(&files, &job);
	sh("grep -qx 'nameserver 1.1.1.1' %s && [ $(stat -c %%a %s) = 640 ]", path, path);
	/* what another has written meanwhile is his */
	network_files_resolver(&files, &job);
	write_file(path, "nameserver 9.9.9.9\n", 0644);
	network_files_undo(&files, &job);
	sh("grep -qx 'nameserver 9.9.9.9' %s", path);
	/* a link stays a link */
	(void)snprintf(target, sizeof(target), "%s/elsewhere", folder);
	write_file(target, "", 0644);
	assert_int_equal(unlink(path) + symlink(target, path), 0);
	network_files_resolver(&files, &job);
	sh("[ -L %s ] && grep -qx 'nameserver 10.1.2.1' %s", path, target);
	network_files_undo(&files, &job);
	/* unless it points nowhere, in a folder that is not there */
	assert_int_equal(unlink(path) + symlink("/nowhere/resolv.conf", path), 0);
	assert_false(network_files_can_resolve(&files));
	network_files_resolver(&files, &job);
	sh("[ ! -L %s ] && grep -qx 'nameserver 10.1.2.1' %s", path, path);
	assert_true(network_files_can_resolve(&files));
	network_files_undo(&files, &job);
}

static void systemds_resolver_is_told(void **state)
{
	struct network_files files = {.etc = etc, .run = run_dir};
	char path[128];

	(void)state;
	job = travel(&fixed, 1);
	(void)snprintf(path, sizeof(path), "%s/resolv.conf", etc);
	assert_int_equal(symlink("../run/systemd/resolve/stub-resolv.conf", path), 0);
	network_files_resolver(&files, &job);
	sh("[ -L %s ]", path);
	sh("printf '[Resolve]\\nDNS=10.1.2.1 \\n' | cmp - %s/systemd/resolved.conf.d/wnodes.conf", run_dir);
	network_files_undo(&files, &job);
	sh("[ -L %s ] && [ ! -e %s/systemd/resolved.conf.d/wnodes.conf ]", path, run_dir);
}

static void managers_are_told(void **state)
{
	struct network_files files = {.etc = etc, .run = run_dir};

	(void)state;
	job = travel(&fixed, 1);
	/* where there are none, nothing is written */
	assert_false(network_files_tell_networkd(&files, &job.networks[0], 0));
	network_files_tell_manager(&files, &job.networks[0]);
	sh("[ -z \"$(find %s -type f)\" ]", run_dir);
	sh("mkdir -p %s/systemd/system %s/NetworkManager", run_dir, etc);
	assert_false(network_files_tell_networkd(&files, &job.networks[0], 0));
	sh("mkdir %s/systemd/netif", run_dir);
	assert_true(network_files_tell_networkd(&files, &job.networks[0], 0));
	network_files_tell_manager(&files, &job.networks[0]);
	sh("cd %s/systemd/network && [ \"$(ls)\" = 10-wnodes-020000001000.network ] && grep -qx MACAddress=" MAC
	   " * && grep -qx Address=10.1.2.10/24 * && grep -qx Gateway=10.1.2.1 * && grep -qx DHCP=no *",
	   run_dir);
	sh("grep -qx match-device=mac:" MAC " %s/NetworkManager/conf.d/*", run_dir);
	network_files_undo(&files, &job);
	sh("[ -z \"$(find %s -type f)\" ]", run_dir);
}

static void devices_without_a_driver_are_found(void **state)
{
	static char aliases[MODULES_MAX][MODULES_ALIAS];

	(void)state;
	sh("mkdir -p %s/bus/pci/devices/0000:00:01.0 %s/bus/pci/devices/0000:00:02.0/driver "
	   "%s/bus/pci/devices/0000:00:03.0 %s/bus/virtio/devices/virtio0 %s/bus/virtio/devices/virtio1",
	   folder, folder, folder, folder, folder);
	sh("cd %s/bus/pci/devices; for n in 1 2; do echo 0x020000 > 0000:00:0$n.0/class; echo pci:nic$n > "
	   "0000:00:0$n.0/modalias; done; echo 0x010000 > 0000:00:03.0/class; echo pci:disk > 0000:00:03.0/modalias",
	   folder);
	sh("cd %s/bus/virtio/devices; echo 0x0001 > virtio0/device; echo virtio:net > virtio0/modalias; "
	   "echo 0x0002 > virtio1/device; echo virtio:blk > virtio1/modalias",
	   folder);
	assert_int_equal(modules_missing(folder, aliases), 2);
	assert_string_equal(aliases[0], "pci:nic1");
	assert_string_equal(aliases[1], "virtio:net");
	assert_int_equal(modules_missing("/nowhere", aliases), 0);
}

/* --- a guest of the test's own ---------------------------------------------- */

static int isolate(void **state)
{
	(void)state;
	if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -1;
	/* nothing of the host's devices, nor its programs of this name */
	return mount("test", "/sys", "tmpfs", 0, NULL) < 0 ? -1 : 0;
}

static int set_up(void **state)
{
	(void)state;
	if (unshare(CLONE_NEWNET) < 0 || mount("test", "/usr/local/sbin", "tmpfs", 0, NULL) < 0)
		return -1;
	strcpy(folder, "/tmp/wnodes-network-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	(void)snprintf(etc, sizeof(etc), "%s/etc", folder);
	(void)snprintf(run_dir, sizeof(run_dir), "%s/run", folder);
	memset(&networks, 0, sizeof(networks));
	return mkdir(etc, 0755) < 0 || mkdir(run_dir, 0755) < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	char line[128];

	(void)state;
	networks_undo(&networks);
	while (waitpid(-1, NULL, 0) > 0)
		;
	job_free(&job);
	(void)snprintf(line, sizeof(line), "rm -rf %s", folder);
	return umount("/usr/local/sbin") < 0 || system(line) != 0 ? -1 : 0;
}

#define IN_A_GUEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_description_reaches_the_agent),
	        cmocka_unit_test(the_relay_refuses_what_is_none),
	        cmocka_unit_test(the_agent_refuses_what_is_none),
	        IN_A_GUEST(a_static_address_is_set_whole),
	        IN_A_GUEST(neighbours_are_told_of_the_address),
	        IN_A_GUEST(ipv6_is_set_as_well),
	        IN_A_GUEST(a_nic_may_come_late),
	        IN_A_GUEST(nobody_looks_for_ever),
	        IN_A_GUEST(a_wait_has_an_end),
	        IN_A_GUEST(what_the_kernel_refuses_is_said),
	        IN_A_GUEST(what_is_taken_away_is_set_again),
	        IN_A_GUEST(the_first_network_has_the_default_route),
	        IN_A_GUEST(the_agent_asks_where_nobody_else_does),
	        IN_A_GUEST(the_jobs_servers_come_before_those_of_dhcp),
	        IN_A_GUEST(an_address_without_a_route_is_enough_after_a_moment),
	        IN_A_GUEST(whoever_manages_the_nic_is_left_to_it),
	        IN_A_GUEST(resolv_conf_keeps_what_else_it_says),
	        IN_A_GUEST(systemds_resolver_is_told),
	        IN_A_GUEST(managers_are_told),
	        IN_A_GUEST(devices_without_a_driver_are_found),
	};

	return cmocka_run_group_tests(tests, isolate, NULL);
}
