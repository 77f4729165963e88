/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: run/command_policy.o run/command_script.o run/command_spec.o run/command_environment.o */
/* links: common/task_file.o common/terminal.o */
/* links: common/slurm_options.o common/slurm_tables.o common/command_names.o common/wire.o common/str.o */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/command_names.h"
#include "common/exitcode.h"
#include "common/wire.h"
#include "run/command.h"

static char why[COMMAND_WHY_MAX];

/* A spec whose arguments are the words of line, between which there are bars. */
static struct command_spec spec_of(const char *line, const char *script)
{
	struct command_spec spec = {0};
	uint8_t bytes[8192];
	size_t used = 0;

	while (*line) {
		size_t length = strcspn(line, "|");

		used += wire_put_attribute(bytes + used, WIRE_ARG, line, length);
		line += length + (line[length] == '|');
	}
	used += wire_put_attribute(bytes + used, WIRE_CWD, "/guest/folder", 13);
	if (script)
		used += wire_put_attribute(bytes + used, WIRE_SCRIPT, script, strlen(script));
	assert_int_equal(command_spec_parse(&spec, bytes, used), 0);
	return spec;
}

/* The words of argv, with bars between them, in place of the last call's. */
static const char *joined(char **argv)
{
	static char text[8192];

	text[0] = 0;
	for (char **p = argv; *p; p++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", p == argv ? "" : "|", *p);
	return text;
}

static int judge(struct command_spec *spec, char ***argv)
{
	static const struct command_context context = {.names = COMMAND_NAMES, .job = "77", .image = "tiny"};

	return command_policy(spec, &context, argv, why);
}

static void passes_script(const char *line, const char *script, const char *expected)
{
	struct command_spec spec = spec_of(line, script);
	char **argv = NULL;
	int code = judge(&spec, &argv);

	if (code != 0)
		print_error("%s: %s\n", line, why);
	assert_int_equal(code, 0);
	assert_string_equal(joined(argv), expected);
	slurm_argv_free(argv);
	command_spec_free(&spec);
}

static void passes(const char *line, const char *expected)
{
	passes_script(line, NULL, expected);
}

static void refused_script(const char *line, const char *script)
{
	struct command_spec spec = spec_of(line, script);
	char **argv = NULL;
	int code = judge(&spec, &argv);

	if (code == 0)
		print_error("not refused: %s%s%s\n", line, script ? ": " : "", script ? script : "");
	assert_int_equal(code, EXIT_USAGE);
	assert_null(argv);
	assert_true(strlen(why) > 10);
	command_spec_free(&spec);
}

static void refused(const char *line)
{
	refused_script(line, NULL);
}

static void passes_what_tasks_need(void **state)
{
	(void)state;
	passes("srun|./a.out|-x|--prolog=y", "srun|--vm=tiny|--|./a.out|-x|--prolog=y");
	passes("srun|-N2|--ntasks=4|hostname", "srun|-N|2|-n|4|--vm=tiny|--|hostname");
	passes("srun|-ln|4|-K0|a", "srun|-l|-n|4|-K0|--vm=tiny|--|a");
	passes("srun|-n|-4|a", "srun|-n|-4|--vm=tiny|--|a");
	passes("srun|--ntasks-per-n|2|--exact|--mem=100|a",
	       "srun|--ntasks-per-node=2|--exact|--mem=100|--vm=tiny|--|a");
	passes("srun|--jobid=77|--vm=tiny|--overlap|--|-a", "srun|--jobid=77|--overlap|--vm=tiny|--|-a");
	passes("srun|-i|none|-o|all|a", "srun|-i|none|-o|all|--vm=tiny|--|a");
	passes("squeue|-hj77|-o|%i %T", "squeue|-h|-j77|-o|%i %T");
	passes("squeue|-j|77", "squeue|-j|--|77");
	passes("scancel|77|--signal=USR1|-b", "scancel|-s|USR1|-b|--|77");
	passes("scontrol|show|job|77|-o", "scontrol|-o|--|show|job|77");
	passes("scontrol|--version", "scontrol|-V");
	passes("sattach|77.0", "sattach|--|77.0");
	passes("sinfo|-N", "sinfo|-N");
}

static void refuses_programs_of_the_host(void **state)
{
	static const char *const options[] = {
	        "prolog",      "epilog",       "task-prolog", "task-epilog", "bcast",         "bcast-exclude",
	        "container",   "bb",           "bbf",         "uid",         "gid",           "clusters",
	        "export-file", "get-user-env", "nodefile",    "vm-console",  "vm-mount",      "multi-prog",
	        "pty",         "no-allocate",  "send-libs",   "het-group",   "debugger-test", "unheard-of"};
	char line[64];

	(void)state;
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		snprintf(line, sizeof(line), "srun|--%s=/bin/x|true", options[i]);
		refused(line);
		snprintf(line, sizeof(line), "srun|--%s|/bin/x|true", options[i]);
		refused(line);
		snprintf(line, sizeof(line), "srun|-n1|--%s|true", options[i]);
		refused(line);
		snprintf(line, sizeof(line), "sbatch|--%s=/bin/x|--wrap=true", options[i]);
		refused(line);
		/* abbreviated */
		snprintf(line, sizeof(line), "srun|--%.*s=/bin/x|true", (int)strlen(options[i]) - 1, options[i]);
		refused(line);
	}
	refused("srun|--pro=/bin/x|true");
	refused("srun|--prol|/bin/x|true");
	refused("srun|--task-p|/bin/x|true");
	refused("srun|--|true|:|--prolog=/bin/x|true");
	refused("srun|true|:|--prolog=/bin/x|true");
	refused("srun|-n|:|true");
	refused("srun|-Z|true");
	refused("srun|-lZ|true");
	refused("srun|-Mother|true");
	refused("srun|--=x|true");
	refused("srun|--n=1|true");
}

static void refuses_files_of_the_host(void **state)
{
	(void)state;
	refused("srun|-o|/tmp/x|true");
	refused("srun|-lo/tmp/x|true");
	refused("srun|--output=file|true");
	refused("srun|-i|../x|true");
	/* a task's number, or a file where there are fewer tasks */
	refused("srun|-i|7|true");
	refused("srun|-o|0|true");
	refused("srun|-e|4294967295|true");
	refused("sacct|--batch-script");
	refused("srun|-w|/etc/passwd|true");
	refused("srun|--exclude=./nodes|true");
	refused("sbatch|-F|nodes|--wrap=true");
	refused("scontrol|show|hostlist|/etc/passwd");
	refused("scontrol|show|bbstat|x");
	refused("scontrol|write|batch_script|77");
	refused("scontrol|write|config");
	refused("scontrol|token");
	refused("scontrol|update|job=77|name=x");
	refused("scontrol|-o");
	refused("scontrol|-u|0|show|job");
	refused("sacct|-f|/etc/passwd");
	refused("sattach|78.0");
	refused("sattach|770.0");
	refused("sattach|--pty|77.0");
	refused("srun|--jobid=78|true");
	refused("srun|--jobid=77+1|true");
	refused("srun|--vm=other|true");
}

static void output_of_jobs_is_new(void **state)
{
	static const char *const good[] = {"x-%j.out", "%x.%A_%a.log", "j%j-%4t.txt", "/dev/null"};
	static const char *const bad[] = {"x.out",    "/tmp/%j.out", "../%j.out", ".x%j.out", "%j.sh",  "x%j",
	                                  "a/%j.out", "%%j.out",     "x-%j.out/", "",         "%j.pth", "%j.out%",
	                                  "%q%j.out", "%5%j.out",    "%j.out\n",  "%j.out "};
	char line[128], expected[256];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		snprintf(line, sizeof(line), "sbatch|--output=%s|--wrap=true", good[i]);
		snprintf(expected, sizeof(expected), "sbatch|-o|%s|--wrap=true|--ignore-pbs|--vm=tiny", good[i]);
		passes(line, expected);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(line, sizeof(line), "sbatch|--output=%s|--wrap=true", bad[i]);
		refused(line);
		snprintf(line, sizeof(line), "sbatch|-e%s|--wrap=true", *bad[i] ? bad[i] : "/");
		refused(line);
	}
	refused("sbatch|-J|../x|-o|%x%j.out|--wrap=true");
	refused("sbatch|-J|.profile|-o|%x%j.out|--wrap=true");
	/* a script's name becomes the job's where it can be one */
	passes_script("sbatch|-o|%x%j.out|../.bashrc.d/", "#!/bin/sh\n",
	              "sbatch|-o|%x%j.out|--ignore-pbs|--vm=tiny|--|/dev/stdin");
	passes_script("sbatch|../.profile", "#!/bin/sh\n", "sbatch|--ignore-pbs|--vm=tiny|--|/dev/stdin");
	refused("sbatch|--input=/etc/passwd|--wrap=true");
	passes("sbatch|-i|/dev/null|--wrap=true", "sbatch|-i|/dev/null|--wrap=true|--ignore-pbs|--vm=tiny");
}

static void directives_are_options(void **state)
{
	static const char script[] = "#!/bin/sh\n# a comment\n\n#SBATCH -n2 -J 'a b' --comment=\"x\\\"y\" # rest\n"
	                             "  # indented\n#SBATCH --mem=100\necho\n#SBATCH --prolog=/bin/x\n";
	struct command_spec spec;
	char **argv = NULL;

	(void)state;
	passes_script(
	        "sbatch|-n3|/x/job.sh|one|two words", script,
	        "sbatch|-n|2|-J|a b|--comment=x\"y|--mem=100|-n|3|--ignore-pbs|--vm=tiny|--|/dev/stdin|one|two words");
	passes_script("sbatch|/x/job.sh", "#!/bin/sh\n#SBATCH",
	              "sbatch|-J|job.sh|--ignore-pbs|--vm=tiny|--|/dev/stdin");
	passes_script("sbatch", "#!/bin/sh\ntrue", "sbatch|--ignore-pbs|--vm=tiny");
	/* Slurm finds none any more; what comes after the first command is the script's own business */
	spec = spec_of("sbatch|job", script);
	assert_int_equal(judge(&spec, &argv), 0);
	assert_non_null(strstr((char *)spec.script, "\n#sBATCH -n2"));
	assert_non_null(strstr((char *)spec.script, "\n#sBATCH --mem"));
	assert_non_null(strstr((char *)spec.script, "\n#SBATCH --prolog"));
	assert_int_equal(spec.script_length, strlen(script));
	slurm_argv_free(argv);
	command_spec_free(&spec);
	refused_script("sbatch|job", "#!/bin/sh\n#SBATCH --prolog=/bin/x\ntrue\n");
	refused_script("sbatch|job", "#!/bin/sh\n#SBATCH -o /etc/x\ntrue\n");
	refused_script("sbatch|job", "#!/bin/sh\n#SBATCH --vm=other\ntrue\n");
	refused_script("sbatch|job", "#!/bin/sh\n#SBATCH hetjob\ntrue\n");
	refused_script("sbatch|job", "#!/bin/sh\n#SBATCH -n1\r\ntrue\n");
	refused_script("sbatch|job", "");
	refused_script("sbatch|--wrap=x", "#!/bin/sh\n");
	refused("sbatch|job");
	refused_script("srun|job", "#!/bin/sh\n");
}

static void folder_and_environment_go_to_the_guest(void **state)
{
	static char *own[] = {"SLURM_JOB_ID=77", "SLURM_EXPORT_ENV=NONE", "SLURM_CPU_BIND=x",  "HOME=/home/a",
	                      "LD_PRELOAD=/own", "WNODES_RUN_DIR=/run",   "SLURM_CONF=/etc/s", NULL};
	static const char *const guest[] = {"A=1",
	                                    "B=2",
	                                    "LD_PRELOAD=/evil",
	                                    "SLURM_CONF=/evil",
	                                    "PATH=/evil",
	                                    "SLURM_PROLOG=/evil",
	                                    "SBATCH_OUTPUT=/evil",
	                                    "SLURMD_NODENAME=other",
	                                    "SLURM_NTASKS=4",
	                                    "SLURM_HINT=/x",
	                                    "_SLURM_SPANK_OPTION_x=y",
	                                    "WNODES_RUN_DIR=/evil",
	                                    "=x",
	                                    "novalue"};
	struct command_spec spec = spec_of("srun|-D|sub|--export=A,C=3,ALL|true", NULL);
	char **argv = NULL, **env;
	uint8_t bytes[1024];
	size_t used = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(guest) / sizeof(guest[0]); i++)
		used += wire_put_attribute(bytes + used, WIRE_ENV, guest[i], strlen(guest[i]));
	used += wire_put_attribute(bytes + used, WIRE_UMASK, "\x12\0\0\0", 4);
	assert_int_equal(command_spec_parse(&spec, bytes, used), 0);
	assert_int_equal(judge(&spec, &argv), 0);
	assert_string_equal(joined(argv), "srun|--vm=tiny|--|true");
	env = command_environment(&spec, own);
	assert_string_equal(
	        joined(env),
	        "SLURM_JOB_ID=77|HOME=/home/a|SLURM_CONF=/etc/s|WNODES_RUN_ENV_A=1|WNODES_RUN_ENV_B=2|"
	        "WNODES_RUN_ENV_LD_PRELOAD=/evil|WNODES_RUN_ENV_PATH=/evil|WNODES_RUN_ENV_SBATCH_OUTPUT=/evil|"
	        "SLURM_NTASKS=4|WNODES_RUN_ENV_C=3|PATH=/usr/bin:/bin:/usr/sbin:/sbin|"
	        "WNODES_RUN_CWD=/guest/folder/sub");
	slurm_argv_free(env);
	slurm_argv_free(argv);
	free(spec.exported);
	spec.exported = strdup("NONE");
	env = command_environment(&spec, own);
	assert_string_equal(joined(env), "SLURM_JOB_ID=77|HOME=/home/a|SLURM_CONF=/etc/s|SLURM_NTASKS=4|"
	                                 "PATH=/usr/bin:/bin:/usr/sbin:/sbin|WNODES_RUN_CWD=/guest/folder/sub");
	slurm_argv_free(env);
	free(spec.exported);
	spec.exported = strdup("");
	env = command_environment(&spec, own);
	assert_int_equal(strncmp(joined(env), "SLURM_JOB_ID=77|HOME=/home/a|SLURM_CONF=/etc/s|SLURM_NTASKS=4|PATH", 66),
	                 0);
	slurm_argv_free(env);
	free(spec.exported);
	spec.exported = strdup(",,A=1,,=,B=2,SLURM_CONF=/evil,");
	env = command_environment(&spec, own);
	assert_non_null(strstr(joined(env), "|WNODES_RUN_ENV_A=1|WNODES_RUN_ENV_B=2|PATH="));
	slurm_argv_free(env);
	command_spec_free(&spec);
}

static struct command_spec spec_with(const char *line, uint16_t tag, const void *content, size_t length)
{
	struct command_spec spec = spec_of(line, NULL);
	uint8_t bytes[8192];

	assert_int_equal(command_spec_parse(&spec, bytes, wire_put_attribute(bytes, tag, content, length)), 0);
	return spec;
}

static void programs_are_text_alone(void **state)
{
	static uint8_t bytes[WIRE_PROGRAMS_MAX + 16], large[WIRE_PROGRAMS_MAX + 1];
	struct command_spec spec = spec_with("srun|-n2|file", WIRE_PROGRAMS, "0 /bin/x\n* y %t\n", 16);
	static char *own[] = {"WNODES_RUN_PROGRAMS=* /evil", NULL};
	char **argv = NULL, **env;

	(void)state;
	env = command_environment(&spec, own);
	assert_string_equal(joined(env), "PATH=/usr/bin:/bin:/usr/sbin:/sbin|WNODES_RUN_CWD=/guest/folder|"
	                                 "WNODES_RUN_PROGRAMS=0 /bin/x\n* y %t\n");
	slurm_argv_free(env);
	assert_int_equal(judge(&spec, &argv), 0);
	assert_string_equal(joined(argv), "srun|-n|2|--vm=tiny|--|file");
	slurm_argv_free(argv);
	command_spec_free(&spec);
	argv = NULL;
	spec = spec_with("sbatch|--wrap=x", WIRE_PROGRAMS, "* x\n", 4);
	assert_int_equal(judge(&spec, &argv), EXIT_USAGE);
	command_spec_free(&spec);
	refused("srun|--multi-prog|/etc/passwd");
	refused_script("srun|--multi-prog|file", "0 /bin/x\n");
	spec = (struct command_spec){0};
	assert_true(command_spec_parse(&spec, bytes, wire_put_attribute(bytes, WIRE_PROGRAMS, "0 \0x", 4)) < 0);
	memset(large, 'x', sizeof(large));
	assert_true(command_spec_parse(&spec, bytes, wire_put_attribute(bytes, WIRE_PROGRAMS, large, sizeof(large))) <
	            0);
	command_spec_free(&spec);
}

static void a_terminal_is_the_callers(void **state)
{
	uint8_t content[TERMINAL_BYTES] = {TERMINAL_STDIN | TERMINAL_STDOUT};
	struct command_spec spec = spec_with("srun|--pty|sh", WIRE_TERMINAL, content, sizeof(content));
	char **argv = NULL;

	(void)state;
	assert_int_equal(judge(&spec, &argv), 0);
	assert_string_equal(joined(argv), "srun|--pty|--vm=tiny|--|sh");
	assert_int_equal(spec.terminal.streams, TERMINAL_STDIN | TERMINAL_STDOUT);
	slurm_argv_free(argv);
	command_spec_free(&spec);
	spec = spec_with("srun|sh", WIRE_TERMINAL, content, sizeof(content));
	assert_int_equal(judge(&spec, &argv), 0);
	assert_int_equal(spec.terminal.streams, 0);
	slurm_argv_free(argv);
	command_spec_free(&spec);
	argv = NULL;
	spec = spec_with("srun|--pty=3|sh", WIRE_TERMINAL, content, sizeof(content));
	assert_int_equal(judge(&spec, &argv), EXIT_USAGE);
	command_spec_free(&spec);
	spec = spec_with("squeue", WIRE_TERMINAL, content, sizeof(content));
	assert_int_equal(judge(&spec, &argv), EXIT_USAGE);
	command_spec_free(&spec);
	refused("srun|--pty|sh");
	assert_true(command_spec_parse(&spec, content, 8) < 0);
	command_spec_free(&spec);
}

static void files_are_names_alone(void **state)
{
	static char *own[] = {"SLURM_STDOUTMODE=/host", "SLURM_OPEN_MODE=a", "WNODES_RUN_FILE1=2:0:/host", NULL};
	static const uint8_t content[] = {6, 0, 0, 0, 1, 0, 0, 0, '/', 'x', ' ', '=', '%', 't'};
	static const uint8_t bad[][10] = {{0, 0, 0, 0, 0, 0, 0, 0, 'x'}, {8, 0, 0, 0, 0, 0, 0, 0, 'x'},
	                                  {3, 0, 0, 0, 0, 0, 0, 0, 'x'}, {2, 0, 0, 0, 4, 0, 0, 0, 'x'},
	                                  {2, 0, 0, 0, 2, 0, 0, 0, 'x'}, {2, 0, 0, 0, 0, 0, 0, 0, 0}};
	struct command_spec spec = spec_with("srun|true", WIRE_FILE, content, sizeof(content));
	uint8_t bytes[8192], large[TASK_FILE_BYTES + 1];
	struct task_file file;
	char **argv = NULL, **env;

	(void)state;
	env = command_environment(&spec, own);
	assert_string_equal(joined(env), "PATH=/usr/bin:/bin:/usr/sbin:/sbin|WNODES_RUN_CWD=/guest/folder|"
	                                 "WNODES_RUN_FILE0=6:1:/x =%t");
	slurm_argv_free(env);
	assert_int_equal(judge(&spec, &argv), 0);
	assert_string_equal(joined(argv), "srun|--vm=tiny|--|true");
	slurm_argv_free(argv);
	command_spec_free(&spec);
	argv = NULL;
	spec = spec_with("sbatch|--wrap=x", WIRE_FILE, content, sizeof(content));
	assert_int_equal(judge(&spec, &argv), EXIT_USAGE);
	for (size_t i = 0; i < TASK_FILES - 1; i++)
		assert_int_equal(command_spec_parse(&spec, bytes, wire_put_attribute(bytes, WIRE_FILE, content, 9)), 0);
	assert_true(command_spec_parse(&spec, bytes, wire_put_attribute(bytes, WIRE_FILE, content, 9)) < 0);
	command_spec_free(&spec);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_true(command_spec_parse(&spec, bytes, wire_put_attribute(bytes, WIRE_FILE, bad[i], 9)) < 0);
	memset(large, 'x', sizeof(large));
	memcpy(large, content, 8);
	assert_true(command_spec_parse(&spec, bytes, wire_put_attribute(bytes, WIRE_FILE, large, sizeof(large))) < 0);
	command_spec_free(&spec);
	assert_true(task_file_parse("6:1:", &file) < 0);
	assert_true(task_file_parse("6:1", &file) < 0);
	assert_true(task_file_parse("6:1x", &file) < 0);
	assert_true(task_file_parse("9:1:x", &file) < 0);
	assert_true(task_file_parse("2:2:1x", &file) < 0);
	assert_int_equal(task_file_parse("1:2:17", &file), 0);
	assert_int_equal(file.flags, TASK_FILE_ONE);
}

static void judged(const struct command_context *context, const char *line, const char *expected)
{
	struct command_spec spec = spec_of(line, NULL);
	char **argv = NULL;
	int code = command_policy(&spec, context, &argv, why);

	assert_int_equal(code, expected ? 0 : EXIT_USAGE);
	if (expected)
		assert_string_equal(joined(argv), expected);
	slurm_argv_free(argv);
	command_spec_free(&spec);
}

static void a_new_job_has_what_this_one_has(void **state)
{
	struct command_context context = {.names = COMMAND_NAMES, .job = "77", .image = "tiny"};

	(void)state;
	context.mount = "/data:/d:ro,/x";
	context.boot_timeout = "77";
	context.disk = "raw,size=5G";
	context.network = "fast,user";
	judged(&context, "sbatch|--wrap=x",
	       "sbatch|--wrap=x|--ignore-pbs|--vm-mount=/data:/d:ro,/x|--vm-boot-timeout=77|--vm-disk=raw,size=5G|"
	       "--vm-network=fast,user|--vm=tiny");
	judged(&context,
	       "sbatch|--vm-mount=/data:/d:ro,/x|--vm-boot-timeout=5|--vm-disk=size=6G|--vm-network=none|--wrap=x",
	       "sbatch|--vm-boot-timeout=5|--vm-disk=size=6G|--vm-network=none|--wrap=x|--ignore-pbs|--vm-mount=/data:/"
	       "d:ro,/"
	       "x|--vm=tiny");
	judged(&context, "sbatch|--vm-disk=/etc/x|--wrap=x", NULL);
	judged(&context, "srun|--vm-disk=raw|x", NULL);
	judged(&context, "sbatch|--vm-network=/etc/x|--wrap=x", NULL);
	judged(&context, "srun|--vm-network=user|x", NULL);
	judged(&context, "sbatch|--vm-mount=/data:/d|--wrap=x", NULL);
	judged(&context, "srun|--vm-mount=/data:/d:ro,/x|x", NULL);
	judged(&context, "srun|x", "srun|--vm=tiny|--|x");
	judged(&context, "sbatch|--vm=other|--wrap=x", NULL);
	context = (struct command_context){.names = COMMAND_NAMES, .job = "77", .image = "tiny", .other_images = true};
	judged(&context, "sbatch|--vm=other|--wrap=x", "sbatch|--wrap=x|--ignore-pbs|--vm=other");
	judged(&context, "sbatch|--vm=tiny|--vm=other:7|--wrap=x", "sbatch|--wrap=x|--ignore-pbs|--vm=other:7");
	judged(&context, "sbatch|--wrap=x", "sbatch|--wrap=x|--ignore-pbs|--vm=tiny");
	judged(&context, "sbatch|--vm=none|--wrap=x", NULL);
	judged(&context, "sbatch|--vm=|--wrap=x", NULL);
	judged(&context, "sbatch|--vm=/etc/image|--wrap=x", NULL);
	judged(&context, "sbatch|--vm=../x|--vm=tiny|--wrap=x", NULL);
	judged(&context, "srun|--vm=other|x", NULL);
}

static void only_listed_commands(void **state)
{
	static const char *const names[] = {"sh", "/bin/sh", "../bin/sh", "", "srun ", "sbcast", "sacctmgr", "salloc"};
	struct command_context context = {.names = "squeue,sinfo", .job = "77", .image = "tiny"};
	char list[COMMAND_NAMES_MAX], **argv = NULL;
	struct command_spec spec;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char line[64];

		snprintf(line, sizeof(line), "%s|x", names[i]);
		spec = spec_of(line, NULL);
		assert_int_equal(judge(&spec, &argv), EXIT_DENIED);
		command_spec_free(&spec);
	}
	spec = spec_of("srun|true", NULL);
	assert_int_equal(command_policy(&spec, &context, &argv, why), EXIT_DENIED);
	command_spec_free(&spec);
	assert_int_equal(command_names_parse("yes", list), 0);
	assert_string_equal(list, COMMAND_NAMES);
	assert_int_equal(command_names_parse("no", list), 0);
	assert_string_equal(list, "");
	assert_int_equal(command_names_parse("squeue, srun,squeue", list), 0);
	assert_string_equal(list, "srun,squeue");
	assert_true(command_names_parse("srun,sh", list) < 0);
	assert_true(command_names_parse("", list) < 0);
	command_names_both("srun,sinfo", "sinfo,sacct", list);
	assert_string_equal(list, "sinfo");
}

static void broken_specs(void **state)
{
	static const uint8_t nul[] = {1, 0, 0, 0, 2, 0, 0, 0, 'a', 0};
	static const uint8_t too_long[] = {1, 0, 0, 0, 200, 0, 0, 0, 'a'};
	struct command_spec spec = {0};

	(void)state;
	assert_true(command_spec_parse(&spec, nul, sizeof(nul)) < 0);
	command_spec_free(&spec);
	assert_true(command_spec_parse(&spec, too_long, sizeof(too_long)) < 0);
	command_spec_free(&spec);
	assert_true(command_spec_parse(&spec, nul, 0) < 0);
	command_spec_free(&spec);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(passes_what_tasks_need),    cmocka_unit_test(refuses_programs_of_the_host),
	        cmocka_unit_test(refuses_files_of_the_host), cmocka_unit_test(output_of_jobs_is_new),
	        cmocka_unit_test(directives_are_options),    cmocka_unit_test(folder_and_environment_go_to_the_guest),
	        cmocka_unit_test(programs_are_text_alone),   cmocka_unit_test(a_terminal_is_the_callers),
	        cmocka_unit_test(files_are_names_alone),     cmocka_unit_test(a_new_job_has_what_this_one_has),
	        cmocka_unit_test(only_listed_commands),      cmocka_unit_test(broken_specs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
