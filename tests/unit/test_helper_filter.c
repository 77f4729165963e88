/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: helper/network/filter.o helper/network/rtnl.o helper/failure.o common/mac.o common/sha256.o common/str.o */
/* libs: -lmnl */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <linux/pkt_cls.h>

#include "helper/network/filter.h"

#define MAC UINT64_C(0x021122334455)
#define ADDRESS 0x0a4d000aU /* 10.77.0.10 */

struct frame {
	unsigned char bytes[128];
	size_t length;
	bool tagged; /* the kernel has taken a VLAN's tag out of it */
};

/* size bytes at offset, in the network's order; false: the frame has not so many */
static bool fetch(const struct frame *frame, uint32_t offset, unsigned int size, uint32_t *value)
{
	*value = 0;
	if (offset + size > frame->length)
		return false;
	for (unsigned int i = 0; i < size; i++)
		*value = *value << 8 | frame->bytes[offset + i];
	return true;
}

/* What the kernel does with those instructions that filters have; others fail the test. */
static uint32_t run(const struct sock_filter *steps, unsigned int count, const struct frame *frame)
{
	uint32_t a = 0, x = 0, byte;

	for (unsigned int i = 0; i < count; i++) {
		const struct sock_filter *step = &steps[i];
		unsigned int size = BPF_SIZE(step->code) == BPF_W ? 4 : BPF_SIZE(step->code) == BPF_H ? 2 : 1;

		if (step->code == (BPF_LD | BPF_W | BPF_ABS) &&
		    step->k == (uint32_t)(SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT)) {
			a = frame->tagged;
		} else if (BPF_CLASS(step->code) == BPF_LD) {
			uint32_t base = BPF_MODE(step->code) == BPF_IND ? x : 0;

			if (!fetch(frame, base + step->k, size, &a))
				return 0;
		} else if (step->code == (BPF_LDX | BPF_MSH | BPF_B)) {
			if (!fetch(frame, step->k, 1, &byte))
				return 0;
			x = 4 * (byte & 15);
		} else if (step->code == (BPF_ALU | BPF_AND | BPF_K)) {
			a &= step->k;
		} else if (step->code == (BPF_JMP | BPF_JEQ | BPF_K)) {
			i += a == step->k ? step->jt : step->jf;
		} else {
			assert_int_equal(step->code, BPF_RET | BPF_K);
			return step->k;
		}
	}
	fail_msg("the program runs beyond its end");
	return 0;
}

static bool passes(uint32_t address, const struct frame *frame)
{
	struct sock_filter steps[FILTER_STEPS];
	unsigned int count = filter_program(MAC, address, steps);
	uint32_t result;

	assert_true(count < FILTER_STEPS);
	result = run(steps, count, frame);
	assert_true(result == TC_ACT_OK || result == TC_ACT_SHOT);
	return result == TC_ACT_OK;
}

static void put(struct frame *frame, size_t offset, unsigned int size, uint64_t value)
{
	for (unsigned int i = 0; i < size; i++)
		frame->bytes[offset + i] = (unsigned char)(value >> (8 * (size - 1 - i)));
}

/* Of the machine, to somebody, with zeroes as its packet. */
static struct frame frame_of(uint16_t type)
{
	struct frame frame = {.length = 100};

	put(&frame, 0, 6, UINT64_C(0x0200000000aa));
	put(&frame, 6, 6, MAC);
	put(&frame, 12, 2, type);
	return frame;
}

static void test_header(void **state)
{
	struct frame frame = frame_of(0x0800);

	(void)state;
	assert_true(passes(0, &frame));
	put(&frame, 6, 6, MAC + 1);
	assert_false(passes(0, &frame));
	put(&frame, 6, 6, MAC + 0x010000000000);
	assert_false(passes(0, &frame));
	frame = frame_of(0x0800);
	frame.tagged = true;
	assert_false(passes(0, &frame));
	for (size_t i = 0; i < 3; i++) {
		frame = frame_of((const uint16_t[]){0x8100, 0x88a8, 0x9100}[i]);
		assert_false(passes(0, &frame));
	}
	frame = frame_of(0x88cc);
	put(&frame, 0, 6, UINT64_C(0x0180c200000e));
	assert_false(passes(0, &frame));
	put(&frame, 0, 6, UINT64_C(0x0180c2000021));
	assert_false(passes(0, &frame));
	put(&frame, 0, 6, UINT64_C(0x0180c2000040));
	assert_true(passes(0, &frame));
	put(&frame, 0, 6, UINT64_C(0xffffffffffff));
	assert_true(passes(0, &frame));
}

/* A maker's own groups; and what stops a port, to whomever it is sent. */
static void test_switches(void **state)
{
	struct frame frame = frame_of(0x0032);

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		put(&frame, 0, 6, (const uint64_t[]){0x01000ccccccc, 0x01000ccccccd, 0x01000c000000}[i]);
		assert_false(passes(0, &frame));
	}
	put(&frame, 0, 6, UINT64_C(0x01000d000001));
	assert_true(passes(0, &frame));
	frame = frame_of(0x8808);
	assert_false(passes(0, &frame));
}

static void test_address(void **state)
{
	struct frame arp = frame_of(0x0806), ip = frame_of(0x0800);

	(void)state;
	/* before it has one: DHCP, or a probe for its own, which another's would keep from getting it */
	assert_true(passes(ADDRESS, &ip));
	put(&arp, 38, 4, ADDRESS);
	assert_true(passes(ADDRESS, &arp));
	put(&arp, 38, 4, ADDRESS + 1);
	assert_false(passes(ADDRESS, &arp));
	put(&arp, 28, 4, ADDRESS);
	put(&ip, 26, 4, ADDRESS);
	assert_true(passes(ADDRESS, &arp));
	assert_true(passes(ADDRESS, &ip));
	put(&arp, 28, 4, ADDRESS + 1);
	put(&ip, 26, 4, ADDRESS + 1);
	assert_false(passes(ADDRESS, &arp));
	assert_false(passes(ADDRESS, &ip));
	assert_true(passes(0, &arp));
	assert_true(passes(0, &ip));
}

static void test_ipv4(void **state)
{
	struct frame frame = frame_of(0x0800);

	(void)state;
	put(&frame, 14, 1, 0x45);
	put(&frame, 23, 1, 17);
	put(&frame, 34, 2, 67);
	assert_false(passes(0, &frame));
	put(&frame, 26, 4, ADDRESS);
	assert_false(passes(ADDRESS, &frame));
	/* a client's */
	put(&frame, 34, 2, 68);
	assert_true(passes(0, &frame));
	/* with options before it */
	put(&frame, 14, 1, 0x47);
	put(&frame, 42, 2, 67);
	assert_false(passes(0, &frame));
	/* a fragment that is not the first has no port there */
	put(&frame, 20, 2, 0x0010);
	assert_true(passes(0, &frame));
	put(&frame, 20, 2, 0x2000);
	assert_false(passes(0, &frame));
	/* clients take an answer from any port */
	put(&frame, 42, 2, 1067);
	assert_true(passes(0, &frame));
	put(&frame, 44, 2, 68);
	assert_false(passes(0, &frame));
	assert_false(passes(ADDRESS, &frame));
	/* of TCP any port is free */
	put(&frame, 23, 1, 6);
	assert_true(passes(0, &frame));
}

static void test_icmp(void **state)
{
	struct frame frame = frame_of(0x0800);

	(void)state;
	put(&frame, 14, 1, 0x46);
	put(&frame, 23, 1, 1);
	for (unsigned int type = 0; type < 256; type++) {
		put(&frame, 38, 1, type);
		assert_int_equal(passes(0, &frame), type != 5);
	}
	/* the rest of a fragmented one */
	put(&frame, 38, 1, 5);
	put(&frame, 20, 2, 0x2001);
	assert_true(passes(0, &frame));
}

static void test_ipv6(void **state)
{
	struct frame frame = frame_of(0x86dd);

	(void)state;
	put(&frame, 20, 1, 58);
	for (unsigned int type = 0; type < 256; type++) {
		put(&frame, 54, 1, type);
		assert_int_equal(passes(0, &frame), type != 134 && type != 137);
	}
	put(&frame, 20, 1, 17);
	put(&frame, 54, 2, 547);
	assert_false(passes(ADDRESS, &frame));
	put(&frame, 54, 2, 546);
	assert_true(passes(ADDRESS, &frame));
	put(&frame, 54, 2, 1547);
	put(&frame, 56, 2, 546);
	assert_false(passes(0, &frame));
	put(&frame, 20, 1, 6);
	put(&frame, 54, 2, 547);
	assert_true(passes(ADDRESS, &frame));
}

/* What hosts look behind hides nothing. */
static void test_ipv6_headers(void **state)
{
	static const uint8_t hiding[] = {0, 43, 44, 60};
	struct frame frame = frame_of(0x86dd);

	(void)state;
	put(&frame, 20, 1, 0);
	put(&frame, 54, 2, 58 << 8);
	for (unsigned int type = 0; type < 256; type++) {
		put(&frame, 62, 1, type);
		assert_int_equal(passes(0, &frame), type != 134 && type != 137);
	}
	put(&frame, 62, 1, 143);
	put(&frame, 54, 2, 58 << 8 | 1);
	assert_false(passes(0, &frame));
	put(&frame, 54, 2, 60 << 8);
	assert_false(passes(0, &frame));
	put(&frame, 20, 1, 43);
	assert_false(passes(0, &frame));
	put(&frame, 20, 1, 60);
	assert_false(passes(0, &frame));
	put(&frame, 20, 1, 44);
	for (size_t i = 0; i < sizeof(hiding); i++) {
		put(&frame, 54, 2, hiding[i] << 8);
		assert_false(passes(0, &frame));
	}
	/* the first fragment has the ports, or the type */
	put(&frame, 54, 4, 58U << 24 | 1);
	put(&frame, 62, 1, 134);
	assert_false(passes(0, &frame));
	put(&frame, 62, 1, 128);
	assert_true(passes(0, &frame));
	put(&frame, 54, 1, 17);
	put(&frame, 62, 4, 547U << 16 | 546);
	assert_false(passes(0, &frame));
	put(&frame, 62, 2, 2049);
	assert_false(passes(0, &frame));
	put(&frame, 64, 2, 2049);
	assert_true(passes(0, &frame));
	/* and the next ones data */
	put(&frame, 56, 2, 0x0009);
	put(&frame, 62, 4, 547U << 16 | 546);
	assert_true(passes(0, &frame));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_header),       cmocka_unit_test(test_switches), cmocka_unit_test(test_address),
	        cmocka_unit_test(test_ipv4),         cmocka_unit_test(test_icmp),     cmocka_unit_test(test_ipv6),
	        cmocka_unit_test(test_ipv6_headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
