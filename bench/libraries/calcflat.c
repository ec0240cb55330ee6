/*
 * Calls CatBoost's evaluator for one row at a time, for catboost_calc.py to time: the function that its C API calls
 * for a row, TCpuEvaluator::CalcFlatSingle.
 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* TArrayRef, as the compiler lays it out and passes it */
struct floats {
	const float *begin;
	size_t size;
};
struct doubles {
	double *begin;
	size_t size;
};
typedef void (*calc_flat_single)(const void *self, struct floats row, size_t first_tree, size_t end, struct doubles results,
				 const void *layout);

static double predict(calc_flat_single f, const void *evaluator, const float *row, size_t features, size_t trees, int value)
{
	double margin;
	f(evaluator, (struct floats){row, features}, 0, trees, (struct doubles){&margin, 1}, NULL);
	return value ? 1 / (1 + exp(-margin)) : margin;
}

/* each writes the predictions of all rows. */
void each(calc_flat_single f, const void *evaluator, const float *rows, size_t n, size_t features, size_t trees,
	  int value, double *results)
{
	for (size_t i = 0; i < n; i++)
		results[i] = predict(f, evaluator, rows + i * features, features, trees, value);
}

/* timed returns the nanoseconds that so many calls took, going through the rows in turn from *at on. */
int64_t timed(calc_flat_single f, const void *evaluator, const float *rows, size_t n, size_t features, size_t trees,
	      int value, size_t calls, size_t *at)
{
	struct timespec begin, end;
	volatile double result;
	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (size_t i = 0; i < calls; i++) {
		result = predict(f, evaluator, rows + *at * features, features, trees, value);
		if (++*at == n)
			*at = 0;
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	(void)result;
	return (end.tv_sec - begin.tv_sec) * 1000000000LL + end.tv_nsec - begin.tv_nsec;
}
