/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links: guest/drift.o */
/*
 * The rate of a guest's clock: a clock that runs wrong, looked at through
 * answers that take long, is told to run right, and one that is right is left alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "guest/drift.h"

#define SECOND INT64_C(1000000000)
#define MILLISECOND INT64_C(1000000)
#define EVERY 20 /* seconds between looks that nobody is in a hurry for */

struct guest {
	struct drift drift;
	double now, host_gains; /* ns; ns for each ns */
	double host_ahead;
	unsigned int changes;
};

/* Wait as long as is wanted, then look: with an error of up to `error` ns, which the clock's owner knows of. */
static void look(struct guest *guest, int64_t error)
{
	double waited = (double)((guest->drift.wait ? guest->drift.wait : EVERY) * SECOND);
	int64_t wrong = error ? rand() % (2 * error) - error : 0, change;

	guest->now += waited;
	guest->host_ahead += waited * guest->host_gains;
	change = drift_look(&guest->drift, (int64_t)guest->now, (int64_t)guest->host_ahead + wrong, error);
	if (change == 0)
		return;
	guest->changes++;
	guest->host_gains -= (double)change / 1e9;
	drift_put_forward(&guest->drift, (int64_t)guest->host_ahead + wrong);
	guest->host_ahead = (double)-wrong;
}

static void a_wrong_rate_is_mended(void **state)
{
	static const double rates[] = {0.05, -0.05, 0.005, -0.08, 0.0008};
	static const int64_t errors[] = {0, MILLISECOND, 20 * MILLISECOND};

	(void)state;
	for (size_t i = 0; i < 15; i++) {
		struct guest guest = {.now = 1e9, .host_gains = rates[i % 5]};

		srand((unsigned int)i);
		for (int n = 0; n < 40; n++)
			look(&guest, errors[i / 5]);
		assert_in_range(guest.changes, 1, 12);
		/* 10 ms between two looks */
		assert_in_range(llabs((int64_t)(guest.host_gains * 1e9)), 0, 500000);
	}
}

static void a_right_clock_is_left_alone(void **state)
{
	struct guest guest = {.now = 1e9};

	(void)state;
	for (int n = 0; n < 5000; n++)
		look(&guest, n % 3 ? 30 * MILLISECOND : 300 * MILLISECOND);
	assert_int_equal(guest.changes, 0);
}

static void one_leap_changes_no_rate(void **state)
{
	static const double leaps[] = {5e9, 1e9, -1e9, 3e8, 4e7, 86400e9};

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		struct guest guest = {.now = 1e9};

		for (int n = 0; n < 10; n++)
			look(&guest, MILLISECOND);
		guest.host_ahead += leaps[i];
		for (int n = 0; n < 100; n++)
			look(&guest, MILLISECOND);
		assert_int_equal(guest.changes, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_wrong_rate_is_mended),
	        cmocka_unit_test(a_right_clock_is_left_alone),
	        cmocka_unit_test(one_leap_changes_no_rate),
	};

	return cmocka_run_group_tests_name("agent_drift", tests, NULL, NULL);
}
