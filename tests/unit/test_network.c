/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: common/network_option.o common/mac.o common/sha256.o common/str.o */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/mac.h"
#include "common/network_option.h"
#include "common/sha256.h"

static struct network_option option;
static char why[128];

static void names_are_listed(void **state)
{
	(void)state;
	assert_int_equal(network_option_parse(&option, "fast", why, sizeof(why)), 0);
	assert_int_equal(option.count, 1);
	assert_string_equal(option.names[0], "fast");
	assert_int_equal(network_option_parse(&option, "none", why, sizeof(why)), 0);
	assert_int_equal(network_option_parse(&option, "fast, user,fast", why, sizeof(why)), 0);
	assert_int_equal(option.count, 3);
	assert_string_equal(option.names[1], "user");
	assert_string_equal(option.names[2], "fast");
	assert_int_equal(network_option_parse(&option, "1,2,3,4,5,6,7,8", why, sizeof(why)), 0);
	assert_int_equal(option.count, NETWORKS_MAX);
}

static void what_is_no_list_of_names_is_said(void **state)
{
	static const char *const wrong[][2] = {
	        {"", "'' is not a network's name"},
	        {"a,", "'' is not a network's name"},
	        {",a", "'' is not a network's name"},
	        {"a,,b", "'' is not a network's name"},
	        {"a b", "'a b' is not NAME[,NAME...]"},
	        {"../etc", "'../etc' is not a network's name"},
	        {"a/b", "'a/b' is not a network's name"},
	        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "'aaaaaaaa"},
	        {"1,2,3,4,5,6,7,8,9", "a machine has at most 8 networks"},
	        {"none,a", "none goes with no other network"},
	        {"a,none", "none goes with no other network"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(network_option_parse(&option, wrong[i][0], why, sizeof(why)), -EINVAL);
		assert_ptr_equal(strstr(why, wrong[i][1]), why);
	}
}

static void macs_are_numbers(void **state)
{
	static const char *const wrong[] = {"",
	                                    "02:00:00:00:00",
	                                    "02:00:00:00:00:0",
	                                    "02:00:00:00:00:000",
	                                    "02-00-00-00-00-00",
	                                    "02:00:00:00:00:0g",
	                                    "02:00:00:00:00:00 "};
	uint8_t bytes[MAC_BYTES];
	char text[MAC_TEXT];
	uint64_t mac = 0;

	(void)state;
	assert_int_equal(mac_parse("02:aB:00:00:10:fF", &mac), 0);
	assert_true(mac == UINT64_C(0x02ab000010ff));
	mac_format(mac, text);
	assert_string_equal(text, "02:ab:00:00:10:ff");
	mac_write(mac, bytes);
	assert_memory_equal(bytes, "\x02\xab\0\0\x10\xff", MAC_BYTES);
	assert_true(mac_read(bytes) == mac);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(mac_parse(wrong[i], &mac), -EINVAL);
	assert_true(mac_is_unicast(1));
	assert_false(mac_is_unicast(0));
	assert_false(mac_is_unicast(UINT64_C(0x010000000000)));
	assert_false(mac_is_unicast(UINT64_C(0xffffffffffff)));
}

static void derived_macs_are_local_and_of_one_nic(void **state)
{
	char seed[64];
	uint64_t mac;

	(void)state;
	for (unsigned int i = 0; i < 1000; i++) {
		(void)snprintf(seed, sizeof(seed), "machine n1 17.%u 0", i);
		mac = mac_derive(seed);
		assert_true(mac < UINT64_C(1) << 48);
		assert_int_equal(mac >> 40 & 3, 2);
		assert_true(mac_derive(seed) == mac);
		seed[0] = 'M';
		assert_true(mac_derive(seed) != mac);
	}
	/* the first 48 bits of the digest of "abc", ba7816bf8f01, made local */
	assert_true(mac_derive("abc") == UINT64_C(0xba7816bf8f01));
}

static void expect_sha256(const char *text, size_t size, const char *expected)
{
	unsigned char hash[SHA256_SIZE];
	char hex[2 * SHA256_SIZE + 1];

	sha256(text, size, hash);
	for (size_t i = 0; i < SHA256_SIZE; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", hash[i]);
	assert_string_equal(hex, expected);
}

/* FIPS 180-4's examples, and lengths around a block's end */
static void sha256_is_the_standards(void **state)
{
	char text[200];

	(void)state;
	expect_sha256("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	expect_sha256("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	expect_sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
	              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	memset(text, 'a', sizeof(text));
	expect_sha256(text, 55, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318");
	expect_sha256(text, 64, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb");
	expect_sha256(text, 119, "31eba51c313a5c08226adf18d4a359cfdfd8d2e816b13f4af952f7ea6584dcfb");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(names_are_listed),        cmocka_unit_test(what_is_no_list_of_names_is_said),
	        cmocka_unit_test(macs_are_numbers),        cmocka_unit_test(derived_macs_are_local_and_of_one_nic),
	        cmocka_unit_test(sha256_is_the_standards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
