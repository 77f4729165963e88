/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: monitor/disk.o */
/* links: monitor/watch.o monitor/packet.o monitor/counters.o common/str.o */
/* links: monitor/pause.o monitor/driver.o monitor/domain.o monitor/namespace.o */
/* libs: -lvirt -lxml2 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/exitcode.h"
#include "monitor/pause.h"
#include "monitor/watch.h"

/* Of the owner's nothing but the verdicts is tested here. */
void owner_end(struct owner *owner, int code, const char *format, ...)
{
	(void)owner;
	(void)code;
	(void)format;
	fail();
}

static void expect(int event, int detail, int code, const char *part)
{
	struct verdict verdict = watch_lifecycle(event, detail);

	assert_int_equal(verdict.code, code);
	if (part)
		assert_non_null(strstr(verdict.message, part));
	else
		assert_null(verdict.message);
}

static void each_end_has_its_verdict(void **state)
{
	(void)state;
	expect(VIR_DOMAIN_EVENT_SHUTDOWN, VIR_DOMAIN_EVENT_SHUTDOWN_GUEST, EXIT_MACHINE, "powered itself off");
	expect(VIR_DOMAIN_EVENT_SHUTDOWN, VIR_DOMAIN_EVENT_SHUTDOWN_HOST, EXIT_MACHINE, NULL);
	expect(VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN, EXIT_MACHINE, "powered itself off");
	expect(VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_FAILED, EXIT_MACHINE, NULL);
	expect(VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_CRASHED, EXIT_MACHINE, NULL);
	expect(VIR_DOMAIN_EVENT_CRASHED, VIR_DOMAIN_EVENT_CRASHED_PANICKED, EXIT_MACHINE, "panicked");
	expect(VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_IOERROR, EXIT_NODE, "no space");
}

static void the_rest_ends_nothing(void **state)
{
	(void)state;
	expect(VIR_DOMAIN_EVENT_STARTED, VIR_DOMAIN_EVENT_STARTED_BOOTED, 0, NULL);
	expect(VIR_DOMAIN_EVENT_RESUMED, VIR_DOMAIN_EVENT_RESUMED_UNPAUSED, 0, NULL);
	expect(VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_PAUSED, 0, NULL);
	expect(-1, -1, 0, NULL);
}

static void a_freezer_is_read(void **state)
{
	static const struct {
		const char *text;
		bool frozen;
	} cases[] = {{"FROZEN\n", true}, {"FREEZING\n", true}, {"THAWED\n", false},
	             {"1\n", true},      {"0\n", false},       {"", false}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		FILE *file = tmpfile();

		assert_non_null(file);
		fputs(cases[i].text, file);
		fflush(file);
		assert_int_equal(pause_is_frozen(fileno(file)), cases[i].frozen);
		fclose(file);
	}
	assert_false(pause_is_frozen(-1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(each_end_has_its_verdict),
	        cmocka_unit_test(the_rest_ends_nothing),
	        cmocka_unit_test(a_freezer_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
