/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: plugin/site.o plugin/first_node.o plugin/console.o plugin/options.o */
/* links: plugin/multiprog.o common/range.o common/str.o common/mounts.o common/disk_option.o common/network_option.o */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/exitcode.h"
#include "plugin/console.h"
#include "plugin/first_node.h"
#include "plugin/multiprog.h"
#include "plugin/options.h"
#include "plugin/site.h"

/* Slurm's own, which the process that loads a plugin has; no test here calls them. */
spank_err_t spank_option_register(spank_t spank, struct spank_option *option)
{
	(void)spank;
	(void)option;
	return ESPANK_ERROR;
}

spank_err_t spank_option_getopt(spank_t spank, struct spank_option *option, char **argument)
{
	(void)spank;
	(void)option;
	(void)argument;
	return ESPANK_ERROR;
}

void slurm_error(const char *format, ...)
{
	(void)format;
}

static int check(struct options options, const char *word)
{
	char why[256];
	int code = options_check(&options, false, why, sizeof(why));

	if (code != 0)
		assert_non_null(strstr(why, word));
	else
		assert_string_equal(why, "");
	return code;
}

static void good_options_pass(void **state)
{
	(void)state;
	assert_int_equal(check((struct options){0}, ""), 0);
	assert_int_equal(check((struct options){.image = "el9:2026-10"}, ""), 0);
	assert_int_equal(check((struct options){.image = "none"}, ""), 0);
	assert_int_equal(check((struct options){.image = "/home/alice/x.qcow2"}, ""), 0);
	assert_int_equal(
	        check((struct options){.image = "a", .console = "c.log", .boot_timeout = "20", .mount = "/x:/y:ro"},
	              ""),
	        0);
	assert_int_equal(check((struct options){.image = "a", .network = "fast,user"}, ""), 0);
}

static void bad_options_name_themselves(void **state)
{
	(void)state;
	assert_int_equal(check((struct options){.image = ""}, "--vm="), EXIT_USAGE);
	assert_int_equal(check((struct options){.image = "../etc"}, "--vm=../etc"), EXIT_USAGE);
	assert_int_equal(check((struct options){.image = "a\nb"}, "--vm=a?b"), EXIT_USAGE);
	assert_int_equal(check((struct options){.image = "./a.qcow2"}, "--vm=./a.qcow2: neither"), EXIT_USAGE);
	assert_int_equal(check((struct options){.image = "/a/../b"}, "--vm=/a/../b"), EXIT_USAGE);
	assert_int_equal(check((struct options){.image = "none", .console = "c"}, "--vm-console needs --vm"),
	                 EXIT_USAGE);
	assert_int_equal(check((struct options){.console = "c"}, "--vm-console needs --vm"), EXIT_USAGE);
	assert_int_equal(check((struct options){.image = "a", .console = ""}, "--vm-console"), EXIT_USAGE);
	assert_int_equal(check((struct options){.image = "a", .boot_timeout = "0"}, "--vm-boot-timeout"), EXIT_USAGE);
	assert_int_equal(check((struct options){.image = "a", .boot_timeout = "1m"}, "--vm-boot-timeout"), EXIT_USAGE);
	assert_int_equal(check((struct options){.image = "a", .disk = "row"}, "--vm-disk: 'row' is no mode"),
	                 EXIT_USAGE);
	assert_int_equal(check((struct options){.disk = "raw"}, "--vm-disk needs --vm"), EXIT_USAGE);
	assert_int_equal(check((struct options){.network = "x"}, "--vm-network needs --vm"), EXIT_USAGE);
	assert_int_equal(check((struct options){.image = "a", .network = "x,"}, "--vm-network: '' is not"), EXIT_USAGE);
	assert_int_equal(check((struct options){.image = "a", .network = "x,none"}, "--vm-network: none goes with no"),
	                 EXIT_USAGE);
	assert_int_equal(check((struct options){.image = "a", .mount = "x"}, "--vm-mount: 'x' is not an absolute"),
	                 EXIT_USAGE);
	assert_int_equal(check((struct options){.mount = "/x"}, "--vm-mount needs --vm"), EXIT_USAGE);
}

static void a_consoles_name_is_one_for_each_job_and_node(void **state)
{
	char path[32];

	(void)state;
	assert_int_equal(console_path("con.%j.%N%%", 12, "n1", "/home/a", path, sizeof(path)), 0);
	assert_string_equal(path, "/home/a/con.12.n1%");
	assert_int_equal(console_path("././x", 12, "n1", "/h", path, sizeof(path)), 0);
	assert_string_equal(path, "/h/x");
	assert_int_equal(console_path("/abs", 12, "n1", NULL, path, sizeof(path)), 0);
	assert_string_equal(path, "/abs");
	assert_int_equal(console_path("x", 12, "n1", NULL, path, sizeof(path)), -EINVAL);
	assert_int_equal(console_path("%A", 12, "n1", "/h", path, sizeof(path)), -EINVAL);
	assert_int_equal(console_path("x%", 12, "n1", "/h", path, sizeof(path)), -EINVAL);
	assert_int_equal(console_path("./", 12, "n1", "/h", path, sizeof(path)), -EINVAL);
	assert_int_equal(console_path("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 1, "n", "/h", path, sizeof(path)),
	                 -ENAMETOOLONG);
}

static void multi_prog_texts_name_ranks(void **state)
{
	const char *config = "# comment\n0 hostname\n 1-2,5 echo %t\n";

	(void)state;
	assert_true(multiprog_names(config, 0));
	assert_true(multiprog_names(config, 2));
	assert_true(multiprog_names(config, 5));
	assert_false(multiprog_names(config, 3));
	assert_true(multiprog_names("* a", 9));
	assert_false(multiprog_names("", 0));
	assert_false(multiprog_names("hello 0", 0));
}

static void a_multi_prog_step_is_told_from_a_program(void **state)
{
	char path[] = "/tmp/wnodes-multi.XXXXXX";
	char config[] = "0 a\n1 b\n";
	char *argv[] = {path, config, NULL};
	char *plain[] = {(char *)"/bin/echo", config, NULL};
	int fd = mkstemp(path);

	(void)state;
	assert_int_equal(write(fd, config, strlen(config)), (ssize_t)strlen(config));
	assert_int_equal(fchmod(fd, 0755), 0);
	assert_true(multiprog_is(2, argv, 1));
	assert_false(multiprog_is(2, argv, 2));
	assert_false(multiprog_is(2, plain, 1));
	assert_false(multiprog_is(1, argv, 0));
	/* changed since srun read it: still no program */
	assert_int_equal(fchmod(fd, 0644), 0);
	assert_int_equal(ftruncate(fd, 1), 0);
	assert_true(multiprog_is(2, argv, 1));
	close(fd);
	unlink(path);
}

static void a_multi_prog_text_is_wrapped(void **state)
{
	static const char *const bad[] = {"", "# nothing\n", "a b\n", "0\n", "0 a \\\\\nb\n", "0 a \\"};
	static const char *const forged[] = {"0 /run -- a",
	                                     "0 /run -- a\n1 b\n",
	                                     "0 /run a\n",
	                                     "0 /runs -- a\n",
	                                     "0  /run -- a\n",
	                                     "0 /run --  a\n",
	                                     "0 /run -- a \\\n1 b\n",
	                                     "#\n",
	                                     "\n0 /run -- a\n",
	                                     " 0 /run -- a\n",
	                                     "0 /run -- \n",
	                                     ""};
	char *wrapped = multiprog_wrap("# comment\n\n 0\tpwd %t\n1-2,* a \\\n  b c\\\nd\n3 'x y'", "/run");
	static char line[5000];

	(void)state;
	assert_non_null(wrapped);
	assert_string_equal(wrapped, "0 /run -- pwd %t\n1-2,* /run -- a ''  b c''d\n3 /run -- 'x y'\n");
	assert_true(multiprog_is_wrapped(wrapped, "/run"));
	assert_false(multiprog_is_wrapped(wrapped, "/ru"));
	free(wrapped);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_null(multiprog_wrap(bad[i], "/run"));
	for (size_t i = 0; i < sizeof(forged) / sizeof(forged[0]); i++)
		assert_false(multiprog_is_wrapped(forged[i], "/run"));
	memset(line, 'x', 4090);
	memcpy(line, "0 ", 2);
	assert_null(multiprog_wrap(line, "/run"));
}

static void options_without_an_image_may_be_for_a_default(void **state)
{
	struct options options = {.mount = "/x"};
	char why[256];

	(void)state;
	assert_int_equal(options_check(&options, true, why, sizeof(why)), 0);
	options.image = "none";
	assert_null(options_image(&options));
	assert_int_equal(options_check(&options, true, why, sizeof(why)), EXIT_USAGE);
}

static char folder[] = "/tmp/test_plugin.XXXXXX";

static void put(const char *name, const char *text)
{
	char path[128];
	FILE *stream;

	(void)snprintf(path, sizeof(path), "%s/%s.conf", folder, name);
	stream = fopen(path, "w");
	assert_non_null(stream);
	assert_true(fputs(text, stream) >= 0);
	assert_int_equal(fclose(stream), 0);
}

static void remove_files(void)
{
	static const char *const names[] = {"wnodes", "a", "b", "c", "c:t", "d", "loop"};
	char path[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s.conf", folder, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(folder);
}

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void the_site_is_read_as_the_helper_reads_it(void **state)
{
	char path[128], digest[SITE_DIGEST_SIZE];

	(void)state;
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/wnodes.conf", folder);
	assert_false(site_has_partition_in(path, NULL));
	put("wnodes", "[site]\n#[partition a]\n [partition b]\n[partition c]\nimage = x\n[partition long]\n");
	assert_true(site_has_partition_in(path, NULL));
	assert_true(site_has_partition_in(path, "c"));
	assert_true(site_has_partition_in(path, "long"));
	assert_false(site_has_partition_in(path, "a"));
	assert_false(site_has_partition_in(path, "b"));
	assert_false(site_has_partition_in(path, "lon"));
	assert_false(site_has_partition_in(path, "longer"));
	put("a", "[image]\nsource = x\nsha256 = " HEX " ; of it\n");
	put("b", "[image]\nsha256:" HEX "\r\n");
	put("c", "[image]\nalias = c:t\n");
	put("c:t", "[image]\nsha256=" HEX);
	put("d", "[image]\n sha256 = " HEX "\n;sha256 = " HEX "\nsha256 = 12\nsha2567 = " HEX "\n");
	put("loop", "[image]\nalias = loop\n");
	for (const char *name = "abc"; *name; name++) {
		char text[2] = {*name, 0};

		assert_true(site_digest_in(folder, text, digest));
		assert_string_equal(digest, HEX);
	}
	assert_true(site_digest_in(folder, "c:t", digest));
	assert_false(site_digest_in(folder, "d", digest));
	assert_false(site_digest_in(folder, "loop", digest));
	assert_false(site_digest_in(folder, "no-such", digest));
	assert_false(site_digest_in(folder, "../a", digest));
	remove_files();
}

static void put_and_taken(const char *comment, const char *expected)
{
	char node[65], digest[65];
	char *text = first_node_put(comment, "n1", HEX);

	assert_non_null(text);
	assert_string_equal(text, expected);
	assert_int_equal(first_node_take(text, node, digest), 0);
	assert_string_equal(node, "n1");
	assert_string_equal(digest, HEX);
	free(text);
}

static void the_first_nodes_word_stands_beside_others(void **state)
{
	static const char *const none[] = {NULL,         "",           "of a site",          "xwnodes:n1=" HEX,
	                                   "wnodes:n1=", "wnodes:n1 ", "wnodes:n1=" HEX "0", "wnodes:n1=" HEX ",x"};
	char node[65], digest[65];

	(void)state;
	put_and_taken(NULL, "wnodes:n1=" HEX);
	put_and_taken("", "wnodes:n1=" HEX);
	put_and_taken("of a site", "of a site wnodes:n1=" HEX);
	put_and_taken("a wnodes:n9=none b", "a wnodes:n1=" HEX " b");
	put_and_taken("xwnodes:a=b", "xwnodes:a=b wnodes:n1=" HEX);
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_int_equal(first_node_take(none[i], node, digest), -1);
	assert_int_equal(first_node_take("b wnodes:n2=none", node, digest), 0);
	assert_string_equal(digest, "none");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(good_options_pass),
	        cmocka_unit_test(options_without_an_image_may_be_for_a_default),
	        cmocka_unit_test(the_site_is_read_as_the_helper_reads_it),
	        cmocka_unit_test(the_first_nodes_word_stands_beside_others),
	        cmocka_unit_test(bad_options_name_themselves),
	        cmocka_unit_test(a_consoles_name_is_one_for_each_job_and_node),
	        cmocka_unit_test(multi_prog_texts_name_ranks),
	        cmocka_unit_test(a_multi_prog_text_is_wrapped),
	        cmocka_unit_test(a_multi_prog_step_is_told_from_a_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
